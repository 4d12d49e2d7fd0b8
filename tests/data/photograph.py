"""Photograph composed tiles: paper, light, camera, and small pictures that cut digits."""

import io

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

SIDE = 256  # of a tile, in pixels


def photograph(tile):
    """Return the tile as a camera or a scanner sees it, uint8."""
    random = tile.random
    paper = np.full((SIDE, SIDE), random.uniform(90, 255) if random.random() < 0.7 else 255, np.float32)
    paper *= _light(random)
    if random.random() < 0.25:
        paper *= _pattern(random)
    if random.random() < 0.5:
        grain = smooth(random, (SIDE, SIDE), np.exp(random.uniform(np.log(1), np.log(60))))
        paper *= 1 + random.uniform(0, 0.1) * grain
    if random.random() < 0.2:
        paper *= _scratches(random)
    contrast = random.uniform(0.12, 1) if random.random() < 0.6 else random.uniform(0.5, 1)
    ink = tile.ink
    if random.random() < 0.35:  # pencil, dry pens
        ink = ink * np.clip(
            1 + random.uniform(0.1, 0.5) * smooth(random, ink.shape, random.uniform(0.8, tile.height / 2)),
            0.25,
            1.2,
        )
    layers = [
        ink * contrast,
        tile.other * min(0.97, contrast * np.exp(random.normal(0, 0.3))),
        tile.rules * min(0.97, contrast * random.uniform(0.15, 1.2)),
    ]
    if random.random() < 0.12:  # the other side of the paper
        behind = np.roll((tile.ink + tile.other)[:, ::-1], random.integers(-40, 40, 2), (0, 1))
        layers.append(ndimage.gaussian_filter(behind, 1.2) * contrast * random.uniform(0.08, 0.3))
    picture = paper * (1 - np.clip(np.maximum.reduce(layers), 0, 0.97))
    if random.random() < 0.65:
        picture = ndimage.gaussian_filter(
            picture, random.uniform(0.3, max(0.7, tile.height / (12 if random.random() < 0.3 else 24)))
        )
    if random.random() < 0.2:  # few pixels, enlarged
        picture = _enlarged(picture, random.uniform(1.3, 3))
    if random.random() < 0.6:
        picture = picture + random.normal(0, random.uniform(1, 18), picture.shape)
    if random.random() < 0.1:
        picture = picture + np.where(random.random(picture.shape) < random.uniform(0, 0.01), -120, 0)
    picture = np.clip(picture, 0, 255).astype(np.uint8)
    if random.random() < 0.5:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=int(random.integers(20, 95)))
        picture = np.asarray(Image.open(file))
    if random.random() < 0.12:
        picture = 255 - picture
    if random.random() < 0.3:
        picture = _cut_tile(tile, picture)
    return picture


def _cut_tile(tile, picture):
    """Return a small picture around a digit, which covers a part of the tile: its `area`."""
    random = tile.random
    digits = [box for box, kind in zip(tile.boxes, tile.kinds, strict=True) if kind == 0]
    if not digits:
        return picture
    top, left, bottom, right = digits[random.integers(len(digits))]
    margins = random.uniform(-0.05, 1.5 if random.random() < 0.6 else 5, 4) * (bottom - top)
    if random.random() < 0.3:  # a strip with all digits of a line
        margins[[1, 3]] = SIDE
    low = np.maximum(np.rint([top - margins[0], left - margins[1]]), 0).astype(int)
    high = np.minimum(np.rint([bottom + margins[2], right + margins[3]]), SIDE).astype(int)
    if (high - low).min() < 12:
        return picture
    shift = 16 - low
    pads = [(16, max(0, SIDE - 16 - side)) for side in high - low]

    def cut(array, **how):
        return np.pad(array[low[0] : high[0], low[1] : high[1]], pads, **how)[:SIDE, :SIDE]

    tile.owner, tile.rules = cut(tile.owner), cut(tile.rules)
    tile.area = (16, 16), tuple(np.minimum(high - low + 16, SIDE).tolist())
    kept = []
    for index, box in enumerate(tile.boxes):
        inside = np.clip(box, [*low, *low], [*high, *high])
        area = np.prod(inside[2:] - inside[:2]) / max(np.prod(np.subtract(box[2:], box[:2])), 1)
        moved = [box[0] + shift[0], box[1] + shift[1], box[2] + shift[0], box[3] + shift[1]]
        if area > 0.85:
            kept.append((index, moved))
        else:
            tile.owner[tile.owner == index + 1] = -1
            if area > 0:
                tile.ignored.append(moved)
    owner = tile.owner.copy()
    for new, (index, _) in enumerate(kept, 1):
        owner[tile.owner == index + 1] = new
    tile.owner = owner
    tile.boxes = [box for _, box in kept]
    tile.kinds = [tile.kinds[index] for index, _ in kept]
    tile.labels = [tile.labels[index] for index, _ in kept]
    (top, left), (bottom, right) = tile.area
    return picture[low[0] :, low[1] :][: bottom - top, : right - left]


