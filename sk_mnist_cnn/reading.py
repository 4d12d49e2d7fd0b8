"""`find_digits` finds the digits of a page, and `read_digits` reads them with a classifier."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._fitted import Estimator
from ._mnist_models import split_normalizer
from ._pieces import read_pieces
from ._pillow.page import cut_out_all, find_marks
from ._pillow.reading import Page, read_page
from .normalization import MNISTNormalizer

__all__ = ["find_digits", "read_digits"]

_MARGIN = 4  # of white around each found digit, in pixels


@dataclass(frozen=True)
class FoundDigits:
    """The digits of a page, as `find_digits` returns and describes them."""

    boxes: NDArray[np.int64]
    line: NDArray[np.int64]
    images: list[NDArray[np.uint8]]


@dataclass(frozen=True, repr=False)
class ReadDigits:
    """The digits of a page and their labels, as `read_digits` returns and describes them."""

    lines: list[str]
    labels: NDArray[Any]
    probabilities: NDArray[np.floating[Any]]
    boxes: NDArray[np.int64]
    line: NDArray[np.int64]
    rejected_boxes: NDArray[np.int64]
    picture: object = None

    def __repr__(self) -> str:
        return f"ReadDigits(lines={self.lines})"

    def _repr_html_(self) -> str | None:
        if self.picture is None:
            return None
        from .plotting._page import write_html

        try:
            return write_html(read_page(self.picture, "picture"), self)
        except (ImportError, OSError):  # no matplotlib; or the file was moved or deleted
            return None


def find_digits(picture: object) -> FoundDigits:
    """Find the handwritten digits of a page, without a classifier.

    Shadows, stains, ruled lines, frames and specks are left out. The parts of a broken digit are joined if
    their position shows that they belong together. Digits that touch are returned as one.
    :func:`read_digits` separates them, and joins more broken digits. Read more in the
    :ref:`User Guide <guide-reading>`.

    Parameters
    ----------
    picture : array-like of shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), Pillow image, str or PathLike
        One picture, as `MNISTNormalizer` takes them in a list: dark ink on bright paper or bright ink on
        dark paper. Digits must be at least 8 pixels high, after a reduction to at most 2,000 pixels of
        height and width.

    Returns
    -------
    digits : FoundDigits
        The digits line by line, from left to right, with these attributes:

        boxes : ndarray of shape (n, 4), int
            Top, left, bottom and right of each digit, in pixels of the picture. Bottom and right are
            exclusive.
        line : ndarray of shape (n,), int
            Number of the line of each digit, from 0.
        images : list of n ndarrays of shape (h, w), uint8
            Each digit in dark ink on white paper, for `MNISTNormalizer`.

    Raises
    ------
    OSError
        If a file is missing or cannot be opened.
    ValueError
        If there are several pictures, the picture has another shape or too many pixels, its pixels are
        negative or not finite, or a file is damaged or not a picture.

    See Also
    --------
    read_digits : Reads the digits with a classifier.
    MNISTNormalizer : Converts the images to MNIST's format.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_mnist_cnn import find_digits, load_mnist_sample
    >>> X, y = load_mnist_sample(return_X_y=True)
    >>> page = np.full((100, 200), 255, dtype=np.uint8)
    >>> for position, image in enumerate(X[:3]):
    ...     page[30:58, 40 * position + 30 : 40 * position + 58] -= image
    >>> found = find_digits(page)
    >>> len(found.images), found.line.tolist()
    (3, [0, 0, 0])
    """
    page = read_page(picture, "picture")
    marks = find_marks(page.gray)
    images = [_on_paper(ink) for ink in cut_out_all(marks)]
    return FoundDigits(page.to_picture(marks.boxes[: len(images)]), marks.line, images)


def read_digits(model: Estimator, picture: object) -> ReadDigits:
    """Read the handwritten digits of a page.

    Digits that touch are separated: marks that are unlike a digit are cut in several ways, and the most
    probable segmentation is kept [1]_. The parts of broken digits are joined. Marks that are not digits are
    left out of the text. Read more in the :ref:`User Guide <guide-reading>`.

    Parameters
    ----------
    model : classifier with `predict_proba`
        Fitted on square gray images in MNIST's format, with or without `MNISTNormalizer` before it. Its
        pixels are on the scale of its `ImagePreprocessor`, in [0, 1] for a `CNNDigitClassifier` without one,
        and from 0 to 255 for any other classifier.
    picture : array-like of shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), Pillow image, str or PathLike
        One picture, as in :func:`find_digits`.

    Returns
    -------
    digits : ReadDigits
        The digits in reading order. Notebooks show them in the picture. The attributes are:

        lines : list of str
            The labels of each line, from top to bottom.
        labels : ndarray of shape (n,)
            Predicted label of each digit.
        probabilities : ndarray of shape (n, n_classes)
            Probability of each class, for each digit.
        boxes : ndarray of shape (n, 4), int
            Top, left, bottom and right of each digit, in pixels of the picture. Bottom and right are
            exclusive.
        line : ndarray of shape (n,), int
            Index in `lines` of each digit.
        rejected_boxes : ndarray of shape (n_rejected, 4), int
            Boxes of the marks that are not digits.
        picture : object
            The picture as passed, not a copy.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    OSError
        If a file is missing or cannot be opened.
    TypeError
        If the model is not an estimator.
    ValueError
        If the model has no `predict_proba` or was not fitted on square gray images, or the picture is not
        valid, see :func:`find_digits`.

    See Also
    --------
    find_digits : Finds the digits only.
    ReadingDisplay : Shows the picture with the labels.

    Notes
    -----
    If the classes are other than the digits 0 to 9, marks are not joined, cut or rejected, because the
    network that recognizes pieces and the detector of ``load_pretrained("mnist_novelty")`` only know digits.

    References
    ----------
    .. [1] LeCun, Y., Bottou, L., Bengio, Y. and Haffner, P., "Gradient-based learning applied to document
       recognition", Proceedings of the IEEE 86(11), 1998, section V on heuristic over-segmentation.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_mnist_cnn import load_mnist_sample, load_pretrained, read_digits
    >>> images = load_mnist_sample().x_test[:3]
    >>> page = np.pad(np.concatenate(images, axis=1), 20)
    >>> read_digits(load_pretrained(), page)
    ReadDigits(lines=['860'])
    """
    normalizer, classifier = split_normalizer(model)
    return read_decoded(normalizer, classifier, read_page(picture, "picture"), picture)


def read_decoded(normalizer: MNISTNormalizer, classifier: Any, page: Page, picture: object) -> ReadDigits:
    """Read the digits of a picture that is already decoded into a page."""
    pieces = read_pieces(page.gray, normalizer, classifier)
    is_digit = pieces.is_digit
    probabilities = pieces.probabilities[is_digit]
    labels = np.asarray(classifier.classes_)[probabilities.argmax(axis=1)]
    numbers, line = np.unique(pieces.line[is_digit], return_inverse=True)
    lines = ["".join(map(str, labels[line == number])) for number in range(len(numbers))]
    boxes, rejected_boxes = map(page.to_picture, (pieces.boxes[is_digit], pieces.rejected_boxes))
    return ReadDigits(lines, labels, probabilities, boxes, line, rejected_boxes, picture)


def _on_paper(ink):
    return np.rint(255 * (1 - np.pad(ink, _MARGIN))).astype(np.uint8)
