"""Runs networks for the classifier, which hands in arrays and gets arrays back.

Whatever lives in TensorFlow belongs to the process and is looked up here by what is baked into its graph:
trainers and inference functions are shared by every estimator, bounded in number, and rebuilt when needed.
"""

import copy
import threading
import weakref
from collections import OrderedDict, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from .._training import TrainingState
from .augmentation import Augmentation
from .backend import keras, tf
from .callbacks import EarlyStopping, FiniteLoss, Observe, SaveCheckpoint, StartEpoch, has_batch_hooks
from .layers import ordinary_model
from .optimizers import Optimizer
from .trainer import STEPS_PER_EXECUTION, Trainer
from .worker import refuse_fork, survives_fork

# Images predicted in one call into TensorFlow.
PREDICTION_CHUNK = 128

# Trained weights stay far below; above it predictions are checked.
_LARGE_WEIGHT = 1e3


@survives_fork
def train(
    architecture,
    config,
    training,
    validation=None,
    *,
    seed,
    state=None,
    partial=False,
    checkpoint=None,
    observer=None,
):
    """Train a network for `config.epochs` epochs, or until early stopping.

    Parameters
    ----------
    architecture : Architecture
    config : TrainingConfig
    training : ImageDataset
    validation : ImageDataset or None
    seed : int
        Fixes the initial weights, and from (seed, epoch) the order of the images, their augmentation and
        the dropout masks.
    state : TrainingState or None
        Where to go on; None starts from new weights.
    partial : bool
        Whether this is one epoch of a training whose end is not known.
    checkpoint : Checkpoint or None
        Where the state is written after every epoch, and found again.
    observer : FitObserver or None
        Told of every epoch.

    Returns
    -------
    TrainingState
    """
    if partial:
        config = replace(config, epochs=1, monitor=None, learning_rate_schedule="constant")
    optimizer = Optimizer.resolve(config.optimizer, config.learning_rate)
    if optimizer.has_own_schedule and config.learning_rate_schedule != "constant":
        raise ValueError(
            f"learning_rate_schedule={config.learning_rate_schedule!r} cannot be used with an optimizer that "
            "brings a schedule of its own. Pass a number as its learning_rate, or leave one of them out."
        )
    callbacks = _copies(config.callbacks)
    devices = tf.distribute.get_strategy() if tf.distribute.has_strategy() else None
    steps = 1 if devices or any(map(has_batch_hooks, callbacks)) else STEPS_PER_EXECUTION
    key = architecture, optimizer.key, Augmentation.key(config.augmentation), steps, devices
    start = state or TrainingState()
    reached = _resume(checkpoint, config.verbose) or start
    done = reached.n_epochs - start.n_epochs
    stopping = config.monitor and EarlyStopping(config.monitor, config.patience, reached, done)
    with _training_lock:
        trainer = _trainers.take(key) or Trainer.create(architecture, optimizer, config.augmentation, steps)
        trainer.load(start, optimizer, config, seed)
        if reached is not start:
            if not _can_resume(reached, done, trainer.state(), config, validation):
                raise checkpoint.damage_error(
                    "its state does not fit the network, the optimizer or the epochs"
                )
            trainer.load(reached, optimizer, config, seed, resumed=True)
        callbacks = [StartEpoch(trainer, seed), FiniteLoss(), *callbacks]
        if stopping:
            callbacks.append(stopping)
        if checkpoint:
            callbacks.append(SaveCheckpoint(trainer, checkpoint, stopping))
        if observer:
            callbacks.append(Observe(observer))
        if not (stopping and stopping.exhausted):
            trainer.run(training, validation, config, seed, callbacks, done=done, partial=partial)
        trained = trainer.state()
        _trainers.put(key, trainer)
    if stopping:
        trained.weights, trained.best_epoch = stopping.best_weights, start.n_epochs + stopping.best_epoch
    _refuse_overflow(architecture, trained.weights, training)
    return trained


def _refuse_overflow(architecture, weights, training):
    """Refuse weights so large that they give no probabilities, which the loss before the last step hides."""
    if all(np.abs(array).max(initial=0) < _LARGE_WEIGHT for array in weights):
        return
    rows = training.rows[training.indices[:PREDICTION_CHUNK]]
    if not np.isfinite(predict_proba(architecture, weights, rows)).all():
        raise ValueError(
            "The weights became so large that predictions are not finite. Lower learning_rate, and see that "
            "the pixels are scaled to [0, 1], as ImagePreprocessor does."
        )


