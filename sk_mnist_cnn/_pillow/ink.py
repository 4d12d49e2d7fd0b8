"""Find the ink of a page: the paper is subtracted, and ruled lines are removed."""

import numpy as np
from scipy import ndimage

from .reading import reduce_gray

_PAPER_SIDE = 64  # height or width, in pixels, of the reduced picture from which the paper is computed

_DRIFT = 5  # pixels across a line by which it may be tilted or bent over an eighth of the page

_BESIDE = 12  # pixels from a line at which there is no other on one side, at least

_WIDER = 2  # pixels by which a line can be wider than usual

_BRIDGE = 7  # length of strokes that are kept where they cross a line, in pixels


def find_page_ink(gray):
    """Return the ink of a page from 0 (paper) to 1 (about the darkest strokes), its lines and its noise.

    Parameters
    ----------
    gray : ndarray of shape (h, w), float32
        Gray levels in [0, 1], of dark ink on bright paper or of bright ink on dark paper.

    Returns
    -------
    ink : ndarray of shape (h, w), float32
    lines : ndarray of shape (h, w), float32
        Median ink of the line that was removed, or 0.
    noise : float
        Standard deviation of the noise of the paper.
    """
    contrast = _contrast(gray)
    quiet = np.abs(contrast - np.median(contrast))
    noise = 1.4826 * np.median(quiet)
    visible = max(0.08, 6 * noise)
    lines = np.zeros_like(contrast)
    if (contrast > visible).sum() < 5:
        return lines, lines, 0.0
    full = _full_ink(contrast, visible)
    ink = np.maximum(contrast / full, 0)
    for axis in (0, 1):
        ink, along = _remove_lines(ink, axis)
        lines = np.maximum(lines, along)
    # If there are few digits, the lines were most of the ink.
    darker = max(1, _full_ink(ink, visible / full))
    return np.minimum(ink / darker, 1), lines / darker, noise / full / darker


def _full_ink(ink, visible):
    """Return the 90% quantile of the visible ink, or 0 if there is none."""
    strong = ink[ink > visible]
    return np.percentile(strong, 90) if strong.size else 0


def _contrast(gray):
    """Return how much of the paper's light is missing; or, on dark paper, of its darkness."""
    paper = _paper(gray)
    difference = paper - gray
    if np.sum(difference * difference * difference) >= 0:
        return difference / np.maximum(paper, 0.1)
    return -difference / np.maximum(1 - paper, 0.1)


def _paper(gray):
    """Return the median of the surroundings of each pixel."""
    from PIL import Image

    small = reduce_gray(gray, _PAPER_SIDE)
    window = max(3, max(small.shape) // 4) | 1
    median = ndimage.median_filter(small, window, mode="nearest")
    size = gray.shape[::-1]
    return np.asarray(Image.fromarray(median).resize(size, Image.Resampling.BILINEAR))


def _remove_lines(ink, axis):
    """Remove thin straight lines that run along an axis through most of the page, tilted by a few degrees.

    Returns
    -------
    ink, lines : ndarray of shape (h, w)
    """
    length = ink.shape[axis]
    run = max(9, length // 8)
    smooth = ndimage.gaussian_filter1d(ink, max(1, run / 30), axis=axis)
    darkest = ndimage.maximum_filter1d(smooth, _DRIFT, axis=1 - axis)
    lines = _thin(_opening(darkest, run, axis), 1 - axis)
    labels, n_lines = ndimage.label(lines > 0.08, np.ones((3, 3)))
    if not n_lines:
        return ink, np.zeros_like(ink)
    extent = np.array([place[axis].stop - place[axis].start for place in ndimage.find_objects(labels)])
    thickness = np.bincount(labels.ravel())[1:] / extent - _DRIFT + 1
    # The edges of wider strokes are nearly as thick as `_BESIDE`.
    is_line = (extent > 0.4 * length) & (extent > 20 * thickness) & (thickness < _BESIDE - _DRIFT)
    inside = labels > 0
    medians = ndimage.median(darkest[inside], labels[inside], np.arange(1, n_lines + 1))
    level = np.append(0, medians).astype(ink.dtype)[labels]
    lines = np.where(np.append(False, is_line)[labels], lines, 0)
    lines = ndimage.minimum_filter1d(lines, _DRIFT - 2, axis=1 - axis)
    darkest = np.where(_are_wide(labels, axis), level, np.maximum(lines, level))
    strokes = np.where((lines > 0) & (ink < darkest_of_line(darkest)), 0, ink)
    near = ndimage.binary_dilation((lines > 0).any(axis=axis), iterations=_BRIDGE)
    bridges = strokes.copy()
    place = (near, slice(None)) if axis == 1 else (slice(None), near)
    bridges[place] = _close_gaps(strokes[place], axis)
    return np.where(lines > 0, np.minimum(bridges, ink), ink), np.where(lines > 0, level, 0)


def _are_wide(labels, axis):
    """Return where lines along an axis are wider than elsewhere, because strokes run beside them."""
    length = labels.shape[axis]
    place = labels * length + np.indices(labels.shape)[axis]  # of a line, and along it
    width = np.bincount(place.ravel(), minlength=(labels.max() + 1) * length).reshape(-1, length)
    usual = np.array([np.median(of_line[of_line > 0]) for of_line in width[1:]])
    is_wide = width > np.append(np.inf, usual + _WIDER)[:, np.newaxis]  # what is no line is not wide
    return is_wide.ravel()[place]


def darkest_of_line(level):
    """Return the ink from which something is darker than a line with this median ink, and no part of it."""
    return 1.25 * level + 0.1


def _thin(ink, axis):
    """Subtract what is wider along an axis than a line, such as stains."""
    margin = [(_BESIDE, _BESIDE) if i == axis else (0, 0) for i in range(2)]
    padded = np.moveaxis(np.pad(ink, margin, mode="edge"), axis, 0)
    beside = np.minimum(padded[: -2 * _BESIDE], padded[2 * _BESIDE :])
    return np.maximum(ink - np.moveaxis(beside, 0, axis), 0)


def _close_gaps(strokes, axis):
    """Close gaps of strokes that cross lines along an axis."""
    return np.max([ndimage.grey_closing(strokes, footprint=way) for way in _ways(axis)], axis=0)


def _ways(axis):
    """Return footprints of strokes that cross a line along an axis straight or diagonally."""
    diagonal = np.eye(_BRIDGE, dtype=bool)
    straight = np.zeros_like(diagonal)
    straight[_BRIDGE // 2] = True
    return [straight.T if axis == 1 else straight, diagonal, diagonal[::-1]]


def _opening(ink, run, axis):
    eroded = ndimage.minimum_filter1d(ink, run, axis=axis, mode="nearest")
    return ndimage.maximum_filter1d(eroded, run, axis=axis, mode="nearest")
