"""Cut marks of touching digits along seams that cross little ink."""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from .page import INK

_HEIGHT = 40  # of a mark in which seams are sought, in pixels; larger ones are reduced
_STEP = 0.05  # cost of a step to the side, in pixels of full ink
_MIN_MASS = 0.025  # ink between two seams, in units of a full square with the height of the mark
_MAX_CROSSED = 0.35  # ink that a seam crosses, in heights of the mark
_CUTS = 4  # largest number of seams in a width of the mark's height
_MAX_WIDTH = 1.5  # of a piece, in heights of the mark


class Piece(NamedTuple):
    """A part of a mark between two seams; the first and the last seam are the edges of the mark."""

    first: int
    last: int
    ink: np.ndarray
    crossed: float  # ink that the two seams cross, in heights of the mark


def cut(ink):
    """Return the pieces of a mark between all pairs of seams, the whole mark first.

    Parameters
    ----------
    ink : ndarray of shape (h, w)

    Returns
    -------
    pieces : list of Piece
    """
    height, width = ink.shape
    seams, crossed = find_seams(ink, round(_CUTS * width / height))
    seams = np.vstack([np.zeros(height, int), *seams, np.full(height, width)])
    crossed = np.concatenate([[0.0], crossed, [0.0]])
    columns = np.arange(width)
    pieces = [whole(ink, len(seams) - 1)]
    for first, last in combinations(range(len(seams)), 2):
        between = (columns >= seams[first][:, np.newaxis]) & (columns < seams[last][:, np.newaxis])
        part = _drop_remnants(np.where(between, ink, 0))
        is_digit_wide = 0 < extent(part, 0) < _MAX_WIDTH * height
        if is_digit_wide and last - first < len(seams) - 1:
            pieces.append(Piece(first, last, part, crossed[first] + crossed[last]))
    return pieces


def whole(ink, n_parts=1):
    """Return a mark as a piece."""
    return Piece(0, n_parts, ink, 0.0)


def extent(ink, axis):
    """Return the height (axis 1) or the width (axis 0) of the ink, in pixels."""
    places = np.flatnonzero((ink > INK).any(axis=axis))
    return places[-1] - places[0] + 1 if len(places) else 0


def find_seams(ink, n_seams):
    """Return the best seams from left to right, as the column of each row, and the ink that they cross."""
    factor = max(1, round(ink.shape[0] / _HEIGHT))
    rows, columns = (-(-n // factor) for n in ink.shape)
    small = np.zeros((rows * factor, columns * factor))
    small[: ink.shape[0], : ink.shape[1]] = ink
    small = small.reshape(rows, factor, columns, factor).mean(axis=(1, 3))
    down, up = _accumulate(small), _accumulate(small[::-1])
    middle = rows // 2
    cost = down[middle, 1:-1] + up[rows - 1 - middle, 1:-1] - small[middle]
    left_of = np.hstack([np.zeros((rows, 1)), np.cumsum(small, axis=1)])
    chosen = []  # (ink left of the seam, cost, seam)
    for column in np.argsort(cost, kind="stable"):
        if len(chosen) == n_seams or cost[column] > _MAX_CROSSED * rows:
            break
        seam = [*_trace(down[: middle + 1], column)[:0:-1], *_trace(up[: rows - middle], column)]
        mass = left_of[np.arange(rows), seam].sum()
        others = [0, small.sum(), *(other for other, _, _ in chosen)]
        if min(abs(mass - other) for other in others) >= _MIN_MASS * rows**2:
            chosen.append((mass, cost[column] / rows, seam))
    chosen.sort(key=lambda entry: entry[0])
    seams = np.array([seam for _, _, seam in chosen], int).reshape(len(chosen), rows)
    seams = np.repeat(seams * factor, factor, axis=1)[:, : ink.shape[0]]
    return np.maximum.accumulate(seams, axis=0), np.array([crossed for _, crossed, _ in chosen])


def _accumulate(ink):
    """Return the cost of the best path from the first row to each pixel, with a margin of infinity."""
    cost = np.full((len(ink), ink.shape[1] + 2), np.inf)
    cost[0, 1:-1] = ink[0]
    for row in range(1, len(ink)):
        above = cost[row - 1]
        aside = np.minimum(above[:-2], above[2:]) + _STEP
        cost[row, 1:-1] = ink[row] + np.minimum(above[1:-1], aside)
    return cost


def _trace(cost, column):
    """Return the columns of the best path from a pixel of the last row back to the first row."""
    path = [int(column)]
    for above in cost[-2::-1]:
        left, middle, right = above[column : column + 3]
        if middle > min(left, right) + _STEP:
            column += 1 if right < left else -1
        path.append(int(column))
    return path


def _drop_remnants(ink):
    """Drop connected parts with less than 5% of the ink."""
    labels, n_parts = ndimage.label(ink > INK, np.ones((3, 3)))
    if n_parts < 2:
        return ink
    masses = np.bincount(labels.ravel(), ink.ravel())
    masses[0] = 0
    small = (masses > 0) & (masses < 0.05 * masses.sum())
    near = ndimage.binary_dilation(small[labels], np.ones((3, 3)))
    return np.where(near & (labels == 0) | small[labels], 0, ink)
