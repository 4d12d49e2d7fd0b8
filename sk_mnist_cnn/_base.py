"""Code shared by the estimators: base classes, atomic fits, validation, and scikit-learn's callbacks."""

import contextlib
import inspect
from importlib.metadata import PackageNotFoundError, metadata
from math import prod
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import validate_data

from . import _images

# The value of y with which `validate_data` validates X alone.
NO_LABELS = "no_validation"

_MISSING = object()


def _callback_support():
    try:
        from sklearn.callback import CallbackSupportMixin
    except ImportError:  # scikit-learn < 1.9
        return type("NoCallbackSupport", (), {})
    return CallbackSupportMixin


CallbackSupportMixin: Any = _callback_support()


def _documentation():
    """Return the address of the documentation in the package's metadata; "" without one."""
    try:
        entries = metadata("sk_mnist_cnn").get_all("Project-URL", ())
    except PackageNotFoundError:
        return ""
    return dict(entry.split(", ", 1) for entry in entries).get("Documentation", "")


@contextlib.contextmanager
def fitted_at_once(estimator):
    """Yield a copy to fit, and give its attributes to the estimator in one assignment.

    After an error the estimator is unchanged. Other threads see the old state or the new one, see `snapshot`.
    """
    before = dict(vars(estimator))
    copy = object.__new__(type(estimator))
    copy.__dict__ = dict(before)
    yield copy
    after = vars(copy)
    # Attributes that others have set during the fit are kept, such as parameters.
    kept = {name: value for name, value in vars(estimator).items() if name in after or name not in before}
    fitted = {name: value for name, value in after.items() if before.get(name, _MISSING) is not value}
    estimator.__dict__ = kept | fitted


def snapshot(estimator):
    """Return a view of the estimator's current state, which a `fit` in another thread does not change."""
    view = object.__new__(type(estimator))
    view.__dict__ = vars(estimator)
    return view


def on_rows(estimator, image_shape):
    """Return a view of the estimator for which scikit-learn checks and names the columns of flat rows.

    `n_features_in_` is the second dimension of what `fit` saw, for instance the height of an image.
    """
    view = snapshot(estimator)
    view.__dict__ = {**vars(estimator), "n_features_in_": prod(image_shape)}
    return view


def validate_images(estimator, X, y=NO_LABELS, *, image_shape=None):
    """Validate images and labels as scikit-learn does.

    Parameters
    ----------
    estimator : estimator
        `n_features_in_` and `feature_names_in_` are set if there is no `image_shape`, and checked otherwise.
    X : array-like of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
    y : array-like of shape (n,) or NO_LABELS, default=NO_LABELS
    image_shape : tuple of (h, w, c) or None, default=None
        The shape that images must have; None infers it with the parameter `image_shape` of the estimator.

    Returns
    -------
    rows : ndarray of shape (n, h * w * c)
        In their own dtype.
    image_shape : tuple of (h, w, c)
    y : ndarray of shape (n,) or NO_LABELS
    """
    X = _images.as_array(X)
    rows, layout = _images.array_as_rows(X)
    if image_shape is None:
        rows, y = _validate(estimator, rows, y)
        estimator.n_features_in_ = X.shape[1]
        return rows, _images.resolve_image_shape(rows.shape[1], layout, estimator.image_shape), y
    _images.refuse_single_image(X.shape, image_shape)
    _images.check_layout(layout, image_shape)
    if y is not NO_LABELS or not _are_valid(estimator, rows, prod(image_shape)):
        rows, y = _validate(on_rows(estimator, image_shape), rows, y, reset=False)
    return rows, image_shape, y


def _validate(estimator, rows, y, **options):
    validated = validate_data(estimator, rows, y, dtype="numeric", **options)
    return (validated, y) if y is NO_LABELS else validated


def _are_valid(estimator, rows, n_features):
    """Return True if `validate_data` would return these rows unchanged, False if it has to look at them.

    With one image, `validate_data` takes longer than the network.
    """
    has_rows = isinstance(rows, np.ndarray) and rows.shape[1:] == (n_features,) and len(rows) > 0
    if not has_rows or rows.dtype.kind not in "fiub" or hasattr(estimator, "feature_names_in_"):
        return False
    with np.errstate(over="ignore", invalid="ignore"):  # the sum of finite pixels may be infinite
        return rows.dtype.kind != "f" or bool(np.isfinite(rows.sum()))


@contextlib.contextmanager
def observed_fit(estimator, X, y, sample_weight=None, epochs=0):
    """Call scikit-learn's callbacks around a fit; `epochs` may be "auto", for a number not known in advance.

    Yields the observer that calls them for each epoch, or None without callbacks.
    """
    has_callbacks = hasattr(estimator, "_skl_callbacks")
    observer = FitObserver(estimator, X, y, sample_weight, epochs) if has_callbacks else None
    yield observer
    if observer:
        observer.end()


class FitObserver:
    """Calls scikit-learn's callbacks at the beginning and the end of a fit and of each epoch."""

    def __init__(self, estimator, X, y, sample_weight, epochs):
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._arguments = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self._fit = estimator._init_callback_context(max_subtasks=None if epochs == "auto" else epochs)
        self._fit.call_on_fit_task_begin(**self._arguments)
        self._epoch = None

    def begin_epoch(self):
        """Call `on_fit_task_begin` for an epoch."""
        self._epoch = self._fit.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._arguments)

    def end_epoch(self, fitted_attributes):
        """Call `on_fit_task_end` for an epoch, and return whether a callback asks to stop.

        Parameters
        ----------
        fitted_attributes : callable
            Returns the attributes of an estimator fitted up to this epoch.
        """
        return self._epoch.call_on_fit_task_end(
            **self._arguments, reconstruction_attributes=fitted_attributes
        )

    def end(self):
        """Call `on_fit_task_end` for the fit."""
        self._fit.call_on_fit_task_end(**self._arguments, reconstruction_attributes={})


class ImageEstimator(CallbackSupportMixin, BaseEstimator):
    """Base of all estimators: its input are images, and it reads states that older releases have saved.

    Its HTML in notebooks links to its page in the documentation.
    """

    _doc_link_module = "sk_mnist_cnn"

    @property
    def _doc_link_template(self):
        address = _documentation()
        return address and address.rstrip("/") + "/api/generated/sk_mnist_cnn.{estimator_name}.html"

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Parameters may have been added since. A subclass may pass only some of them on.
        inits = [vars(cls)["__init__"] for cls in reversed(type(self).__mro__) if "__init__" in vars(cls)]
        parameters = [p for init in inits for p in inspect.signature(init).parameters.values()]
        defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        super().__setstate__({**defaults, **state})

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


class ImageTransformer(TransformerMixin, ImageEstimator):
    """Base of transformers that return images of three or four dimensions, which no frame can hold."""

    def set_output(self, *, transform: str | None = None) -> Self:
        """Do nothing, so that ``Pipeline.set_output`` reaches the other steps.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            Ignored: images are always returned as arrays.

        Returns
        -------
        self : transformer
            The transformer, unchanged.
        """
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
