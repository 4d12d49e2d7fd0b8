"""Put the digits of a page in reading order, lines and numbers, from their boxes and the ruled lines."""

from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

# Lengths are in heights of digits, so that the rules hold for handwriting of any size.
_SLOPES = np.tan(np.radians(np.linspace(-16, 16, 27)))  # of the baselines that are tried
_REACH = 8  # length over which a baseline is straight
_DEVIATION = 0.5  # of digits from a common baseline, at most: half of the lower one is beside the other
_GUTTER = 3  # width of white space that can separate columns
_GAPS = 0.8, 2.0  # range of the white space between numbers; in it, they are twice as far apart as digits


class Layout(NamedTuple):
    """Digits in reading order."""

    order: np.ndarray  # of shape (n,): index of each digit
    line: np.ndarray  # of shape (n,): number of its line
    number: np.ndarray  # of shape (n,): index of its number


def arrange(boxes, marks, rules=None, scale=1.0):
    """Return the layout of digits in boxes of shape (n, 4): top, left, bottom, right.

    A number ends at a wide gap or at a ruled line. `rules` has the probability that a pixel is part of one,
    at `scale` of the picture's resolution. `marks`, boxes of points or dashes, divide the gaps.
    """
    boxes = np.asarray(boxes, float).reshape(-1, 4)
    lines = _find_lines(boxes) if len(boxes) else []
    order = np.array([i for line in lines for i in line], int)
    line = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
    boxes, beside = boxes[order], np.flatnonzero(np.diff(line) == 0)
    gaps = np.array([_gap(boxes[i], boxes[i + 1], marks) for i in beside])
    is_end = np.ones(len(order), bool)
    if len(gaps):
        is_end[beside] = gaps > np.clip(2 * np.percentile(gaps, 25), *_GAPS)
    if rules is not None:
        is_end[beside] |= _are_in_cells(rules, boxes * scale, beside)
    return Layout(order, line, np.cumsum(is_end) - is_end)


def attach(marks, boxes):
    """Return for each mark the index of the digit that it belongs to, or -1: the nearest one beside it."""
    marks, boxes = np.reshape(marks, (-1, 1, 4)), np.reshape(boxes, (1, -1, 4))
    height = boxes[..., 2] - boxes[..., 0]
    between = np.maximum(marks[..., 1] - boxes[..., 3], boxes[..., 1] - marks[..., 3])
    is_beside = (marks[..., 0] < boxes[..., 2] + 0.5 * height) & (marks[..., 2] > boxes[..., 0])
    distance = np.where(is_beside & (between <= _GAPS[0] * height), between / height, np.inf)
    if not distance.size:
        return np.full(len(marks), -1)
    return np.where(np.isfinite(distance.min(axis=1)), distance.argmin(axis=1), -1)


def _gap(left, right, marks):
    """Return the widest white space between two neighbors in a line."""
    height = min(left[2] - left[0], right[2] - right[0])
    left, right = (_widen(box) for box in (left, right))
    middle = np.mean([left[[0, 2]], right[[0, 2]]])
    is_between = (marks[:, 0] < middle + height) & (marks[:, 2] > middle - height)
    is_between &= (marks[:, 1] + marks[:, 3] > 2 * left[1]) & (marks[:, 1] + marks[:, 3] < 2 * right[3])
    inner = marks[is_between][np.argsort(marks[is_between, 1])]
    ends = np.maximum.accumulate(np.append(left[3], inner[:, 3]))
    return np.max(np.append(inner[:, 1], right[1]) - ends) / height


def _widen(box):
    """Return the box of a digit, at least half as wide as high: a 1 has white space around it."""
    missing = max(0, (box[2] - box[0]) / 2 - (box[3] - box[1]))
    return box + np.array([0, -missing, 0, missing]) / 2


def _are_in_cells(rules, boxes, beside):
    """Return whether a ruled line separates each of the neighbors, unless as many go through digits.

    Those of squared paper do, so it has no cells. They are seen above and below the ink.
    """
    left, right = boxes[beside], boxes[beside + 1]
    top, bottom = np.minimum(left[:, 0], right[:, 0]), np.maximum(left[:, 2], right[:, 2])
    are_separate = _are_ruled(rules, top, left[:, 3], bottom, right[:, 1])
    top, left, bottom, right = boxes.T
    inner, near = (right - left) / 4, (bottom - top) / 4
    above = _are_ruled(rules, top - near, left + inner, top, right - inner)
    below = _are_ruled(rules, bottom, left + inner, bottom + near, right - inner)
    return are_separate & (np.sum(above & below) < are_separate.sum())


