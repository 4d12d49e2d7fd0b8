"""Find digits and other marks with the page network, at every scale, and cut out each digit.

The network predicts two maps. `centers` has a channel for each of `KINDS`, the probability that the center
of such a mark is here; and the logarithms of its height and width, and the offset of its center. `ink` has
the probabilities that a pixel is ink of a digit and a part of a ruled line, and the way to the center of its
digit.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

KINDS = "digit", "point", "comma", "dash", "slash", "struck"  # a struck digit is crossed out

# Of the network, and of the pictures that it is trained on.
CENTER_STRIDE = 4  # of the map of centers, in pixels
INK_STRIDE = 2  # of the map of ink, in pixels
SIZE_UNIT = 24  # of predicted heights and widths, in pixels
VOTE_UNIT = 16  # of predicted distances from a pixel to the center of its digit, in pixels
_WINDOW = 127  # over which light is averaged, in pixels: several digits
_NOISE = 14  # gray levels, so that the noise of blank paper is not enlarged; it was 8 in the training

# Of the decoding.
THRESHOLD = 0.5  # score from which a digit is accepted
_LARGEST = 1800  # height or width at the largest scale, in pixels
_LOWEST = 0.1  # score of marks that are returned
_HEIGHTS = 9, 45, 100  # of digits at one scale, in pixels: lowest, also on the page; best; highest
_OVERLAP = 0.35  # intersection over union of two boxes of one mark
_INSIDE = 0.65  # share of a box that is inside of another one, for a part of a digit
_INK = 0.35  # probability of ink in the image of a digit
_FULL = 85  # percentile of the contrast of a digit's ink that becomes black


class Detections(NamedTuple):
    """The marks of a page in gray levels, the most probable ones first."""

    boxes: np.ndarray  # of shape (n, 4): top, left, bottom, right in pixels, float
    scores: np.ndarray  # of shape (n,): probability that a box is one mark of its kind
    kinds: np.ndarray  # of shape (n,): index in KINDS
    is_first: np.ndarray  # of shape (n,): False if a more probable mark overlaps it
    images: list  # of n ndarrays, uint8: each digit alone in dark ink on white, and None for other kinds
    rules: np.ndarray  # of shape (h, w): probability of a ruled line
    rules_scale: float  # pixels of `rules` per pixel of the page


class _Level(NamedTuple):
    """A page at one scale, and the maps of the network."""

    scale: float
    gray: np.ndarray
    centers: np.ndarray
    ink: np.ndarray


def normalize_light(gray):
    """Return gray levels from 0 to 255 minus their local mean, divided by their local standard deviation."""
    gray = np.asarray(gray, np.float32)
    mean = ndimage.uniform_filter(gray, _WINDOW, mode="reflect")
    variance = ndimage.uniform_filter(gray * gray, _WINDOW, mode="reflect") - mean * mean
    return (gray - mean) / (np.sqrt(np.maximum(variance, 0)) + _NOISE)


def detect(gray):
    """Return the marks of a page in gray levels in [0, 1], of shape (h, w)."""
    levels = _look_at_all_scales(255 * gray)
    boxes, scores, kinds, at = (
        np.concatenate(values) for values in zip(*map(_find_peaks, levels), strict=True)
    )
    at = np.repeat(np.arange(len(levels)), at)
    heights = (boxes[:, 2] - boxes[:, 0]) * np.array([level.scale for level in levels])[at]
    # Of two scales, the one is preferred at which a digit is closer to the preferred height.
    octaves = np.abs(np.log2(heights / _HEIGHTS[1]))
    order = np.argsort(-scores / np.where(kinds == 0, 1 + octaves / 4, 1), kind="stable")
    order, is_first = _drop_duplicates(order, boxes, kinds)
    boxes, scores, kinds, at = boxes[order], scores[order], kinds[order], at[order]
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    firsts = middles[is_first & (kinds == 0)]
    images = [
        _cut_out(levels[level], box * levels[level].scale, firsts * levels[level].scale)
        if kind == 0
        else None
        for box, kind, level in zip(boxes, kinds, at, strict=True)
    ]
    finest = levels[0]
    return Detections(boxes, scores, kinds, is_first, images, finest.ink[1], finest.scale / INK_STRIDE)


def are_accepted(found):
    """Return whether each mark is a digit that is read: probable enough, and the most probable one there."""
    return (found.kinds == 0) & found.is_first & (found.scores >= THRESHOLD)


def _look_at_all_scales(gray):
    """Return the levels of a pyramid whose scales differ by a factor of two."""
    from .._onnx import page_network

    scale = min(2.0, _LARGEST / max(gray.shape))
    image = Image.fromarray(gray.astype(np.float32))
    levels = []
    while True:
        size = [max(1, round(side * scale)) for side in image.size]
        how = Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.BOX
        scaled = np.asarray(image.resize(size, how) if scale != 1 else image)
        centers, ink = page_network.predict(normalize_light(scaled))
        levels.append(_Level(scale, scaled, centers, ink))
        if max(size) < _HEIGHTS[2]:
            return levels
        scale /= 2


def _find_peaks(level):
    """Return the boxes, scores and kinds of the marks at one scale, and a list with their number."""
    heat, sizes = level.centers[: len(KINDS)], level.centers[len(KINDS) :]
    peaks = (heat == ndimage.maximum_filter(heat, (1, 3, 3))) & (heat >= _LOWEST)
    kinds, rows, columns = np.nonzero(peaks)
    height, width, down, right = sizes[:, rows, columns]
    half = np.exp(np.clip([height, width], -4, 3)).T * SIZE_UNIT / 2
    middles = (np.stack([rows + down, columns + right], axis=1) + 0.5) * CENTER_STRIDE
    low, _, high = _HEIGHTS
    kept = (kinds > 0) | ((2 * half[:, 0] > low * max(1, level.scale)) & (2 * half[:, 0] < high))
    kept &= (middles >= 0).all(axis=1) & (middles < level.gray.shape).all(axis=1)
    boxes = np.concatenate([middles - half, middles + half], axis=1)[kept] / level.scale
    return boxes, heat[peaks][kept].astype(float), kinds[kept], [int(kept.sum())]


def _drop_duplicates(order, boxes, kinds):
    """Return the order without boxes of the same marks, and whether no box before overlaps each."""
    kept, is_first = [], []
    low, high = boxes[:, :2], boxes[:, 2:]
    areas = np.maximum((high - low).prod(axis=1), 1e-6)
    is_digit = np.isin(kinds, [KINDS.index("digit"), KINDS.index("struck")])
    for i in order:
        before = np.array(kept, int)
        common = np.maximum(np.minimum(high[i], high[before]) - np.maximum(low[i], low[before]), 0).prod(
            axis=1
        )
        union = common / (areas[i] + areas[before] - common)
        inside = common / np.minimum(areas[i], areas[before]) * (is_digit[i] & is_digit[before])
        if np.any((union > 2 * _OVERLAP) & (kinds[before] == kinds[i])):
            continue
        firsts = np.array(is_first, bool)
        is_first.append(not np.any(firsts & ((union > _OVERLAP) | (inside > _INSIDE))))
        kept.append(i)
    return np.array(kept, int), np.array(is_first, bool)


def _cut_out(level, box, middles):
    """Return the image of one digit, without the ink that belongs to others of the `middles`."""
    height = box[2] - box[0]
    margin = 0.2 * height
    limits = np.array(level.ink.shape[1:])
    low = np.clip(((box[:2] - margin) // INK_STRIDE).astype(int), 0, limits - 1)
    high = np.clip((-(-(box[2:] + margin) // INK_STRIDE)).astype(int), low + 1, limits)
    ink, rule, *votes = level.ink[:, low[0] : high[0], low[1] : high[1]]
    middle = (box[:2] + box[2:]) / 2
    voted = (np.indices(ink.shape).T + low + 0.25).T * INK_STRIDE + VOTE_UNIT * np.array(votes)
    near = middles[(np.abs(middles - middle) < 2 * height).all(axis=1)]
    distances = [np.hypot(*(voted.T - other).T) for other in near if np.abs(other - middle).max() > 1]
    distance = np.hypot(*(voted.T - middle).T)
    is_own = distance < np.min([*distances, np.full(ink.shape, 0.6 * max(height, box[3] - box[1]))], axis=0)
    gray = level.gray[low[0] * INK_STRIDE : high[0] * INK_STRIDE, low[1] * INK_STRIDE : high[1] * INK_STRIDE]
    own, any_ink = (_enlarge(values, gray.shape) for values in (ink * is_own, np.maximum(ink, rule)))
    return np.rint(255 * (1 - np.pad(_darkness(gray, own, any_ink), 4))).astype(np.uint8)


def _darkness(gray, own, any_ink):
    """Return the ink of a digit from 0 to 1: how far it is from the paper, where it is probable."""
    mask = np.clip(own / max(min(2 * _INK, own.max()), 1e-6), 0, 1)
    is_paper, is_core = any_ink < _INK / 2, own > min(0.6, 0.8 * own.max())
    if not is_paper.any() or not is_core.any():
        return mask
    paper = np.median(gray[is_paper])
    contrast = gray - paper if np.median(gray[is_core]) > paper else paper - gray
    full = np.percentile(contrast[is_core], _FULL)
    return np.clip(contrast / full, 0, 1) * mask if full > 2 else mask


def _enlarge(values, shape):
    image = Image.fromarray(values.astype(np.float32))
    large = image.resize([side * INK_STRIDE for side in image.size], Image.Resampling.BILINEAR)
    return np.asarray(large)[: shape[0], : shape[1]]
