"""`load_pretrained`: load the networks that ship with the package."""

from hashlib import sha256
from importlib import resources
from typing import Literal

import numpy as np
from sklearn.pipeline import Pipeline, make_pipeline

from ._skops.reader import read_trusted
from .preprocessing import ImagePreprocessor

__all__ = ["load_pretrained"]

_DATA = resources.files(__package__) / "data"

# File in `data` of each fitted network, and its SHA-256. `tests/data/make_pretrained.py` makes the files.
_PRETRAINED = {"mnist": ("mnist.skops", "219b2ab669545036f67a72f826de0adc4afd9214bc8575a370ced99a3d5f27ce")}


def load_pretrained(name: Literal["mnist"] = "mnist") -> Pipeline:
    """Load a fitted pipeline that recognizes handwritten digits.

    The network was trained on the 60,000 training images of MNIST. Loading it and predicting with it imports
    neither TensorFlow nor skops. Read more in the :ref:`User Guide <guide-pretrained>`.

    Parameters
    ----------
    name : {"mnist"}, default="mnist"
        Name of the network.

    Returns
    -------
    model : Pipeline
        A new fitted :class:`~sklearn.pipeline.Pipeline` of :class:`ImagePreprocessor` and
        :class:`CNNDigitClassifier`, for images of shape (n, 28, 28), uint8, in MNIST's format. Put
        :class:`MNISTNormalizer` before it for photos and scans. The classes are the integers 0 to 9.

    Raises
    ------
    ValueError
        If there is no network with this `name`, or the installed file is damaged.

    See Also
    --------
    MNISTNormalizer : Converts photos and scans of digits to MNIST's format.
    load_image_folder : Lists your own pictures, to continue the training with them.

    Notes
    -----
    The network was trained once, with seed 0, by ``make pretrained`` in the source repository. Its accuracy
    is 99.66% on the 10,000 test images of MNIST. It is 97.05% on the images of
    :func:`~sklearn.datasets.load_digits`, which were written by other people, after their conversion by
    :class:`MNISTNormalizer`. The network also predicts one of the ten labels for an image without a digit. It
    is distributed under the license of MNIST, CC BY-SA 3.0.

    Examples
    --------
    >>> from sk_mnist_cnn import load_mnist_sample, load_pretrained
    >>> mnist = load_mnist_sample()
    >>> bool(load_pretrained().score(mnist.x_test, mnist.y_test) > 0.99)
    True
    """
    if name not in (names := sorted(_PRETRAINED)):
        raise ValueError(f"name must be one of {names}, got {name!r}. Pass one of them.")
    file, checksum = _PRETRAINED[name]
    content = (_DATA / file).read_bytes()
    if sha256(content).hexdigest() != checksum:
        raise ValueError(
            f"The file {file} in sk_mnist_cnn must be intact, got a changed file. Install the package again."
        )
    # The file holds only the classifier, because a saved Pipeline depends on the version of scikit-learn.
    preprocessor = ImagePreprocessor().fit(np.zeros((1, 28, 28), np.uint8))
    return make_pipeline(preprocessor, read_trusted(content))
