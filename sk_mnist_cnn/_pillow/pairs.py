"""Pairs of boxes that are near each other. All pairs of thousands of boxes would take much memory."""

from typing import NamedTuple

import numpy as np
from scipy import sparse


class Pairs(NamedTuple):
    """Pairs of boxes, and the sizes of each pair. All are arrays of shape (n_pairs,)."""

    first: np.ndarray  # index of a box
    second: np.ndarray  # a larger index
    larger: np.ndarray  # of both heights
    smaller: np.ndarray
    height: np.ndarray  # of both boxes together
    width: np.ndarray
    beside: np.ndarray  # number of common rows, or the negative vertical distance
    above: np.ndarray  # number of common columns, or the negative horizontal distance

    def select(self, is_selected):
        """Return some of the pairs."""
        return Pairs(*(values[is_selected] for values in self))


def near_vertically(boxes, distance=0):
    """Return all pairs of boxes whose vertical distance is at most `distance` pixels."""
    order = np.argsort(boxes[:, 0], kind="stable")
    top, bottom = boxes[order][:, [0, 2]].T
    n_below = np.searchsorted(top, bottom + distance, side="right") - np.arange(1, len(boxes) + 1)
    before = np.repeat(np.arange(len(boxes)), n_below)
    after = before + 1 + np.arange(len(before)) - np.repeat(np.cumsum(n_below) - n_below, n_below)
    pairs = np.sort(order[np.stack([before, after])], axis=0)
    top, left, bottom, right = boxes[pairs].transpose(2, 0, 1)
    return Pairs(
        *pairs,
        larger=(bottom - top).max(axis=0),
        smaller=(bottom - top).min(axis=0),
        height=bottom.max(axis=0) - top.min(axis=0),
        width=right.max(axis=0) - left.min(axis=0),
        beside=bottom.min(axis=0) - top.max(axis=0),
        above=right.min(axis=0) - left.max(axis=0),
    )


def neighbors(boxes):
    """Return the pairs of boxes that are beside each other in a line of text."""
    pairs = near_vertically(boxes)
    return pairs.select((pairs.beside >= 0.5 * pairs.smaller) & (pairs.above > -4 * pairs.larger))


def heights_beside(boxes):
    """Return an array for each box, with the heights of the boxes beside it and its own."""
    pairs, own = neighbors(boxes), np.arange(len(boxes))
    one = np.concatenate([own, pairs.first, pairs.second])
    other = np.concatenate([own, pairs.second, pairs.first])
    height = boxes[:, 2] - boxes[:, 0]
    order = np.argsort(one, kind="stable")
    return np.split(height[other[order]], np.cumsum(np.bincount(one)))[:-1]


def connect(pairs, n_boxes):
    """Return the number of the group of each box. Boxes that are connected by pairs are in the same group."""
    graph = sparse.coo_array((np.ones(len(pairs.first)), pairs[:2]), (n_boxes, n_boxes))
    return sparse.csgraph.connected_components(graph, directed=False)[1]
