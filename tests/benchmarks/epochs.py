"""Accuracy of the default parameters by the number of batches, on which ``epochs="auto"`` is based.

Run ``SK_MNIST_CNN_DATA=mnist.npz python -m tests.benchmarks.epochs --images animals.npz`` in a checkout. The
images are those of MNIST, the 8x8 digits of scikit-learn, and those of a file that `tests.benchmarks.animals`
writes. Each network is trained with a constant learning rate, so that one training has the accuracies for all
numbers of batches. The results are written to ``docs/benchmarks/epochs.json``.
"""

import shlex
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from sk_mnist_cnn import CNNDigitClassifier

from . import machine
from .learning_curves import LOADERS, flat, split
from .options import benchmark_parser
from .saved import save

BATCHES = 300, 600, 1_000, 1_500, 2_000
COUNTS = {"MNIST": (100, 300, 1_000, 5_000, 8_000), "8x8 digits": (300, None), "animals": (None,)}


@dataclass(frozen=True)
class Run:
    """Training with one draw of the training images; all of them if the number is None."""

    data: str
    images: int | None
    draw: int


def main(arguments=None):
    options = parse(arguments)
    loaders = dict(LOADERS)
    flags = ["--quick"] if options.quick else []
    if options.images:
        loaders["animals"] = lambda: flat(Bunch(**np.load(options.images)))
        flags += ["--images", options.images.name]
    command = shlex.join(["python", "-m", "tests.benchmarks.epochs", *flags])
    results = {"machine": machine.describe(command), "rows": []}
    for run in runs(loaders, options.quick):
        for row in train(run, loaders[run.data](), BATCHES[:1] if options.quick else BATCHES):
            print(row, flush=True)
            results["rows"].append(row)
    save(results, "epochs", options.output)


def parse(arguments):
    parser = benchmark_parser("tests.benchmarks.epochs", __doc__)
    parser.add_argument("--images", type=Path, help="npz file of other images, with the arrays of mnist.npz")
    return parser.parse_args(arguments)


def runs(loaders, quick):
    if quick:
        return [Run("8x8 digits", 100, 0)]
    return [Run(data, n, draw=0) for data in loaders for n in COUNTS[data]]


def train(run, data, batches):
    """Yield the results after each number of batches. Warm starts continue the training."""
    X_train, X_test, y_train, y_test = split(data, run.images, run.draw)
    classifier = CNNDigitClassifier(warm_start=True, random_state=run.draw)
    n_batches = -(-len(X_train) // classifier.batch_size)  # per epoch
    n_epochs, seconds = 0, 0.0
    for wanted in batches:
        classifier.set_params(epochs=-(-wanted // n_batches) - n_epochs)
        start = time.perf_counter()
        classifier.fit(X_train, y_train)
        seconds += time.perf_counter() - start
        n_epochs += classifier.epochs
        yield {
            **asdict(run),
            "images": len(X_train),
            "batches": wanted,
            "epochs": n_epochs,
            "accuracy": classifier.score(X_test, y_test),
            "seconds": round(seconds, 1),
        }


if __name__ == "__main__":
    main()
