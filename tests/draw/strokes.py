"""Strokes of the ten digits, as a person draws them, and of drawings that are no digits."""

import io
import math

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter1d

PEN_WIDTH, PNG_SIDE = 0.045, 640  # as in painting.js


def as_png(strokes):
    """Return a drawing as the page sends it, black on white."""
    picture = Image.new("L", (PNG_SIDE, PNG_SIDE), 255)
    draw, pen = ImageDraw.Draw(picture), PEN_WIDTH * PNG_SIDE
    for stroke in strokes:
        path = [(x * PNG_SIDE, y * PNG_SIDE) for x, y in stroke]
        draw.line(path, fill=0, width=round(pen), joint="curve")
        for x, y in (path[0], path[-1]):
            draw.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=0)
    file = io.BytesIO()
    picture.save(file, "png")
    return file.getvalue()


def arc(center, radii, start, end):
    """Return points on an ellipse between two angles, in degrees clockwise from the right."""
    angles = [math.radians(start + (end - start) * i / 24) for i in range(25)]
    return [(center[0] + radii[0] * math.cos(a), center[1] + radii[1] * math.sin(a)) for a in angles]


# The strokes of each digit, with points as fractions of the width and height of the canvas.
DIGITS = {
    0: [arc((0.5, 0.5), (0.18, 0.3), -90, 270)],
    1: [[(0.42, 0.3), (0.52, 0.2), (0.5, 0.8)]],
    2: [[*arc((0.5, 0.35), (0.18, 0.15), -170, 40), (0.32, 0.78), (0.7, 0.78)]],
    3: [[*arc((0.48, 0.35), (0.17, 0.15), -150, 90), *arc((0.48, 0.65), (0.2, 0.16), -80, 150)]],
    4: [[(0.38, 0.2), (0.3, 0.53), (0.72, 0.53)], [(0.6, 0.2), (0.58, 0.82)]],
    5: [[(0.68, 0.2), (0.38, 0.2), (0.36, 0.46), *arc((0.48, 0.62), (0.2, 0.18), -110, 140)]],
    6: [[(0.6, 0.18), (0.42, 0.36), *arc((0.5, 0.64), (0.17, 0.16), -170, 200)]],
    7: [[(0.3, 0.25), (0.7, 0.22), (0.45, 0.8)]],
    8: [[*arc((0.5, 0.35), (0.15, 0.15), 90, -270), *arc((0.5, 0.66), (0.18, 0.16), -90, 270)]],
    9: [[*arc((0.48, 0.37), (0.16, 0.16), 0, -350), (0.65, 0.4), (0.6, 0.82)]],
}

# Other common ways to write a digit.
VARIANTS = {
    0: [[arc((0.5, 0.5), (0.25, 0.28), -60, 310)]],
    1: [[[(0.5, 0.2), (0.5, 0.8)]]],
    2: [[[*arc((0.48, 0.34), (0.18, 0.14), -160, 60), (0.36, 0.72), (0.42, 0.69), (0.7, 0.8)]]],
    3: [[[(0.32, 0.22), (0.68, 0.22), (0.5, 0.44), *arc((0.47, 0.63), (0.2, 0.18), -70, 150)]]],
    4: [[[(0.36, 0.2), (0.32, 0.48), (0.66, 0.5)], [(0.68, 0.2), (0.62, 0.82)]]],
    5: [[[(0.4, 0.22), (0.38, 0.46), *arc((0.48, 0.62), (0.2, 0.18), -120, 140)], [(0.4, 0.22), (0.7, 0.2)]]],
    6: [[[(0.42, 0.18), (0.34, 0.5), *arc((0.5, 0.64), (0.16, 0.16), 180, -150)]]],
    7: [[[(0.3, 0.25), (0.7, 0.22), (0.45, 0.8)], [(0.4, 0.52), (0.66, 0.5)]]],
    8: [
        [
            [
                *arc((0.5, 0.35), (0.14, 0.15), -60, -270),
                *arc((0.5, 0.66), (0.17, 0.16), -90, 270),
                *arc((0.5, 0.35), (0.14, 0.15), 90, -60),
            ]
        ]
    ],
    9: [[[*arc((0.5, 0.37), (0.16, 0.16), -20, -370), *arc((0.5, 0.62), (0.16, 0.2), 0, 130)]]],
}

NO_DIGITS = {
    "A": [[(0.3, 0.8), (0.5, 0.2), (0.7, 0.8)], [(0.38, 0.58), (0.62, 0.58)]],
    "M": [[(0.25, 0.8), (0.3, 0.2), (0.5, 0.6), (0.7, 0.2), (0.75, 0.8)]],
    "triangle": [[(0.5, 0.2), (0.2, 0.8), (0.8, 0.8), (0.5, 0.2)]],
    "zigzag": [[(0.1 + 0.08 * i, 0.3 + 0.4 * (i % 2)) for i in range(11)]],
}


def vary(strokes, random):
    """Return strokes as another hand draws them: another size, slant and proportion, and uneven lines."""
    angle, slant = np.deg2rad(random.normal(0, 7)), random.normal(0, 0.12)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    shape = turn @ np.array(
        [[math.exp(random.normal(0, 0.12)), slant], [0, math.exp(random.normal(0, 0.08))]]
    )
    waves = [(random.uniform(3, 14, 2), random.uniform(0, 7), random.normal(0, 0.01, 2)) for _ in range(3)]
    size = random.uniform(0.25, 1)
    varied = []
    for stroke in strokes:
        points = np.array(stroke) - 0.5
        along = np.append(0, np.cumsum(np.hypot(*np.diff(points, axis=0).T)))
        places = np.linspace(0, along[-1], max(2, int(along[-1] / 0.03)))
        points = np.stack([np.interp(places, along, axis) for axis in points.T], axis=1)
        points = points + sum(
            np.sin(points @ wave + phase)[:, np.newaxis] * height for wave, phase, height in waves
        )
        varied.append(np.clip(points @ shape.T * size + 0.5, 0, 1).tolist())
    return varied


def scribble(random):
    """Return one stroke, a smoothed random walk that fills the page."""
    path = gaussian_filter1d(random.normal(size=(120, 2)).cumsum(axis=0), 3, axis=0)
    return [((path - path.min(axis=0)) / np.ptp(path, axis=0)).tolist()]


def in_a_row(drawings, gap=0.35, height=0.7):
    """Return the strokes of drawings side by side, all equally high, with gaps in units of their height.

    The row is centered on the canvas. It is smaller than `height` if it is too wide for the canvas.
    """
    row, right = [], 0
    for drawing in drawings:
        points = np.concatenate(drawing)
        corner, extent = points.min(axis=0), np.ptp(points, axis=0)
        scale = 1 / max(extent[1], 0.5 * extent[0])
        row += [(np.array(stroke) - corner) * scale + [right, 0] for stroke in drawing]
        right += extent[0] * scale + gap
    points = np.concatenate(row)
    middle, extent = (points.min(axis=0) + points.max(axis=0)) / 2, np.ptp(points, axis=0)
    scale = min(height / extent[1], 0.9 / extent[0])
    return [((stroke - middle) * scale + 0.5).tolist() for stroke in row]
