"""Find the marks of a page that may be digits: connected ink, joined where strokes are broken, in lines."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from .ink import find_page_ink
from .joining import MIN_HEIGHT, join_by_faint_ink, join_halves, join_small_parts, unite
from .pairs import connect, heights_beside, neighbors
from .strokes import are_strokes

INK = 0.3  # from which a pixel belongs to a stroke


class Marks(NamedTuple):
    """Marks in reading order, followed by fragments: ink that is too low to be a mark."""

    ink: np.ndarray  # of shape (h, w), from 0 to 1
    labels: np.ndarray  # of shape (h, w): the number of the mark or fragment to which a pixel belongs, or -1
    boxes: np.ndarray  # of shape (n + n_fragments, 4): top, left, bottom, right
    line: np.ndarray  # of shape (n,): number of the line of each mark


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
    return _in_reading_order(ink, np.append(-1, group)[labels], boxes, _is_high(boxes))


def join(marks, pairs):
    """Return the marks after joining pairs of marks and fragments. Each of them may be in one pair only."""
    group = np.arange(len(marks.boxes))
    group[pairs[:, 1]] = pairs[:, 0]
    boxes, number = unite(marks.boxes, group)
    is_mark = np.isin(np.arange(len(boxes)), number[: len(marks.line)])
    return _in_reading_order(marks.ink, np.append(number, -1)[marks.labels], boxes, is_mark)


def _in_reading_order(ink, labels, boxes, is_mark):
    """Return marks and fragments. `labels` has the index in `boxes` for each pixel."""
    order, line = _reading_order(boxes, _find_lines(boxes), is_mark)
    order = np.append(order, np.flatnonzero(~is_mark))
    number = np.full(len(boxes) + 1, -1)
    number[order] = np.arange(len(boxes))
    return Marks(ink, number[labels], boxes[order], line)


def _measure(labels, n_parts):
    """Return the boxes and the numbers of pixels of connected parts."""
    places = ndimage.find_objects(labels)
    boxes = [[rows.start, columns.start, rows.stop, columns.stop] for rows, columns in places]
    return np.array(boxes, int).reshape(-1, 4), np.bincount(labels.ravel(), minlength=n_parts + 1)[1:]


def _find_lines(boxes):
    """Return the line of each mark: neighbors of similar height are in one line."""
    pairs = neighbors(boxes)
    return connect(pairs.select(pairs.larger < 2.5 * pairs.smaller), len(boxes))


def _is_high(boxes):
    """Return which marks are high enough, in pixels and compared with the marks beside them."""
    height = boxes[:, 2] - boxes[:, 0]
    beside = zip(height, heights_beside(boxes), strict=True)
    surroundings = [np.median(np.maximum(own, others)) for own, others in beside]
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


def window(marks, *numbers):
    """Return the rows and columns of a mark, or of several marks and fragments, with a margin of a pixel."""
    boxes = marks.boxes[list(numbers)]
    top, left = np.maximum(boxes[:, :2].min(axis=0) - 1, 0)
    bottom, right = boxes[:, 2:].max(axis=0) + 1
    return np.s_[top:bottom, left:right]


def cut_out(marks, *numbers):
    """Return the ink of a mark, or of several marks and fragments, in their window."""
    place = window(marks, *numbers)
    labels = marks.labels[place]
    is_near = ndimage.binary_dilation(np.isin(labels, numbers), np.ones((3, 3)))
    return np.where(is_near & np.isin(labels, (-1, *numbers)), marks.ink[place], 0)


def cut_out_all(marks):
    """Return the ink of each mark."""
    return [cut_out(marks, number) for number in range(len(marks.line))]
