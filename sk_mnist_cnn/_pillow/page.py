"""Find the marks of a page that may be digits: connected ink, joined where strokes are broken, in lines."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage
from scipy.sparse import csgraph

from .ink import find_page_ink
from .joining import MIN_HEIGHT, join_by_faint_ink, join_halves, join_small_parts, neighbors, unite
from .strokes import are_strokes

INK = 0.3  # from which a pixel belongs to a stroke


class Marks(NamedTuple):
    """Marks in reading order, and their ink."""

    ink: np.ndarray  # of shape (h, w), from 0 to 1
    labels: np.ndarray  # of shape (h, w): the number of the mark to which a pixel belongs, or -1
    boxes: np.ndarray  # of shape (n, 4): top, left, bottom, right
    line: np.ndarray  # of shape (n,): number of the line


def find_marks(gray):
    """Return the marks of a page."""
    ink, lines, noise = find_page_ink(gray)
    labels, n_parts = ndimage.label(ink > max(INK, 3 * noise), np.ones((3, 3)))
    boxes, areas = _measure(labels, n_parts)
    keep = are_strokes(ink, lines, noise, labels, boxes, areas)
    group = np.where(keep, np.arange(n_parts), -1)
    group = join_by_faint_ink(ink, max(0.5 * INK, 2 * noise), labels, boxes, group)
    boxes, group = unite(boxes, join_small_parts(labels, boxes, areas, group))
    boxes, joined = unite(boxes, join_halves(boxes))
    group = np.append(joined, -1)[group]
    line = _find_lines(boxes)
    order, line = _reading_order(boxes, line, _is_high(boxes))
    number = np.full(len(boxes) + 1, -1)
    number[order] = np.arange(len(order))
    return Marks(ink, np.append(-1, number[group])[labels], boxes[order], line)


def _measure(labels, n_parts):
    """Return the boxes and the numbers of pixels of connected parts."""
    places = ndimage.find_objects(labels)
    boxes = [[rows.start, columns.start, rows.stop, columns.stop] for rows, columns in places]
    return np.array(boxes, int).reshape(-1, 4), np.bincount(labels.ravel(), minlength=n_parts + 1)[1:]


def _find_lines(boxes):
    """Return the line of each mark: neighbors of similar height are in one line."""
    beside, larger, smaller = neighbors(boxes)
    return csgraph.connected_components(beside & (larger < 2.5 * smaller), directed=False)[1]


def _is_high(boxes):
    """Return which marks are high enough, in pixels and compared with the marks beside them."""
    beside, larger, _ = neighbors(boxes)
    height = boxes[:, 2] - boxes[:, 0]
    surroundings = [np.median(larger[i][beside[i]]) for i in range(len(boxes))]
    return (height >= MIN_HEIGHT) & (height >= 0.4 * np.array(surroundings))


def _reading_order(boxes, line, keep):
    """Return the indices of the marks to keep, and their lines, from the top and from the left."""
    kept = np.flatnonzero(keep)
    middle = boxes[kept][:, [0, 2]].mean(axis=1)
    _, line = np.unique(line[kept], return_inverse=True)
    height = np.bincount(line, middle) / np.maximum(np.bincount(line), 1)
    rank = np.argsort(np.argsort(height))[line]
    order = np.lexsort((boxes[kept, 1], rank))
    return kept[order], rank[order]


def window(marks, number):
    """Return the rows and the columns of one mark, with a margin of one pixel."""
    top, left, bottom, right = marks.boxes[number]
    return np.s_[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1]


def cut_out(marks, number):
    """Return the ink of one mark in its window."""
    place = window(marks, number)
    labels = marks.labels[place]
    near = ndimage.binary_dilation(labels == number, np.ones((3, 3))) & np.isin(labels, (-1, number))
    return np.where(near, marks.ink[place], 0)
