"""Compose tiles of pages: digits on paper, and what else stands on paper.

The training and the validation tiles of the page network. Every range is much wider than in most pictures,
because a network that only saw neat pages finds digits on neat pages only. `photograph` adds the light and
the camera.
"""

from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from sk_mnist_cnn._pictures.detection import KINDS

from .glyphs import (
    DIGITS,
    HANDWRITING,
    HEIGHT,
    HELD_OUT,
    LETTERS,
    PRINTED,
    crop,
    draw_text,
    drawn_glyphs,
    font_files,
    font_glyphs,
    install_fonts,
    mnist_glyphs,
)
from .photograph import SIDE, photograph, smooth

_SYMBOLS = "+=*#%$()<>?!&@:€£\N{DIVISION SIGN}\N{MULTIPLICATION SIGN}"
_MNIST, _DRAWN = 9000, 5000  # digits in the bank
LAYOUTS = {  # and the share of tiles
    "lines": 0.34,
    "table": 0.13,
    "scattered": 0.1,
    "single": 0.08,
    "words": 0.12,
    "clutter": 0.05,
    "amount": 0.18,
}
_WORD_LETTERS = "eeeaaaiiiooouuunnnrrrtttsssllldddmmmcccpppbbbgghhvvffqqjjzzxykw"


@dataclass
class Tile:
    """One composed picture, and what it shows."""

    random: np.random.Generator
    height: float  # of typical digits, in pixels
    uneven: bool = False  # each digit has a darkness of its own
    boxes: list = field(default_factory=list)
    kinds: list = field(default_factory=list)
    labels: list = field(default_factory=list)
    ignored: list = field(default_factory=list)

    def __post_init__(self):
        self.ink = np.zeros((SIDE, SIDE), np.float32)  # of digits
        self.other = np.zeros((SIDE, SIDE), np.float32)  # of anything else
        self.rules = np.zeros((SIDE, SIDE), np.float32)
        self.area = (0, 0), (SIDE, SIDE)
        self.owner = np.zeros((SIDE, SIDE), np.int16)  # index of the digit + 1, or -1 for parts of digits

    @property
    def digits(self):
        """Boxes of the digits in the picture, of shape (n, 4), and their labels."""
        is_digit = np.array(self.kinds, int) == KINDS.index("digit")
        boxes = np.reshape(self.boxes, (-1, 4))[is_digit] - np.tile(self.area[0], 2)
        return boxes, np.array(self.labels, int)[is_digit]


