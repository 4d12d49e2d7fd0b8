"""scikit-learn's own callbacks, told of every epoch. They came with scikit-learn 1.9."""

import contextlib
from typing import Self

from sklearn.base import BaseEstimator, TransformerMixin


def _callback_support():
    try:
        from sklearn.callback import CallbackSupportMixin
    except ImportError:
        return type("NoCallbackSupport", (), {})
    return CallbackSupportMixin


CallbackSupportMixin = _callback_support()


@contextlib.contextmanager
def observed_fit(estimator, X, y, sample_weight=None, epochs=0):
    """Tell the callbacks of a fit; gives what tells them of its epochs, None where there are no callbacks."""
    has_callbacks = hasattr(estimator, "_skl_callbacks")
    observer = FitObserver(estimator, X, y, sample_weight, epochs) if has_callbacks else None
    yield observer
    if observer:
        observer.end()


class FitObserver:
    """Passes the beginning and the end of a fit, and of each of its epochs, on to the callbacks."""

    def __init__(self, estimator, X, y, sample_weight, epochs):
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._facts = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self._fit = estimator._init_callback_context(max_subtasks=epochs)
        self._fit.call_on_fit_task_begin(**self._facts)
        self._epoch = None

    def begin_epoch(self):
        """Tell that an epoch begins."""
        self._epoch = self._fit.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._facts)

    def end_epoch(self, fitted):
        """Tell that an epoch has ended, and whether a callback asks to stop.

        Parameters
        ----------
        fitted : callable
            Gives the attributes that an estimator fitted so far would have.
        """
        return self._epoch.call_on_fit_task_end(**self._facts, reconstruction_attributes=fitted)

    def end(self):
        """Tell that the fit has ended well."""
        self._fit.call_on_fit_task_end(**self._facts, reconstruction_attributes={})


@contextlib.contextmanager
def unchanged_on_error(estimator):
    """Give an estimator its attributes back if what is done to it fails."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


class ImageTransformer(CallbackSupportMixin, TransformerMixin, BaseEstimator):
    """A transformer that gives images, which have three dimensions or more, so no frame holds them."""

    def set_output(self, *, transform: str | None = None) -> Self:
        """Accepted and without effect, so that ``Pipeline.set_output`` reaches the other steps.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            What the surrounding pipeline asks its steps for.

        Returns
        -------
        self : transformer
            The transformer, unchanged.
        """
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags
