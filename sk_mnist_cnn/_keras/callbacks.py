"""Keras callbacks of every fit, which are called before and after the user's callbacks."""

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


def training_callbacks(trainer, callbacks, stopping, checkpoint, observer):
    """Return the callbacks of a training in the order of their calls; `callbacks` are the user's."""
    check = CheckLoss(trainer)
    callbacks = [StartEpoch(trainer), check, *callbacks, RecordHistory(trainer, check)]
    if stopping:
        callbacks.append(stopping)
    if checkpoint:
        callbacks.append(SaveCheckpoint(trainer, checkpoint, stopping))
    if observer:
        callbacks.append(Observe(trainer, observer))
    return callbacks


class StartEpoch(keras.callbacks.Callback):
    """Set all random generators at the start of an epoch, from (seed, epoch) alone."""

    def __init__(self, trainer):
        super().__init__()
        self._trainer = trainer

    def on_train_begin(self, logs=None):
        self.params["steps"] = self._trainer.n_batches  # for all callbacks, which share this dict

    def on_epoch_begin(self, epoch, logs=None):
        self._trainer.start_epoch(epoch)


class CheckLoss(keras.callbacks.Callback):
    """Stop if the loss is not finite; keep the metrics before other callbacks can change them."""

    def __init__(self, trainer):
        super().__init__()
        self._trainer = trainer

    def on_epoch_end(self, epoch, logs=None):
        if not np.isfinite(logs["loss"]):
            self._trainer.divergence = f"The training loss became {logs['loss']} in epoch {epoch + 1}."
            self.model.stop_training = True
        self.metrics = dict(logs)


class RecordHistory(keras.callbacks.Callback):
    """Record the metrics of each epoch, restoring those that a callback has removed from the logs."""

    def __init__(self, trainer, check):
        super().__init__()
        self._trainer, self._check = trainer, check

    def on_epoch_end(self, epoch, logs=None):
        removed = {name for name in self._check.metrics if not isinstance(logs.get(name), Real)}
        logs.update({name: self._check.metrics[name] for name in removed})
        self._trainer.record_epoch(logs)


class EarlyStopping(keras.callbacks.Callback):
    """Keep the weights of the best epoch, and stop `patience` epochs after it.

    Unlike the Keras callback of this name, it can be resumed from the `state` in a checkpoint.
    """

    def __init__(self, trainer, run, state):
        super().__init__()
        self._trainer = trainer
        self._monitor, self._patience = run.config.monitor, run.config.patience
        self._sign = 1 if self._monitor.endswith("accuracy") else -1
        values = state.history.get(self._monitor, ())
        self._values = list(values[len(values) - run.n_epochs_done(state) :])
        self.best_weights, self.best_epoch = state.best_weights, state.best_epoch

    @property
    def exhausted(self):
        """Whether there were `patience` epochs since the best one."""
        return len(self._values) - self.best_epoch >= self._patience

    def on_epoch_end(self, epoch, logs=None):
        self._values.append(logs[self._monitor])
        *before, last = np.nan_to_num(self._sign * np.array(self._values), nan=-np.inf)
        if not before or last > max(before):
            self.best_epoch = len(self._values)
            self.best_weights = self._trainer.weights()
        if self.exhausted:
            self.model.stop_training = True


class Observe(keras.callbacks.Callback):
    """Call scikit-learn's callbacks for each epoch."""

    def __init__(self, trainer, observer):
        super().__init__()
        self._trainer, self._observer = trainer, observer

    def on_epoch_begin(self, epoch, logs=None):
        self._observer.begin_epoch()

    def on_epoch_end(self, epoch, logs=None):
        if not self._trainer.divergence and self._observer.end_epoch(self._trainer.state):
            self.model.stop_training = True


class SaveCheckpoint(keras.callbacks.Callback):
    """Save the training state after every epoch."""

    def __init__(self, trainer, checkpoint, stopping):
        super().__init__()
        self._trainer, self._checkpoint, self._stopping = trainer, checkpoint, stopping

    def on_epoch_end(self, epoch, logs=None):
        if self._trainer.divergence:
            return
        state = self._trainer.state()
        if self._stopping:
            best = self._stopping
            state = replace(state, best_weights=best.best_weights, best_epoch=best.best_epoch)
        self._checkpoint.save(state)
