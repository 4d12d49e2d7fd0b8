"""Digits of many hands and pens in MNIST's format, as the page network cuts them: for the shipped network."""

import numpy as np
from scipy import ndimage

from sk_mnist_cnn._pictures.detection import are_accepted, detect
from sk_mnist_cnn._pictures.mnist_format import normalize_ink
from tests.benchmarks.pages import intersection_over_union

from .photograph import smooth


def draw_digits(composer, n, seed):
    """Return `n` images of shape (28, 28), uint8, and their labels."""
    random = np.random.default_rng(seed)
    images, labels = [], []
    while len(images) < n:
        index = random.integers(len(composer.digits))
        ink = _draw(composer, composer.digits[index], random)
        if ink.max() > 0.5:
            images.append(normalize_ink(ink, 28, 20))
            labels.append(composer.labels[index])
    return np.stack(images), np.array(labels)


def cut_digits(composer, seeds):
    """Return the digits that the page network finds in the tiles of these seeds, and their labels."""
    images, labels = [], []
    for seed in seeds:
        picture, tile = composer.compose(seed)
        boxes, names = tile.digits
        found = detect(picture / np.float32(255))
        cut = np.flatnonzero(are_accepted(found))
        for i, row in zip(cut, intersection_over_union(found.boxes[cut], boxes), strict=True):
            if row.max(initial=0) > 0.5:
                images.append(normalize_ink(1 - found.images[i] / 255, 28, 20))
                labels.append(names[row.argmax()])
    return np.stack(images), np.array(labels)


def _draw(composer, glyph, random):
    """Return the ink of a digit of 14 to 70 pixels: its pen, the camera, and what cutting adds or loses."""
    pen = {
        "width": float(np.exp(random.uniform(np.log(0.02), np.log(0.25)))),
        "original": random.random() < 0.25,
        "slant": random.normal(0, 0.15),
    }
    height = np.exp(random.uniform(np.log(14), np.log(70)))
    ink = composer._glyph(random, glyph, pen, height)
    if random.random() < 0.2:
        ink = _bend(ink, random)
    ink = np.pad(ink, 3)
    if random.random() < 0.15:  # a piece of a line, of a frame or of a neighbor
        place = random.uniform(0, ink.shape[0]), random.choice([2, ink.shape[1] - 3])
        row, column = int(place[0]), int(place[1])
        size = random.integers(1, max(2, int(height / 5)), 2)
        ink[row : row + size[0], column : column + size[1]] = random.uniform(0.3, 1)
    if random.random() < 0.08:  # a gap, where a ruled line was
        row = random.integers(ink.shape[0])
        ink[row : row + max(1, int(height / 25))] *= random.uniform(0, 0.6)
    if random.random() < 0.3:
        ink = ink * np.clip(
            1 + random.uniform(0.1, 0.5) * smooth(random, ink.shape, random.uniform(0.8, 8)), 0.2, 1.2
        )
    if random.random() < 0.6:
        most = height / (9 if random.random() < 0.3 else 16)
        ink = ndimage.gaussian_filter(ink, random.uniform(0.2, most))
    if random.random() < 0.3:
        noisy = ink + random.normal(0, random.uniform(0.01, 0.12), ink.shape)
        ink = np.where(ink > 0.05, noisy, 0)
    return np.clip(ink / max(np.percentile(ink[ink > 0.1], 95) if (ink > 0.1).any() else 1, 0.1), 0, 1)


def _bend(ink, random):
    """Return the ink with its places moved by smooth noise, of a tenth of its height."""
    strength = random.uniform(0.01, 0.05) * ink.shape[0]
    moves = [smooth(random, ink.shape, ink.shape[0] / 2) * strength for _ in range(2)]
    return ndimage.map_coordinates(ink, np.indices(ink.shape) + moves, order=1, mode="constant")
