"""A compiled network that can be trained over and over.

scikeras builds, compiles and fits; the variables are set back before every run, so that nothing is traced
twice. Who shares a trainer, and when, is decided in `_engine`.
"""

import sys
from collections import defaultdict
from dataclasses import replace

import numpy as np

from ._augmentation import Augmentation, reseed
from ._schedules import learning_rates
from ._tensorflow import BaseWrapper, keras, tf
from ._training import TrainingState
from .network import initial_weights

# Batches trained in one call into TensorFlow, where no callback asks for every batch.
STEPS_PER_EXECUTION = 16


class Trainer(BaseWrapper):
    """scikeras' wrapper, kept initialised; its checks and encoders stand aside, having been done before.

    Made by `create`, since the constructors of scikit-learn's estimators only take parameters.
    """

    @classmethod
    def create(cls, architecture, optimizer, augmentation, steps_per_execution):
        """Build and compile a network, and its input pipelines."""
        dtype = architecture.input_dtype
        trainer = cls(
            architecture=architecture,
            optimizer=replace(optimizer, learning_rate=None).build(
                scale_loss=architecture.dtype == "mixed_float16"
            ),
            loss=_SmoothedCrossentropy(dtype=dtype),
            compile__weighted_metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy", dtype=dtype)],
            compile__steps_per_execution=steps_per_execution,
            compile__jit_compile=False,
            warm_start=True,
            shuffle=False,
        )
        trainer.initialize(None)
        trainer._ensure_compiled_model()
        trainer.model_.optimizer.build(trainer.model_.trainable_variables)
        trainer._new_optimizer = trainer._optimizer_arrays()
        trainer._own_rate = float(trainer.model_.optimizer.learning_rate.numpy())
        trainer._feed = _Feed(architecture, augmentation and Augmentation(augmentation))
        trainer._validation_feed = _Feed(architecture)
        return trainer

    def load(self, state, optimizer, recipe, seed, *, resumed=False):
        """Set every variable that training changes; the rate of a resumed run is what it was."""
        model = self.model_
        _assign(model.trainable_variables, state.weights or initial_weights(model, seed))
        goes_on = state.optimizer and state.optimizer_name == optimizer.name
        _assign(model.optimizer.variables, state.optimizer if goes_on else self._new_optimizer)
        rate = optimizer.learning_rate
        self._peak = self._own_rate if rate is None else float(np.float32(rate))
        if not (optimizer.has_own_schedule or resumed):
            model.optimizer.learning_rate = self._peak
        for layer in model.dropouts:
            layer.rate.assign(getattr(recipe, layer.name))
        model.loss.share.assign(recipe.label_smoothing)
        self.history_ = defaultdict(list, {name: list(values) for name, values in state.history.items()})
        self._optimizer_name = optimizer.name

    def run(self, training, validation, recipe, seed, callbacks, *, done, partial):
        """Train from what was loaded; `done` epochs of the recipe's are behind this run already."""
        data = self._feed.load(training, recipe.batch_size, seed)
        options = {}
        if validation is not None:
            options["validation_data"] = self._validation_feed.load(validation, recipe.batch_size)
        steps_per_epoch = len(data)
        n_steps = steps_per_epoch * recipe.epochs
        rates = learning_rates(recipe.learning_rate_schedule, self._peak, n_steps)
        first_step = int(_batches_seen(self.model_.optimizer).numpy()) - steps_per_epoch * done
        self.model_.schedule(rates, first_step)
        self.verbose = recipe.verbose if recipe.verbose != 1 or _is_watched() else 0
        self._set_callbacks(callbacks)
        try:
            if partial:
                self.partial_fit(data, None, **options)
            else:
                options.update(epochs=recipe.epochs - done, initial_epoch=self.current_epoch)
                self.fit(data, None, **options)
        finally:
            self._set_callbacks(None)
            self._feed.clear()
            self._validation_feed.clear()

    def start_epoch(self, seed, epoch):
        """Set the order of the images, their augmentation and the dropout masks."""
        self._feed.start_epoch(epoch)
        for i, layer in enumerate(self.model_.layers):
            if isinstance(layer, _VariableDropout):
                reseed(layer.seed_generator, seed, epoch, i)

    def state(self):
        """Read the arrays back."""
        return TrainingState(
            weights=read(self.model_.trainable_variables),
            optimizer=self._optimizer_arrays(),
            optimizer_name=self._optimizer_name,
            history={name: list(map(float, values)) for name, values in self.history_.items()},
        )

    def _optimizer_arrays(self):
        return read(self.model_.optimizer.variables)

    def _set_callbacks(self, callbacks):
        self.callbacks = callbacks
        self._initialize_callbacks()

    def _keras_build_fn(self, architecture):
        network = architecture.build(seed=0)
        outputs = inputs = network.inputs[0]
        for layer in network.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer = _VariableDropout(name=layer.name, dtype=architecture.dtype)
            outputs = layer(outputs)
        model = _ScheduledModel(inputs, outputs, name=network.name)
        model.architecture = architecture
        return model

    def _validate_data(self, X=None, y=None, reset=False, y_numeric=False):
        return X, y

    @property
    def feature_encoder(self):
        """Leaves the data set as it is."""
        return _AsItIs()

    target_encoder = feature_encoder


class _AsItIs:
    def fit(self, data):
        return self

    def transform(self, data):
        return data


