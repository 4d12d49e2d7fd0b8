"""Call scikit-learn's callbacks around fits and epochs. Keras' callbacks are in `_keras.callbacks`."""

import contextlib
from typing import TYPE_CHECKING


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
