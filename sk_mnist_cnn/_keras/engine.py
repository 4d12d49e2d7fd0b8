"""Train networks: arrays and plain values go in, and arrays come out.

Everything that lives in TensorFlow belongs to the process. It is looked up here by what is built into its
graph, shared by all estimators, bounded in number, and built again when needed.
"""

import functools
import threading

import numpy as np

from .._schedules import learning_rates
from .._training import TrainingState
from .augmentation import Augmentation
from .backend import keras, tf
from .callbacks import (
    CheckLoss,
    EarlyStopping,
    Observe,
    RecordHistory,
    SaveCheckpoint,
    StartEpoch,
    copy_callbacks,
    has_batch_hooks,
)
from .network import build_network, compiled_model
from .optimizers import Optimizer
from .pool import TrainerPool
from .trainer import STEPS_PER_EXECUTION, Trainer
from .worker import refuse_fork, survives_fork

# Images predicted in one call into TensorFlow.
PREDICTION_CHUNK = 128

# Trained weights stay far below; above it predictions are checked.
_LARGE_WEIGHT = 1e3

# What a gradient tape makes of Keras' loop over batches; TensorFlow does not tell whether one is recording.
_SIGNS_OF_A_TAPE = ("variable without handle data", "No gradient defined for operation")

_MESSAGE = (
    "CNNDigitClassifier must be fitted where TensorFlow executes eagerly and records no gradients, got a "
    "call inside a {}. Call it outside."
)

_trainers = TrainerPool(16)


def _eager(function):
    """Raise where TensorFlow does not execute eagerly, or records for a gradient."""

    @functools.wraps(function)
    def run(*args, **kwargs):
        if not tf.executing_eagerly():
            raise RuntimeError(_MESSAGE.format("tf.Graph or tf.function"))
        try:
            return function(*args, **kwargs)
        except (LookupError, ValueError) as error:
            if any(sign in str(error) for sign in _SIGNS_OF_A_TAPE):
                raise RuntimeError(_MESSAGE.format("tf.GradientTape")) from error
            raise

    return run


@survives_fork
@_eager
def check_config(config):
    """Raise for parameters that cannot be used, before any image is read.

    Parameters
    ----------
    config : TrainingConfig

    Raises
    ------
    ValueError
        If the optimizer, the augmentation or a callback cannot be used, or if the optimizer and
        `learning_rate_schedule` are both schedules.
    """
    optimizer = Optimizer.resolve(config.optimizer, config.learning_rate)
    if optimizer.has_own_schedule and config.learning_rate_schedule != "constant":
        raise ValueError(
            "learning_rate_schedule must be 'constant' with an optimizer that has a LearningRateSchedule, "
            f"got {config.learning_rate_schedule!r}. Pass a number as the optimizer's learning_rate."
        )
    Augmentation.key(config.augmentation)
    copy_callbacks(config.callbacks)


@survives_fork
@_eager
def train(
    architecture,
    config,
    training,
    validation=None,
    *,
    start=None,
    checkpoint=None,
    observer=None,
    fitted_attributes=None,
):
    """Train a network for `config.epochs` epochs, or until early stopping.

    Parameters
    ----------
    architecture : Architecture
    config : TrainingConfig
        With a number of epochs. Its seed determines the initial weights, and (seed, epoch) the order of the
        images, their augmentation and the dropout masks.
    training : ImageDataset
    validation : ImageDataset or None
    start : TrainingState or None
        The state to continue from; None starts from initial weights.
    checkpoint : Checkpoint or None
        Where the state is saved after every epoch, and resumed from.
    observer : FitObserver or None
        Calls scikit-learn's callbacks for every epoch.
    fitted_attributes : callable or None
        Returns the attributes of an estimator fitted up to a `TrainingState`, for the observer.

    Returns
    -------
    TrainingState
    """
    optimizer = Optimizer.resolve(config.optimizer, config.learning_rate)
    callbacks = copy_callbacks(config.callbacks)
    start = start or TrainingState()
    state = _resume(checkpoint, config.verbose) or start
    n_done = state.n_epochs - start.n_epochs

    # Before a trainer is borrowed: a callable may fit another classifier, which would wait for this one.
    n_batches = config.epochs * training.n_batches(config.batch_size)
    rates = learning_rates(config.learning_rate_schedule, optimizer.peak_rate, n_batches)
    key, create = _trainer_for(architecture, config, optimizer, callbacks)
    calls_user_code = bool(callbacks or observer) or _has_custom_classes(optimizer, config.augmentation)
    with _trainers.borrow(key, create, calls_user_code=calls_user_code) as trainer:
        trainer.load(start, optimizer, config)
        if state is not start:
            if not _can_resume(state, n_done, trainer.state(), config, validation):
                raise checkpoint.damage_error(
                    "its state does not fit the network, the optimizer or the epochs"
                )
            trainer.load(state, optimizer, config, resumed=True)
        stopping = config.monitor and EarlyStopping(trainer, config.monitor, config.patience, state, n_done)
        if n_done < config.epochs and not (stopping and stopping.exhausted):
            check = CheckLoss()
            callbacks = [StartEpoch(trainer), check, *callbacks, RecordHistory(trainer, check)]
            if stopping:
                callbacks.append(stopping)
            if checkpoint:
                callbacks.append(SaveCheckpoint(trainer, checkpoint, stopping))
            if observer:
                callbacks.append(Observe(trainer, observer, fitted_attributes))
            trainer.run(training, validation, config, rates, callbacks, n_done=n_done)
            _check_trained(trainer, state, config)
        trained = trainer.state()
    if stopping:
        trained.weights, trained.best_epoch = stopping.best_weights, start.n_epochs + stopping.best_epoch
    _refuse_overflow(architecture, trained.weights, training)
    return trained


