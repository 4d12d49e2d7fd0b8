"""`find_digits` finds the digits of a page."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._pillow.page import cut_out, find_marks
from ._pillow.reading import read_page

__all__ = ["find_digits"]

_MARGIN = 4  # of white around each found digit, in pixels


@dataclass(frozen=True)
class FoundDigits:
    """The digits of a page in reading order, as `find_digits` returns them.

    Attributes
    ----------
    boxes : ndarray of shape (n, 4), int
        Top, left, bottom and right of each digit, in pixels of the picture. Bottom and right are exclusive.
    line : ndarray of shape (n,), int
        Number of the line of each digit, from 0.
    images : list of n ndarrays of shape (h, w), uint8
        Each digit in dark ink on white paper, for `MNISTNormalizer`. Ruled lines and shadows are removed.
    """

    boxes: NDArray[np.int64]
    line: NDArray[np.int64]
    images: list[NDArray[np.uint8]]


def find_digits(picture: object) -> FoundDigits:
    """Find the handwritten digits of a page, without a classifier.

    Shadows, stains, ruled lines, frames and specks are left out, and broken strokes are joined. Digits that
    touch are found as one. Read more in the :ref:`User Guide <guide-reading>`.

    Parameters
    ----------
    picture : array-like of shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), Pillow image, str or PathLike
        One picture, as `MNISTNormalizer` takes them in a list: dark ink on bright paper or bright ink on
        dark paper. Digits must be at least 8 pixels high, after a reduction to at most 2,000 pixels of
        height and width.

    Returns
    -------
    digits : FoundDigits
        The boxes, lines and images of the digits, line by line, from left to right.

    Raises
    ------
    OSError
        If a file is missing or cannot be opened.
    ValueError
        If there are several pictures, the picture has another shape or too many pixels, its pixels are
        negative or not finite, or a file is damaged or not a picture.

    See Also
    --------
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
    images = [_on_paper(cut_out(marks, number)) for number in range(len(marks.boxes))]
    return FoundDigits(page.to_picture(marks.boxes), marks.line, images)


def _on_paper(ink):
    return np.rint(255 * (1 - np.pad(ink, _MARGIN))).astype(np.uint8)
