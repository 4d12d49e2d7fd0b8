"""Separate digits that touch: the marks of a page are cut, and the most probable segmentation is chosen."""

from typing import NamedTuple

import numpy as np

from ._pillow.cutting import cut, extent, whole

# Of the marks that are cut; nearly all touching digits exceed one of them.
_NOVEL = 0.7  # 1 is the limit of the detector
_WIDE = 1.2  # in units of the height

# Costs of a piece. They minimize the errors on pages of MNIST's training digits.
_PER_PIECE = 1.0  # so that a digit is cut only if its parts are clearly more probable
_PER_SURPRISE = 3.5  # per nat of surprise, the negative logarithm of the probability
_PER_NOVELTY = 9.0  # of the square above _USUAL
_USUAL = 0.35
_PER_CROSSED_INK = 0.75  # in units of the height of the mark
_PER_MISSING_HEIGHT = 4.0  # below 80% of the height of the mark
_PER_EXCESS_WIDTH = 7.0  # above the height of the piece


class Candidates(NamedTuple):
    """All pieces that may be digits: first the whole marks, then their parts."""

    pieces: list  # of n Piece
    mark: np.ndarray  # of shape (n,): number of the mark


def find_candidates(inks, novelty):
    """Cut the marks that are unlike a single digit.

    Parameters
    ----------
    inks : list of ndarray of shape (h, w)
        Ink of each mark.
    novelty : ndarray of shape (n_marks,)
        How unlike MNIST's digits each mark is.

    Returns
    -------
    candidates : Candidates
    """
    wholes, parts, marks = [], [], list(range(len(inks)))
    for number, ink in enumerate(inks):
        is_wide = extent(ink, 0) > _WIDE * extent(ink, 1)
        first, *others = cut(ink) if is_wide or novelty[number] > _NOVEL else [whole(ink)]
        wholes.append(first)
        parts += others
        marks += [number] * len(others)
    return Candidates(wholes + parts, np.array(marks, int))


def choose(candidates, probabilities, novelty):
    """Return the indices of the pieces of the most probable segmentation, from left to right in each mark.

    Parameters
    ----------
    candidates : Candidates
    probabilities : ndarray of shape (n, n_classes)
    novelty : ndarray of shape (n,)

    Returns
    -------
    chosen : ndarray of int
    """
    cost = _cost(candidates, probabilities, novelty)
    by_mark = np.argsort(candidates.mark, kind="stable")
    ends = np.cumsum(np.bincount(candidates.mark))
    chosen = [np.zeros(0, int)]
    for group in np.split(by_mark, ends[:-1]):
        pieces = [candidates.pieces[i] for i in group]
        chosen.append(group[_cheapest_path(pieces, cost[group])] if len(group) else group)
    return np.concatenate(chosen)


def _cost(candidates, probabilities, novelty):
    pieces = candidates.pieces
    height, width = (np.array([extent(piece.ink, axis) for piece in pieces]) for axis in (1, 0))
    crossed = np.array([piece.crossed for piece in pieces])
    return (
        _PER_PIECE
        - _PER_SURPRISE * np.log(np.maximum(probabilities.max(axis=1, initial=0), 0.003))
        + _PER_NOVELTY * np.maximum(novelty - _USUAL, 0) ** 2
        + _PER_CROSSED_INK * crossed
        + _PER_MISSING_HEIGHT * np.maximum(0.8 - height / height[candidates.mark], 0)
        + _PER_EXCESS_WIDTH * np.maximum(width / np.maximum(height, 1) - 1, 0)
    )


def _cheapest_path(pieces, cost):
    """Return the indices of the pieces from the left to the right edge of a mark with the smallest cost."""
    n_seams = pieces[0].last
    best, reached_by = [0.0] + [np.inf] * n_seams, {}
    for i in sorted(range(len(pieces)), key=lambda i: pieces[i].last):
        total = best[pieces[i].first] + cost[i]
        if total < best[pieces[i].last]:
            best[pieces[i].last], reached_by[pieces[i].last] = total, i
    path, seam = [], n_seams
    while seam > 0:
        path.append(reached_by[seam])
        seam = pieces[path[-1]].first
    return np.array(path[::-1], int)
