"""The tf.data pipeline of a trainer."""

import weakref

import numpy as np

from .backend import tf

# A chunk has as many batches as these two limits allow, the second of which is a number of pixels (4 MB).
MAX_BATCHES = 16
MAX_PIXELS = 2**20


class InputPipeline:
    """Data set of a trainer: one pipeline, traced once for any images that are loaded into it.

    Its elements are chunks, each with the rows of several consecutive batches, because a call of Python takes
    about as long for a chunk as for a batch. One iterator reads all epochs, because a new one takes as long
    as the training on a few batches.
    """

    def __init__(self, architecture, augmentation=None):
        self._image_shape, self._dtype = architecture.image_shape, architecture.input_dtype
        self._augmentation = augmentation
        images = tf.TensorSpec((None, *self._image_shape), self._dtype)
        self._augment = tf.function(
            self._augment, input_signature=[images, tf.TensorSpec((2,), tf.int32)], autograph=False
        )
        signature = images, tf.TensorSpec((None,), tf.int32), tf.TensorSpec((None,), self._dtype)
        pipeline = weakref.ref(self)  # TensorFlow never frees the function

        def read_chunk(index):
            arrays = tf.numpy_function(
                lambda index: pipeline()._read_chunk(index), [index], [spec.dtype for spec in signature]
            )
            return tuple(map(tf.ensure_shape, arrays, [spec.shape for spec in signature]))

        options = tf.data.Options()
        # There is nothing to tune, and closing an iterator would wait up to 0.3 s for the tuner.
        options.autotune.enabled = False
        self._dataset = tf.data.Dataset.range(np.iinfo(np.int64).max).map(read_chunk).with_options(options)
        self.clear()

    def load(self, images, batch_size, *, by_batch=False, n_epochs=None, seed=None):
        """Load images, and return the tf.data.Dataset of all epochs, and the number of chunks per epoch.

        Parameters
        ----------
        images : ImageDataset
        batch_size : int
        by_batch : bool, default=False
            Whether each chunk is a single batch.
        n_epochs : int or None, default=None
            By default, the images are repeated without end, and no chunk is read before it is needed.
        seed : int or None, default=None
            With a seed, the images are shuffled and augmented by (seed, epoch).
        """
        n_batches = max(1, min(MAX_BATCHES, MAX_PIXELS // (batch_size * images.rows.shape[1])))
        self._images, self._batch_size, self._seed = images, batch_size, seed
        self._first_epoch = None
        self._chunk_size = batch_size * (1 if by_batch else n_batches)
        self._n_chunks = images.n_batches(self._chunk_size)
        dataset = self._dataset
        if n_epochs is not None:
            # Keras would create another iterator at the end of data of a known size.
            unknown_size = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
            dataset = dataset.take(n_epochs * self._n_chunks).prefetch(1).apply(unknown_size)
        return dataset, self._n_chunks

    def start(self, epoch):
        """Set the first epoch; the data of the following epochs are read without further calls."""
        if self._first_epoch is None:
            self._first_epoch = epoch

    def clear(self):
        """Remove the references to the images."""
        self._images = self._order = None

    def _start_epoch(self, epoch):
        """Set the order of the images and their augmentation, from (seed, epoch) alone."""
        self._order = self._images.indices
        if self._seed is not None:
            self._order = np.random.default_rng([self._seed, epoch]).permutation(self._order)
        if self._augmentation is not None:
            self._seeds = np.random.default_rng([self._seed, epoch, 1])
            self._augmentation.reseed(self._seed, epoch)

    def _read_chunk(self, index):
        """Return images, labels and weights of a chunk. The chunks of all epochs are read in order."""
        n_epochs_before, position = divmod(int(index), self._n_chunks)
        if position == 0:
            self._start_epoch((self._first_epoch or 0) + n_epochs_before)
        start = position * self._chunk_size
        rows = self._order[start : start + self._chunk_size]
        images, labels, weights = self._images.read(rows, self._image_shape, self._dtype)
        if self._augmentation is not None:
            for start in range(0, len(images), self._batch_size):
                batch = slice(start, start + self._batch_size)
                seed = self._seeds.integers(2**31, size=2, dtype=np.int32)
                with tf.device("CPU:0"):
                    images[batch] = self._augment(images[batch], seed).numpy()
        return images, labels, weights

    def _augment(self, images, seed):
        return tf.ensure_shape(self._augmentation(images, seed), (None, *self._image_shape))
