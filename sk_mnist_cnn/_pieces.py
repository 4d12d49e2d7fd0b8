"""Cut the marks of a page into digits, and classify these. `read_digits` and the drawing page use it."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ._mnist_models import predict_proba
from ._pillow.cutting import ends, show_in_mark
from ._pillow.mnist_format import normalize_ink
from ._pillow.page import cut_out, find_marks, window
from ._segmentation import choose, find_candidates, may_be_several
from .normalization import MNISTNormalizer
from .pretrained import load_pretrained, read_shipped

_MNIST = MNISTNormalizer()  # the format of the images for which the detector was fitted
# A piece that is not a digit, by the detector or by the network for pieces.
_TOO_NOVEL = 1.3
_TOO_UNLIKELY = 0.1  # probability that it is exactly one digit


class Pieces(NamedTuple):
    """All marks of a page in reading order, cut into digits."""

    boxes: np.ndarray  # of shape (n, 4): top, left, bottom, right
    line: np.ndarray  # of shape (n,): number of the line
    probabilities: np.ndarray  # of shape (n, n_classes)
    is_digit: np.ndarray  # of shape (n,): False for all pieces of a mark if one of them is not a digit
    rejected_boxes: np.ndarray  # of shape (n_rejected, 4): the marks with a piece that is not a digit


def read_pieces(gray, normalizer, classifier):
    """Find the marks of a page, cut them into digits, and classify these.

    Parameters
    ----------
    gray : ndarray of shape (h, w), float32
        Gray levels in [0, 1].
    normalizer : MNISTNormalizer
        Its format is that of the images on which the classifier was fitted.
    classifier : classifier with `predict_proba`
        Without a normalizer.

    Returns
    -------
    pieces : Pieces
    """
    marks = find_marks(gray)
    inks = [cut_out(marks, number) for number in range(len(marks.boxes))]
    are_digits = set(map(str, classifier.classes_)) <= set("0123456789")
    is_one = _is_one(inks, inks) if are_digits else np.ones(len(inks))
    candidates = find_candidates(inks, may_be_several(inks, is_one) & are_digits)
    pieces, mark = [piece.ink for piece in candidates.pieces], candidates.mark
    parts = slice(len(inks), None)
    is_one = np.append(is_one, _is_one(pieces[parts], [inks[number] for number in mark[parts]]))
    images = _normalize(pieces, normalizer)
    probabilities = predict_proba(classifier, images)
    chosen = choose(candidates, probabilities, is_one)
    rejected = np.zeros(0, int)
    if are_digits:
        is_mnist = (normalizer.size, normalizer.box) == (_MNIST.size, _MNIST.box)
        images = images[chosen] if is_mnist else _normalize([pieces[i] for i in chosen], _MNIST)
        is_other = (_novelty(images) > _TOO_NOVEL) | (is_one[chosen] < _TOO_UNLIKELY)
        rejected = np.unique(mark[chosen][is_other])
    mark = mark[chosen]
    return Pieces(
        boxes=_locate([pieces[i] for i in chosen], mark, marks),
        line=marks.line[mark],
        probabilities=probabilities[chosen],
        is_digit=~np.isin(mark, rejected),
        rejected_boxes=_locate([inks[i] for i in rejected], rejected, marks),
    )


def _is_one(pieces, marks):
    """Return the probability that a piece of a mark is exactly one digit, for each pair of both."""
    if not pieces:
        return np.zeros(0)
    images = np.stack([show_in_mark(*pair) for pair in zip(pieces, marks, strict=True)])
    return _load_piece_classifier().predict_proba(images / np.float32(255))[:, 1]


@lru_cache(maxsize=1)
def _load_piece_classifier():
    return read_shipped("mnist_pieces.skops")


def _normalize(inks, normalizer):
    """Return digits in MNIST's format, of shape (n, size, size), uint8."""
    size, box = normalizer.size, normalizer.box
    images = [normalize_ink(ink / ink.max(), size, box) for ink in inks]
    return np.array(images, np.uint8).reshape(-1, size, size)


@lru_cache(maxsize=1)
def load_detector():
    """Return the detector of `load_pretrained`, which is loaded once per process and must not be changed."""
    return load_pretrained("mnist_novelty")


def _novelty(images):
    """Return how unlike MNIST's digits images are, from 0; above 1, the detector labels them as outliers."""
    if not len(images):
        return np.zeros(0)
    detector = load_detector()
    # The score is a product of two distances.
    return np.sqrt(detector.score_samples(images) / detector.offset_)


def _locate(pieces, mark, marks):
    """Return the boxes of pieces of marks, in pixels of the reduced page."""
    boxes = np.zeros((len(pieces), 4), int)
    for box, ink, number in zip(boxes, pieces, mark, strict=True):
        rows, columns = window(marks, number)
        (top, bottom), (left, right) = ends(ink, 1), ends(ink, 0)
        box[:] = rows.start + top, columns.start + left, rows.start + bottom, columns.start + right
    return boxes