def _light(random):
    """Return how bright each place is: a gradient, a vignette, shadows, a dark desk beside the paper."""
    down, across = np.mgrid[:SIDE, :SIDE].astype(np.float32) / SIDE - 0.5
    light = np.ones((SIDE, SIDE), np.float32)
    if random.random() < 0.45:
        angle = random.uniform(0, 2 * np.pi)
        light *= 1 + random.uniform(0, 0.6) * (np.cos(angle) * down + np.sin(angle) * across)
    if random.random() < 0.15:
        middle = random.uniform(-0.7, 0.7, 2)
        light *= 1 - random.uniform(0.2, 0.8) * np.clip(
            (down - middle[0]) ** 2 + (across - middle[1]) ** 2, 0, 1
        )
    if random.random() < 0.2:
        corners = random.uniform(-SIDE, 2 * SIDE, (random.integers(3, 6), 2))
        mask = Image.new("L", (SIDE, SIDE))
        ImageDraw.Draw(mask).polygon([tuple(corner) for corner in corners], fill=255)
        edge = ndimage.gaussian_filter(np.asarray(mask, np.float32) / 255, random.uniform(0.3, 20))
        light *= 1 - edge * random.uniform(0.1, 0.7)
    return np.clip(light, 0.05, 1.3)


def _pattern(random):
    """Return the printed background of a check or a ticket."""
    down, across = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    pattern = np.ones((SIDE, SIDE), np.float32)
    for _ in range(random.integers(1, 4)):
        angle, frequency = random.uniform(0, np.pi), 2 * np.pi / random.uniform(3, 24)
        wave = frequency * (np.cos(angle) * down + np.sin(angle) * across)
        wave = np.sin(wave + random.uniform(0, 4) * np.sin(across / random.uniform(5, 40)))
        strength = random.uniform(0.02, 0.2)
        pattern *= 1 - strength * (
            (wave > random.uniform(-0.3, 0.7)) if random.random() < 0.6 else 0.5 * wave
        )
    return pattern


def _scratches(random):
    """Return how bright paper with scratches or creases is, which are mostly brighter."""
    image = Image.new("L", (SIDE, SIDE))
    draw = ImageDraw.Draw(image)
    middle, spread = random.uniform(0, SIDE, 2), random.uniform(20, 200)
    length = np.exp(random.uniform(np.log(2), np.log(60)))
    for start in random.normal(middle, spread, (random.integers(5, 200), 2)):
        end = start + random.normal(0, length, 2)
        draw.line([*start, *end], fill=int(random.integers(60, 256)), width=int(random.integers(1, 4)))
    marks = ndimage.gaussian_filter(np.asarray(image, np.float32) / 255, random.uniform(0.3, 1.5))
    return 1 + marks * random.uniform(0.05, 0.5) * random.choice([1, -0.6], p=[0.7, 0.3])


def _enlarged(picture, factor):
    small = Image.fromarray(picture).resize((max(16, int(SIDE / factor)),) * 2, Image.BILINEAR)
    return np.array(small.resize((SIDE, SIDE), Image.BICUBIC))


def smooth(random, shape, size):
    """Return smooth noise with standard deviation of about 1, whose features have this size."""
    coarse = [max(2, int(side / max(size, 0.5)) + 2) for side in shape]
    noise = Image.fromarray(random.normal(size=coarse).astype(np.float32))
    return np.asarray(noise.resize(shape[::-1], Image.BICUBIC))