def _trainer_for(architecture, config, optimizer, callbacks):
    """Return the key of a trainer, all that is built into its graph, and a function that creates it."""
    devices = tf.distribute.get_strategy() if tf.distribute.has_strategy() else None
    steps = 1 if devices or any(map(has_batch_hooks, callbacks)) else STEPS_PER_EXECUTION
    augmentation = Augmentation.key(config.augmentation)
    key = architecture, optimizer.key, augmentation, steps, devices, keras.config.epsilon()
    return key, functools.partial(Trainer.create, architecture, optimizer, config.augmentation, steps)


def _has_custom_classes(optimizer, augmentation):
    """Return whether the optimizer or a layer of the augmentation is of a class that is not Keras' own."""
    classes = optimizer.kind, *Augmentation.classes(augmentation)
    return not all(kind.__module__.startswith("keras.") for kind in classes)


def _check_trained(trainer, before, config):
    """Raise if no epoch was trained."""
    if trainer.n_epochs == before.n_epochs:
        raise ValueError(
            f"callbacks must let at least one epoch be trained, got {config.callbacks!r}, which ended the "
            "training before. Remove the callback that does so, or the state that it has stored."
        )


def _refuse_overflow(architecture, weights, training):
    """Raise for weights so large that predictions overflow; the last loss precedes the last update."""
    if all(np.abs(array).max(initial=0) < _LARGE_WEIGHT for array in weights):
        return
    rows = training.rows[training.indices[:PREDICTION_CHUNK]]
    if not np.isfinite(predict(architecture, weights, rows)).all():
        raise ValueError(
            "The weights became so large that predictions are not finite. Lower learning_rate, and check "
            "that the pixels are scaled to [0, 1], as ImagePreprocessor does."
        )


def _resume(checkpoint, verbose):
    """Return the state saved in a checkpoint, None without one."""
    state = checkpoint.load() if checkpoint else None
    if state and verbose:
        print(f"Resuming after epoch {state.n_epochs} from {checkpoint.path}")
    return state


def _can_resume(state, n_done, initial, config, validation):
    """Return whether a training from the `initial` state can be in this state after `n_done` epochs."""
    metrics = ["loss", "accuracy", *(["val_loss", "val_accuracy"] if validation else [])]
    best_epochs = range(1, n_done + 1) if config.monitor else [0]
    return (
        1 <= n_done <= config.epochs
        and all(len(state.history.get(metric, ())) >= n_done for metric in metrics)
        and state.optimizer_name == initial.optimizer_name
        and state.has_variables_like(initial)
        and state.best_epoch in best_epochs
        and bool(state.best_weights) == bool(config.monitor)
    )


@_eager
def keras_model(architecture, config, weights):
    """Return a compiled Keras model of its own, with the weights given."""
    refuse_fork("A Keras model")
    optimizer = Optimizer.resolve(config.optimizer, config.learning_rate).build()
    rates = {"conv_dropout": config.conv_dropout, "dense_dropout": config.dense_dropout}
    return compiled_model(architecture, weights, optimizer, **rates)


@survives_fork
@_eager
def predict(architecture, weights, rows, output="probabilities"):
    """Return an output of a network for flat rows, for networks that ONNX Runtime does not compute.

    Parameters
    ----------
    architecture : Architecture
    weights : tuple of ndarray
    rows : ndarray of shape (n, h * w * c)
    output : {"probabilities", "embeddings"}, default="probabilities"

    Returns
    -------
    ndarray of shape (n, architecture.output_size(output))
    """
    with _tracing_lock:
        compute = _prediction_function(architecture)
    tensors = [tf.constant(array) for array in weights]
    values = np.empty((len(rows), architecture.output_size(output)), architecture.input_dtype)
    for start in range(0, len(rows), PREDICTION_CHUNK):
        chunk = slice(start, start + PREDICTION_CHUNK)
        images = rows[chunk].astype(architecture.input_dtype, copy=False)
        images = tf.constant(images.reshape(-1, *architecture.image_shape))
        values[chunk] = compute(tensors, images)[output].numpy()
    return values


_tracing_lock = threading.Lock()


@functools.lru_cache(maxsize=32)
def _prediction_function(architecture):
    """Trace a function of the weights and of any number of images, which returns a dict of outputs."""
    network = build_network(architecture, seed=0)
    hidden, last = network.layers[-2:]
    model = keras.Model(network.inputs[0], {"embeddings": hidden.output, "probabilities": last.output})

    def outputs(weights, images):
        return model.stateless_call(weights, [], images, training=False)[0]

    weights = [tf.TensorSpec(w.shape, w.dtype) for w in network.trainable_variables]
    images = tf.TensorSpec((None, *architecture.image_shape), architecture.input_dtype)
    return tf.function(outputs, autograph=False).get_concrete_function(weights, images)
