"""`find_digits` finds the digits of a page, and `read_digits` reads them as numbers with a classifier."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._fitted import Estimator, load_reader
from ._packages import pd
from ._pictures.detection import KINDS, THRESHOLD, are_accepted, detect
from ._pictures.layout import arrange, attach
from ._pictures.numbers import overlaps
from ._pictures.reading import read_page
from ._recognition import find, find_orientation, prefer_single_digit, read_numbers

__all__ = ["FoundDigits", "Number", "ReadDigits", "ReadRegions", "find_digits", "read_digits"]

_SEPARATORS = {"point": ".", "comma": ",", "dash": "-", "slash": "/"}
_SIDES = "top", "left", "bottom", "right"


@dataclass(frozen=True, eq=False)
class FoundDigits:
    """The digits of a page, as :func:`find_digits` returns them, line by line from left to right.

    Read more in the :ref:`User Guide <guide-reading>`.

    Parameters
    ----------
    boxes : ndarray of shape (n, 4), int
        Top, left, bottom and right of each digit, in pixels of the picture. Bottom and right are exclusive.
    scores : ndarray of shape (n,)
        Probability that each is one digit, in [0.5, 1].
    line_index : ndarray of shape (n,), int
        Number of the line of each digit, from 0.
    images : list of n ndarrays of shape (h, w), uint8
        Each digit in dark ink on white paper, for :class:`MNISTNormalizer`.

    Attributes
    ----------
    boxes, scores, line_index, images : ndarray, and a list of images
        The parameters.

    See Also
    --------
    find_digits : Returns this result.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_mnist_cnn import find_digits, load_mnist_sample
    >>> page = np.pad(np.concatenate(load_mnist_sample().x_test[:3], axis=1), 20)
    >>> find_digits(page).boxes.shape
    (3, 4)
    """

    boxes: NDArray[np.int64]
    scores: NDArray[np.float64]
    line_index: NDArray[np.int64]
    images: list[NDArray[np.uint8]]


@dataclass(frozen=True, eq=False)
class Number:
    """A number on a page: a run of digits without a wide gap or a ruled line between them.

    Read more in the :ref:`User Guide <guide-reading>`.

    Parameters
    ----------
    text : str
        The number as read, or the most probable one of the `candidates` that were passed.
    confidence : float
        Probability that the text is right, in [0, 1].
    box : ndarray of shape (4,), int
        Top, left, bottom and right, in pixels of the picture. Bottom and right are exclusive.
    line_index : int
        Index of the line.
    digits : ndarray of int
        Indices of its digits, from left to right.
    candidates : list of tuple (str, float)
        Texts and their probabilities, at most five: `text` first, and then the most probable others.
        Without separators, unless a list of candidates was passed.
    margin : float
        Probability of the first candidate minus that of the second one. It is negative if the second one is
        more probable.

    Attributes
    ----------
    text, confidence, box, line_index, digits, candidates, margin : as above
        The parameters.

    See Also
    --------
    ReadDigits : Has the numbers of a page.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_mnist_cnn import load_mnist_sample, load_pretrained, read_digits
    >>> page = np.pad(np.concatenate(load_mnist_sample().x_test[:3], axis=1), 20)
    >>> number = read_digits(load_pretrained(), page).numbers[0]
    >>> number.text, number.candidates[0][0], number.digits
    ('860', '860', array([0, 1, 2]))
    """

    text: str
    confidence: float
    box: NDArray[np.int64]
    line_index: int
    digits: NDArray[np.int64]
    candidates: list[tuple[str, float]]
    margin: float


@dataclass(frozen=True, eq=False, repr=False)
class ReadDigits:
    """The digits and the numbers of a page in reading order, as :func:`read_digits` returns them.

    Notebooks show them in the picture. Boxes are top, left, bottom and right in pixels of the picture; bottom
    and right are exclusive. Read more in the :ref:`User Guide <guide-reading>`.

    Parameters
    ----------
    lines : list of str
        The text of each line, from top to bottom.
    numbers : list of Number
        The numbers of all lines, with their confidence and candidates.
    labels : ndarray of shape (n,)
        Label of each digit.
    probabilities : ndarray of shape (n, n_classes)
        Probability of each class, for each digit.
    scores : ndarray of shape (n,)
        Probability that each is one whole digit, in [0, 1].
    boxes : ndarray of shape (n, 4), int
        Box of each digit.
    line_index : ndarray of shape (n,), int
        Index in `lines` of each digit.
    number_index : ndarray of shape (n,), int
        Index in `numbers` of each digit.
    separators : ndarray of shape (n_separators,), str
        ".", ",", "-" or "/" for each mark of this kind, whether it is part of a number or not.
    separator_boxes : ndarray of shape (n_separators, 4), int
        Boxes of these marks.
    rejected_boxes : ndarray of shape (n_rejected, 4), int
        Boxes of the marks that were seen and not read, such as digits that are struck out.
    orientation : int
        Angle in degrees by which the writing is turned clockwise: 0, 90, 180 or 270.
    picture : object
        The picture as passed, not a copy.

    Attributes
    ----------
    lines, numbers, labels, probabilities, scores, boxes, line_index, number_index : as above
        The parameters.
    separators, separator_boxes, rejected_boxes, orientation, picture : as above
        The parameters.

    See Also
    --------
    read_digits : Returns this result.
    ReadingDisplay : Shows the picture with the numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_mnist_cnn import load_mnist_sample, load_pretrained, read_digits
    >>> page = np.pad(np.concatenate(load_mnist_sample().x_test[:3], axis=1), 20)
    >>> digits = read_digits(load_pretrained(), page)
    >>> digits.lines, digits.labels, digits.line_index
    (['860'], array([8, 6, 0]), array([0, 0, 0]))
    """

    lines: list[str]
    numbers: list[Number]
    labels: NDArray[Any]
    probabilities: NDArray[np.floating[Any]]
    scores: NDArray[np.float64]
    boxes: NDArray[np.int64]
    line_index: NDArray[np.int64]
    number_index: NDArray[np.int64]
    separators: NDArray[np.str_]
    separator_boxes: NDArray[np.int64]
    rejected_boxes: NDArray[np.int64]
    orientation: int = 0
    picture: object = None

    def __repr__(self) -> str:
        return f"ReadDigits(lines={self.lines})"

    def to_frame(self) -> Any:
        """Return a data frame with a row for each number.

        Returns
        -------
        frame : DataFrame
            The columns are text, confidence, margin, line_index, top, left, bottom and right.

        Examples
        --------
        >>> import numpy as np
        >>> from sk_mnist_cnn import load_mnist_sample, load_pretrained, read_digits
        >>> page = np.pad(np.concatenate(load_mnist_sample().x_test[:3], axis=1), 20)
        >>> read_digits(load_pretrained(), page).to_frame().text.tolist()
        ['860']
        """
        return _to_frame(
            {"text": n.text, "confidence": n.confidence, "margin": n.margin, "line_index": n.line_index}
            | dict(zip(_SIDES, n.box.tolist(), strict=True))
            for n in self.numbers
        )

    def _repr_html_(self) -> str | None:
        if self.picture is None:
            return None
        from .plotting._page import write_html

        try:
            return write_html(read_page(self.picture, "picture"), self)
        except (ImportError, OSError):  # no matplotlib; or the file was moved or deleted
            return None


@dataclass(frozen=True, eq=False)
class ReadRegions:
    """The readings of the regions of a page, as :func:`read_digits` returns them.

    Read more in the :ref:`User Guide <guide-reading>`.

    Parameters
    ----------
    readings : dict of ReadDigits
        The reading of each region by its name. Regions that are passed in a list are numbered from 0.
    boxes : dict of ndarray of shape (4,)
        Top, left, bottom and right of each region by its name, in pixels of the picture.

    Attributes
    ----------
    readings, boxes : dict
        The parameters.

    See Also
    --------
    read_digits : Returns this result.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_mnist_cnn import load_mnist_sample, load_pretrained, read_digits
    >>> page = np.pad(np.concatenate(load_mnist_sample().x_test[:3], axis=1), 20)
    >>> fields = {"first": (0, 0, 68, 48), "others": (0, 48, 68, 124)}
    >>> read = read_digits(load_pretrained(), page, regions=fields)
    >>> read.readings["others"].lines
    ['60']
    """

    readings: dict[Any, ReadDigits]
    boxes: dict[Any, NDArray[Any]]

    def to_frame(self) -> Any:
        """Return a data frame with a row for each region, and its name as the index.

        Returns
        -------
        frame : DataFrame
            The columns are text, the numbers of the region; confidence, the probability that all are right,
            or NaN if there are none; and top, left, bottom and right of the region.

        Examples
        --------
        >>> import numpy as np
        >>> from sk_mnist_cnn import load_mnist_sample, load_pretrained, read_digits
        >>> page = np.pad(np.concatenate(load_mnist_sample().x_test[:3], axis=1), 20)
        >>> fields = {"first": (0, 0, 68, 48), "others": (0, 48, 68, 124)}
        >>> read_digits(load_pretrained(), page, regions=fields).to_frame().text.to_dict()
        {'first': '8', 'others': '60'}
        """
        rows = [
            {
                "text": " ".join(number.text for number in read.numbers),
                "confidence": float(np.prod([n.confidence for n in read.numbers]))
                if read.numbers
                else np.nan,
            }
            | dict(zip(_SIDES, self.boxes[name].tolist(), strict=True))
            for name, read in self.readings.items()
        ]
        return _to_frame(rows, index=list(self.readings))


def find_digits(picture: object) -> FoundDigits:
    """Find the handwritten digits of a page, without a classifier.

    Read more in the :ref:`User Guide <guide-reading>`.

    Parameters
    ----------
    picture : array-like of shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), Pillow image, str or PathLike
        One picture, as `MNISTNormalizer` takes them in a list: dark ink on bright paper or bright ink on
        dark paper. Digits must be more than 9 pixels high, after a reduction to at most 2,000 pixels of
        height and width.

    Returns
    -------
    digits : FoundDigits
        The digits line by line, from left to right: their boxes, scores, lines and images.

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
    >>> len(found.images), found.line_index.tolist()
    (3, [0, 0, 0])
    """
    page = read_page(picture, "picture")
    found = detect(page.gray)
    sure = np.flatnonzero(are_accepted(found))
    layout = arrange(found.boxes[sure], found.boxes[found.kinds != 0], found.rules, found.rules_scale)
    sure = sure[layout.order]
    boxes = _locate(page, found.boxes[sure], 0)
    return FoundDigits(boxes, found.scores[sure], layout.line, [found.images[i] for i in sure])


@overload
def read_digits(
    estimator: Estimator,
    picture: object,
    *,
    regions: None = None,
    candidates: Iterable[object] | None = None,
    separators: bool = False,
    orientation: int | Literal["auto"] = "auto",
) -> ReadDigits: ...
@overload
def read_digits(
    estimator: Estimator,
    picture: object,
    *,
    regions: Mapping[Any, ArrayLike] | ArrayLike,
    candidates: Iterable[object] | None = None,
    separators: bool = False,
    orientation: int | Literal["auto"] = "auto",
) -> ReadRegions: ...
def read_digits(
    estimator: Estimator,
    picture: object,
    *,
    regions: Mapping[Any, ArrayLike] | ArrayLike | None = None,
    candidates: Iterable[object] | None = None,
    separators: bool = False,
    orientation: int | Literal["auto"] = "auto",
) -> ReadDigits | ReadRegions:
    """Read the handwritten digits of a page, as numbers in lines.

    A network that ships with the package finds the digits, and `estimator` recognizes them. The text of a
    number has the digits whose score, times the square root of their highest probability, is at least 0.5:
    a mark that looks like no digit is rejected. The confidence of a number is the probability of this text
    among all texts, as the marks that were found can be separated in several ways [1]_. Read more in the
    :ref:`User Guide <guide-reading>`.

    Parameters
    ----------
    estimator : classifier with `predict_proba`
        Fitted on square gray images in MNIST's format, with or without `MNISTNormalizer` before it. The
        scale of its pixels is that of its `ImagePreprocessor`. Without one, it is [0, 1] for a
        `CNNDigitClassifier`, and for other classifiers it is found by reading known digits: from 0 to 255 or
        to 1, or to 16 for images of 8x8 pixels.
    picture : array-like of shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), Pillow image, str or PathLike
        One picture, as in :func:`find_digits`. If it shows a single digit, it is recognized as by
        `MNISTNormalizer` and the classifier.
    regions : dict of box, array-like of shape (n_regions, 4), or None, default=None
        Boxes, for example of the fields of a form, by any name or in a list: top, left, bottom and right in
        pixels of the picture. Each one is read separately: the digits whose center is in it.
    candidates : iterable of str or int, or None, default=None
        Numbers that can be on the page, such as account numbers or ``range(101)``. The text of each number is
        the most probable one of them, and separators in them are ignored.
    separators : bool, default=False
        Whether points, commas, dashes and slashes are part of the text of numbers.
    orientation : {"auto", 0, 90, 180, 270}, default="auto"
        Angle in degrees by which the writing is turned clockwise, after a file's EXIF orientation is
        applied. "auto" is 0 if the digits are read with a high confidence or are fewer than four, else the
        orientation with the highest total confidence, or 0 if another one is as likely: if its total
        confidence is 90% of the highest one, or 60% at 0.

    Returns
    -------
    digits : ReadDigits or ReadRegions
        The lines, the numbers with their confidence, and the label, probabilities and box of each digit.
        With `regions`, such a reading for each region.

    Raises
    ------
    NotFittedError
        If `estimator` is not fitted.
    OSError
        If a file is missing or cannot be opened.
    TypeError
        If `estimator` is not an estimator.
    ValueError
        If `estimator` has no `predict_proba` or was not fitted on square gray images, a region is not a box
        in the picture, a candidate is not composed of the labels of single characters of `estimator`, the
        orientation is another one, or the picture is not valid, see :func:`find_digits`.

    Warns
    -----
    UserWarning
        If two orientations are as likely.

    See Also
    --------
    find_digits : Finds the digits only.
    ReadingDisplay : Shows the picture with the numbers.

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
    >>> read_digits(load_pretrained(), page, candidates=[850, 860, 999]).numbers[0].text
    '860'
    """
    options = {"candidates": candidates, "separators": separators, "orientation": orientation}
    return _read_decoded(
        load_reader(estimator), read_page(picture, "picture"), picture, regions=regions, **options
    )


def _read_decoded(
    model, page, picture, *, regions=None, candidates=None, separators=False, orientation="auto"
):
    """Read the digits of a picture that is already decoded into a page, as `read_digits` does."""
    if orientation not in ("auto", 0, 90, 180, 270):
        raise ValueError(
            f'orientation must be "auto", 0, 90, 180 or 270, got {orientation!r}. Turn the picture before '
            "by any other angle."
        )
    boxes, candidates = _check_regions(regions, page.shape), _check_candidates(candidates, model.classes)
    found = find(page.gray, model)
    if orientation == "auto":
        orientation = find_orientation(page.gray, found, model)
    if orientation:
        found = find(np.rot90(page.gray, orientation // 90), model)
    if boxes is None:
        found = prefer_single_digit(np.rot90(page.gray, orientation // 90), found, model)
        return _read(found, model, page, picture, candidates, separators, orientation)
    readings = {}
    for name, box in boxes.items():
        middle = _locate(page, found.boxes, orientation).reshape(-1, 2, 2).mean(axis=1)
        inside = np.all((middle >= box[:2]) & (middle < box[2:]), axis=1)
        part = found.select(inside)
        readings[name] = _read(part, model, page, picture, candidates, separators, orientation)
    return ReadRegions(readings, boxes)


def _read(found, model, page, picture, candidates, separators, orientation):
    """Return the reading of the marks that were found."""
    characters = np.array([_SEPARATORS.get(kind, "") for kind in KINDS])[found.kinds]
    marks = np.flatnonzero((characters != "") & (found.scores >= THRESHOLD))
    read = read_numbers(found, marks, candidates, model.classes)
    members = np.array([i for number in read for i in number.digits], int)
    labels = model.classes[[label for number in read for label in number.labels]]
    number_index = np.repeat(np.arange(len(read)), [len(number.digits) for number in read])
    digit_of_mark = attach(found.boxes[marks], found.boxes[members])
    number_of_mark = np.append(number_index, -1)[digit_of_mark]
    lines = np.unique([number.line for number in read], return_inverse=True)[1]
    located = _locate(page, found.boxes, orientation)
    numbers = []
    for index, (number, line) in enumerate(zip(read, lines.tolist(), strict=True)):
        digits, parts = np.flatnonzero(number_index == index), list(number.digits)
        texts = dict(zip(parts, map(str, labels[digits]), strict=True))
        if separators:
            texts |= {mark: characters[mark] for mark in marks[number_of_mark == index]}
            parts = sorted(texts, key=lambda i: found.boxes[i, 1] + found.boxes[i, 3])
        text = "".join(texts[i] for i in parts) if candidates is None else number.candidates[0][0]
        box = np.append(located[parts, :2].min(axis=0), located[parts, 2:].max(axis=0))
        confidence, second = [*(probability for _, probability in number.candidates), 0.0, 0.0][:2]
        margin = confidence - second
        numbers.append(Number(text, confidence, box, line, digits, number.candidates, margin))
    covered = overlaps(found.boxes, found.boxes[members]).max(axis=1, initial=0) > 0.5
    covered &= found.kinds != KINDS.index("struck")
    rejected = found.is_first & ~covered & ~np.isin(np.arange(len(covered)), marks)
    return ReadDigits(
        lines=[
            "".join(n.text for n in numbers if n.line_index == line)
            for line in range(max(lines, default=-1) + 1)
        ],
        numbers=numbers,
        labels=labels,
        probabilities=found.probabilities[members],
        scores=found.scores[members],
        boxes=located[members],
        line_index=lines[number_index],
        number_index=number_index,
        separators=characters[marks],
        separator_boxes=located[marks],
        rejected_boxes=located[rejected],
        orientation=orientation,
        picture=picture,
    )


def _locate(page, boxes, orientation):
    """Return boxes of the turned page in pixels of the picture."""
    for turn in range(orientation // 90, 0, -1):
        top, left, bottom, right = boxes.T
        width = page.gray.shape[turn % 2]
        boxes = np.stack([left, width - bottom, right, width - top], axis=1)
    return np.rint(page.to_picture(boxes)).astype(int)


def _check_regions(regions, shape):
    """Return the box of each region by its name."""
    if regions is None:
        return None
    try:
        named = regions if isinstance(regions, Mapping) else dict(enumerate(regions))
    except TypeError as error:
        raise ValueError(
            f"regions must be a dict or a sequence of boxes, got {regions!r}. "
            'Pass {"name": (top, left, bottom, right)}.'
        ) from error
    boxes = {name: np.asarray(box) for name, box in named.items()}
    for name, box in boxes.items():
        valid = box.shape == (4,) and box.dtype.kind in "iuf"
        if not valid or not (np.all(box[:2] < box[2:]) and np.all(box[:2] < shape) and np.all(box[2:] > 0)):
            raise ValueError(
                "regions must be boxes of top < bottom and left < right in the picture of shape "
                f"{shape}, got {box.tolist()} for {name!r}. Pass (top, left, bottom, right) in pixels."
            )
    return boxes


class _Candidates(NamedTuple):
    texts: list
    strings: list  # class indices of their digits


def _check_candidates(candidates, classes):
    """Return the candidates as texts and as class indices, or None."""
    if candidates is None:
        return None
    index = {str(label): i for i, label in enumerate(classes)} | dict.fromkeys(_SEPARATORS.values())
    texts = [] if isinstance(candidates, str) else list(map(str, candidates))
    unknown = next((text for text in texts if not set(text) <= set(index)), None)
    if not texts or unknown is not None:
        got = repr(candidates) if unknown is None else repr(unknown)
        raise ValueError(
            f"candidates must be numbers composed of the labels {sorted(map(str, classes))}, got {got}. Pass "
            "a list of str or int."
        )
    return _Candidates(texts, [[index[c] for c in text if index[c] is not None] for text in texts])


def _to_frame(rows, index=None):
    return pd.DataFrame(list(rows), index)
