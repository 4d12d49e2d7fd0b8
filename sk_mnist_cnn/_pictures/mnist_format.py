"""Convert gray levels of one digit to MNIST's format, by the rules in the notes of `MNISTNormalizer`."""

from math import ceil

import numpy as np
from scipy import ndimage

from .reading import reduce_gray

_STROKES = (1.5, 4.0)  # range of the mean stroke width of 96% of MNIST's digits, in pixels of its 20x20 box


def normalize_digit(gray, size, box, invert):
    """Return one picture in MNIST's format, as `MNISTNormalizer.transform` does, but without its warnings."""
    return normalize_ink(find_ink(gray, invert), size, box)


def normalize_ink(ink, size, box):
    """Return one digit in MNIST's format, from its ink from 0 to 1 on a background of 0."""
    if not ink.any():
        return np.zeros((size, size), np.uint8)
    return _center(_fit_box(_crop(_fit_strokes(_crop(ink))), box), size)


def find_ink(gray, invert):
    """Return the ink of one digit from 0 to 1, on a background of 0, by the rules of `MNISTNormalizer`."""
    deviation = gray - _paper(gray)
    if np.sum(deviation**3) < 0 if invert == "auto" else invert:
        deviation = -deviation
    is_paper = deviation <= deviation.max() / 2
    if is_paper.all():
        return np.zeros_like(gray)
    level = np.median(deviation[is_paper])
    noise = 1.4826 * np.median(np.abs(deviation[is_paper] - level))  # the deviation of a normal distribution
    full = np.percentile(deviation[~is_paper], 98) - level
    if full < max(0.08, 4 * noise):
        return np.zeros_like(gray)
    ink = np.clip((deviation - level) / full, 0, 1)
    return _drop_stains(np.where(ink > max(0.02, 3 * noise / full), ink, 0))


def shows_several_marks(ink):
    """Return whether two marks of similar height are beside each other, so that a picture has several digits.

    The parts of a broken digit are close to each other, differ in height, such as a 5 and its bar, overlap
    horizontally, or are together narrower than two digits.
    """
    ink = _crop(ink)
    reach = max(1, round(len(ink) / 20))  # of the second look, which joins the parts of broken strokes
    joined = ndimage.maximum_filter(np.pad(ink, reach), 2 * reach + 1)
    return _has_marks_side_by_side(ink > 0.2) and _has_marks_side_by_side(joined > 0.2)


def _has_marks_side_by_side(is_ink):
    labels, n_marks = ndimage.label(is_ink, np.ones((3, 3)))
    if n_marks < 2:
        return False
    places = ndimage.find_objects(labels)
    marks = [(columns.start, columns.stop, rows.start, rows.stop) for rows, columns in places]
    left, right, top, bottom = np.array(sorted(marks)).T
    height = bottom - top
    is_high = height >= 0.6 * height.max()
    left, right, top, bottom = left[is_high], right[is_high], top[is_high], bottom[is_high]
    is_wide = right.max() - left[0] > 0.8 * (bottom.max() - top.min())
    return bool(is_wide and np.any(left[1:] >= np.maximum.accumulate(right)[:-1]))


def _drop_stains(ink):
    """Drop connected marks that are faint everywhere or small."""
    labels, _ = ndimage.label(ink > 0, np.ones((3, 3)))
    masses = np.bincount(labels.ravel(), ink.ravel())
    n_strong = np.bincount(labels[ink >= 0.5], minlength=len(masses))
    masses[n_strong == 0] = 0
    return np.where((masses >= 0.03 * masses.max())[labels], ink, 0)


def _paper(gray):
    """Return the plane with the least absolute deviation from the border, by reweighted least squares."""
    small = reduce_gray(gray, 48)
    border = np.ones(small.shape, bool)
    border[1:-1, 1:-1] = False
    places, levels = _places(small.shape)[border], small[border]
    plane = np.array([np.median(levels), 0, 0])
    for _ in range(8):
        deviation = np.abs(levels - places @ plane)
        if np.median(deviation) < 1e-6:
            break
        weighted = (places / np.maximum(deviation, 1e-3)[:, np.newaxis]).T
        plane = np.linalg.lstsq(weighted @ places, weighted @ levels, rcond=None)[0]
    return (_places(gray.shape) @ plane).astype(np.float32)


def _places(shape):
    """Return 1, the row and the column of each pixel, the latter two from -0.5 to 0.5."""
    row, column = (np.indices(shape).T + 0.5).T / np.reshape(shape, (2, 1, 1)) - 0.5
    return np.stack([np.ones(shape), row, column], axis=-1)


def _crop(ink):
    rows, columns = (np.flatnonzero(np.any(ink > 0.1, axis=axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _fit_strokes(ink):
    """Erode or dilate strokes whose mean width, twice the area divided by the outline, is unlike MNIST's."""
    padded = np.pad(_fit_box(ink, 20), 1)
    outline = np.hypot(np.diff(padded, axis=0)[:, 1:], np.diff(padded, axis=1)[1:]).sum()
    width = 2 * padded.sum() / outline
    thinnest, thickest = _STROKES
    excess, lack = min(width - thickest, 2), 2 * (thinnest - width)
    if excess <= 0 and lack <= 0:
        return ink
    change = max(excess, lack) * max(ink.shape) / 20
    step = ceil(change)
    padded = np.pad(ink, step)
    morph = ndimage.grey_erosion if excess > 0 else ndimage.grey_dilation
    changed = padded + change / step * (morph(padded, (step + 1, step + 1)) - padded)
    return changed if changed.max() >= 0.5 else ink  # thin strokes on a faint stain must not vanish


def _fit_box(ink, box):
    from PIL import Image

    height, width = (max(1, round(side * box / max(ink.shape))) for side in ink.shape)
    scaled = Image.fromarray(ink.astype(np.float32)).resize((width, height), Image.Resampling.LANCZOS)
    pixels = np.clip(np.asarray(scaled), 0, 1)
    return pixels / pixels.max()


def _center(ink, size):
    """Place the center of mass within half a pixel of the middle of the image, without cutting off ink."""
    digit = np.zeros((size, size), np.uint8)
    middle = ndimage.center_of_mass(ink)
    top, left = (
        int(np.clip(np.rint(size // 2 - place), 0, size - side))
        for place, side in zip(middle, ink.shape, strict=True)
    )
    digit[top : top + ink.shape[0], left : left + ink.shape[1]] = np.rint(255 * ink)
    return digit
