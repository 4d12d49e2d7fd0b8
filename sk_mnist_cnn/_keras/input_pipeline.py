"""The tf.data pipeline of a trainer."""

import weakref

import numpy as np

from .backend import tf


class InputPipeline:
    """Data set of a trainer: one pipeline, traced once for any images that are loaded into it."""

    def __init__(self, architecture, augmentation=None):
        self._image_shape, self._dtype = architecture.image_shape, architecture.input_dtype
        self._augmentation = augmentation
        images = tf.TensorSpec((None, *self._image_shape), self._dtype)
        # Not mapped over the data set, which would prepare the function again for every epoch.
        self._augment = tf.function(
            self._augment, input_signature=[images, tf.TensorSpec((2,), tf.int32)], autograph=False
        )
        signature = images, tf.TensorSpec((None,), tf.int32), tf.TensorSpec((None,), self._dtype)
        pipeline = weakref.ref(self)  # TensorFlow never frees the function
        dataset = tf.data.Dataset.from_generator(lambda: pipeline()._batches(), output_signature=signature)
        options = tf.data.Options()
        # There is nothing to tune, and closing an iterator would wait up to 0.3 s for the tuner.
        options.autotune.enabled = False
        self._dataset = dataset.prefetch(2).with_options(options)
        self.clear()

    def load(self, images, batch_size, seed=None):
        """Load images, and return their tf.data.Dataset. With a seed they are shuffled by (seed, epoch)."""
        self._images, self._batch_size, self._seed = images, batch_size, seed
        n_batches = images.n_batches(batch_size)
        return self._dataset.apply(tf.data.experimental.assert_cardinality(n_batches))

    def start_epoch(self, epoch):
        """Set the order of the images and their augmentation, from (seed, epoch) alone."""
        self._epoch = epoch
        if self._augmentation is not None:
            self._augmentation.reseed(self._seed, epoch)

    def clear(self):
        """Remove the references to the images."""
        self._images = self._seed = None
        self._epoch = 0

    def _batches(self):
        order = self._images.indices
        if self._seed is not None:
            order = np.random.default_rng([self._seed, self._epoch]).permutation(order)
        batches = self._images.batches(order, self._batch_size, self._image_shape, self._dtype)
        return batches if self._augmentation is None else self._augmented(batches)

    def _augmented(self, batches):
        seeds = np.random.default_rng([self._seed, self._epoch, 1])
        for images, labels, weights in batches:
            with tf.device("CPU:0"):
                images = self._augment(images, seeds.integers(2**31, size=2, dtype=np.int32))
            yield images, labels, weights

    def _augment(self, images, seed):
        return tf.ensure_shape(self._augmentation(images, seed), (None, *self._image_shape))