class _ScheduledModel(keras.Model):
    """A model whose learning rate follows a table, which is a variable too, so that it needs no new graph."""

    def schedule(self, rates, first_step):
        """Follow `rates` from `first_step` on; none leave the optimizer's rate alone."""
        if not hasattr(self, "_rates"):
            self._rates = tf.Variable(rates, shape=(None,), trainable=False)
            self._first_step = tf.Variable(first_step, dtype=tf.int64, trainable=False)
        self._rates.assign(rates)
        self._first_step.assign(first_step)

    @property
    def dropouts(self):
        """The layers that drop out."""
        return [layer for layer in self.layers if isinstance(layer, _VariableDropout)]

    def save(self, *args, **kwargs):
        """Save an ordinary model: what a callback writes is loaded where this class is unknown."""
        optimizer = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        copy = type(optimizer).from_config(optimizer.get_config())
        rates = {layer.name: float(layer.rate.numpy()) for layer in self.dropouts}
        model = ordinary_model(self.architecture, read(self.trainable_variables), copy, **rates)
        _assign(copy.variables, read(optimizer.variables))
        model.save(*args, **kwargs)

    def train_step(self, data):
        rate = self.optimizer.learning_rate
        if isinstance(rate, keras.Variable):
            step = tf.cast(_batches_seen(self.optimizer).value, tf.int64) - self._first_step
            n_rates = tf.size(self._rates, out_type=tf.int64)
            scheduled = tf.cond(
                n_rates > 0,
                lambda: self._rates[tf.minimum(step, n_rates - 1)],
                lambda: tf.cast(rate.value, tf.float32),
            )
            rate.assign(scheduled)
        return super().train_step(data)


class _VariableDropout(keras.layers.Layer):
    """Dropout whose rate is a variable, so that another rate needs no new graph."""

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


class _SmoothedCrossentropy(keras.losses.SparseCategoricalCrossentropy):
    """Cross-entropy that leaves all classes a share of the target, in a variable as above."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.share = tf.Variable(0.0, trainable=False)

    def call(self, y_true, y_pred):
        of_label = super().call(y_true, y_pred)
        of_all = keras.losses.categorical_crossentropy(tf.ones_like(y_pred) / y_pred.shape[-1], y_pred)
        share = tf.cast(self.share, of_label.dtype)
        return (1 - share) * of_label + share * of_all


def ordinary_model(architecture, weights, optimizer, **dropout_rates):
    """A compiled model of Keras' own classes alone."""
    model = architecture.build(**dropout_rates, seed=0)
    model.set_weights(weights)
    loss = keras.losses.SparseCategoricalCrossentropy(dtype=architecture.input_dtype)
    model.compile(optimizer, loss, metrics=["accuracy"])
    model.optimizer.build(model.trainable_variables)
    return model


class _Feed:
    """A trainer's data set: one traced pipeline, whatever images are loaded into it."""

    def __init__(self, architecture, augmentation=None):
        self._image_shape, self._dtype = architecture.image_shape, architecture.input_dtype
        self._augmentation = augmentation
        signature = (
            tf.TensorSpec((None, *self._image_shape), self._dtype),
            tf.TensorSpec((None,), tf.int32),
            tf.TensorSpec((None,), self._dtype),
        )
        if augmentation is None:
            dataset = tf.data.Dataset.from_generator(self._batches, output_signature=signature)
        else:
            signature += (tf.TensorSpec((2,), tf.int32),)
            dataset = tf.data.Dataset.from_generator(self._seeded_batches, output_signature=signature)
            dataset = dataset.map(self._augment)
        options = tf.data.Options()
        # There is nothing to tune, and the end of an iterator would wait up to 0.3 s for the tuner.
        options.autotune.enabled = False
        self._dataset = dataset.prefetch(2).with_options(options)
        self.clear()

    def load(self, images, batch_size, seed=None):
        """Take images, shuffled by (seed, epoch) where there is a seed, and give their data set."""
        self._images, self._batch_size, self._seed = images, batch_size, seed
        n_batches = images.n_batches(batch_size)
        return self._dataset.apply(tf.data.experimental.assert_cardinality(n_batches))

    def start_epoch(self, epoch):
        """Order and change the images from (seed, epoch) alone."""
        self._epoch = epoch
        if self._augmentation is not None:
            self._augmentation.reseed(self._seed, epoch)

    def clear(self):
        """Let go of the images."""
        self._images = self._seed = None
        self._epoch = 0

    def _batches(self):
        order = self._images.indices
        if self._seed is not None:
            order = np.random.default_rng([self._seed, self._epoch]).permutation(order)
        return self._images.batches(order, self._batch_size, self._image_shape, self._dtype)

    def _seeded_batches(self):
        seeds = np.random.default_rng([self._seed, self._epoch, 1])
        for batch in self._batches():
            yield *batch, seeds.integers(2**31, size=2, dtype=np.int32)

    @tf.autograph.experimental.do_not_convert
    def _augment(self, images, labels, weights, seed):
        images = tf.ensure_shape(self._augmentation(images, seed), (None, *self._image_shape))
        return images, labels, weights


def _batches_seen(optimizer):
    """An optimizer's counter, also where its `iterations` are fewer: gradients may be accumulated."""
    return getattr(optimizer, "inner_optimizer", optimizer)._iterations


def _is_watched():
    """Whether a bar that redraws itself would be seen: in a terminal or a notebook."""
    return sys.stdout.isatty() or "ipykernel" in sys.modules


def read(variables):
    """The variables' values, as arrays of their own."""
    return tuple(np.array(variable.numpy()) for variable in variables)


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
