"""Glyphs for composed pages: digits of MNIST and of fonts, and letters, as distances to their strokes."""

import json
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from scipy.interpolate import make_interp_spline
from skimage.morphology import skeletonize

HEIGHT = 96  # of a glyph, in pixels
_PAD = 14

# Names of packages of the npm registry with the prefix @fontsource/, under the Open Font License.
_FONTS = json.loads((Path(__file__).parent / "fonts.json").read_text(encoding="utf-8"))
HANDWRITING, PRINTED, HELD_OUT = _FONTS["handwriting"], _FONTS["printed"], _FONTS["held_out"]

DIGITS = "0123456789"
# Letters that are no digit even when they stand alone, in any handwriting of these fonts.
LETTERS = "ABCDEFGHJKLMNPQRTUVWXYadefhkmnpruvwxy"


@dataclass(frozen=True)
class Glyph:
    """Distances to the axis of the strokes, and to their outline (negative inside), in pixels."""

    axis: np.ndarray
    outline: np.ndarray


def install_fonts(folder):
    """Install the fonts in a folder with npm, if they are not there."""
    packages = [f"@fontsource/{name}" for name in HANDWRITING + PRINTED]
    if not all((Path(folder) / "node_modules" / package).exists() for package in packages):
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), *packages], check=True
        )


def font_files(folder, names):
    """Return the files of the Latin fonts of these names that are installed in `folder`."""
    files = []
    for name in names:
        found = sorted(
            (Path(folder) / "node_modules" / "@fontsource" / name / "files").glob(
                f"{name}-latin-[4-7]00-normal.woff"
            )
        )
        files += [str(file) for file in {found[0], found[-1]}] if found else []
    return sorted(files)


@lru_cache(maxsize=4096)
def load_font(file, size):
    return ImageFont.truetype(file, size)


def draw_text(file, text, size):
    """Return text as a float array in [0, 1], cropped to its ink, or None if the font has no such text."""
    font = load_font(file, size)
    left, top, right, bottom = font.getbbox(text)
    if right - left < 1 or bottom - top < 1:
        return None
    image = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4))
    ImageDraw.Draw(image).text((2 - left, 2 - top), text, font=font, fill=255)
    return crop(np.asarray(image, np.float32) / 255)


def crop(ink, level=0.3):
    """Return the part of an image within the box of its ink, or None without ink."""
    rows, columns = (np.flatnonzero((ink > level).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def as_glyph(ink):
    """Return the glyph of an image in [0, 1]."""
    scale = HEIGHT / max(ink.shape[0], ink.shape[1] / 1.5)
    size = max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale))
    large = np.asarray(Image.fromarray(np.float32(ink)).resize(size, Image.BICUBIC))
    inside = np.pad(large > 0.45, _PAD)
    axis = ndimage.distance_transform_edt(~skeletonize(inside))
    outline = ndimage.distance_transform_edt(~inside) - ndimage.distance_transform_edt(inside)
    return Glyph(axis.astype(np.float16), outline.astype(np.float16))


def mnist_glyphs(images, labels):
    """Return glyphs and labels of MNIST's digits."""
    glyphs = []
    for image in images:
        ink = crop(image / np.float32(255))
        glyphs.append(as_glyph(ink))
    return glyphs, [int(label) for label in labels]


def font_glyphs(files, characters):
    """Return the glyphs of characters in fonts, and the characters."""
    glyphs, names = [], []
    for file in files:
        for character in characters:
            ink = draw_text(file, character, 110)
            if ink is not None and min(ink.shape) >= 4:
                glyphs.append(as_glyph(ink))
                names.append(character)
    return glyphs, names