def _copies(callbacks):
    """Callbacks of our own, since Keras leaves its model in them."""
    for callback in callbacks or ():
        if not isinstance(callback, keras.callbacks.Callback):
            raise ValueError(f"callbacks must hold instances of keras.callbacks.Callback; got {callback!r}.")
    return copy.deepcopy(list(callbacks or ()))


def _resume(checkpoint, verbose):
    """Return the state in a checkpoint, or None."""
    state = checkpoint.load() if checkpoint else None
    if state and verbose:
        print(f"Resuming after epoch {state.n_epochs}, from {checkpoint.path}")
    return state


def _can_resume(state, done, initial, config, validation):
    """Return whether a run from the `initial` state can have been in this state after `done` epochs."""
    metrics = ["loss", "accuracy", *(["val_loss", "val_accuracy"] if validation else [])]
    best_epochs = range(1, done + 1) if config.monitor else [0]
    return (
        1 <= done <= config.epochs
        and all(len(state.history.get(metric, ())) >= done for metric in metrics)
        and state.optimizer_name == initial.optimizer_name
        and state.has_variables_like(initial)
        and state.best_epoch in best_epochs
        and bool(state.best_weights) == bool(config.monitor)
    )


@survives_fork
def predict_proba(architecture, weights, rows):
    """Class probabilities of flat rows, cast and predicted a chunk at a time.

    Parameters
    ----------
    architecture : Architecture
    weights : tuple of ndarray
    rows : ndarray of shape (n, h * w * c)

    Returns
    -------
    ndarray of shape (n, n_classes)
    """
    with _tracing_lock:
        predictor = _predictors.take(architecture) or _Predictor(architecture)
        _predictors.put(architecture, predictor)
    tensors = _as_tensors(weights)
    probabilities = np.empty((len(rows), architecture.n_classes), architecture.input_dtype)

    def predict(start):
        chunk = slice(start, start + PREDICTION_CHUNK)
        probabilities[chunk] = predictor(tensors, rows[chunk])

    starts = range(0, len(rows), PREDICTION_CHUNK)
    if len(starts) == 1:
        predict(0)
    else:
        deque(_prediction_threads.map(predict, starts), maxlen=0)  # raises what a thread has raised
    return probabilities


def keras_model(architecture, config, weights):
    """An ordinary compiled Keras model of its own, with the weights given."""
    refuse_fork("A Keras model")
    optimizer = Optimizer.resolve(config.optimizer, config.learning_rate).build()
    rates = {"conv_dropout": config.conv_dropout, "dense_dropout": config.dense_dropout}
    return ordinary_model(architecture, weights, optimizer, **rates)


class _Pool:
    """Things that are costly to build, by what they were built from; the least recently used goes.

    What is in use is taken out, so that nothing else can use it, and what has failed is never put back.
    """

    def __init__(self, size):
        self._size = size
        self._items = OrderedDict()

    def take(self, key):
        return self._items.pop(key, None)

    def put(self, key, item):
        self._items[key] = item
        if len(self._items) > self._size:
            self._items.popitem(last=False)


# A callback may fit another estimator, in the thread that holds the lock already.
_trainers, _training_lock = _Pool(16), threading.RLock()
_predictors, _tracing_lock = _Pool(32), threading.Lock()

# Several chunks at once, since one alone leaves cores idle.
_prediction_threads = ThreadPoolExecutor(4)


class _Predictor:
    """One traced function an architecture: weights are arguments, the number of images is free."""

    def __init__(self, architecture):
        network = architecture.build(seed=0)
        self._image_shape = architecture.image_shape
        self._dtype = architecture.input_dtype

        def probabilities(weights, images):
            return network.stateless_call(weights, [], images, training=False)[0]

        weights = [tf.TensorSpec(w.shape, w.dtype) for w in network.trainable_variables]
        images = tf.TensorSpec((None, *architecture.image_shape), self._dtype)
        self._function = tf.function(probabilities, autograph=False).get_concrete_function(weights, images)

    def __call__(self, weights, rows):
        images = rows.astype(self._dtype, copy=False).reshape(-1, *self._image_shape)
        return self._function(weights, tf.constant(images)).numpy()


# Weights as TensorFlow has them, by the identity of their first array, whose end is theirs.
_tensors: dict[int, list] = {}


def _as_tensors(weights):
    """The weights as tensors, converted once for as long as the arrays live."""
    key = id(weights[0])
    if key not in _tensors:
        _tensors[key] = [tf.constant(array) for array in weights]
        weakref.finalize(weights[0], _tensors.pop, key, None)
    return _tensors[key]
