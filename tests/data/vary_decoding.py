"""Measure how constants of the decoding change what is found: ``python -m tests.data.vary_decoding FOLDER``.

The tiles are those of validation, with other fonts and other digits than the page network was trained on. The
fonts are installed in the folder with npm. MNIST is the file in ``SK_MNIST_CNN_DATA``.
"""

import os
import sys
from unittest import mock

import numpy as np

from sk_mnist_cnn import load_pretrained
from sk_mnist_cnn._pictures import detection
from sk_mnist_cnn._pictures.mnist_format import normalize_ink
from tests.benchmarks.pages import intersection_over_union

from .compose import load_composer

FIRST, N_TILES = 1_001_000, 150  # other tiles than those of the calibration
VALUES = {
    "THRESHOLD": (0.3, 0.7),
    "_LARGEST": (900, 2700),
    "_HEIGHTS": ((9, 32, 100), (9, 64, 100), (6, 45, 100), (9, 45, 70)),
    "_OVERLAP": (0.25, 0.45),
    "_INSIDE": (0.5, 0.8),
    "_INK": (0.2, 0.5),
    "_FULL": (70, 95),
}


def main():
    (folder,) = sys.argv[1:]
    composer = load_composer(folder, os.environ["SK_MNIST_CNN_DATA"], validation=True)
    tiles = [composer.compose(seed) for seed in range(FIRST, FIRST + N_TILES)]
    print("| constant | value | digits found | digits read | false |\n| --- | --- | --- | --- | --- |")
    print(as_row("as shipped", "", *measure(tiles)), flush=True)
    for name, values in VALUES.items():
        for value in values:
            with mock.patch.object(detection, name, value):
                print(as_row(name, value, *measure(tiles)), flush=True)


def measure(tiles):
    """Return the share of digits that are found and that are read, and the share of marks that are false."""
    model = load_pretrained()
    n_digits = n_found = n_read = n_false = 0
    for picture, tile in tiles:
        found = detection.detect(picture / np.float32(255))
        chosen = np.flatnonzero(detection.are_accepted(found))
        boxes, labels = tile.digits
        common = intersection_over_union(found.boxes[chosen], boxes)
        parts = np.reshape(tile.ignored, (-1, 4)) - np.tile(tile.area[0], 2)
        ignored = intersection_over_union(found.boxes[chosen], parts).max(axis=1, initial=0) > 0.3
        is_right = common.max(axis=1, initial=0) > 0.4
        if is_right.any():
            images = [normalize_ink(1 - found.images[i] / 255, 28, 20) for i in chosen[is_right]]
            n_read += np.sum(model.predict(np.stack(images)) == labels[common[is_right].argmax(axis=1)])
        n_digits, n_found = n_digits + len(boxes), n_found + is_right.sum()
        n_false += np.sum(~is_right & ~ignored)
    return n_found / n_digits, n_read / n_digits, n_false / n_digits


def as_row(name, value, *shares):
    return f"| {name} | {value} | " + " | ".join(f"{share:.1%}" for share in shares) + " |"


if __name__ == "__main__":
    main()
