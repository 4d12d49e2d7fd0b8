"""Train networks. The functions take plain values and arrays, and return arrays.

Compiled networks are cached per process, and shared by all estimators whose networks have the same graph. The
size of the cache is limited. A network that was removed from the cache is built again when it is needed.
"""

import functools
import threading
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from .._training.config import schedule_rates
from .augmentation import Augmentation
from .backend import keras, tf
from .callbacks import (
    AfterCallbacks,
    BeforeCallbacks,
    EarlyStopping,
    check_callbacks,
    without_model_afterwards,
)
from .network import build_network, compiled_model
from .optimizers import Optimizer
from .trainer import Trainer

# Images predicted in one call into TensorFlow.
PREDICTION_CHUNK = 128

# Trained weights are far smaller. If one is larger, `train` checks that predictions are finite.
_LARGE_WEIGHT = 1e3


class TrainerPool:
    """Pool of trainers, by the settings built into their graphs; the least recently used are removed.

    A fit waits for another fit with the same key, and then uses the same trainer. It does not wait for a fit
    that calls the user's code, because that code may itself wait for this fit: it builds a new trainer
    instead, and the pool keeps both.
    """

    def __init__(self, size):
        self._size = size
        self._idle = []  # pairs of a key and a trainer, the last used at the end
        self._in_use = {}  # the key of each thread's fit, for fits that call no user code
        # Used instead of the condition itself, which Ctrl-C can leave locked.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)

    @contextmanager
    def borrow(self, key, create, *, calls_user_code):
        """Yield a trainer for one fit. It is removed from the pool if the fit fails or changes it.

        Parameters
        ----------
        key : hashable
        create : callable
            Returns a new trainer.
        calls_user_code : bool
            Whether the fit runs the user's callbacks, layers or optimizer.
        """
        thread = threading.current_thread()
        trainer, unchanged = None, False
        try:
            with self._lock:
                self._changed.wait_for(lambda: self._find_idle(key) is not None or not self._is_in_use(key))
                if not calls_user_code:
                    self._in_use[thread] = key
                position = self._find_idle(key)
                trainer = None if position is None else self._idle.pop(position)[1]
            trainer = trainer or create()
            yield trainer
            unchanged = trainer.is_unchanged()
        finally:
            with self._lock:
                self._in_use.pop(thread, None)
                if unchanged:
                    self._idle = [*self._idle, (key, trainer)][-self._size :]
                self._changed.notify_all()

    def _find_idle(self, key):
        """Return the position of the most recently used trainer with this key, or None."""
        positions = [i for i, (other, _) in enumerate(self._idle) if other == key]
        return positions[-1] if positions else None

    def _is_in_use(self, key):
        """Return whether another thread uses a trainer with this key.

        If this thread has a key, it is that of an earlier fit, which Ctrl-C ended before the key was removed.
        """
        return any(
            other == key and thread is not threading.current_thread() and thread.is_alive()
            for thread, other in self._in_use.items()
        )


_trainers = TrainerPool(16)


def _refuse_mode(is_set, where, remedy="Call it outside"):
    """Raise if TensorFlow executes in a mode that the package does not support."""
    if is_set:
        raise RuntimeError(
            f"CNNDigitClassifier must be fitted where TensorFlow executes as by default, got a call {where}. "
            f"{remedy}."
        )


def _refuse_graph():
    _refuse_mode(not tf.executing_eagerly(), "inside a tf.Graph or tf.function")


