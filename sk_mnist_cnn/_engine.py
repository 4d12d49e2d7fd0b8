"""Runs networks: the pool of compiled trainers, the inference functions, and their seeds.

Estimators hand in arrays and get arrays back; whatever lives in TensorFlow belongs to the process and stays
here, shared by every estimator of one architecture. scikeras builds, compiles and fits; what is trained on
whom, and what it means to scikit-learn, is the classifier's.
"""

import json
import threading
import weakref
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field

import numpy as np

from ._tensorflow import BaseWrapper, keras, tf
from .network import initial_weights

# Batches trained in one call into TensorFlow, and images predicted in one.
STEPS_PER_EXECUTION = 16
PREDICTION_CHUNK = 256

# Keras 3 lowered Adadelta's default to 0.001, with which this network hardly learns. The method's own
# step has no rate at all (Zeiler, 2012, "ADADELTA: an adaptive learning rate method"), that is 1.
ADADELTA_RATE = 1.0


@dataclass(frozen=True)
class LabelledImages:
    """Images as flat rows of any dtype, and which of them take part. Nothing is copied or cast here."""

    rows: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    indices: np.ndarray

    def batches(self, order, batch_size, image_shape, dtype):
        """Yield (images, labels, weights), cut and cast a batch at a time."""
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            images = self.rows[batch].astype(dtype, copy=False)
            yield images.reshape(-1, *image_shape), self.labels[batch], self.weights[batch]


@dataclass(frozen=True)
class Recipe:
    """How to train: everything that can change without a new graph, and the optimizer."""

    optimizer: object
    learning_rate: float | str
    conv_dropout: float
    dense_dropout: float
    batch_size: int
    epochs: int
    callbacks: list
    verbose: int


@dataclass
class TrainingState:
    """What a training run leaves behind, and what the next one can go on from."""

    weights: tuple = ()
    optimizer: tuple = ()
    optimizer_name: str = ""
    history: dict = field(default_factory=dict)

    @property
    def n_epochs(self):
        return len(self.history.get("loss", ()))


def train(architecture, recipe, training, validation=None, *, seed, state=None, partial=False):
    """Train a network for `recipe.epochs` epochs.

    Parameters
    ----------
    architecture : Architecture
    recipe : Recipe
    training : LabelledImages
    validation : LabelledImages or None
    seed : int
        Fixes the initial weights, the order of the images and the dropout masks, each from (seed, epoch).
    state : TrainingState or None
        Where to go on; None starts from new weights.
    partial : bool
        Whether this is one epoch of a training whose end is not known.

    Returns
    -------
    TrainingState
    """
    optimizer = _Optimizer.resolve(recipe.optimizer, recipe.learning_rate)
    callbacks = list(recipe.callbacks or ())
    steps = 1 if any(map(_has_batch_hooks, callbacks)) else STEPS_PER_EXECUTION
    key = architecture, optimizer.name, steps
    with _training_lock:
        trainer = _trainers.get(key, lambda: _Trainer.create(architecture, optimizer, steps))
        try:
            trainer.load(state or TrainingState(), optimizer, recipe, seed)
            return trainer.run(training, validation, recipe, callbacks, partial=partial)
        except BaseException:
            _trainers.discard(key)
            raise


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
        predictor = _predictors.get(architecture, lambda: _Predictor(architecture))
    tensors = _as_tensors(weights)
    probabilities = np.empty((len(rows), architecture.n_classes), architecture.input_dtype)
    for start in range(0, len(rows), PREDICTION_CHUNK):
        chunk = slice(start, start + PREDICTION_CHUNK)
        probabilities[chunk] = predictor(tensors, rows[chunk])
    return probabilities