def _are_ruled(rules, *sides):
    """Return whether a ruled line goes through each box from top to bottom."""
    top, left, bottom, right = (np.maximum(side, 0) for side in sides)
    rows = zip(top.astype(int), np.ceil(bottom).astype(int) + 1, strict=True)
    columns = zip(left.astype(int), np.ceil(right).astype(int) + 1, strict=True)
    parts = [rules[slice(*row), slice(*column)] for row, column in zip(rows, columns, strict=True)]
    return np.array([part.size > 0 and part.max(axis=1).mean() > 0.5 for part in parts], bool)


def _find_lines(boxes):
    """Return the lines from top to bottom, column by column, each as a list of indices from left to right."""
    left, right, height = boxes[:, 1], boxes[:, 3], boxes[:, 2] - boxes[:, 0]
    column, row = (left + right) / 2, (boxes[:, 0] + boxes[:, 2]) / 2
    slope = _find_slopes(column, row, height)
    following = _link(column, row, height, slope)
    tilt = np.median(slope)
    columns = _split(left + tilt * row, right + tilt * row, following, _GUTTER * np.median(height))
    if len(columns) > 1:
        return [side[line] for side in columns for line in _find_lines(boxes[side])]
    first = np.setdiff1d(np.arange(len(boxes)), following)
    lines = [_follow(following, i) for i in first]
    return sorted(lines, key=lambda line: np.mean(row[line] - tilt * column[line]))


def _find_slopes(column, row, height):
    """Return the slope of the baseline at each digit: along which most digits near it are lined up."""
    i, j = np.nonzero(_are_near(column, row, height, _REACH) & ~np.eye(len(row), dtype=bool))
    across, down = column[j] - column[i], row[j] - row[i]
    fit = [np.maximum(1 - np.abs(down - slope * across) / (_DEVIATION * height[i]), 0) for slope in _SLOPES]
    support = np.stack([np.bincount(i, weights, len(row)) for weights in fit], axis=1)
    _, near = KDTree(np.stack([row, column], axis=1)).query(
        np.stack([row, column], axis=1), min(16, len(row))
    )
    support = support[near.reshape(len(row), -1)].sum(axis=1)
    return _SLOPES[np.argmax(support * (1 - np.abs(_SLOPES)), axis=1)]


def _are_near(column, row, height, reach):
    """Return for each pair of digits whether a line of any slope can join them within a number of heights."""
    across, down = (np.abs(np.subtract.outer(values, values)).astype(np.float32) for values in (column, row))
    lower = np.minimum.outer(height, height).astype(np.float32)
    return (across < reach * lower) & (down < _SLOPES[-1] * across + np.maximum.outer(height, height))


def _link(column, row, height, slope):
    """Return the index of the digit that follows each digit in its line, or -1."""
    i, j = np.nonzero(_are_near(column, row, height, np.inf) & (np.subtract.outer(column, column) < 0))
    across, lower = column[j] - column[i], np.minimum(height[i], height[j])
    down = np.abs(row[j] - row[i] - (slope[i] + slope[j]) / 2 * across)
    deviation = np.maximum(down - np.abs(height[i] - height[j]) / 2, 0) / lower
    cost = across / lower * (1 + 2 * (deviation / _DEVIATION) ** 2)
    following, followed = np.full((2, len(row)), -1)
    for k in np.argsort(cost):
        if deviation[k] < _DEVIATION and following[i[k]] < 0 and followed[j[k]] < 0:
            following[i[k]], followed[j[k]] = j[k], i[k]
    return following


def _follow(following, i):
    line = [i]
    while following[line[-1]] >= 0:
        line.append(following[line[-1]])
    return line


def _split(left, right, following, width):
    """Return the digits of two columns, or of one if most lines continue across any white space."""
    order, follows = np.argsort(left), following >= 0
    ends = np.maximum.accumulate(right[order])
    for k in np.flatnonzero(left[order[1:]] - ends[:-1] > width) + 1:
        is_right = np.isin(np.arange(len(left)), order[k:])
        n_across = np.sum(~is_right[follows] & is_right[following[follows]])
        n_lines = [
            np.sum(side) - np.sum(side[follows] & side[following[follows]]) for side in (~is_right, is_right)
        ]
        if min(n_lines) > 1 and n_across < 0.75 * min(n_lines):
            return order[:k], order[k:]
    return (order,)
