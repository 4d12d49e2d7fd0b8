"""Make the sample of MNIST that ships with the package from the complete data set.

Run it from the root of a checkout: ``python -m tests.data.make_sample mnist.npz``. It writes
`sk_mnist_cnn/data/mnist_sample.npz` and prints the SHA-256 of its arrays, which `datasets.py` verifies.
"""

import argparse
from hashlib import sha256
from pathlib import Path

import numpy as np

from sk_mnist_cnn.datasets import fetch_mnist

SEED = 0
SAMPLE = Path(__file__).parents[2] / "sk_mnist_cnn" / "data" / "mnist_sample.npz"
PER_CLASS = {"train": 800, "test": 200}


def choose_rows(labels, per_class, rng):
    """Draw the same number of rows from every class, in random order."""
    classes = [np.flatnonzero(labels == digit) for digit in range(10)]
    return rng.permutation(np.concatenate([rng.choice(rows, per_class, replace=False) for rows in classes]))


def make_sample(source, target):
    """Write the sample of the data set at `source` to the file `target`, and return its arrays."""
    mnist = fetch_mnist(source)
    rng = np.random.RandomState(SEED)  # unlike a Generator's, its stream never changes
    sample = {}
    for part, per_class in PER_CLASS.items():
        rows = choose_rows(mnist[f"y_{part}"], per_class, rng)
        sample |= {f"{axis}_{part}": mnist[f"{axis}_{part}"][rows].astype(np.uint8) for axis in "xy"}
    np.savez_compressed(target, **sample)
    return sample


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make mnist_sample.npz from the complete MNIST.")
    parser.add_argument("source", help="an mnist.npz, or a directory with the four IDX files")
    arguments = parser.parse_args()
    made = make_sample(arguments.source, SAMPLE)
    for name, array in made.items():
        print(name, array.shape, sha256(array).hexdigest())
