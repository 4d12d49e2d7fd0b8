"""Strokes of the pen: check them, and draw them as a picture for `MNISTNormalizer`."""

import numpy as np
from PIL import Image, ImageDraw

MAX_STROKES = 200
MAX_POINTS = 20_000  # a drawn digit has about 150
_LENGTH = 200  # of the longer side of a drawing without the width of the pen, in pixels
_PEN = 30  # as wide as MNIST's strokes in relation to its digits, whose mean is 2.6 of 20 pixels


def check_strokes(data: object) -> list[np.ndarray]:
    """Return strokes as arrays of shape (n_points, 2): x to the right and y down, in [0, 1].

    Raises
    ------
    ValueError
        If `data` is not a list of such strokes, has no point, or is too long.
    """
    rule = "strokes must be a non-empty list of strokes, each a non-empty list of [x, y] in [0, 1]"
    if not isinstance(data, list) or not data:
        raise ValueError(f"{rule}, got {type(data).__name__}.")
    if len(data) > MAX_STROKES:
        raise ValueError(f"There are {len(data)} strokes, more than {MAX_STROKES}. Clear the drawing.")
    try:
        strokes = [np.asarray(stroke, dtype=float) for stroke in data]
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{rule}, got {error}.") from error
    for stroke in strokes:
        if stroke.ndim != 2 or stroke.shape[1] != 2 or len(stroke) == 0:
            raise ValueError(f"{rule}, got a stroke of shape {stroke.shape}.")
        if not ((stroke >= 0) & (stroke <= 1)).all():
            raise ValueError(f"{rule}, got {stroke.min():g} to {stroke.max():g}.")
    n_points = sum(map(len, strokes))
    if n_points > MAX_POINTS:
        raise ValueError(f"The strokes have {n_points} points, more than {MAX_POINTS}. Clear the drawing.")
    return strokes


def draw(strokes: list[np.ndarray]) -> np.ndarray:
    """Return a picture of the strokes, dark ink on white paper, uint8.

    The width of the pen is proportional to the size of the drawing.
    """
    points = np.concatenate(strokes)
    corner = points.min(axis=0)
    extent = points.max(axis=0) - corner
    scale = _LENGTH / max(*extent, 0.01)  # a dot has no extent
    width, height = np.ceil(extent * scale).astype(int) + 3 * _PEN
    picture = Image.new("L", (int(width), int(height)), 255)
    pen = ImageDraw.Draw(picture)
    for stroke in strokes:
        path = [tuple(point) for point in ((stroke - corner) * scale + 1.5 * _PEN).tolist()]
        pen.line(path, fill=0, width=_PEN, joint="curve")
        for x, y in (path[0], path[-1]):
            pen.ellipse((x - _PEN / 2, y - _PEN / 2, x + _PEN / 2, y + _PEN / 2), fill=0)
    return np.asarray(picture)


def are_side_by_side(strokes: list[np.ndarray]) -> bool:
    """Return whether a vertical line separates the strokes into two parts of similar height."""
    boxes = sorted((*stroke.min(axis=0), *stroke.max(axis=0)) for stroke in strokes)
    left, top, right, bottom = np.array(boxes).T
    # Of the parts on both sides of each stroke's left end, except the first.
    gaps = left[1:] - np.maximum.accumulate(right)[:-1]
    heights_before = _extents(top, bottom)[:-1]
    heights_after = _extents(top[::-1], bottom[::-1])[::-1][1:]
    is_similar = np.minimum(heights_before, heights_after) > np.maximum(heights_before, heights_after) / 2
    return bool(np.any((gaps > 0) & is_similar))


def _extents(low, high):
    """Return the extents of the first interval, of the first two together, and so on."""
    return np.maximum.accumulate(high) - np.minimum.accumulate(low)
