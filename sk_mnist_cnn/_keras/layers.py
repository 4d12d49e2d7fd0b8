"""The model, the dropout layer and the loss that train, and the ordinary model that users get."""

import numpy as np

from .backend import keras, tf


class ScheduledModel(keras.Model):
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
        return [layer for layer in self.layers if isinstance(layer, VariableDropout)]

    def save(self, *args, **kwargs):
        """Save an ordinary model: what a callback writes is loaded where this class is unknown."""
        optimizer = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        copy = type(optimizer).from_config(optimizer.get_config())
        rates = {layer.name: float(layer.rate.numpy()) for layer in self.dropouts}
        model = ordinary_model(self.architecture, read(self.trainable_variables), copy, **rates)
        assign(copy.variables, read(optimizer.variables))
        model.save(*args, **kwargs)

    def train_step(self, data):
        rate = self.optimizer.learning_rate
        if isinstance(rate, keras.Variable):
            step = tf.cast(batches_seen(self.optimizer).value, tf.int64) - self._first_step
            n_rates = tf.size(self._rates, out_type=tf.int64)
            scheduled = tf.cond(
                n_rates > 0,
                lambda: self._rates[tf.minimum(step, n_rates - 1)],
                lambda: tf.cast(rate.value, tf.float32),
            )
            rate.assign(scheduled)
        return super().train_step(data)


class VariableDropout(keras.layers.Layer):
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


class SmoothedCrossentropy(keras.losses.SparseCategoricalCrossentropy):
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


def batches_seen(optimizer):
    """An optimizer's counter, also where its `iterations` are fewer: gradients may be accumulated."""
    return getattr(optimizer, "inner_optimizer", optimizer)._iterations


def read(variables):
    """The variables' values, as arrays of their own."""
    return tuple(np.array(variable.numpy()) for variable in variables)


def assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
