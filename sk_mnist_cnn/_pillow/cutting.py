"""Cut marks of touching digits along seams that cross little ink."""

from itertools import combinations
from math import ceil
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from .page import INK

_HEIGHT = 40  # of a mark in which seams are sought, in pixels; larger ones are reduced
_SLANTS = (-0.3, 0.0, 0.3)  # directions in which seams are sought, in columns per row
_STEP = 0.5  # cost of a step to the side of the direction, in pixels of full ink
_MIN_MASS = 0.025  # ink between two seams, in units of a full square with the height of the mark
_MAX_LOST = 0.005  # ink that two seams which cross each other take from both sides, in the same units
_MAX_CROSSED = 0.7  # cost of a seam, in heights of the mark
_CUTS = 4  # largest number of seams per direction in a width of the mark's height
_MAX_WIDTH = 1.5  # of a piece, in heights of the mark

SIDE = 28  # of the images that `show_in_mark` returns, in pixels
_SURROUNDINGS = 1.25  # height and width that they show, in heights of the mark


class Piece(NamedTuple):
    """A part of a mark between two seams; the first and the last seam are the edges of the mark."""

    first: int
    last: int
    ink: np.ndarray


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
    seams = find_seams(ink)
    is_left = np.arange(width) < seams[..., np.newaxis]
    pieces = [whole(ink, len(seams) - 1)]
    for first, last in combinations(range(len(seams)), 2):
        lost = ink[is_left[first] & ~is_left[last]].sum()
        part = _drop_remnants(np.where(~is_left[first] & is_left[last], ink, 0))
        is_digit_wide = 0 < extent(part, 0) < _MAX_WIDTH * height
        if is_digit_wide and lost <= _MAX_LOST * height**2 and last - first < len(seams) - 1:
            pieces.append(Piece(first, last, part))
    return pieces


def whole(ink, n_parts=1):
    """Return a mark as a piece."""
    return Piece(0, n_parts, ink)


def extent(ink, axis):
    """Return the height (axis 1) or the width (axis 0) of the ink, in pixels."""
    start, stop = ends(ink, axis)
    return stop - start


def ends(ink, axis):
    """Return the first row (axis 1) or column (axis 0) of the ink, and the one after the last."""
    places = np.flatnonzero((ink > INK).any(axis=axis))
    return (places[0], places[-1] + 1) if len(places) else (0, 0)


def show_in_mark(piece, mark):
    """Return an image of a piece in the first channel, and of the rest of its mark in the second.

    Parameters
    ----------
    piece, mark : ndarray of shape (h, w)
        Ink from 0 to 1.

    Returns
    -------
    image : ndarray of shape (SIDE, SIDE, 2), uint8
        The mark is centered vertically, and the piece horizontally.
    """
    top, bottom = ends(mark, 1)
    left, right = ends(piece, 0)
    side = ceil(max(_SURROUNDINGS * (bottom - top), 1.1 * (right - left)))
    window = (top + bottom - side) // 2, (left + right - side) // 2
    return np.stack([_show(ink, *window, side) for ink in (piece, mark - piece)], axis=-1)


def _show(ink, top, left, side):
    """Return a square of the ink that may exceed its edges, scaled to `SIDE` pixels."""
    from PIL import Image

    square = Image.fromarray(ink.astype(np.float32)).crop((left, top, left + side, top + side))
    scaled = square.resize((SIDE, SIDE), Image.Resampling.BOX if side > SIDE else Image.Resampling.BILINEAR)
    return np.rint(255 * np.clip(scaled, 0, 1)).astype(np.uint8)


def find_seams(ink):
    """Return seams from left to right, as the column of each row. The first and the last are the edges."""
    height, width = ink.shape
    sought = [seam for slant in _SLANTS for seam in _seams_along(ink, slant)]
    seams, masses = [np.zeros(height, int), np.full(height, width)], [0.0, ink.sum()]
    left_of = np.hstack([np.zeros((height, 1)), np.cumsum(ink, axis=1)])
    rows = np.arange(height)
    for _, seam in sorted(sought, key=lambda entry: entry[0]):
        to_seam = left_of[rows, seam]
        if min(np.abs(to_seam - left_of[rows, other]).sum() for other in seams) >= _MIN_MASS * height**2:
            seams.append(seam)
            masses.append(to_seam.sum())
    return np.array(seams)[np.argsort(masses, kind="stable")]


def _seams_along(ink, slant):
    """Return the cost and the columns of the cheapest seams in one direction."""
    height, width = ink.shape
    offset = np.rint(slant * np.arange(height)).astype(int)
    offset -= offset.min()
    upright = np.zeros((height, width + offset.max()))
    upright[np.arange(height)[:, np.newaxis], np.arange(width) + offset[:, np.newaxis]] = ink
    costs, seams = _upright_seams(upright, round(_CUTS * width / height))
    return zip(costs, np.clip(seams - offset, 0, width), strict=True)


def _upright_seams(ink, n_seams):
    """Return the costs and the columns of the cheapest seams from the top to the bottom."""
    factor = max(1, round(ink.shape[0] / _HEIGHT))
    rows, columns = (-(-n // factor) for n in ink.shape)
    small = np.zeros((rows * factor, columns * factor))
    small[: ink.shape[0], : ink.shape[1]] = ink
    small = small.reshape(rows, factor, columns, factor).mean(axis=(1, 3))
    down, up = _accumulate(small), _accumulate(small[::-1])
    middle = rows // 2
    cost = down[middle, 1:-1] + up[rows - 1 - middle, 1:-1] - small[middle]
    left_of = np.hstack([np.zeros((rows, 1)), np.cumsum(small, axis=1)])
    costs, masses, seams = [], [0, small.sum()], []
    for column in np.argsort(cost, kind="stable"):
        if len(seams) == n_seams or cost[column] > _MAX_CROSSED * rows:
            break
        seam = [*_trace(down[: middle + 1], column)[:0:-1], *_trace(up[: rows - middle], column)]
        mass = left_of[np.arange(rows), seam].sum()
        if min(abs(mass - other) for other in masses) >= _MIN_MASS * rows**2:
            costs.append(cost[column] / rows)
            masses.append(mass)
            seams.append(seam)
    seams = np.array(seams, int).reshape(len(seams), rows)
    return costs, np.repeat(seams * factor, factor, axis=1)[:, : ink.shape[0]]


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
