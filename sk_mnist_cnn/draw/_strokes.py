"""Strokes of the pen: check them, draw them as a picture, and group those of a digit."""

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.sparse import csgraph

MAX_STROKES = 200
MAX_POINTS = 20_000  # a drawn digit has about 150
_PEN_WIDTH = 0.045  # of the page's pen, as a fraction of the canvas; the same as in script.js

_DOT = 60  # of the longer side of the ink in which a dot is sought, in pixels

# The picture of one digit, in pixels.
_LENGTH = 200  # of the longer side of a drawing without the width of the pen
_PEN = 30  # as wide as MNIST's strokes in relation to its digits, whose mean is 2.6 of 20 pixels

# The picture of several digits, in pixels.
_HEIGHT = 40  # of the highest stroke
_MAX_LENGTH = 700  # of the longer side of a drawing
_THIN_PEN = 0.08  # in units of the height; thinner than the other, so that few digits touch

_PART = 0.25  # of a stroke in a box, which makes the box a part of the stroke's digit


class Picture(NamedTuple):
    """A picture of strokes, and its place on the canvas."""

    pixels: np.ndarray  # of shape (h, w), uint8: dark ink on white paper
    origin: np.ndarray  # x and y of the top left corner, as fractions of the canvas
    scale: float  # number of pixels in the side of the canvas

    def to_canvas(self, boxes: np.ndarray) -> np.ndarray:
        """Return top, left, bottom and right in pixels as fractions of the canvas."""
        return boxes / self.scale + np.tile(self.origin[::-1], 2)


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


def is_dot(strokes: list[np.ndarray]) -> bool:
    """Return whether the ink on the page is a filled dot, as it is if the pen hardly moves."""
    extent = np.ptp(np.concatenate(strokes), axis=0).max() + _PEN_WIDTH
    scale = _DOT / extent
    ink = _paint(strokes, scale, round(_PEN_WIDTH * scale)).pixels == 0
    return bool(ndimage.distance_transform_edt(ink).max() > _DOT / 4)


def draw(strokes: list[np.ndarray]) -> np.ndarray:
    """Return a picture of one digit, dark ink on white paper, uint8.

    The width of the pen is proportional to the size of the drawing.
    """
    extent = np.ptp(np.concatenate(strokes), axis=0)
    return _paint(strokes, _LENGTH / max(*extent, 0.01), _PEN).pixels  # a dot has no extent


def draw_several(strokes: list[np.ndarray]) -> Picture:
    """Return a picture of several digits.

    The width of the pen is proportional to the height of the highest stroke.
    """
    height = max(np.ptp(stroke[:, 1]) for stroke in strokes)
    extent = np.ptp(np.concatenate(strokes), axis=0)
    scale = min(_HEIGHT / max(height, 0.01), _MAX_LENGTH / max(*extent, 0.01))
    return _paint(strokes, scale, max(2, round(_THIN_PEN * height * scale)))


def group_strokes(strokes: list[np.ndarray], boxes: np.ndarray) -> list[tuple[int, list[np.ndarray]]]:
    """Group the strokes of each digit.

    A stroke belongs to the box that contains most of it. Boxes that divide a stroke are one digit.

    Parameters
    ----------
    strokes : list of ndarray of shape (n_points, 2)
    boxes : ndarray of shape (n_boxes, 4), n_boxes > 0
        Top, left, bottom and right of the digits, as fractions of the canvas.

    Returns
    -------
    groups : list of tuple (box, strokes)
        The index of the first box of each digit, in increasing order, and the strokes of the digit.
    """
    links = np.array([_share_inside(stroke, boxes) for stroke in strokes]) >= _PART
    _, digit = csgraph.connected_components(links.T.astype(int) @ links, directed=False)
    groups: dict[int, list] = {}
    for stroke, linked in zip(strokes, links, strict=True):
        if linked.any():
            groups.setdefault(digit[linked.argmax()], []).append(stroke)
    return [(int(np.argmax(digit == number)), groups[number]) for number in sorted(groups)]


def _share_inside(stroke, boxes):
    """Return the share of a stroke in each box; only in the best one if that has nearly all of it."""
    along = np.append(0, np.cumsum(np.hypot(*np.diff(stroke, axis=0).T)))
    places = np.linspace(0, along[-1], 100)
    points = np.stack([np.interp(places, along, axis) for axis in stroke.T], axis=1)[:, np.newaxis]
    share = np.all((points >= boxes[:, [1, 0]]) & (points <= boxes[:, [3, 2]]), axis=2).mean(axis=0)
    size = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    best = np.lexsort([size, -share])[0]
    return share if share[best] < 1 - _PART else np.where(np.arange(len(boxes)) == best, share, 0)


def _paint(strokes, scale, pen):
    """Return a picture with a margin of the width of the pen."""
    points = np.concatenate(strokes)
    origin = points.min(axis=0) - 1.5 * pen / scale
    width, height = np.ceil(np.ptp(points, axis=0) * scale).astype(int) + 3 * pen
    picture = Image.new("L", (int(width), int(height)), 255)
    draw = ImageDraw.Draw(picture)
    for stroke in strokes:
        path = [tuple(point) for point in ((stroke - origin) * scale).tolist()]
        draw.line(path, fill=0, width=pen, joint="curve")
        for x, y in (path[0], path[-1]):
            draw.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=0)
    return Picture(np.asarray(picture), origin, scale)
