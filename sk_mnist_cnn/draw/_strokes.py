"""Strokes of the pen: check them, and draw them as a picture for `MNISTNormalizer`."""

import numpy as np
from PIL import Image, ImageDraw

_LENGTH = 200  # of the longer side of a drawing without the width of the pen, in pixels
_PEN = 30  # as wide as MNIST's strokes in relation to its digits, whose mean is 2.6 of 20 pixels


def check_strokes(data: object) -> list[np.ndarray]:
    """Return strokes as arrays of shape (n_points, 2): x to the right and y down, in [0, 1].

    Raises
    ------
    ValueError
        If `data` is not a list of such strokes, or has no point.
    """
    rule = "strokes must be a non-empty list of strokes, each a non-empty list of [x, y] in [0, 1]"
    if not isinstance(data, list) or not data:
        raise ValueError(f"{rule}, got {type(data).__name__}.")
    try:
        strokes = [np.asarray(stroke, dtype=float) for stroke in data]
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{rule}, got {error}.") from error
    for stroke in strokes:
        if stroke.ndim != 2 or stroke.shape[1] != 2 or len(stroke) == 0:
            raise ValueError(f"{rule}, got a stroke of shape {stroke.shape}.")
        if not ((stroke >= 0) & (stroke <= 1)).all():
            raise ValueError(f"{rule}, got {stroke.min():g} to {stroke.max():g}.")
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
    strokes = sorted(strokes, key=lambda stroke: stroke[:, 0].min())
    for i in range(1, len(strokes)):
        left, right = np.concatenate(strokes[:i]), np.concatenate(strokes[i:])
        heights = np.ptp(left[:, 1]), np.ptp(right[:, 1])
        if left[:, 0].max() < right[:, 0].min() and min(heights) > max(heights) / 2:
            return True
    return False
