"""Find the parts of broken strokes, and join them."""

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from .pairs import connect, heights_beside, near_vertically

MIN_HEIGHT = 7  # of a digit, in pixels
_HIGHER = 1.2  # largest height of two parts of one digit, in units of the highest box beside them
_ABOVE = 0.15  # largest vertical distance of two parts of one digit, in units of their height


def join_by_faint_ink(ink, faint, labels, boxes, group):
    """Join parts that faint ink connects, if one is above the other or both together are as narrow as one."""
    connected, _ = ndimage.label(ink > faint, np.ones((3, 3)))
    rows, columns = np.nonzero(labels)
    cluster = np.zeros(len(boxes), int)
    cluster[labels[rows, columns] - 1] = connected[rows, columns]
    order = np.argsort(cluster[group >= 0], kind="stable")
    members = np.flatnonzero(group >= 0)[order]
    for together in np.split(members, np.flatnonzero(np.diff(cluster[members])) + 1):
        top, left, bottom, right = boxes[together].T
        height, width = (
            bottom.max(initial=0) - top.min(initial=10**9),
            right.max(initial=0) - left.min(initial=10**9),
        )
        if len(together) > 1 and width < 1.1 * height and height < 1.5 * (bottom - top).max():
            group[together] = together[np.argmax(bottom - top)]
    return group


def join_small_parts(labels, boxes, areas, group):
    """Join small parts, such as the bar of a 5, to the nearest larger one; drop specks near larger ones."""
    top, left, bottom, right = boxes.T
    height, width = bottom - top, right - left
    can_join = (group >= 0) & (height >= MIN_HEIGHT)
    for i in sorted(np.flatnonzero(group >= 0), key=lambda i: areas[i]):
        common = np.minimum(right[i], right) - np.maximum(left[i], left)
        gap_down = np.maximum(top[i], top) - np.minimum(bottom[i], bottom)
        rise = np.maximum(bottom[i], bottom) - np.minimum(top[i], top) - height
        is_bar = (width[i] > 1.2 * height[i]) & (bottom[i] < top + 0.5 * height)
        is_smaller = (areas > 2 * areas[i]) & (height > 1.5 * height[i])
        is_smaller |= is_bar & (areas > areas[i]) & (height > 1.3 * height[i])
        may_fit = can_join & is_smaller & (gap_down < 0.2 * height)
        may_fit &= rise < np.where(is_bar, 0.6, 0.4) * height
        may_fit &= (common > 0.3 * width[i]) | (height[i] < 0.4 * height) | is_bar
        may_fit &= common > -0.25 * height
        best, nearest = np.inf, -1
        for j in np.flatnonzero(may_fit):
            gap = _gap(labels, boxes, i, j) / height[j]
            # The bar of a 5 begins above its right end, and may come close to the next digit.
            aside = (0.25 if is_bar[j] else 0.1) * (left[j] > left[i])
            distance = gap + aside - 0.2 * common[j] / width[i]
            if gap < (0.25 if is_bar[j] and left[j] < left[i] else 0.15) and distance < best:
                best, nearest = distance, j
        if nearest >= 0:
            group[i] = nearest if areas[i] > 0.04 * areas[nearest] else -1
    return group


def _gap(labels, boxes, i, j):
    """Return the number of pixels between two parts."""
    points = []
    for part in (i, j):
        top, left, bottom, right = boxes[part]
        inside = np.argwhere(labels[top:bottom, left:right] == part + 1)
        points.append(inside + np.array([top, left]))
    return KDTree(points[1]).query(points[0])[0].min() - 1


def join_halves(boxes):
    """Join marks that are above each other, and together as high as the marks beside them."""
    typical = np.array(
        [np.percentile(heights, 70) if len(heights) > 2 else 0 for heights in heights_beside(boxes)]
    )
    pairs = near_vertically(boxes, 0.35 * typical.max(initial=0))
    typical = np.maximum(typical[pairs.first], typical[pairs.second])
    width = boxes[:, 3] - boxes[:, 1]
    narrower = np.minimum(width[pairs.first], width[pairs.second])
    fits = (pairs.above > 0.5 * narrower) & (pairs.beside > -0.35 * typical)
    fits &= (pairs.larger < 0.8 * typical) & (pairs.height < 1.3 * typical)
    group = connect(pairs.select(fits), len(boxes))
    return np.unique(group, return_index=True)[1][group]


def find_parts_of_one(boxes, n_marks):
    """Return pairs of a mark and another mark or fragment that are as near as two parts of one digit.

    Joined, they are not much higher than the highest box beside them.

    Parameters
    ----------
    boxes : ndarray of shape (n, 4)
        Boxes of the marks, followed by those of the fragments.
    n_marks : int

    Returns
    -------
    pairs : ndarray of shape (n_pairs, 2)
    """
    highest = np.array([heights.max() for heights in heights_beside(boxes)])
    pairs = near_vertically(boxes, _ABOVE * _HIGHER * highest.max(initial=0))
    fits = pairs.height < _HIGHER * np.maximum(highest[pairs.first], highest[pairs.second])
    fits &= (pairs.width < 1.4 * pairs.height) & (pairs.first < n_marks)
    fits &= (pairs.above > -0.1 * pairs.height) & (pairs.beside > -_ABOVE * pairs.height)
    return np.stack(pairs.select(fits)[:2], axis=1)


def unite(boxes, group):
    """Return the boxes of the groups, and the number of the group of each box, -1 for those that are dropped.

    `group` has the index of the box that a box is joined to: its own for one that stands alone.
    """
    for _ in range(8):
        group = np.where(group >= 0, group[group], -1)
    kept = group >= 0
    roots, number = np.unique(group[kept], return_inverse=True)
    united = boxes[roots].copy()
    np.minimum.at(united[:, :2], number, boxes[kept, :2])
    np.maximum.at(united[:, 2:], number, boxes[kept, 2:])
    result = np.full(len(group), -1)
    result[kept] = number
    return united, result
