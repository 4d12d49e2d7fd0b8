"""The tf.data pipeline of a trainer."""

import numpy as np

from .backend import tf


class InputPipeline:
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
