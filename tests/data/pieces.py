"""Images of pieces of ink, from pages composed of MNIST's digits, and from pages without upright digits.

The network that recognizes pieces which are exactly one digit is trained on them, and the classifier on
those that are.
"""

from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from scipy import ndimage

from sk_mnist_cnn import MNISTNormalizer
from sk_mnist_cnn._pieces import normalize
from sk_mnist_cnn._pillow.cutting import SIDE, cut, show_in_mark
from sk_mnist_cnn._pillow.page import INK, cut_out_all, find_marks, window
from tests.benchmarks.pages import compose_clutter, compose_pages

TOUCHING = 0.5  # share of neighbors
_PART, _WHOLE = 0.6, 0.85  # overlap with a digit, below which a piece is none, and above which it is one
_PER_TASK = 2_000  # digits
_UPRIGHT_ONLY = (2, 3, 4, 5, 6, 7, 9)  # no digits if they are turned by a quarter
_PAGES_PER_TASK = 20  # of clutter
_CLUTTER_WEIGHT = 5  # sample weight; only a few pieces of clutter look like the strokes of digits
NO_DIGIT = 10  # label of a piece that is not exactly one digit


class Pieces(NamedTuple):
    """Pieces of the marks of pages."""

    images: np.ndarray  # of shape (n, SIDE, SIDE, 2), uint8, as `show_in_mark` returns them
    overlap: np.ndarray  # of shape (n,): intersection over union, in ink, with the digit it overlaps most
    labels: np.ndarray  # of shape (n,): of this digit
    digits: np.ndarray  # of shape (m, 28, 28), uint8: the pieces that are one digit, in MNIST's format

    @property
    def digit_labels(self):
        """The labels of `digits`, of shape (m,)."""
        return self.labels[self.overlap > _WHOLE]


def write_and_cut(images, labels):
    """Return pieces of pages on which every image of a digit occurs once."""
    parts = [slice(start, start + _PER_TASK) for start in range(0, len(images), _PER_TASK)]
    tasks = (delayed(_of_pages)(images[part], labels[part], part.start) for part in parts)
    return Pieces(*map(np.concatenate, zip(*Parallel(n_jobs=-1)(tasks), strict=True)))


def turn_and_cut(images, labels):
    """Return pieces of pages of digits that lie on their side, none of which is a digit."""
    can_turn = np.isin(labels, _UPRIGHT_ONLY)
    images, labels = images[can_turn], labels[can_turn]
    turned = np.concatenate([np.rot90(images[::2], axes=(1, 2)), np.rot90(images[1::2], -1, axes=(1, 2))])
    return _without_digits(write_and_cut(turned, np.concatenate([labels[::2], labels[1::2]])).images)


def draw_clutter(n_pages):
    """Return pieces of pages without digits, and their mirror images."""
    seeds = range(10_000, 10_000 + n_pages // _PAGES_PER_TASK)
    images = np.concatenate(Parallel(n_jobs=-1)(delayed(_of_clutter)(seed) for seed in seeds))
    images = np.concatenate([images, images[:, ::-1]])
    images = np.concatenate([images, images[:, :, ::-1]])
    return _without_digits(images)


def label_pieces(written, turned, clutter):
    """Return images of pieces, which digit each one is, and their sample weights.

    Parameters
    ----------
    written, turned, clutter : Pieces

    Returns
    -------
    X : ndarray of shape (n, SIDE, SIDE, 2), float32
        Pixels from 0 to 1.
    y : ndarray of shape (n,), int
        The digit, or `NO_DIGIT`.
    sample_weight : ndarray of shape (n,), float32
        A piece whose overlap is between the limits is in `X` with both labels.
    """
    parts = [(part.images, part.overlap, part.labels) for part in (written, turned, clutter)]
    images, overlap, labels = map(np.concatenate, zip(*parts, strict=True))
    weight = np.ones(len(images))
    weight[-len(clutter.images) :] = _CLUTTER_WEIGHT
    is_one = np.clip((overlap - _PART) / (_WHOLE - _PART), 0, 1)
    positive, negative = is_one > 0, is_one < 1
    y = np.append(labels[positive], np.full(negative.sum(), NO_DIGIT))
    sample_weight = np.concatenate([(is_one * weight)[positive], ((1 - is_one) * weight)[negative]])
    X = np.concatenate([images[positive], images[negative]]) / np.float32(255)
    return X, y, sample_weight.astype(np.float32)


def _without_digits(images):
    n = len(images)
    return Pieces(images, np.zeros(n), np.zeros(n, int), np.zeros((0, 28, 28), np.uint8))


def _of_pages(images, labels, seed):
    random, shown, overlaps, digits, owners = np.random.default_rng(seed), [], [], [], []
    for page in compose_pages(images, labels, touching=TOUCHING, random_state=random):
        written = np.array(list("".join(page.lines)), int)
        for mark, pieces, owner in _cut_marks(page.picture, page.owner):
            overlap, nearest = _overlap(pieces, mark, owner)
            is_single = len(np.unique(owner[mark > INK])) < 3
            for number, (piece, share) in enumerate(zip(pieces, overlap, strict=True)):
                rate = (0.3 if is_single else 1) * (1 if share > _PART else 0.25)
                if number == 0 or random.random() < rate:  # the whole mark, or some of its parts
                    shown.append(show_in_mark(piece, mark))
                    overlaps.append(share)
                    owners.append(written[nearest[number]])
                    if share > _WHOLE:
                        digits.append(piece)
    digits = normalize(digits, MNISTNormalizer())
    return Pieces(np.array(shown), np.array(overlaps), np.array(owners), digits)


def _of_clutter(seed):
    random, shown = np.random.default_rng(seed), []
    for picture in compose_clutter(_PAGES_PER_TASK, random_state=seed):
        for mark, pieces, _ in _cut_marks(picture, np.zeros(picture.shape)):
            for number, piece in enumerate(pieces):
                if number == 0 or random.random() < 0.25:
                    shown.append(show_in_mark(piece, mark))
    return np.array(shown, np.uint8).reshape(-1, SIDE, SIDE, 2)


def _cut_marks(picture, owner):
    """Yield the ink of each mark of a page, the ink of its pieces, and the part of `owner` in its window."""
    marks = find_marks(picture / np.float32(255))
    for number, mark in enumerate(cut_out_all(marks)):
        yield mark, [piece.ink for piece in cut(mark)], owner[window(marks, number)]


def _overlap(pieces, mark, owner):
    """Return the largest intersection over union of each piece with a digit, in ink, and this digit."""
    if (owner < 0).all():
        return np.zeros(len(pieces)), np.zeros(len(pieces), int)
    places = ndimage.distance_transform_edt(owner < 0, return_distances=False, return_indices=True)
    nearest = owner[tuple(places)].ravel()
    whole = np.bincount(nearest, mark.ravel())
    common = np.array([np.bincount(nearest, piece.ravel(), len(whole)) for piece in pieces])
    union = whole + common.sum(axis=1, keepdims=True) - common
    overlap = common / np.maximum(union, 1e-9)
    return overlap.max(axis=1), overlap.argmax(axis=1)
