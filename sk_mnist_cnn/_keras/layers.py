"""Model, layers and loss of a trainer. Their settings are variables, so changes need no new graph."""

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

    @property
    def network_weights(self):
        """The variables that are the weights of the network, in the order of its layers."""
        layers = [layer for layer in self.layers if not isinstance(layer, VariableDropout)]
        return [variable for layer in layers for variable in layer.weights]

    def save(self, *args, **kwargs):
        """Save a copy that consists of Keras classes only, and can be loaded without this package."""
        optimizer = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        copy = type(optimizer).from_config(optimizer.get_config())
        rates = {layer.name: float(layer.rate.numpy()) for layer in self.dropouts}
        model = compiled_model(self.architecture, read(self.network_weights), copy, **rates)
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
        normalizations = [layer for layer in self.layers if isinstance(layer, WeightedBatchNormalization)]
        for layer in normalizations:
            layer.sample_weight = batch[-1]
        logs = super().train_step(batch)
        for layer in normalizations:
            layer.sample_weight = None
        return logs


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


class WeightedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization by the mean and variance over the weighted images of a batch.

    An image of weight 2 counts as much as two images. The model sets `sample_weight` before each step.
    """

    sample_weight = None

    def call(self, inputs, training=False):
        if not training:
            return super().call(inputs, training=False)
        if self.compute_dtype == "float64":  # which the operation of TensorFlow does not support
            outputs, mean, variance = self._normalize_weighted(inputs)
        else:
            weights = self.sample_weight
            outputs, mean, variance = tf.cond(
                tf.reduce_all(weights == weights[0]),
                lambda: self._normalize_unweighted(inputs),
                lambda: self._normalize_weighted(inputs),
            )
        for moving, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(self.momentum * moving + (1 - self.momentum) * new)
        return outputs

    def _normalize_unweighted(self, inputs):
        gamma, beta = (tf.convert_to_tensor(variable.value) for variable in (self.gamma, self.beta))
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs, scale=gamma, offset=beta, mean=[], variance=[], epsilon=self.epsilon
        )
        n_values = tf.cast(tf.size(inputs) // tf.size(mean), mean.dtype)
        return outputs, mean, variance * (n_values - 1) / n_values  # it returns the unbiased estimate

    def _normalize_weighted(self, inputs):
        gamma, beta = (tf.convert_to_tensor(variable.value) for variable in (self.gamma, self.beta))
        values = tf.cast(inputs, gamma.dtype)
        weights = tf.cast(self.sample_weight, gamma.dtype)
        weights = tf.math.divide_no_nan(weights, tf.reduce_sum(weights))[:, tf.newaxis]
        mean = tf.reduce_sum(weights * tf.reduce_mean(values, [1, 2]), 0)
        variance = tf.reduce_sum(weights * tf.reduce_mean((values - mean) ** 2, [1, 2]), 0)
        outputs = tf.nn.batch_normalization(values, mean, variance, beta, gamma, self.epsilon)
        return tf.cast(outputs, inputs.dtype), mean, variance


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