def keras_model(architecture, recipe, weights):
    """An ordinary compiled Keras model of its own, with the weights given."""
    model = architecture.build(conv_dropout=recipe.conv_dropout, dense_dropout=recipe.dense_dropout, seed=0)
    model.set_weights(weights)
    optimizer = _Optimizer.resolve(recipe.optimizer, recipe.learning_rate)
    model.compile(optimizer.build(), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class _Pool:
    """Things that are costly to build, by what they were built from; the least recently used goes."""

    def __init__(self, size):
        self._size = size
        self._items = OrderedDict()

    def get(self, key, build):
        if key not in self._items:
            self._items[key] = build()
            if len(self._items) > self._size:
                self._items.popitem(last=False)
        self._items.move_to_end(key)
        return self._items[key]

    def discard(self, key):
        self._items.pop(key, None)


_trainers, _training_lock = _Pool(16), threading.Lock()
_predictors, _tracing_lock = _Pool(32), threading.Lock()


@dataclass(frozen=True)
class _Optimizer:
    """An optimizer's class and settings, apart from its learning rate."""

    kind: type
    config: dict
    learning_rate: float | None  # None leaves the class' own default, or the schedule in `config`

    @classmethod
    def resolve(cls, optimizer, learning_rate):
        if isinstance(optimizer, str):
            kind, config = keras.optimizers.get(optimizer).__class__, {}
            own_rate = ADADELTA_RATE if kind is keras.optimizers.Adadelta else None
        else:
            kind, config = type(optimizer), optimizer.get_config()
            del config["name"]
            scheduled = not isinstance(config["learning_rate"], float)
            own_rate = None if scheduled else config.pop("learning_rate")
        if learning_rate == "auto":
            return cls(kind, config, own_rate)
        config.pop("learning_rate", None)
        return cls(kind, config, float(learning_rate))

    @property
    def name(self):
        return f"{self.kind.__name__} {json.dumps(self.config, sort_keys=True, default=str)}"

    def build(self):
        optimizer = self.kind.from_config(dict(self.config))
        if self.learning_rate is not None:
            optimizer.learning_rate = self.learning_rate
        return optimizer


class _Trainer(BaseWrapper):
    """A compiled network that can be trained over and over.

    scikeras' wrapper, kept initialised: nothing is built, compiled or traced again when its variables are
    set back. Its own checks and encoders stand aside, since the classifier has done their work.
    """

    @classmethod
    def create(cls, architecture, optimizer, steps_per_execution):
        dtype = architecture.input_dtype
        trainer = cls(
            architecture=architecture,
            optimizer=optimizer.kind.from_config(dict(optimizer.config)),
            loss=keras.losses.SparseCategoricalCrossentropy(dtype=dtype),
            compile__weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy", dtype=dtype)],
            compile__steps_per_execution=steps_per_execution,
            compile__jit_compile=False,
            warm_start=True,
            shuffle=False,
        )
        trainer.initialize(None)
        trainer._ensure_compiled_model()
        trainer.model_.optimizer.build(trainer.model_.trainable_variables)
        trainer._new_optimizer = trainer._optimizer_arrays()
        trainer._own_rate = float(trainer.model_.optimizer.learning_rate)
        trainer._training_feed = _Feed(architecture)
        trainer._validation_feed = _Feed(architecture)
        return trainer

    def load(self, state, optimizer, recipe, seed):
        """Set every variable that training changes."""
        model = self.model_
        _assign(model.trainable_variables, state.weights or initial_weights(model, seed))
        goes_on = state.optimizer and state.optimizer_name == optimizer.name
        _assign(model.optimizer.variables, state.optimizer if goes_on else self._new_optimizer)
        if "learning_rate" not in optimizer.config:
            model.optimizer.learning_rate = optimizer.learning_rate or self._own_rate
        model.get_layer("conv_dropout").rate.assign(recipe.conv_dropout)
        if self.architecture.dense_units:
            model.get_layer("dense_dropout").rate.assign(recipe.dense_dropout)
        self.history_ = defaultdict(list, {k: list(v) for k, v in state.history.items()})
        self._seed, self._optimizer_name = seed, optimizer.name

    def run(self, training, validation, recipe, callbacks, *, partial):
        """Train from what was loaded, and read the arrays back."""
        epoch = self.current_epoch
        self.verbose = recipe.verbose
        self.callbacks = [_Epochs(self._training_feed, self._seed), *callbacks, _FiniteLoss()]
        self._initialize_callbacks()
        data = self._training_feed.load(training, recipe.batch_size, seed=self._seed)
        options = {}
        if validation is not None:
            options["validation_data"] = self._validation_feed.load(validation, recipe.batch_size)
        try:
            if partial:
                self.partial_fit(data, None, **options)
            else:
                self.fit(data, None, epochs=recipe.epochs, initial_epoch=epoch, **options)
        finally:
            self.callbacks = None
            self._initialize_callbacks()
            self._training_feed.clear()
            self._validation_feed.clear()
        return TrainingState(
            weights=tuple(map(np.array, self.model_.trainable_variables)),
            optimizer=self._optimizer_arrays(),
            optimizer_name=self._optimizer_name,
            history={name: list(map(float, values)) for name, values in self.history_.items()},
        )

    def _optimizer_arrays(self):
        return tuple(map(np.array, self.model_.optimizer.variables))

    def _keras_build_fn(self, architecture):
        network = architecture.build(seed=0)
        outputs = inputs = network.inputs[0]
        for layer in network.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer = _VariableDropout(name=layer.name, dtype=architecture.dtype)
            outputs = layer(outputs)
        return keras.Model(inputs, outputs)

    def _validate_data(self, X=None, y=None, reset=False, y_numeric=False):
        return X, y

    @property
    def feature_encoder(self):
        return _AsItIs()

    target_encoder = feature_encoder


class _AsItIs:
    """The encoder that leaves everything as it is."""

    def fit(self, data):
        return self

    def transform(self, data):
        return data


class _VariableDropout(keras.layers.Layer):
    """Dropout whose rate is a variable, so that another rate needs no other graph."""

    def build(self, input_shape):
        self.rate = self.add_weight(
            name="rate", shape=(), initializer="zeros", trainable=False, dtype=self.variable_dtype
        )
        self.seed_generator = keras.random.SeedGenerator(0)

    def call(self, inputs, training=False):
        if not training:
            return inputs
        rate = tf.cast(self.rate.value, inputs.dtype)
        seed = tf.cast(self.seed_generator.next(), tf.int32)
        return tf.nn.experimental.stateless_dropout(inputs, rate, seed=seed)


class _Feed:
    """The data set of a trainer: one traced pipeline, whatever images are loaded into it."""

    def __init__(self, architecture):
        dtype = architecture.input_dtype
        self._architecture = architecture
        self._dataset = tf.data.Dataset.from_generator(
            self._batches,
            output_signature=(
                tf.TensorSpec((None, *architecture.image_shape), dtype),
                tf.TensorSpec((None,), tf.int32),
                tf.TensorSpec((None,), dtype),
            ),
        ).prefetch(2)
        self.clear()

    def load(self, images, batch_size, seed=None):
        """Take images, shuffled by (seed, epoch) where there is a seed, and give their data set."""
        self._images, self._batch_size, self._seed = images, batch_size, seed
        n_batches = -(-len(images.indices) // batch_size)
        return self._dataset.apply(tf.data.experimental.assert_cardinality(n_batches))

    def clear(self):
        """Let go of the images."""
        self._images = self._seed = None
        self.epoch = 0

    def _batches(self):
        order = self._images.indices
        if self._seed is not None:
            order = np.random.default_rng([self._seed, self.epoch]).permutation(order)
        architecture = self._architecture
        yield from self._images.batches(
            order, self._batch_size, architecture.image_shape, architecture.input_dtype
        )


class _Epochs(keras.callbacks.Callback):
    """Starts each epoch from (seed, epoch) alone: the order of the images and the dropout masks."""

    def __init__(self, feed, seed):
        super().__init__()
        self._feed, self._seed = feed, seed

    def on_epoch_begin(self, epoch, logs=None):
        self._feed.epoch = epoch
        for i, layer in enumerate(self.model.layers):
            if isinstance(layer, _VariableDropout):
                state = np.random.SeedSequence([self._seed, epoch, i]).generate_state(1)
                layer.seed_generator.state.assign([int(state[0] >> 1), 0])


class _FiniteLoss(keras.callbacks.Callback):
    """Stops a training that has diverged."""

    def on_epoch_end(self, epoch, logs=None):
        if not np.isfinite(logs["loss"]):
            raise ValueError(
                f"The training loss became {logs['loss']} in epoch {epoch + 1}. Lower learning_rate, and "
                "see that the pixels are scaled to [0, 1], as ImagePreprocessor does."
            )


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
        self._function = tf.function(probabilities).get_concrete_function(weights, images)

    def __call__(self, weights, rows):
        images = rows.astype(self._dtype, copy=False).reshape(-1, *self._image_shape)
        return self._function(weights, tf.constant(images)).numpy()


# Weights already handed to TensorFlow, by the identity of their first array, which drops them when it goes.
_tensors = {}


def _as_tensors(weights):
    """The weights as tensors, converted once for as long as the arrays live."""
    key = id(weights[0])
    if key not in _tensors:
        _tensors[key] = [tf.constant(array) for array in weights]
        weakref.finalize(weights[0], _tensors.pop, key, None)
    return _tensors[key]


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _has_batch_hooks(callback):
    """Whether a Keras callback wants to be called at every batch."""
    names = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
    return any(
        getattr(getattr(callback, name), "__func__", None) is not getattr(keras.callbacks.Callback, name)
        for name in names
    )
