"""Separate digits that touch: the marks of a page are cut, and the most probable segmentation is chosen."""

from typing import NamedTuple

import numpy as np

from ._pillow.cutting import cut, extent, whole

# Of the marks that are cut: nearly all touching digits are less probably one digit, or wider.
_SURE = 0.9  # probability that a mark is one digit
_WIDE = 1.2  # in units of the height

# Weight of the probability that a piece is not the digit, compared with the probability that it is. It was
# chosen on pages of training digits.
_AGAINST = 0.3
_SMALLEST = 0.001  # probability, so that one piece does not outweigh all others


class Candidates(NamedTuple):
    """All pieces that may be digits: first the whole marks, then their parts."""

    pieces: list  # of n Piece
    mark: np.ndarray  # of shape (n,): number of the mark


def may_be_several(inks, is_one):
    """Return which marks may be several digits: wide ones, and those that are unlike a single digit.

    Parameters
    ----------
    inks : list of ndarray of shape (h, w)
        Ink of each mark.
    is_one : ndarray of shape (n,)
        Probability that a mark is exactly one digit.

    Returns
    -------
    result : ndarray of shape (n,), bool
    """
    is_wide = [extent(ink, 0) > _WIDE * extent(ink, 1) for ink in inks]
    return np.array(is_wide, bool) | (is_one < _SURE)


def find_candidates(inks, may_cut):
    """Return all marks, and the parts of those that may be cut.

    Parameters
    ----------
    inks : list of ndarray of shape (h, w)
        Ink of each mark.
    may_cut : ndarray of shape (n_marks,), bool

    Returns
    -------
    candidates : Candidates
    """
    wholes, parts, marks = [], [], list(range(len(inks)))
    for number, ink in enumerate(inks):
        first, *others = cut(ink) if may_cut[number] else [whole(ink)]
        wholes.append(first)
        parts += others
        marks += [number] * len(others)
    return Candidates(wholes + parts, np.array(marks, int))


def choose(candidates, probability):
    """Return the indices of the pieces of the most probable segmentation, from left to right in each mark.

    Parameters
    ----------
    candidates : Candidates
    probability : ndarray of shape (n,)
        Probability that a piece is exactly one digit, and has the predicted label.

    Returns
    -------
    chosen : ndarray of int
    """
    cost = _surprise(probability) - _AGAINST * _surprise(1 - probability)
    by_mark = np.argsort(candidates.mark, kind="stable")
    ends = np.cumsum(np.bincount(candidates.mark))
    chosen = [np.zeros(0, int)]
    for group in np.split(by_mark, ends[:-1]):
        pieces = [candidates.pieces[i] for i in group]
        chosen.append(group[_cheapest_path(pieces, cost[group])] if len(group) else group)
    return np.concatenate(chosen)


def _surprise(probability):
    return -np.log(np.maximum(probability, _SMALLEST))


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
