"""`load_pretrained`: load the network and the novelty detector that ship with the package."""

from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from sklearn.pipeline import Pipeline, make_pipeline

from ._skops import read_trusted
from .preprocessing import ImagePreprocessor

if TYPE_CHECKING:
    from .novelty import ImageNoveltyDetector

__all__ = ["load_pretrained"]

_DATA = resources.files(__package__) / "data"

# SHA-256 of each file of a fitted estimator in `data`. `tests/data/make_pretrained.py` makes the files.
_CHECKSUMS = {
    "mnist.skops": "cebfde332272ab3cf3d34079dacf00de3f4630708f44a61176f7e630e71d4ce2",
    "mnist_novelty.skops": "60b6cd830e86bc749b56aa75629d9670b242ad4571c7d489435c6f68768f1df9",
}
_NAMES = ["mnist", "mnist_novelty"]


@overload
def load_pretrained(name: Literal["mnist"] = "mnist") -> Pipeline: ...
@overload
def load_pretrained(name: Literal["mnist_novelty"]) -> "ImageNoveltyDetector": ...
def load_pretrained(name: str = "mnist") -> "Pipeline | ImageNoveltyDetector":
    """Load a fitted pipeline that recognizes handwritten digits, or a detector of images that are not digits.

    Both were fitted on the 60,000 training images of MNIST, the classifier also on 80,000 composed
    digits. Loading them and predicting with them imports neither TensorFlow nor skops. Read more in the
    :ref:`User Guide <guide-pretrained>`.

    Parameters
    ----------
    name : {"mnist", "mnist_novelty"}, default="mnist"
        The classifier or the novelty detector.

    Returns
    -------
    model : Pipeline or ImageNoveltyDetector
        A new fitted estimator for images of shape (n, 28, 28) in MNIST's format. Put
        :class:`MNISTNormalizer` before it for photos and scans.

        - "mnist" is a :class:`~sklearn.pipeline.Pipeline` of :class:`ImagePreprocessor` and
          :class:`CNNDigitClassifier`, for images in uint8. The classes are the integers 0 to 9.
        - "mnist_novelty" is an :class:`ImageNoveltyDetector`, whose `predict` returns 1 for digits and -1 for
          other images.

    Raises
    ------
    ValueError
        If there is no estimator with this `name`, or the installed file is damaged.

    See Also
    --------
    MNISTNormalizer : Converts photos and scans of digits to MNIST's format.
    ImageNoveltyDetector : Can be fitted on other images.
    load_image_folder : Lists your own pictures, to continue the training with them.

    Notes
    -----
    The network was trained once, with seed 0, by ``make pretrained`` in the source repository. Its accuracy
    is 99.68% on the 10,000 test images of MNIST. It is 98.05% on the images of
    :func:`~sklearn.datasets.load_digits`, which were written by other people, after their conversion by
    :class:`MNISTNormalizer`. The network also predicts one of the ten labels for an image without a digit. It
    is distributed under the license of MNIST, CC BY-SA 3.0.

    Examples
    --------
    >>> from sk_mnist_cnn import load_mnist_sample, load_pretrained
    >>> mnist = load_mnist_sample()
    >>> bool(load_pretrained().score(mnist.x_test, mnist.y_test) > 0.99)
    True
    >>> detector = load_pretrained("mnist_novelty")
    >>> detector.predict(mnist.x_test[:2]), detector.predict(mnist.x_test[:2].swapaxes(1, 2))
    (array([1, 1]), array([-1, -1]))
    """
    if name not in _NAMES:
        raise ValueError(f"name must be one of {_NAMES}, got {name!r}. Pass one of them.")
    estimator = read_shipped(f"{name}.skops")
    if name == "mnist_novelty":
        return estimator
    # The file holds only the classifier, because a saved Pipeline depends on the version of scikit-learn.
    preprocessor = ImagePreprocessor().fit(np.zeros((1, 28, 28), np.uint8))
    return make_pipeline(preprocessor, estimator)


def read_shipped(file: str) -> Any:
    """Return the fitted estimator in a file that ships with the package."""
    content = (_DATA / file).read_bytes()
    if sha256(content).hexdigest() != _CHECKSUMS[file]:
        raise ValueError(
            f"The file {file} in sk_mnist_cnn must be intact, got a changed file. Install the package again."
        )
    return read_trusted(content)
