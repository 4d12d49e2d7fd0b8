"""Code shared by the estimators: atomic fits, scikit-learn's callbacks, and the base of the transformers."""

import contextlib
from typing import Any, Self

from sklearn.base import BaseEstimator, TransformerMixin

_MISSING = object()


def _callback_support():
    try:
        from sklearn.callback import CallbackSupportMixin
    except ImportError:  # scikit-learn < 1.9
        return type("NoCallbackSupport", (), {})
    return CallbackSupportMixin


CallbackSupportMixin: Any = _callback_support()


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


@contextlib.contextmanager
def observed_fit(estimator, X, y, sample_weight=None, epochs=0):
    """Call scikit-learn's callbacks around a fit.

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
        self._fit = estimator._init_callback_context(max_subtasks=epochs)
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


class ImageTransformer(CallbackSupportMixin, TransformerMixin, BaseEstimator):
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
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags
