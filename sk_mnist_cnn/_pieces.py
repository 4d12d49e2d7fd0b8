"""Join and cut the marks of a page, and classify the digits. `read_digits` and the drawing page use it."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ._pillow.cutting import ends, show_in_mark
from ._pillow.joining import find_parts_of_one
from ._pillow.mnist_format import normalize_ink
from ._pillow.page import cut_out, cut_out_all, find_marks, join, window
from ._segmentation import choose, find_candidates, may_be_several
from .normalization import MNISTNormalizer
from .pretrained import load_pretrained, read_shipped

_MNIST = MNISTNormalizer()  # the format of the images for which the detector was fitted
# A piece that is not a digit, by the detector or by the network for pieces.
_TOO_NOVEL = 1.3
_TOO_UNLIKELY = 0.03  # probability that it is exactly one digit

_SURE = 0.95  # probability that both marks of a pair are digits, from which they are not joined


class Pieces(NamedTuple):
    """All marks of a page in reading order, joined and cut into digits."""

    boxes: np.ndarray  # of shape (n, 4): top, left, bottom, right
    line: np.ndarray  # of shape (n,): number of the line
    probabilities: np.ndarray  # of shape (n, n_classes)
    is_digit: np.ndarray  # of shape (n,): False for all pieces of a mark if one of them is not a digit
    rejected_boxes: np.ndarray  # of shape (n_rejected, 4): the marks with a piece that is not a digit


def read_pieces(gray, normalizer, classifier):
    """Find the marks of a page, join and cut them into digits, and classify these.

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
    inks = cut_out_all(marks)
    if set(map(str, classifier.classes_)) <= set("0123456789"):
        marks, inks, digit_of_mark = _join_broken_digits(marks, inks)
        read = _cut_and_read(inks, digit_of_mark, normalizer, classifier)
    else:
        read = _read(inks, normalizer, classifier)
    rejected = np.unique(read.mark[~read.is_digit])
    return Pieces(
        boxes=_locate(read.inks, read.mark, marks),
        line=marks.line[read.mark],
        probabilities=read.probabilities,
        is_digit=~np.isin(read.mark, rejected),
        rejected_boxes=_locate([inks[i] for i in rejected], rejected, marks),
    )


def find_pieces(gray):
    """Return the boxes and the ink of the pieces of a page, and which of them are digits."""
    marks, inks, digit_of_mark = _join_broken_digits(marks := find_marks(gray), cut_out_all(marks))
    read = _cut_and_read(inks, digit_of_mark, MNISTNormalizer(), load_pretrained())
    is_digit = ~np.isin(read.mark, read.mark[~read.is_digit])
    return _locate(read.inks, read.mark, marks), [ink / max(ink.max(), 0.1) for ink in read.inks], is_digit


class _Read(NamedTuple):
    inks: list  # of n ndarrays of shape (h, w): the pieces
    mark: np.ndarray  # of shape (n,): number of the mark of each piece
    probabilities: np.ndarray  # of shape (n, n_classes)
    is_digit: np.ndarray  # of shape (n,)


def _read(inks, normalizer, classifier):
    """Classify marks as they are: the network for pieces and the detector only know digits."""
    probabilities = predict_proba(classifier, normalize(inks, normalizer))
    return _Read(inks, np.arange(len(inks)), probabilities, np.ones(len(inks), bool))


def _join_broken_digits(marks, inks):
    """Join the parts of broken digits; return the marks, their ink and the probabilities of `_recognize`."""
    digit_of_mark = _recognize(inks, inks)
    pairs = _find_broken_digits(marks, digit_of_mark.sum(axis=1))
    if len(pairs):
        marks = join(marks, pairs)
        inks = cut_out_all(marks)
        digit_of_mark = _recognize(inks, inks)
    return marks, inks, digit_of_mark


def _find_broken_digits(marks, is_one):
    """Return pairs of marks and fragments whose joined ink is more probably one digit than each of them.

    If only one of the two may be a digit, the probability of the other one does not matter.
    """
    pairs = find_parts_of_one(marks.boxes, len(marks.line))
    is_one = np.append(is_one, np.zeros(len(marks.boxes) - len(is_one)))[pairs]
    is_none = is_one < _TOO_UNLIKELY
    apart = np.where(is_none, 1, is_one).prod(axis=1) * ~is_none.all(axis=1)
    pairs, apart = pairs[apart < _SURE], apart[apart < _SURE]
    inks = [cut_out(marks, *pair) for pair in pairs]
    together = _recognize(inks, inks).sum(axis=1)
    is_broken = together > np.maximum(apart, 0.5)
    broken, used = [], set()
    for pair in pairs[is_broken][np.argsort(-together[is_broken])]:
        if used.isdisjoint(pair):
            broken.append(pair)
            used.update(pair)
    return np.array(broken, int).reshape(-1, 2)


def _cut_and_read(inks, digit_of_mark, normalizer, classifier):
    """Cut marks into digits, and classify these."""
    candidates = find_candidates(inks, may_be_several(inks, digit_of_mark.sum(axis=1)))
    pieces, mark = [piece.ink for piece in candidates.pieces], candidates.mark
    parts = slice(len(inks), None)
    digit_of_part = _recognize(pieces[parts], [inks[number] for number in mark[parts]])
    digit = np.concatenate([digit_of_mark, digit_of_part])
    images = normalize(pieces, normalizer)
    probabilities = predict_proba(classifier, images)
    columns = [int(str(label)) for label in classifier.classes_]
    chosen = choose(candidates, np.sum(probabilities * digit[:, columns], axis=1))
    inks = [pieces[i] for i in chosen]
    is_mnist = (normalizer.size, normalizer.box) == (_MNIST.size, _MNIST.box)
    novelty = _novelty(images[chosen] if is_mnist else normalize(inks, _MNIST))
    is_digit = (novelty <= _TOO_NOVEL) & (digit[chosen].sum(axis=1) >= _TOO_UNLIKELY)
    return _Read(inks, mark[chosen], probabilities[chosen], is_digit)


def _recognize(pieces, marks):
    """Return the probabilities that a piece of a mark is exactly one digit, for each digit.

    Returns
    -------
    probabilities : ndarray of shape (n, 10)
    """
    if not pieces:
        return np.zeros((0, 10))
    images = np.stack([show_in_mark(*pair) for pair in zip(pieces, marks, strict=True)])
    return _load_piece_classifier().predict_proba(images / np.float32(255))[:, :10]


@lru_cache(maxsize=1)
def _load_piece_classifier():
    return read_shipped("mnist_pieces.skops")


def normalize(inks, normalizer):
    """Return digits in MNIST's format, of shape (n, size, size), uint8."""
    size, box = normalizer.size, normalizer.box
    images = [normalize_ink(ink / ink.max(), size, box) for ink in inks]
    return np.array(images, np.uint8).reshape(-1, size, size)


def predict_proba(model, images):
    """Return the probabilities of images from 0 to 255."""
    return np.asarray(model.predict_proba(images)) if len(images) else np.zeros((0, len(model.classes_)))


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