# Strokes of digits as people write them that MNIST and most fonts lack: (row, column) of points on smooth
# curves. A stroke that begins with None has corners instead.
_LOOP = [(0.5 - 0.5 * np.cos(a), 0.5 - 0.4 * np.sin(a)) for a in np.linspace(0, 6.4, 9)]
_TOP = [(0.25 + 0.25 * np.sin(a), 0.45 + 0.33 * np.cos(a)) for a in np.linspace(-0.5, -6.3, 8)]
_DRAWN = {
    0: [
        [_LOOP],
        [[*_LOOP[1:], (0.15, 0.75)]],
        [[(0.1, 0.6), *_LOOP, (0.08, 0.4)]],
        [[*_LOOP, (0.0, 0.85), (0.05, 1.0)]],
        [_LOOP[1:]],
    ],
    1: [
        [[None, (0.35, 0.0), (0, 0.4), (1, 0.4)]],
        [[None, (0.6, -0.1), (0, 0.4), (1, 0.35)]],
        [[None, (0.25, 0.15), (0, 0.4), (1, 0.4)], [None, (1, 0.1), (1, 0.7)]],
        [[None, (0, 0.45), (1, 0.3)]],
        [[None, (0, 0.6), (1, 0.15)]],
        [[(0, 0.4), (0.5, 0.36), (1, 0.25)]],
        [[None, (0.12, 0.25), (0, 0.42), (1, 0.38)]],
        [[(0.3, 0.1), (0, 0.45), (0.85, 0.3), (1, 0.45)]],
        [[(0.6, 0.0), (0.25, 0.35), (0.03, 0.38), (0.12, 0.22), (0.5, 0.25), (1, 0.28)]],
        [[(0.6, 0.0), (0.2, 0.4), (0.02, 0.45), (0.15, 0.2), (0.6, 0.25), (0.97, 0.3), (0.9, 0.5)]],
        [[None, (0.85, -0.1), (0, 0.4), (1, 0.45)]],
    ],
    2: [
        [[(0.2, 0.05), (0, 0.35), (0.25, 0.65), (0.65, 0.3), (0.97, 0.0)], [None, (0.97, 0.0), (1, 0.75)]],
        [[(0.2, 0), (0, 0.3), (0.3, 0.6), (0.9, 0.2), (1, 0.05), (0.85, 0.1), (0.95, 0.4), (1, 0.75)]],
        [
            [(0.55, 0.4), (0.48, 0.1), (0.2, 0.05), (0, 0.35), (0.25, 0.68), (0.6, 0.45), (0.97, 0.1)],
            [None, (0.97, 0.1), (1, 0.7)],
        ],
        [
            [(0.5, 0.4), (0.45, 0.1), (0.15, 0.1), (0, 0.4), (0.25, 0.68), (0.6, 0.45), (0.9, 0.15)],
            [(0.9, 0.15), (0.97, 0.05), (0.86, 0.18), (0.96, 0.45), (0.97, 0.75)],
        ],
        [
            [(0.35, 0.28), (0.3, 0.02), (0.08, 0.1), (0, 0.35), (0.25, 0.58), (0.6, 0.4), (1, 0.1)],
            [None, (1, 0.1), (0.95, 0.65)],
        ],
    ],
    3: [
        [[None, (0, 0.05), (0, 0.6), (0.42, 0.3)], [(0.42, 0.3), (0.6, 0.6), (0.9, 0.5), (0.95, 0)]],
        [
            [(0.1, 0.05), (0, 0.35), (0.22, 0.55), (0.45, 0.25)],
            [(0.45, 0.25), (0.65, 0.65), (0.97, 0.4), (0.9, 0)],
        ],
        [
            [
                *[(0.12, 0.05), (0, 0.35), (0.25, 0.52), (0.5, 0.2), (0.42, 0.12), (0.46, 0.35)],
                *[(0.7, 0.6), (1, 0.35), (0.9, 0)],
            ]
        ],
    ],
    4: [
        [[None, (0, 0.25), (0.6, 0.0), (0.6, 0.75)], [None, (0.25, 0.5), (1, 0.45)]],
        [[None, (0, 0.15), (0.5, 0.1), (0.5, 0.6)], [None, (0, 0.6), (1, 0.6)]],
        [[None, (1, 0.5), (0, 0.55), (0.65, 0.0), (0.65, 0.8)]],
        [[None, (0, 0.5), (0.7, 0.0), (0.66, 0.6)], [None, (0.45, 0.45), (1, 0.4)]],
        [[None, (0, 0.35), (0.75, 0.05), (0.6, 0.45), (0.65, 0.55), (1, 0.4)]],
        [[(0, 0.1), (0.4, 0.02), (0.6, 0.15), (0.5, 0.48)], [None, (0.05, 0.55), (1, 0.5)]],
        [[(0, 0.3), (0.5, 0.02), (0.68, 0.15), (0.6, 0.6)], [None, (0.35, 0.5), (1, 0.45)]],
        [[(0, 0.15), (0.35, 0.08), (0.47, 0.3), (0.05, 0.62)], [None, (0.05, 0.62), (1, 0.25)]],
    ],
    5: [
        [
            [None, (0, 0.1), (0.4, 0.05)],
            [(0.4, 0.05), (0.4, 0.5), (0.8, 0.6), (1, 0.1)],
            [None, (-0.02, 0.12), (0, 0.65)],
        ],
        [[None, (0, 0.7), (0, 0.15), (0.45, 0.05)], [(0.45, 0.05), (0.45, 0.5), (0.85, 0.6), (1, 0.0)]],
        [[(0.02, 0.65), (0.0, 0.25), (0.35, 0.1), (0.5, 0.45), (0.85, 0.5), (1, 0.05)]],
    ],
    6: [
        [[(0, 0.55), (0.35, 0.15), (0.75, 0.05), (1, 0.3), (0.75, 0.6), (0.55, 0.3), (0.75, 0.08)]],
        [[(0, 0.3), (0.5, 0.02), (0.95, 0.2), (0.85, 0.6), (0.6, 0.4), (0.65, 0.05)]],
        [[(0, 0.6), (0.4, 0.25), (0.8, 0.08), (1, 0.25), (0.85, 0.45), (0.7, 0.3), (0.8, 0.1)]],
    ],
    7: [
        [[None, (0.02, 0), (0, 0.65), (1, 0.2)], [None, (0.5, 0.1), (0.47, 0.7)]],
        [
            [None, (0.18, 0), (0, 0.05), (0, 0.6)],
            [(0, 0.6), (0.5, 0.35), (1, 0.25)],
            [None, (0.5, 0.08), (0.5, 0.6)],
        ],
        [[None, (0.05, 0), (0, 0.6), (1, 0.3)]],
        [[None, (0.2, 0), (0.03, 0.0), (0, 0.6), (1, 0.25)]],
        [
            [(0.2, 0.0), (0.03, 0.08), (0.1, 0.35), (0.02, 0.65), (0.45, 0.4), (1, 0.2)],
            [(0.56, 0.02), (0.48, 0.2), (0.54, 0.4), (0.46, 0.65)],
        ],
        [[(0.05, 0), (0.02, 0.6), (0.4, 0.5), (1, 0.45)], [None, (0.55, 0.15), (0.52, 0.8)]],
        [
            [(0.02, 0.0), (0.22, 0.2), (0.15, 0.4), (0, 0.6), (0.5, 0.4), (1, 0.3)],
            [None, (0.62, 0.12), (0.6, 0.6)],
        ],
        [[(0.15, 0.05), (0.02, 0.3), (0.1, 0.55), (0.5, 0.45), (1, 0.3)], [None, (0.72, 0.1), (0.7, 0.6)]],
        [
            [(0.2, 0.05), (0.03, 0.12), (0.12, 0.35), (0.02, 0.6), (0.5, 0.35), (1, 0.3)],
            [None, (0.5, 0.1), (0.48, 0.55)],
        ],
    ],
    8: [
        [
            [
                (0.15, 0.55),
                (0, 0.3),
                (0.2, 0.1),
                (0.5, 0.3),
                (0.8, 0.55),
                (1, 0.3),
                (0.8, 0.05),
                (0.5, 0.3),
                (0.15, 0.58),
            ]
        ],
        [
            [(0.5, 0.3), (0.25, 0.05), (0, 0.3), (0.25, 0.55), (0.5, 0.3)],
            [(0.5, 0.3), (0.75, 0), (1, 0.3), (0.75, 0.6), (0.5, 0.3)],
        ],
        [
            [(0.05, 0.6), (0.02, 0.25), (0.25, 0.1), (0.5, 0.3), (0.8, 0.52), (1, 0.25), (0.8, 0.02)],
            [None, (0.8, 0.02), (0.05, 0.6)],
        ],
    ],
    9: [
        [_TOP, [(0.2, 0.78), (0.6, 0.72), (0.95, 0.5), (0.98, 0.1)]],
        [_TOP, [None, (0.2, 0.78), (1, 0.7)]],
        [
            [(0.15, 0.6), (0, 0.3), (0.25, 0.05), (0.45, 0.3), (0.15, 0.6)],
            [(0.15, 0.6), (0.6, 0.5), (1, 0.3)],
        ],
        [
            [(0.55, 0.35), (0.4, 0.08), (0.15, 0.05), (0, 0.35), (0.15, 0.65), (0.4, 0.6), (0.55, 0.35)],
            [(0.55, 0.35), (0.75, 0.28), (1, 0.35)],
        ],
        [
            [(0.5, 0.25), (0.45, 0.55), (0.2, 0.68), (0, 0.4), (0.15, 0.1), (0.4, 0.1), (0.55, 0.35)],
            [(0.55, 0.35), (0.75, 0.45), (1, 0.4)],
        ],
        [[(0.5, 0.2), (0.4, 0.6), (0.12, 0.65), (0, 0.35), (0.2, 0.15), (0.6, 0.15), (1, 0.05)]],
        [
            [(0.1, 0.65), (0, 0.35), (0.2, 0.05), (0.42, 0.25), (0.25, 0.62), (0.08, 0.6)],
            [(0.08, 0.6), (0.6, 0.45), (0.95, 0.3), (0.95, 0.05)],
        ],
    ],
}


def drawn_glyphs(n, random):
    """Return glyphs of `n` digits that are drawn by points, each moved at random, and their labels."""
    labels = random.integers(0, 10, n)
    return [as_glyph(_draw_digit(int(label), random)) for label in labels], [int(label) for label in labels]


def _draw_digit(label, random):
    variants = _DRAWN[label]
    image = Image.new("L", (500, 300))
    draw = ImageDraw.Draw(image)
    stretch = np.array([1, random.uniform(0.7, 1.25) * (random.uniform(1, 1.7) if label == 0 else 1)])
    moves = {}  # of points, which strokes share where they meet
    for stroke in variants[random.integers(len(variants))]:
        has_corners = stroke[0] is None
        points = np.array(stroke[1:] if has_corners else stroke, float)
        points += [moves.setdefault(tuple(point), random.normal(0, 0.04, 2)) for point in points]
        points = points * stretch * 180 + 60
        if len(points) > 2 and not has_corners:
            line = make_interp_spline(np.arange(len(points)), points, min(3, len(points) - 1))
            points = line(np.linspace(0, len(points) - 1, 40))
        draw.line([tuple(point[::-1]) for point in points], fill=255, width=8, joint="curve")
    return crop(np.asarray(image, np.float32) / 255)
