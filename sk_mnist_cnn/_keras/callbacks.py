"""The Keras callbacks that every training runs with, beside the user's own."""

from dataclasses import replace

import numpy as np

from .backend import keras
from .layers import read


class StartEpoch(keras.callbacks.Callback):
    """Makes whatever is random in an epoch depend on (seed, epoch) alone."""

    def __init__(self, trainer, seed):
        super().__init__()
        self._trainer, self._seed = trainer, seed

    def on_epoch_begin(self, epoch, logs=None):
        self._trainer.start_epoch(self._seed, epoch)


class FiniteLoss(keras.callbacks.Callback):
    """Stops a training that has diverged."""

    def on_epoch_end(self, epoch, logs=None):
        if not np.isfinite(logs["loss"]):
            raise ValueError(
                f"The training loss became {logs['loss']} in epoch {epoch + 1}. Lower learning_rate, and "
                "see that the pixels are scaled to [0, 1], as ImagePreprocessor does."
            )


class EarlyStopping(keras.callbacks.Callback):
    """Keeps the weights of the best epoch, and stops when it lies `patience` epochs back.

    Unlike Keras' own, it can go on from a checkpoint.
    """

    def __init__(self, monitor, patience, state, done):
        super().__init__()
        self._sign = 1 if monitor.endswith("accuracy") else -1
        self._monitor, self._patience = monitor, patience
        values = state.history.get(monitor, ())
        self._values = list(values[len(values) - done :])
        self.best_weights, self.best_epoch = state.best_weights, state.best_epoch

    @property
    def exhausted(self):
        """Whether the best epoch lies too far back to go on."""
        return len(self._values) - self.best_epoch >= self._patience

    def on_epoch_end(self, epoch, logs=None):
        self._values.append(logs[self._monitor])
        *before, last = self._sign * np.array(self._values)
        if not before or last > max(before):
            self.best_epoch = len(self._values)
            self.best_weights = read(self.model.trainable_variables)
        if self.exhausted:
            self.model.stop_training = True


class Observe(keras.callbacks.Callback):
    """Passes epochs on to scikit-learn's callbacks."""

    def __init__(self, observer):
        super().__init__()
        self._observer = observer

    def on_epoch_begin(self, epoch, logs=None):
        self._observer.begin_epoch()

    def on_epoch_end(self, epoch, logs=None):
        if self._observer.end_epoch(lambda: {"_weights": read(self.model.trainable_variables)}):
            self.model.stop_training = True


class SaveCheckpoint(keras.callbacks.Callback):
    """Writes the training's state after every epoch."""

    def __init__(self, trainer, checkpoint, stopping):
        super().__init__()
        self._trainer, self._checkpoint, self._stopping = trainer, checkpoint, stopping
        self._history = trainer.state().history

    def on_epoch_end(self, epoch, logs=None):
        for name, value in logs.items():
            self._history.setdefault(name, []).append(float(value))
        state = replace(self._trainer.state(), history=self._history)
        if self._stopping:
            best = self._stopping
            state = replace(state, best_weights=best.best_weights, best_epoch=best.best_epoch)
        self._checkpoint.save(state)


def has_batch_hooks(callback):
    """Whether a Keras callback wants to be called at every batch."""
    names = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
    return any(
        getattr(getattr(callback, name), "__func__", None) is not getattr(keras.callbacks.Callback, name)
        for name in names
    )
