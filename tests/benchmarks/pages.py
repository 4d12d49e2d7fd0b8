"""Pages of handwritten numbers, composed of MNIST's digits, and pages of clutter without digits."""

import io
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage, special

PAPERS = ("white", "ruled", "squared", "shaded")
N_LINES = 6
_SIZES = (20, 80)  # height of the digits, in pixels
_MARGIN = 40
_INK = 0.4  # share of the full ink from which digits touch


class Page(NamedTuple):
    """A page and what is written on it."""

    picture: np.ndarray  # of shape (h, w), uint8
    lines: list[str]
    boxes: np.ndarray  # of shape (n, 4): top, left, bottom, right of each digit
    line: np.ndarray  # of shape (n,): the line of each digit
    touches: np.ndarray  # of shape (n,): whether a digit touches the one before it
    owner: np.ndarray  # of shape (h, w): the number of the digit whose ink a pixel shows, or -1


def intersection_over_union(boxes, others):
    """Return the area that each box shares with each of the others, divided by the area of both."""
    low = np.maximum(boxes[:, np.newaxis, :2], others[:, :2])
    high = np.minimum(boxes[:, np.newaxis, 2:], others[:, 2:])
    common = np.maximum(high - low, 0).prod(axis=2)
    areas, other_areas = ((sides[:, 2:] - sides[:, :2]).prod(axis=1) for sides in (boxes, others))
    return common / (areas[:, np.newaxis] + other_areas - common)


def compose_pages(images, labels, *, touching=0.0, length=(1, 8), n_lines=N_LINES, height=0, random_state=0):
    """Yield pages on which every image occurs once.

    Parameters
    ----------
    images : ndarray of shape (n, 28, 28), uint8
    labels : ndarray of shape (n,)
    touching : float, default=0.0
        Share of neighbors that touch.
    length : tuple of int, default=(1, 8)
        Smallest and largest number of digits in a line.
    n_lines : int, default=6
        Number of lines on a page.
    height : int, default=0
        Smallest height of a page, in pixels.
    random_state : int or numpy.random.Generator, default=0
    """
    random = np.random.default_rng(random_state)
    order = random.permutation(len(images))
    page = 0
    while len(order):
        lengths = random.integers(length[0], length[1] + 1, n_lines)
        groups = [group for group in np.split(order, lengths.cumsum())[:-1] if len(group)]
        order = order[lengths.sum() :]
        yield compose_page(
            [images[group] for group in groups],
            [labels[group] for group in groups],
            touching,
            PAPERS[page % len(PAPERS)],
            random,
            height=height,
        )
        page += 1


