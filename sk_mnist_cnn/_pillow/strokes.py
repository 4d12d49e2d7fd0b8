"""Find the strokes of digits among the connected parts of ink: no lines, frames, stains or specks."""

import numpy as np
from scipy import ndimage

from .ink import darkest_of_line

_DARK = 80  # percentile of the ink of a part that is compared with the lines near it
_MIN_AREA = 6  # of a part of a digit, in pixels
_LONG = 20  # length of a line, in units of its width
_BAR = 3  # likewise, of a side of a frame
_TOUCHING = 3  # pixels between an end of this side and a line, at most
_AS_DARK = 0.9  # ink of the lines at the ends of this side, in units of its ink
_STRONG = 5  # times the noise: the darkest pixel of a part
_CLIPPED = 0.4  # mean ink of blank paper, in units of the noise: negative values are set to 0
_SOFT = 0.1  # mean ink around a part, per ink of the part, and half of it for faint wide strokes:
_FAINT = 0.7  # with less ink on average than most digits,
_WIDE = 8  # and wider than this, in pixels


def are_strokes(ink, lines, noise, labels, boxes, areas):
    """Return which parts may be strokes of digits.

    Parameters
    ----------
    ink : ndarray of shape (h, w)
    lines : ndarray of shape (h, w)
        Median ink of the line that was removed, or 0.
    noise : float
        Standard deviation of the ink where there is none.
    labels : ndarray of shape (h, w)
        Number of the part to which a pixel belongs, from 1, or 0.
    boxes : ndarray of shape (n, 4)
        Top, left, bottom and right of each part.
    areas : ndarray of shape (n,)
        Number of pixels of each part.

    Returns
    -------
    result : ndarray of shape (n,), bool
    """
    result = _have_shape_of_strokes(boxes, areas, ink.shape)
    result &= ~_are_on_lines(ink, lines, labels, boxes, areas)
    near = ndimage.maximum_filter(lines, 2 * _TOUCHING + 1)
    for number in np.flatnonzero(result):
        result[number] = not _is_between_lines(ink, near, labels, number, boxes[number])
    result &= ndimage.maximum(ink, labels, np.arange(1, len(boxes) + 1)) > _STRONG * noise
    large = np.append(False, areas >= _MIN_AREA)[labels] * labels
    for number in np.flatnonzero(result):
        result[number] = _is_sharp(ink, noise, large, number, boxes[number])
    for number in np.flatnonzero(result & (areas > 100)):
        top, left, bottom, right = boxes[number]
        result[number] = not _is_frame(labels[top:bottom, left:right] == number + 1)
    return result


def _have_shape_of_strokes(boxes, areas, shape):
    """Return which parts may be strokes of digits: neither specks, nor frames, nor long or thin lines."""
    height, width = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    length = np.hypot(height, width)
    is_thin = (areas < 0.03 * height * width) | (length**2 > _LONG * areas)
    is_thin |= (np.minimum(height, width) <= 2) & (areas > 0.6 * height * width)
    margin = 0.01 * np.array(shape)
    at_edge = (boxes[:, :2] <= margin).any(axis=1) | (boxes[:, 2:] >= shape - margin).any(axis=1)
    is_thin |= at_edge & (length**2 > 6 * areas)
    return (areas >= _MIN_AREA) & ~is_thin


def _are_on_lines(ink, lines, labels, boxes, areas):
    """Return which parts are remains of lines. At most a fifth of their ink is darker than these lines."""
    near = ndimage.binary_dilation(lines > 0, np.ones((3, 3)))
    n_near = np.bincount(labels[near], minlength=len(boxes) + 1)[1:]
    result = n_near > 0.7 * areas
    for number in np.flatnonzero(result):
        top, left, bottom, right = boxes[number] + [-3, -3, 3, 3]
        place = np.s_[max(0, top) : bottom, max(0, left) : right]
        dark = np.percentile(ink[place][labels[place] == number + 1], _DARK)
        result[number] = dark < darkest_of_line(lines[place].max())
    return result


def _is_between_lines(ink, near, labels, number, box):
    """Return whether a part is the side of a frame, or a piece of a line that others cross.

    It is straight, and ends on both sides at lines that were removed and are about as dark.
    """
    top, left, bottom, right = box
    if not near[top:bottom, left:right].any():
        return False
    is_part = labels[top:bottom, left:right] == number + 1
    ends = _ends_of_bar(np.argwhere(is_part))
    if ends is None:
        return False
    ends = np.clip(ends + box[:2], 0, np.array(near.shape) - 1)  # the axis of a part can leave the page
    return near[tuple(ends.T)].min() > _AS_DARK * ink[top:bottom, left:right][is_part].mean()


def _ends_of_bar(points):
    """Return the row and the column of both ends of a straight part, or None if it is not straight."""
    middle = points.mean(axis=0)
    _, _, axes = np.linalg.svd(points - middle, full_matrices=False)
    along, across = axes @ (points - middle).T
    length, thickness = np.ptp(along) + 1, np.ptp(across) + 1
    width = len(points) / length
    if length < _BAR * width or thickness > 1.2 * width + 2:
        return None
    return np.rint(middle + np.outer([along.min(), along.max()], axes[0])).astype(int)


def _is_sharp(ink, noise, labels, number, box):
    """Return whether the ink of a part ends at its outline, unlike that of stains and shadows."""
    height, width = box[2:] - box[:2]
    margin = max(3, max(height, width) // 20) + 2
    top, left = np.maximum(box[:2] - margin, 0)
    place = np.s_[top : box[2] + margin, left : box[3] + margin]
    part_ink, is_part = ink[place], labels[place] == number + 1
    mean = part_ink[is_part].mean()
    is_wide = ndimage.distance_transform_edt(is_part).max() > _WIDE / 2
    distance = max(3, max(height, width) / (60 if is_wide else 20))
    from_part = ndimage.distance_transform_edt(~is_part)
    around = (from_part > distance - 1) & (from_part <= distance)
    others = (labels[place] > 0) & ~is_part
    free = around & ~ndimage.binary_dilation(others, np.ones((3, 3)))
    soft = _SOFT / 2 if is_wide and mean < _FAINT else _SOFT
    return free.sum() > 0.2 * around.sum() and part_ink[free].mean() < soft * mean + _CLIPPED * noise


def _is_frame(mark):
    """Return whether a mark has ink along all four sides of its box."""
    bands = [max(2, round(0.12 * side)) for side in mark.shape]
    sides = [mark[: bands[0]], mark[-bands[0] :], mark[:, : bands[1]].T, mark[:, -bands[1] :].T]
    return min(side.any(axis=0).mean() for side in sides) > 0.88 and mark.mean() < 0.6
