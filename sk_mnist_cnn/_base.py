"""Base classes of the estimators, fits that store all attributes or none, their observers and warnings."""

import contextlib
import inspect
import os
import pickle
import sys
import threading
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, metadata, version
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import joblib
import numpy as np
import sklearn
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state

_MISSING = object()
_SKIPPED = tuple(str(Path(path).parent) + os.sep for path in (__file__, sklearn.__file__, joblib.__file__))

_Method = TypeVar("_Method", bound=Callable[..., Any])


def keep_types(decorator: Any) -> Callable[[_Method], _Method]:
    """Return a decorator of scikit-learn, which has no type hints, as one that keeps the types of methods."""
    return decorator


def draw_seed(random_state):
    """Return the integer that seeds all random numbers of a network and its training."""
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def _documentation():
    """Return the address of the documentation in the package's metadata; "" without one."""
    try:
        entries = metadata("sk_mnist_cnn").get_all("Project-URL", ())
    except PackageNotFoundError:
        return ""
    return dict(entry.split(", ", 1) for entry in entries).get("Documentation", "")


def installed_versions(*packages):
    """Return the versions of the packages that are installed, by name: Keras may be missing."""
    versions = {}
    for package in packages:
        with contextlib.suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions


@contextlib.contextmanager
def commit_on_success(estimator):
    """Yield a copy to fit, and set its attributes on the estimator in one assignment.

    After an error, the estimator is unchanged. Other threads see either the old or the new state, see
    `snapshot`.
    """
    before, copy = dict(vars(estimator)), working_copy(estimator)
    yield copy
    after = vars(copy)
    # Attributes that others have set during the fit are kept, such as parameters.
    kept = {name: value for name, value in vars(estimator).items() if name in after or name not in before}
    fitted = {name: value for name, value in after.items() if before.get(name, _MISSING) is not value}
    estimator.__dict__ = kept | fitted


def working_copy(estimator):
    """Return a copy whose attributes can be set. Their values are not copied."""
    copy = object.__new__(type(estimator))
    copy.__dict__ = dict(vars(estimator))
    return copy


def snapshot(estimator):
    """Return a view of the estimator's current state, which a `fit` in another thread does not change."""
    view = object.__new__(type(estimator))
    view.__dict__ = vars(estimator)
    return view


def with_flat_features(estimator, image_shape):
    """Return a view of the estimator for which scikit-learn checks and names the columns of flat rows.

    `n_features_in_` is the second dimension of what `fit` saw, for instance the height of an image.
    """
    view = working_copy(estimator)
    view.n_features_in_ = prod(image_shape)
    return view


def warn(message, category=UserWarning):
    """Issue a warning that points at the first line outside this package, scikit-learn and joblib.

    By default, Python shows a text once per line, but forgets which it has shown when a filter is set, as
    scikit-learn does in each fit of a search. Here it is remembered for as long as the filters are equal.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_SKIPPED):
        frame = frame.f_back
    shown = frame.f_globals.setdefault("__warningregistry__", {})
    filters = [rule for rule in warnings.filters if issubclass(category, rule[2])]
    # scikit-learn compiles patterns anew
    key = message, category, frame.f_lineno, str([[getattr(r, "pattern", r) for r in f] for f in filters])
    if key in shown:
        return
    registry = {}
    module = frame.f_globals.get("__name__", "<unknown>")
    warnings.warn_explicit(message, category, frame.f_code.co_filename, frame.f_lineno, module, registry)
    if (message, category, frame.f_lineno) in registry:  # the filter shows it once
        shown[key] = True


_checking = threading.local()


def check_picklable(callbacks):
    """Raise a TypeError if a callback cannot be sent to another process, even by joblib."""
    if not isinstance(callbacks, list | tuple) or getattr(_checking, "in_progress", False):
        return
    _checking.in_progress = True  # a callback may hold the estimator that holds it
    try:
        for callback in callbacks:
            pickle.dumps(joblib.wrap_non_picklable_objects(callback, keep_wrapper=False))
    except Exception as error:
        raise TypeError(
            f"callbacks must hold objects that can be pickled, got {callback!r} ({error}). Create files, "
            "locks and connections in its on_train_begin and delete them in its on_train_end, run all fits "
            "in one process with n_jobs=None, or call set_params(callbacks=None) on a fitted classifier."
        ) from error
    finally:
        _checking.in_progress = False


def _callback_support():
    try:
        from sklearn.callback import CallbackSupportMixin
    except ImportError:  # scikit-learn < 1.9
        return type("NoCallbackSupport", (), {})
    return CallbackSupportMixin


if TYPE_CHECKING:
    from sklearn.callback import CallbackSupportMixin
else:
    CallbackSupportMixin = _callback_support()


@contextlib.contextmanager
def observed_fit(estimator, X, y, sample_weight=None, run=None):
    """Call scikit-learn's callbacks at the beginning and the end of a fit.

    Yields the observer that calls the callbacks for each epoch of a TrainingRun, or None if there are no
    callbacks.
    """
    has_callbacks = hasattr(estimator, "_skl_callbacks")
    observer = FitObserver(estimator, X, y, sample_weight, run) if has_callbacks else None
    yield observer
    if observer:
        observer.end()


class FitObserver:
    """Calls scikit-learn's callbacks at the beginning and the end of a fit and of each epoch."""

    def __init__(self, estimator, X, y, sample_weight, run):
        self._estimator, self._run = estimator, run
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._arguments = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self._fit = estimator._init_callback_context(max_subtasks=run.config.epochs if run else 0)
        self._fit.call_on_fit_task_begin(**self._arguments)
        self._epoch = None

    def begin_epoch(self):
        """Call `on_fit_task_begin` for an epoch."""
        self._epoch = self._fit.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._arguments)

    def end_epoch(self, current_state):
        """Call `on_fit_task_end` for an epoch, and return whether a callback asks to stop.

        `current_state` is a function that returns the TrainingState after this epoch.
        """
        return self._epoch.call_on_fit_task_end(
            **self._arguments,
            reconstruction_attributes=lambda: self._estimator._attributes_after(self._run, current_state()),
        )

    def end(self):
        """Call `on_fit_task_end` for the fit."""
        self._fit.call_on_fit_task_end(**self._arguments, reconstruction_attributes={})


class ImageEstimator(CallbackSupportMixin, BaseEstimator):
    """Base class of all estimators: accepts images, and can unpickle estimators of older releases.

    The HTML that notebooks show links to the page of the estimator in the documentation.
    """

    _doc_link_module = "sk_mnist_cnn"

    @property
    def _doc_link_template(self):
        address = _documentation()
        return address and address.rstrip("/") + "/api/generated/sk_mnist_cnn.{estimator_name}.html"

    if TYPE_CHECKING:  # scikit-learn, which has no type hints, implements these methods

        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def set_params(self, **params: Any) -> Self: ...

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
        """Do nothing, so that ``Pipeline.set_output`` can be called for the other steps.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            Ignored: images are always returned as arrays.

        Returns
        -------
        self : transformer
            The transformer, unchanged.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from sk_mnist_cnn import MNISTNormalizer
        >>> normalizer = MNISTNormalizer().set_output(transform="pandas")
        >>> type(normalizer.transform(load_digits().images[:5] / 16))
        <class 'numpy.ndarray'>
        """
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