def compose_page(images, labels, touching, paper, random, sizes=_SIZES, height=0):
    """Write each group of digits into a line of one page, which has at least this height."""
    written = [_write_line(group, touching, random, sizes) for group in images]
    used = sum(ink.shape[0] for ink, *_ in written) + _MARGIN * (len(written) + 1)
    height = max(used, height)
    width = max(700, max(ink.shape[1] for ink, *_ in written) + 2 * _MARGIN)
    ink = np.zeros((height, width))
    owner = np.full(ink.shape, -1)
    top = _MARGIN + random.integers(height - used + 1)
    boxes, line, touches = [], [], []
    for number, (strokes, places, touch, position) in enumerate(written):
        left = random.integers(_MARGIN, width - _MARGIN - strokes.shape[1] + 1)
        place = np.s_[top : top + strokes.shape[0], left : left + strokes.shape[1]]
        ink[place] = strokes * random.uniform(0.75, 1)
        owner[place] = np.where(position >= 0, position + sum(map(len, boxes)), -1)
        boxes.append(places + np.array([top, left, top, left]))
        line.append(np.full(len(places), number))
        touches.append(touch)
        top += strokes.shape[0] + random.integers(_MARGIN // 2, _MARGIN)
    lines = ["".join(map(str, group)) for group in labels]
    picture = photograph(ink, paper, random)
    return Page(picture, lines, np.concatenate(boxes), np.concatenate(line), np.concatenate(touches), owner)


def _write_line(images, touching, random, sizes):
    """Return the ink of one line, the boxes of its digits, which ones touch the digit before, and their ink.

    The last is an array of the shape of the ink, with the position of the digit of each pixel, or -1.
    """
    size = random.uniform(*sizes)
    slant, gap, tilt = random.normal(0, 0.15), random.uniform(0.1, 0.5), random.normal(0, 0.02)
    height, width = round(1.6 * size), round((len(images) + 1) * 2.2 * size)
    middle = height // 2 + round(abs(tilt) * width)
    line, boxes, touches = np.zeros((2 * middle, width)), [], []
    owner = np.full(line.shape, -1)
    for position, image in enumerate(images):
        digit = _draw_digit(image, size * random.uniform(0.9, 1.1), slant + random.normal(0, 0.05))
        touch = position > 0 and random.random() < touching
        distance = max(3, size * gap * random.uniform(0.7, 1.3))
        right = boxes[-1][3] if boxes else 0
        top = middle - digit.shape[0] // 2 + round(tilt * right + size * random.normal(0, 0.04))
        left = _place(line, digit, top, right, touch, distance) if boxes else 0
        place = np.s_[top : top + digit.shape[0], left : left + digit.shape[1]]
        owner[place] = np.where((digit > _INK) & (digit > line[place]), position, owner[place])
        line[place] = np.maximum(line[place], digit)
        boxes.append(_bounding_box(digit, top, left))
        touches.append(touch)
    boxes = np.array(boxes)
    rows, columns = np.nonzero(line)
    used = np.s_[rows.min() : rows.max() + 1, : columns.max() + 1]
    return line[used], boxes - [rows.min(), 0, rows.min(), 0], np.array(touches), owner[used]


def _draw_digit(image, size, slant):
    """Return one digit of `size` pixels for MNIST's box of 20 pixels, cropped to its ink."""
    scale = size / 20
    side = round(56 * scale)
    matrix = np.array([[1, 0], [slant, 1]]) / scale
    blurred = ndimage.gaussian_filter(image / 255, max(0, 0.5 / scale - 0.5))
    offset = 14 - matrix @ [side / 2, side / 2]
    ink = np.clip(ndimage.affine_transform(blurred, matrix, offset, (side, side), order=3), 0, 1)
    if scale > 1.5:  # the blur of the enlargement becomes the edge of a stroke
        ink = np.clip((ink - 0.5) * scale / 1.5 + 0.5, 0, 1)
    rows, columns = (np.flatnonzero((ink > _INK).any(axis=axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _bounding_box(digit, top, left):
    """Return the box of a digit without specks, which some of MNIST's images have."""
    labels, _ = ndimage.label(digit > _INK, np.ones((3, 3)))
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    rows, columns = np.nonzero((areas > 0.05 * areas.sum())[labels])
    return [top + rows.min(), left + columns.min(), top + rows.max() + 1, left + columns.max() + 1]


def _place(line, digit, top, right, touch, distance):
    """Return the column at which a digit touches the ink before it, or has a horizontal distance from it."""
    ink = digit > _INK
    before = line[top : top + digit.shape[0]] > _INK
    if not touch:  # strokes must not come close diagonally either
        before = ndimage.binary_dilation(before, np.ones((3, 3)), max(2, round(0.04 * digit.shape[0])))
    left = right + round(distance)
    while left > right - digit.shape[1] * 0.6:
        shift = left - (0 if touch else round(distance))
        if shift < 0 or np.any(before[:, shift : shift + digit.shape[1]] & ink):
            return max(left, 0)
        left -= 1
    return max(left, 0)


def photograph(ink, paper, random):
    """Return ink on paper as a noisy JPEG photo, uint8."""
    shape = ink.shape
    contrast = random.uniform(0.5, 0.9)
    darkness = ink * contrast
    if paper in ("ruled", "squared"):
        darkness = np.maximum(darkness, contrast * _rule(shape, paper == "squared", random))
    light = np.full(shape, random.uniform(0.85, 1))
    if paper == "shaded":
        light = light * _shade(shape, random)
    gray = light * (1 - darkness)
    gray = ndimage.gaussian_filter(gray, random.uniform(0.2, 0.6)) + random.normal(
        0, random.uniform(0.005, 0.03), shape
    )
    file = io.BytesIO()
    picture = Image.fromarray(np.clip(np.rint(255 * gray), 0, 255).astype(np.uint8))
    picture.save(file, "JPEG", quality=int(random.integers(40, 96)))
    with Image.open(file) as image:
        return np.asarray(image)


def _rule(shape, squared, random):
    """Return slightly tilted lines of the paper, of 20% to 60% of the ink's darkness."""
    rows, columns = np.indices(shape)
    tilt = random.normal(0, 0.005)
    distance, thickness = random.integers(25, 70), random.integers(1, 3)
    lines = (rows + tilt * columns) % distance < thickness
    if squared:
        lines |= (columns - tilt * rows) % distance < thickness
    return random.uniform(0.2, 0.6) * lines


def _shade(shape, random):
    """Return a gradient of light, and the soft shadow of an edge."""
    down, right = np.indices(shape) / np.reshape(shape, (2, 1, 1)) - 0.5
    angle, place = random.uniform(0, 2 * np.pi), random.uniform(-0.3, 0.3)
    along = down * np.sin(angle) + right * np.cos(angle)
    gradient = 1 - random.uniform(0.1, 0.5) * (along + 0.7)
    depth, steepness = random.uniform(0.1, 0.4), random.uniform(20, 80)
    return gradient * (1 - depth * special.expit(steepness * (along - place)))


def compose_clutter(n_pages, random_state=0):
    """Yield pictures of pages without text: lines, frames, stains, specks and shadows."""
    random = np.random.default_rng(random_state)
    for page in range(n_pages):
        ink = np.zeros((900, 700))
        for _ in range(random.integers(2, 6)):
            _add_line(ink, random)
            _add_frame(ink, random)
            _add_stain(ink, random)
        ink[tuple(random.integers(0, ink.shape, (60, 2)).T)] = 1
        yield photograph(ink, PAPERS[page % len(PAPERS)], random)


def _add_line(ink, random):
    length, angle = random.uniform(100, 900), random.choice([0, np.pi / 2, random.uniform(0, np.pi)])
    steps = np.arange(0, length, 0.5)
    start = random.uniform(0, ink.shape)
    path = np.rint(start + steps[:, np.newaxis] * [np.sin(angle), np.cos(angle)]).astype(int)
    path = path[((path >= 0) & (path < np.array(ink.shape) - 4)).all(axis=1)]
    thickness = random.integers(1, 5)
    for down, right in np.ndindex(thickness, thickness):
        ink[path[:, 0] + down, path[:, 1] + right] = 1


def _add_frame(ink, random):
    height, width = random.integers(40, 400, 2)
    top, left = random.integers(0, ink.shape[0] - height), random.integers(0, max(1, ink.shape[1] - width))
    thickness = random.integers(1, 5)
    area = ink[top : top + height, left : left + width]
    outline = np.ones(area.shape, bool)
    outline[thickness:-thickness, thickness:-thickness] = False
    area[outline] = 1


def _add_stain(ink, random):
    """Add a blurred blot, or the ring of a cup."""
    is_ring = random.random() < 0.3
    radius = random.uniform(60 if is_ring else 10, 100)
    center = random.uniform(0, ink.shape)
    rows, columns = np.indices(ink.shape)
    distance = np.hypot(rows - center[0], columns - center[1]) / radius
    wobble = ndimage.gaussian_filter(random.normal(size=ink.shape), radius / 4) * radius
    distance = distance + (0.05 if is_ring else 0.5) * wobble
    outside = 12 * (distance - 1)
    shape = np.exp(-(outside**2)) if is_ring else special.expit(-outside)
    np.maximum(ink, random.uniform(0.1, 0.6) * shape, out=ink)