def train(run, checkpoint=None, observer=None):
    """Train a network for all epochs of a run, or until early stopping.

    Parameters
    ----------
    run : TrainingRun
        The seed of its configuration determines the initial weights, and (seed, epoch) the order of the
        images, their augmentation and the dropout masks.
    checkpoint : Checkpoint or None, default=None
        Where the state is saved after every epoch, with the state from which the training resumes.
    observer : FitObserver or None, default=None
        Calls scikit-learn's callbacks for every epoch.

    Returns
    -------
    TrainingState

    Raises
    ------
    RuntimeError
        If TensorFlow does not execute as by default: in a graph, in the scope of a strategy, or if all of its
        functions run eagerly.
    ValueError
        If the optimizer, the augmentation, a callback or the schedule cannot be used, which is checked before
        the training. Also if the state of the checkpoint does not fit the optimizer, or if the training
        diverges.
    """
    _refuse_graph()
    _refuse_mode(tf.distribute.has_strategy(), "in the scope of a tf.distribute strategy")
    eager = "tf.config.run_functions_eagerly"
    _refuse_mode(tf.config.functions_run_eagerly(), f"after {eager}(True)", f"Call {eager}(False) before")
    config = run.config
    optimizer = Optimizer.of_config(config)
    callbacks = check_callbacks(config.callbacks)
    key, create, calls_user_code = _trainer_for(run, optimizer, callbacks)
    # Before a trainer is borrowed: a callable may fit another classifier, which would wait for this one.
    rates = schedule_rates(config.learning_rate_schedule, optimizer.peak_rate, run.n_steps)
    resumed = checkpoint and checkpoint.resumed
    if resumed and config.verbose:
        print(f"Resuming after epoch {resumed.n_epochs} from {checkpoint.path}")
    state = resumed or run.previous
    with _trainers.borrow(key, create, calls_user_code=calls_user_code or bool(observer)) as trainer:
        trainer.load(run.previous, optimizer, config)
        if resumed:
            with checkpoint.damage_as_value_error():
                trainer.resume(resumed)
        stopping = EarlyStopping(run, state) if config.monitor else None
        if run.n_epochs_done(state) < config.epochs and not (stopping and stopping.is_exhausted):
            before = BeforeCallbacks(trainer)
            after = AfterCallbacks(trainer, before, stopping, checkpoint, observer)
            with without_model_afterwards(callbacks):
                trainer.run(run, rates, [before, *callbacks, after])
        trained, divergence = trainer.state(), trainer.divergence
    if divergence:  # raised here, so that the pool keeps the trainer
        raise ValueError(
            f"{divergence} Lower learning_rate, and check that the pixels are scaled to [0, 1], as "
            "ImagePreprocessor does."
        )
    if stopping:
        best_epoch = run.previous.n_epochs + stopping.best_epoch
        trained = replace(trained, weights=stopping.best_weights, best_epoch=best_epoch)
    _refuse_overflow(run, trained.weights)
    return trained


def _trainer_for(run, optimizer, callbacks):
    """Return the key of a trainer, a function that creates it, and whether it calls user code.

    The key contains everything that is built into the graph.
    """
    augmentation = run.config.augmentation
    augmentation_key, layer_classes = Augmentation.identity(augmentation)
    key = run.architecture, optimizer.key, augmentation_key, keras.config.epsilon()
    create = functools.partial(Trainer.create, run.architecture, optimizer, augmentation)
    classes = optimizer.kind, *layer_classes
    calls_user_code = bool(callbacks) or not all(kind.__module__.startswith("keras.") for kind in classes)
    return key, create, calls_user_code


def _refuse_overflow(run, weights):
    """Raise for weights so large that predictions overflow, which the last loss does not show."""
    if all(np.abs(array).max(initial=0) < _LARGE_WEIGHT for array in weights):
        return
    rows = run.training.rows[run.training.indices[:PREDICTION_CHUNK]]
    if not np.isfinite(predict(run.architecture, weights, rows)).all():
        raise ValueError(
            "The weights became so large that predictions are not finite. Lower learning_rate, and check "
            "that the pixels are scaled to [0, 1], as ImagePreprocessor does."
        )


def keras_model(architecture, config, weights):
    """Return a new compiled Keras model with the given weights."""
    _refuse_graph()
    optimizer = Optimizer.of_config(replace(config, learning_rate_schedule="constant")).build()
    rates = {"conv_dropout": config.conv_dropout, "dense_dropout": config.dense_dropout}
    return compiled_model(architecture, weights, optimizer, **rates)


def predict(architecture, weights, rows, output="probabilities"):
    """Return an output of a network that ONNX Runtime does not support, as `_onnx.session.predict` does."""
    _refuse_graph()
    architecture, weights = architecture.folded(weights)
    with _tracing_lock:
        compute = _prediction_function(replace(architecture, dtype=architecture.input_dtype))
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
