"""The images: the MNIST sample of the package, scaled, in float32."""

import numpy as np


def digits(n_images, library):
    """Return the first `n_images` in the library's layout, and their labels. The sample has 8,000."""
    from sk_mnist_cnn import ImagePreprocessor, load_mnist_sample

    X, y = load_mnist_sample(return_X_y=True)
    images = ImagePreprocessor().fit_transform(X[:n_images])
    return library.images(images), y[:n_images].astype(np.int64)
