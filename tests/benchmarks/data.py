"""Images of the benchmarks: the shipped MNIST sample, scaled, in float32."""

import numpy as np


def digits(n_images, library):
    """Return the first images in the layout of the library, and their labels. 8,000 are training images."""
    from sk_mnist_cnn import ImagePreprocessor, load_mnist_sample

    X, y = load_mnist_sample(return_X_y=True)
    images = ImagePreprocessor().fit_transform(X[:n_images])
    return library.images(images), y[:n_images].astype(np.int64)
