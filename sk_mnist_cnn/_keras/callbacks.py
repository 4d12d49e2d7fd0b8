"""The Keras callbacks of every fit, one before and one after the user's callbacks, and early stopping."""

from contextlib import contextmanager
from dataclasses import replace
from numbers import Real

import numpy as np

from .backend import keras

# What Keras sets on callbacks in a fit and no longer needs after it: the model, which later fits share, and
# files. None of it can be pickled.
_SET_BY_KERAS = {
    keras.callbacks.Callback: ("_model", "params"),
    keras.callbacks.CSVLogger: ("csv_file",),
    keras.callbacks.TensorBoard: ("_summary_module", "_writers"),
}


def check_callbacks(callbacks):
    """Return the user's callbacks as a list, or raise a ValueError if one is not a Keras callback."""
    for callback in callbacks or ():
        if not isinstance(callback, keras.callbacks.Callback):
            raise ValueError(
                f"callbacks must hold instances of keras.callbacks.Callback, got {callback!r}. Pass a list "
                "of them."
            )
    return list(callbacks or ())


@contextmanager
def without_model_afterwards(callbacks):
    """Take back what Keras sets on callbacks in a fit, also if it fails."""
    states = [(vars(callback), dict(vars(callback)), _set_by_keras(callback)) for callback in callbacks]
    try:
        yield
    finally:
        for state, before, names in states:
            for name in names:
                state.pop(name, None)
            state.update({name: before[name] for name in names if name in before})


def _set_by_keras(callback):
    return [name for kind, names in _SET_BY_KERAS.items() if isinstance(callback, kind) for name in names]


def has_batch_hooks(callback):
    """Return whether a callback is called at every batch."""
    phases = ("on_batch", "on_train_batch", "on_test_batch")
    return any(
        getattr(getattr(callback, name), "__func__", None) is not getattr(keras.callbacks.Callback, name)
        for phase in phases
        for name in (f"{phase}_begin", f"{phase}_end")
        if hasattr(keras.callbacks.Callback, name)
    )


class BeforeCallbacks(keras.callbacks.Callback):
    """Begin each epoch before the user's callbacks, and keep its metrics before these can change them."""

    def __init__(self, trainer):
        super().__init__()
        self._trainer = trainer

    def on_train_begin(self, logs=None):
        self.params["steps"] = self._trainer.n_batches  # for all callbacks, which share this dict

    def on_epoch_begin(self, epoch, logs=None):
        self._trainer.start_epoch(epoch)

    def on_epoch_end(self, epoch, logs=None):
        if not np.isfinite(logs["loss"]):
            self._trainer.divergence = f"The training loss became {logs['loss']} in epoch {epoch + 1}."
            self.model.stop_training = True
        self.metrics = dict(logs)


class AfterCallbacks(keras.callbacks.Callback):
    """End each epoch after the user's callbacks: record it, stop early, save it, and tell scikit-learn's."""

    def __init__(self, trainer, before, stopping, checkpoint, observer):
        super().__init__()
        self._trainer, self._before = trainer, before
        self._stopping, self._checkpoint, self._observer = stopping, checkpoint, observer

    def on_epoch_begin(self, epoch, logs=None):
        if self._observer:
            self._observer.begin_epoch()

    def on_epoch_end(self, epoch, logs=None):
        trainer, stopping = self._trainer, self._stopping
        removed = {name for name in self._before.metrics if not isinstance(logs.get(name), Real)}
        logs.update({name: self._before.metrics[name] for name in removed})
        trainer.record_epoch(logs)
        if stopping:
            stopping.add_epoch(logs, trainer.weights)
            self.model.stop_training |= stopping.is_exhausted
        if trainer.divergence:
            return
        if self._checkpoint:
            self._checkpoint.save(stopping.added_to(trainer.state()) if stopping else trainer.state())
        if self._observer and self._observer.end_epoch(trainer.state):
            self.model.stop_training = True


class EarlyStopping:
    """Keep the weights of the best epoch, and stop `patience` epochs after it.

    Unlike the Keras callback of this name, it can be resumed from the `state` in a checkpoint.
    """

    def __init__(self, run, state):
        self._monitor, self._patience = run.config.monitor, run.config.patience
        self._sign = 1 if self._monitor.endswith("accuracy") else -1
        values = state.history.get(self._monitor, ())
        self._values = list(values[len(values) - run.n_epochs_done(state) :])
        self.best_weights, self.best_epoch = state.best_weights, state.best_epoch

    @property
    def is_exhausted(self):
        """Whether there were `patience` epochs since the best one."""
        return len(self._values) - self.best_epoch >= self._patience

    def add_epoch(self, metrics, weights):
        """Add the metrics of an epoch. `weights` is a function that returns its weights."""
        self._values.append(metrics[self._monitor])
        *before, last = np.nan_to_num(self._sign * np.array(self._values), nan=-np.inf)
        if not before or last > max(before):
            self.best_epoch, self.best_weights = len(self._values), weights()

    def added_to(self, state):
        """Return a TrainingState with the best epoch."""
        return replace(state, best_weights=self.best_weights, best_epoch=self.best_epoch)