def load_composer(fonts, mnist, validation=False):
    """Return a composer of training tiles, or of validation tiles with other fonts and other digits.

    `fonts` is the folder in which they are installed with npm, and `mnist` the path of MNIST's file.
    """
    install_fonts(fonts)
    random = np.random.default_rng(1 if validation else 0)
    handwriting, printed = (
        font_files(fonts, [name for name in names if (name in HELD_OUT) == validation])
        for names in (HANDWRITING, PRINTED)
    )
    with np.load(mnist) as data:
        images, labels = data["x_train"], data["y_train"]
    chosen = random.choice(
        np.arange(50_000, 60_000) if validation else np.arange(50_000),
        _MNIST // (6 if validation else 1),
        False,
    )
    digits, names = mnist_glyphs(images[chosen], labels[chosen])
    written, written_names = font_glyphs(handwriting, DIGITS)
    typed, typed_names = font_glyphs(printed, DIGITS)
    drawn, drawn_names = drawn_glyphs(_DRAWN // (6 if validation else 1), random)
    repeats = max(1, len(digits) // (2 * len(written)))
    letters, _ = font_glyphs(handwriting, LETTERS)
    return Composer(
        [*digits, *drawn, *written * repeats, *typed * 3],
        [*names, *drawn_names, *map(int, written_names * repeats), *map(int, typed_names * 3)],
        letters,
        handwriting,
        printed,
    )


class Composer:
    """Composes tiles from glyphs of digits and letters, and fonts."""

    def __init__(self, digits, labels, letters, handwriting, printed):
        self.digits, self.labels, self.letters = digits, np.asarray(labels), letters
        self.handwriting, self.printed = handwriting, printed

    def compose(self, seed, layout=None):
        """Return the tile of a seed, and of a layout if it is given: its picture, uint8, and the Tile."""
        random = np.random.default_rng(seed)
        height = float(np.exp(random.uniform(np.log(10), np.log(90))))
        tile = Tile(random, height, uneven=random.random() < 0.12)
        pen = self._pen(random)
        drawn = random.choice(list(LAYOUTS), p=list(LAYOUTS.values()))
        layout = layout or drawn
        getattr(self, f"_{layout}")(tile, pen)
        if random.random() < (0.1 if layout == "words" else 0.35):
            self._rule(tile)
        if random.random() < 0.25:
            self._scribble(tile)
        return photograph(tile), tile

    def _pen(self, random):
        """Return the width of strokes relative to the height of digits, and how a pen varies."""
        widest = 0.33 if random.random() < 0.2 else 0.2
        return {
            "width": float(np.exp(random.uniform(np.log(0.02), np.log(widest)))),
            "original": random.random() < 0.3,  # the strokes of the glyph instead
            # One pen of five slants far to the right.
            "slant": -random.uniform(0.2, 0.6) if random.random() < 0.2 else random.normal(0, 0.15),
            "spread": random.choice([0.03, 0.1, 0.2]),
            "mixed": random.random() < 0.15,  # several hands
            "digits": random.integers(0, len(self.digits)),
        }

    def _glyph(self, random, pool, pen, height, angle=0.0):
        """Return the ink of a glyph of this height, in [0, 1]."""
        height = max(float(height), 5.0)
        scale = height / HEIGHT
        aspect = np.exp(random.normal(0, 0.12))
        slant = pen["slant"] + random.normal(0, 0.08)
        turn = angle + random.normal(0, 0.06)
        matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        matrix = matrix @ np.array([[1, 0], [slant, 1]]) @ np.diag([scale, scale * aspect])  # rows, columns
        source = pool.outline if pen["original"] else pool.axis
        corners = np.array([[r, c] for r in (0, source.shape[0]) for c in (0, source.shape[1])]) @ matrix.T
        low, high = corners.min(axis=0) - 2, corners.max(axis=0) + 2
        size = np.ceil(high - low).astype(int)
        inverse = np.linalg.inv(matrix)
        # Pixel i of the result is at low + i + 0.5 of the scaled plane.
        offset = inverse @ (low + 0.5) - 0.5
        distance = ndimage.affine_transform(
            source.astype(np.float32), inverse, offset, tuple(size), order=1, mode="nearest"
        )
        distance *= scale
        if pen["original"]:
            ink = np.clip(0.5 - distance + height * random.normal(0, 0.01), 0, 1)
        else:
            width = max(pen["width"] * height * np.exp(random.normal(0, 0.08)), 0.5)
            if random.random() < 0.3:  # pressure
                width = width * np.clip(1 + 0.4 * smooth(random, distance.shape, height / 3), 0.3, 1.7)
            ink = np.clip(width / 2 - distance + 0.5, 0, 1)
        return ink

    def _digit(self, random, pen, label):
        if label is not None:
            index = random.choice(np.flatnonzero(self.labels == label))
        elif pen["mixed"] or random.random() < 0.5:
            index = random.integers(len(self.digits))
        else:  # a hand writes alike: neighbors in the bank are digits of one font, or of MNIST
            index = (pen["digits"] + random.integers(-12, 13)) % len(self.digits)
        return index

    def _write_digit(self, tile, pen, bottom, left, height, angle=0.0, label=None):
        """Write one digit, of this label if there is one, and return the column after it."""
        random = tile.random
        index = self._digit(random, pen, label)
        ink = crop(self._glyph(random, self.digits[index], pen, height, angle))
        if ink is None:
            return left + height / 2
        top = round(bottom - ink.shape[0])
        self._paste_digit(tile, ink, top, round(left), self.labels[index])
        return left + ink.shape[1]

    def _paste_digit(self, tile, ink, top, left, label):
        here, part = _window(ink, top, left)
        if here is None:
            return
        box = [top, left, top + ink.shape[0], left + ink.shape[1]]
        visible = part.sum() / max(ink.sum(), 1e-6)
        shown = (part > 0.3) & (part > tile.ink[here])
        if visible > 0.75:
            tile.boxes.append(box)
            tile.kinds.append(0)
            tile.labels.append(int(label))
            tile.owner[here][shown] = len(tile.boxes)
        else:
            tile.ignored.append(box)
            tile.owner[here][shown] = -1
        if tile.uneven:
            part = part * tile.random.uniform(0.3, 1)
        np.maximum(tile.ink[here], part, out=tile.ink[here])

    def _mark(self, tile, kind, bottom, left, height, pen):
        """Write a separator, and return the column after it."""
        random = tile.random
        thick = max(pen["width"] * height * random.uniform(0.8, 1.3), 1.0)
        points = {
            "point": [(0, 0), (0, random.uniform(0, 0.04))],
            "comma": [(-0.04, 0.06), (0.04, 0.06), (0.2, random.uniform(-0.06, 0.02))],
            "dash": [(-0.45, 0), (-0.45 + random.normal(0, 0.05), random.uniform(0.25, 0.7))],
            "slash": [(-1.05, random.uniform(0.3, 0.6)), (0.15, 0)],
        }[kind]
        if kind == "point":
            thick *= random.uniform(1, 1.8)
        ink, box = _stroke(np.array(points) * height + [bottom, left], thick)
        if ink is None:
            return left
        here, part = _window(ink, box[0], box[1])
        if here is not None:
            np.maximum(tile.other[here], part, out=tile.other[here])
            if part.sum() > 0.7 * ink.sum():
                tile.boxes.append([*box])
                tile.kinds.append(KINDS.index(kind))
                tile.labels.append(-1)
        return box[3]

    def _strike(self, tile, first):
        """Cross out the digits from index `first` on."""
        random = tile.random
        boxes = np.array(
            [box for box, kind in zip(tile.boxes[first:], tile.kinds[first:], strict=True) if kind == 0]
        )
        if not len(boxes):
            return
        top, left, bottom, right = *boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)
        height = bottom - top
        style = random.integers(3)
        if style == 0:  # a line or two
            points = [
                [
                    (top + height * random.uniform(0.3, 0.7), left - height * 0.1),
                    (top + height * random.uniform(0.3, 0.7), right + height * 0.1),
                ]
                for _ in range(random.integers(1, 3))
            ]
        elif style == 1:  # a cross
            points = [[(top, left), (bottom, right)], [(bottom, left), (top, right)]]
        else:  # a scribble
            n = max(4, int(3 * (right - left) / max(height, 1)) + 3)
            across = np.linspace(left, right, n)
            down = np.where(np.arange(n) % 2, top, bottom) + random.normal(0, 0.15, n) * height
            points = [list(zip(down, across, strict=True))]
        for path in points:
            self._draw(tile.other, np.array(path), max(1.0, height * random.uniform(0.04, 0.1)))
        for index in range(first, len(tile.boxes)):
            if tile.kinds[index] == 0:
                tile.kinds[index] = KINDS.index("struck")
                tile.owner[tile.owner == index + 1] = -1

    def _draw(self, target, points, thick):
        ink, box = _stroke(points, thick)
        if ink is not None:
            self._paste(target, ink, *box[:2])

    def _number(self, tile, pen, bottom, left, height, n, gap, angle=0.0, marks=0.06, ones=0.15):
        """Write a number with its separators along a baseline, and return the column after it.

        The first digit is more often 1 than another digit is, as in most numbers (Benford's law).
        """
        random = tile.random
        start, x, first = left, left, len(tile.boxes)
        first_same = random.integers(n) if random.random() < 0.12 else n
        label, is_linked = None, False
        for position in range(n):
            if x > SIDE:
                break
            if position == first_same:  # a row of 0 or of 1, which many people write without a gap
                label = int(random.random() < 0.3)
                gap = random.uniform(0, 0.3) if label else random.uniform(-0.3, 0.1)
                is_linked = not label and random.random() < 0.5
            y = bottom - np.tan(angle) * (x - start) + random.normal(0, pen["spread"]) * height * 0.4
            if random.random() < marks:
                # A slash is rare, and never first, because it looks like a 1.
                kinds = ["point", "comma", "dash", "slash"]
                kind = random.choice(kinds, p=[0.36, 0.32, 0.27, 0.05]) if position else "dash"
                x = self._mark(tile, kind, y, x, height, pen) + height * random.uniform(0.02, 0.25)
            size = height * np.exp(random.normal(0, pen["spread"]))
            is_one = position == 0 and label is None and random.random() < ones
            x = self._write_digit(tile, pen, y, x, size, angle, 1 if is_one else label)
            if is_linked and position < n - 1:
                self._link(tile, pen, y, x, height, max(gap, 0))
            x += gap * height * np.exp(random.normal(0, 0.3)) if gap > 0 else gap * height
        if random.random() < 0.03:
            self._strike(tile, first)
        return x

    def _link(self, tile, pen, bottom, left, height, gap):
        """Draw the stroke from the top of a 0 to the next one, which belongs to neither."""
        across = np.array([-0.15, 0.1, 0.35]) + gap
        path = np.stack([tile.random.normal([-0.85, -0.75, -0.85], 0.1), across], axis=1)
        self._draw(tile.ink, path * height + [bottom, left], max(pen["width"] * height, 1))

    def _word(self, tile, bottom, left, height, target=None):
        """Write a word, and return the column after it."""
        random = tile.random
        fonts = self.printed if random.random() < 0.35 else self.handwriting
        n = random.integers(2, 10)
        text = "".join(random.choice(list(_WORD_LETTERS), n))
        if random.random() < 0.35:
            text = text.capitalize() if random.random() < 0.6 else text.upper()
        ink = draw_text(str(random.choice(fonts)), text, max(6, round(height * random.uniform(1, 1.4))))
        if ink is None:
            return left + height
        self._paste(tile.other if target is None else target, ink, round(bottom - height), round(left))
        return left + ink.shape[1]

    def _paste(self, target, ink, top, left):
        here, part = _window(ink, top, left)
        if here is not None:
            np.maximum(target[here], part, out=target[here])

    def _letter(self, tile, pen, bottom, left, height):
        random = tile.random
        if random.random() < 0.3:
            font = random.choice(self.printed if random.random() < 0.5 else self.handwriting)
            ink = draw_text(str(font), random.choice(list(_SYMBOLS)), max(6, round(height * 1.2)))
        else:
            ink = crop(self._glyph(random, self.letters[random.integers(len(self.letters))], pen, height))
        if ink is None or ink.shape[0] > 1.6 * height:
            return left
        self._paste(tile.other, ink, round(bottom - ink.shape[0]), round(left))
        return left + ink.shape[1]

    def _lines(self, tile, pen, words=0.1):
        random, height = tile.random, tile.height
        angle = random.normal(0, 0.04) if random.random() < 0.7 else random.uniform(-0.26, 0.26)
        gap = random.choice([-0.12, -0.03, 0.05, 0.2, 0.5, 1.2], p=[0.1, 0.15, 0.25, 0.25, 0.15, 0.1])
        letters = random.choice([0, 0, 0.05, 0.25])
        y = random.uniform(0.3, 1.5) * height - max(0, -angle) * SIDE
        while y < SIDE + height * 0.3 + max(0, angle) * SIDE:
            x = random.uniform(-0.5, 3 if random.random() < 0.5 else 0.8) * height
            while x < SIDE:
                base = y - np.tan(angle) * x
                what = random.random()
                if what < words:
                    x = self._word(tile, base, x, height * random.uniform(0.6, 1.1)) + height * 0.5
                elif what < words + letters:
                    x = self._letter(tile, pen, base, x, height * random.uniform(0.6, 1.1))
                    x += height * max(gap, 0.05)
                else:
                    x = self._number(tile, pen, base, x, height, random.integers(1, 9), gap, angle)
                    x += height * random.uniform(0.6, 2.5)
                if random.random() < 0.1:
                    break
            y += height * random.uniform(1.15, 2.6)

    def _amount(self, tile, pen):
        """One number in the middle of a busy strip, as on a form or a check."""
        random = tile.random
        height = tile.height = random.uniform(16, 70)
        gap = random.choice([-0.15, -0.05, 0.03, 0.12, 0.3])
        top = random.uniform(0, SIDE - height)
        x = random.uniform(-0.3, 1.5) * height
        for _ in range(random.choice(3, p=[0.6, 0.3, 0.1])):
            x = self._letter(tile, pen, top + height, x, height * random.uniform(0.5, 1.0)) + 0.2 * height
        angle = random.normal(0, 0.05)
        n = random.integers(1, 8)
        x = self._number(tile, pen, top + height, x, height, n, gap, angle, marks=0.15, ones=0.3)
        for _ in range(random.integers(0, 4)):
            if random.random() < 0.5:
                x = self._letter(tile, pen, top + height, x, height * random.uniform(0.4, 0.9)) + 0.1 * height
            else:  # a line that fills the rest
                end = x + height * random.uniform(0.5, 3)
                for _ in range(random.integers(1, 3)):
                    down = top + height * random.uniform(0.2, 1)
                    self._draw(
                        tile.other,
                        np.array([(down, x), (down + random.normal(0, 3), end)]),
                        max(1, height * 0.06),
                    )
                x = end
        for bottom in (top - random.uniform(0.1, 0.6) * height, top + random.uniform(1.6, 2.6) * height):
            self._word(tile, bottom, random.uniform(-0.5, 1.0) * SIDE, height * random.uniform(0.3, 0.9))

    def _table(self, tile, pen):
        """Cells with borders, with a digit or a number in most of them."""
        random, height = tile.random, tile.height
        single = random.random() < 0.5
        n = 1 if single else random.integers(1, 5)
        down = height * random.uniform(1.1, 2.2)
        across = height * (random.uniform(0.9, 2.2) if single else random.uniform(0.7, 1) * n + 0.6)
        thick = max(1.0, height * random.uniform(0.02, 0.12))
        y0, x0 = random.uniform(-1, 0.5) * down, random.uniform(-1, 0.5) * across
        tilt = random.normal(0, 0.03)
        has_border = random.random() < 0.85
        n_rows, n_columns = int(SIDE / down) + 2, int(SIDE / across) + 2
        for row in range(n_rows + 1):
            y = y0 + row * down
            width = thick * (2 if row % 3 == 0 and random.random() < 0.5 else 1)
            if has_border:
                self._draw(tile.rules, np.array([(y, -5), (y - tilt * SIDE, SIDE + 5)]), width)
        for column in range(n_columns + 1):
            x = x0 + column * across
            width = thick * (2 if column % 3 == 0 and random.random() < 0.5 else 1)
            if has_border and random.random() < 0.97:
                self._draw(tile.rules, np.array([(-5, x), (SIDE + 5, x + tilt * SIDE)]), width)
        full = random.uniform(0.3, 1)
        for row in range(n_rows):
            for column in range(n_columns):
                if random.random() > full:
                    continue
                x = x0 + column * across + tilt * row * down + height * random.uniform(0.1, 0.35)
                y = (
                    y0
                    + (row + 1) * down
                    - tilt * column * across
                    - (down - height) * random.uniform(0.15, 0.8)
                )
                if random.random() < 0.08:
                    self._word(tile, y, x, height * random.uniform(0.4, 0.7))
                else:
                    self._number(tile, pen, y, x, height, random.integers(1, n + 1), 0.08, 0, marks=0.03)

    def _scattered(self, tile, pen):
        random = tile.random
        sizes = random.choice([0.0, 0.3, 0.6])
        for _ in range(int(random.uniform(1, 1.5 + 0.25 * (SIDE / tile.height) ** 2))):
            height = tile.height * np.exp(random.normal(0, sizes))
            y, x = random.uniform(0.5, SIDE), random.uniform(-0.3 * height, SIDE - 0.3 * height)
            n, angle = random.integers(1, 4), random.normal(0, 0.15)
            box = [int(y - 1.2 * height), int(x - 0.1 * height), int(y + 0.3 * height), int(x + n * height)]
            here = np.s_[max(box[0], 0) : max(box[2], 0), max(box[1], 0) : max(box[3], 0)]
            if not (tile.ink[here].any() or tile.other[here].any()):
                if random.random() < 0.15:
                    self._letter(tile, pen, y, x, height)
                else:
                    self._number(tile, pen, y, x, height, n, random.uniform(0, 0.3), angle)

    def _single(self, tile, pen):
        """One digit, or a few, that fill the tile."""
        random = tile.random
        height = tile.height = random.uniform(20, 100)
        y, x = random.uniform(height, SIDE), random.uniform(0, SIDE - height)
        self._number(tile, pen, y, x, height, random.choice([1, 1, 2, 3]), 0.1, marks=0.02)

    def _words(self, tile, pen):
        random = tile.random
        height = tile.height * random.uniform(0.4, 0.9)
        y = random.uniform(0.5, 1.5) * height
        digits = random.choice([0, 0, 0.06, 0.2])
        while y < SIDE + height:
            x = random.uniform(-1, 2) * height
            while x < SIDE:
                if random.random() < digits:
                    x = self._number(tile, pen, y, x, height, random.integers(1, 5), 0.08)
                elif random.random() < 0.25:
                    for _ in range(random.integers(1, 6)):
                        x = self._letter(tile, pen, y, x, height * random.uniform(0.6, 1.2)) + 0.08 * height
                else:
                    x = self._word(tile, y, x, height)
                x += height * random.uniform(0.3, 1)
            y += height * random.uniform(1.3, 2.5)

    def _clutter(self, tile, pen):
        """No digits: hatching, dots, dashes, loops, frames."""
        random = tile.random
        kind = random.integers(6)
        step, thick = random.uniform(4, 30), random.uniform(1, 5)
        if kind == 0:  # hatching
            angle = random.uniform(0, np.pi)
            direction = np.array([np.sin(angle), np.cos(angle)])
            for shift in np.arange(-SIDE, SIDE, step):
                middle = np.array([SIDE / 2, SIDE / 2]) + shift * direction[::-1] * [1, -1]
                length = random.choice([20, 60, 300])
                self._draw(
                    tile.other, np.stack([middle - direction * length, middle + direction * length]), thick
                )
        elif kind == 1:  # dots
            for point in random.uniform(0, SIDE, (random.integers(5, 150), 2)):
                self._draw(tile.other, np.stack([point, point + random.uniform(0, 2, 2)]), thick)
        elif kind == 2:  # dashes
            for point in random.uniform(0, SIDE, (random.integers(5, 60), 2)):
                self._draw(tile.other, np.stack([point, point + random.normal(0, step, 2)]), thick)
        elif kind == 3:  # frames
            for _ in range(random.integers(1, 8)):
                (top, left), (down, right) = random.uniform(0, SIDE, (2, 2))
                path = [(top, left), (top, right), (down, right), (down, left), (top, left)]
                self._draw(tile.other, np.array(path), thick)
        elif kind == 4:  # loops
            for _ in range(random.integers(1, 5)):
                self._scribble(tile)
        else:  # letters of all sizes
            for y, x in random.uniform(0, SIDE, (random.integers(1, 20), 2)):
                self._letter(tile, pen, y, x, random.uniform(10, 80))

    def _scribble(self, tile):
        """Draw a smooth random curve, as of a signature, a doodle or a stain's outline."""
        random = tile.random
        n = random.integers(3, 14)
        points = random.uniform(0, SIDE, 2) + np.cumsum(
            random.normal(0, random.uniform(5, 50), (n, 2)), axis=0
        )
        smooth_path = ndimage.zoom(points, (8, 1), order=3, mode="nearest")
        self._draw(tile.other, smooth_path, random.uniform(1, 6))

    def _rule(self, tile):
        """Add ruled, squared or dotted paper, or single lines."""
        random, height = tile.random, tile.height
        step = height * random.uniform(0.5, 2.6)
        thick = max(0.8, height * np.exp(random.uniform(np.log(0.015), np.log(0.1))))
        angle = random.normal(0, 0.02)
        kind = random.choice(["ruled", "squared", "dotted", "lines"], p=[0.4, 0.3, 0.1, 0.2])
        start = random.uniform(-step, 0)
        if kind == "lines":
            for _ in range(random.integers(1, 4)):
                ends = random.uniform(-50, SIDE + 50, (2, 2))
                if random.random() < 0.6:  # nearly level, or nearly upright
                    axis = random.integers(2)
                    ends[1, axis] = ends[0, axis] + random.normal(0, 8)
                self._draw(tile.rules, ends, thick)
            return
        for shift in np.arange(start, SIDE * 1.1, max(step, 5)):
            if kind == "dotted":
                for across in np.arange(start, SIDE, max(step, 5)):
                    self._draw(tile.rules, np.array([(shift, across), (shift, across + 1)]), thick + 0.5)
                continue
            self._draw(tile.rules, np.array([(shift, -5), (shift - angle * SIDE, SIDE + 5)]), thick)
            if kind == "squared":
                self._draw(tile.rules, np.array([(-5, shift), (SIDE + 5, shift + angle * SIDE)]), thick)


def _window(ink, top, left):
    """Return the slices of the tile that a patch covers, and the visible part of the patch."""
    low = np.maximum([top, left], 0)
    high = np.minimum([top + ink.shape[0], left + ink.shape[1]], SIDE)
    if (high <= low).any():
        return None, None
    part = ink[low[0] - top : high[0] - top, low[1] - left : high[1] - left]
    return np.s_[low[0] : high[0], low[1] : high[1]], part


def _stroke(points, thick):
    """Return the ink of a polyline, and its box."""
    margin = thick / 2 + 2
    points = np.asarray(points, float)
    low = np.floor(np.maximum(points.min(axis=0) - margin, -SIDE)).astype(int)
    high = np.ceil(np.minimum(points.max(axis=0) + margin, 2 * SIDE)).astype(int)
    if (high - low).min() < 2:
        return None, None
    scale = 4
    image = Image.new("L", (int(high[1] - low[1]) * scale, int(high[0] - low[0]) * scale))
    path = [tuple((point[::-1] - low[::-1]) * scale) for point in points]
    draw, radius = ImageDraw.Draw(image), thick * scale / 2
    draw.line(path, fill=255, width=max(1, round(thick * scale)), joint="curve")
    for x, y in (path[0], path[-1]):
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)
    ink = np.asarray(image.reduce(scale), np.float32) / 255
    rows, columns = (np.flatnonzero((ink > 0.3).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None, None
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    top, left = low[0] + rows[0], low[1] + columns[0]
    return ink, (int(top), int(left), int(top + ink.shape[0]), int(left + ink.shape[1]))
