"""Model, dropout layer and loss of a trainer. Their settings are variables, so changes need no new graph."""

import numpy as np

from .backend import default_floatx, keras, tf
from .network import assign, compiled_model, read


class ScheduledModel(keras.Model):
    """Keras model with a table of the learning rates of an epoch, one per batch.

    A step of Keras trains on all batches of a chunk, one after the other.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.batch_size = tf.Variable(1, trainable=False)
        self._rates = tf.Variable(np.empty(0, np.float32), shape=(None,), trainable=False)
        self._batch = tf.Variable(0, dtype=tf.int64, trainable=False)

    def schedule(self, rates):
        """Set the learning rates of the following batches; empty keeps the optimizer's rate."""
        self._rates.assign(rates)
        self._batch.assign(0)

    @property
    def dropouts(self):
        """The dropout layers."""
        return [layer for layer in self.layers if isinstance(layer, VariableDropout)]

    def save(self, *args, **kwargs):
        """Save a copy that consists of Keras classes only, and can be loaded without this package."""
        optimizer = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        copy = type(optimizer).from_config(optimizer.get_config())
        rates = {layer.name: float(layer.rate.numpy()) for layer in self.dropouts}
        model = compiled_model(self.architecture, read(self.trainable_variables), copy, **rates)
        assign(copy.variables, read(optimizer.variables))
        model.save(*args, **kwargs)

    def train_step(self, data):
        return self._for_each_batch(data, self._train_on_batch)

    def test_step(self, data):
        return self._for_each_batch(data, super().test_step)

    def _for_each_batch(self, chunk, step):
        """Call a step with each batch of a chunk, and return the metrics after the last one."""

        def take(start):
            stop = start + self.batch_size
            step(tuple(part[start:stop] for part in chunk))
            return stop

        with default_floatx:
            n_images = tf.shape(chunk[0])[0]
            tf.while_loop(lambda start: start < n_images, take, [0], parallel_iterations=1)
            return self.get_metrics_result()

    def _train_on_batch(self, batch):
        rate = self.optimizer.learning_rate
        if isinstance(rate, keras.Variable):
            n_rates = tf.size(self._rates, out_type=tf.int64)
            scheduled = tf.cond(
                n_rates > 0,
                lambda: self._rates[tf.minimum(self._batch, n_rates - 1)],
                lambda: tf.cast(rate.value, tf.float32),
            )
            rate.assign(scheduled)
        # The optimizer's own counter does not increase when it skips or accumulates gradients.
        self._batch.assign_add(1)
        return super().train_step(batch)


class VariableDropout(keras.layers.Layer):
    """Dropout with a variable rate."""

    def build(self, input_shape):
        self.rate = self.add_weight(
            name="rate", shape=(), initializer="zeros", trainable=False, dtype=self.variable_dtype
        )
        self.seed_generator = keras.random.SeedGenerator(0)

    def call(self, inputs, training=False):
        if not training:
            return inputs
        rate = tf.cast(tf.convert_to_tensor(self.rate.value), inputs.dtype)
        seed = tf.cast(self.seed_generator.next(), tf.int32)
        return tf.nn.experimental.stateless_dropout(inputs, rate, seed=seed)


class SmoothedCrossentropy(keras.losses.SparseCategoricalCrossentropy):
    """Cross-entropy with variable label smoothing: a fraction of each target is spread over all classes."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.label_smoothing = tf.Variable(0.0, trainable=False)

    def call(self, y_true, y_pred):
        of_label = super().call(y_true, y_pred)
        of_all = keras.losses.categorical_crossentropy(tf.ones_like(y_pred) / y_pred.shape[-1], y_pred)
        smoothing = tf.cast(self.label_smoothing, of_label.dtype)
        return (1 - smoothing) * of_label + smoothing * of_all
