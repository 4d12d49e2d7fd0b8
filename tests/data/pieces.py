"""Images of pieces of ink, of which some are exactly one digit, from pages composed of MNIST's digits."""

import numpy as np
from joblib import Parallel, delayed
from scipy import ndimage

from sk_mnist_cnn._pillow.cutting import cut, show_in_mark
from sk_mnist_cnn._pillow.page import INK, cut_out, find_marks, window
from tests.benchmarks.pages import compose_pages

TOUCHING = 0.5  # share of neighbors
_PART, _WHOLE = 0.6, 0.85  # overlap with a digit, below which a piece is none, and above which it is one
_PER_TASK = 2_000  # digits


def make_pieces(images, labels):
    """Return images of pieces, whether each is exactly one digit, and their sample weights.

    Returns
    -------
    X : ndarray of shape (n, 28, 28, 2), float32
        As `show_in_mark` returns them, from 0 to 1.
    y : ndarray of shape (n,), int
    sample_weight : ndarray of shape (n,), float32
        A piece whose overlap is between the limits is in `X` with both labels.
    """
    starts = range(0, len(images), _PER_TASK)
    parts = (slice(start, start + _PER_TASK) for start in starts)
    tasks = (delayed(_of_pages)(images[part], labels[part], part.start) for part in parts)
    X, overlap = map(np.concatenate, zip(*Parallel(n_jobs=-1)(tasks), strict=True))
    is_one = np.clip((overlap - _PART) / (_WHOLE - _PART), 0, 1)
    positive, negative = is_one > 0, is_one < 1
    y = np.repeat([1, 0], [positive.sum(), negative.sum()])
    weight = np.concatenate([is_one[positive], 1 - is_one[negative]])
    return np.concatenate([X[positive], X[negative]]) / np.float32(255), y, weight.astype(np.float32)


def _of_pages(images, labels, seed):
    random, shown, overlaps = np.random.default_rng(seed), [], []
    for page in compose_pages(images, labels, touching=TOUCHING, random_state=seed):
        marks = find_marks(page.picture / np.float32(255))
        for number in range(len(marks.boxes)):
            mark, owner = cut_out(marks, number), page.owner[window(marks, number)]
            pieces = [piece.ink for piece in cut(mark)]
            overlap = _overlap(pieces, mark, owner)
            is_single = len(np.unique(owner[mark > INK])) < 3
            for piece, share in zip(pieces, overlap, strict=True):
                if random.random() < (0.3 if is_single else 1) * (1 if share > _PART else 0.25):
                    shown.append(show_in_mark(piece, mark))
                    overlaps.append(share)
    return np.array(shown), np.array(overlaps)


def _overlap(pieces, mark, owner):
    """Return the intersection over union, in ink, of each piece and the digit that it overlaps most."""
    if (owner < 0).all():
        return np.zeros(len(pieces))
    places = ndimage.distance_transform_edt(owner < 0, return_distances=False, return_indices=True)
    nearest = owner[tuple(places)].ravel()
    whole = np.bincount(nearest, mark.ravel())
    common = np.array([np.bincount(nearest, piece.ravel(), len(whole)) for piece in pieces])
    union = whole + common.sum(axis=1, keepdims=True) - common
    return (common / np.maximum(union, 1e-9)).max(axis=1)
