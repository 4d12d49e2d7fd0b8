"""Accuracy on digits written by other people, from few or no training images, by different methods.

Run ``python -m tests.benchmarks.transfer --help`` in a checkout. The digits are the 1,797 images of
scikit-learn's `load_digits`, converted to MNIST's format. In each draw, some images of each class are used
for training, and all others for the test. The results are written to ``docs/benchmarks``. With ``--only``,
only some methods are measured, and the saved results of the others are kept.
"""

from dataclasses import asdict, dataclass

import numpy as np
from pandas import DataFrame
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sk_mnist_cnn import (
    CNNDigitClassifier,
    ImagePreprocessor,
    MNISTNormalizer,
    load_mnist_sample,
    load_pretrained,
)

from . import machine
from .options import benchmark_parser
from .saved import load, save
from .table import measured_with, rst_table

PER_CLASS = 1, 3, 10, 30
DRAWS = 5

# How the training of the pretrained network is continued, as in docs/guide/own_digits.md.
CONTINUED = {"warm_start": True, "learning_rate": 0.0005, "epochs": 10}
REPEATS, N_MNIST = 5, 1000

NOT_TRAINED = "load_pretrained, not trained further"


def not_trained(seed, X, y):
    return FrozenEstimator(load_pretrained()).fit(X, y)


def continued(seed, X, y):
    mnist = load_mnist_sample()
    model = load_pretrained()
    model[-1].set_params(**CONTINUED, random_state=seed)
    return model.fit(
        np.concatenate([np.repeat(X, REPEATS, axis=0), mnist.x_train[:N_MNIST]]),
        np.concatenate([np.repeat(y, REPEATS), mnist.y_train[:N_MNIST]]),
    )


def on_embeddings(classifier):
    return make_pipeline(FrozenEstimator(load_pretrained()), classifier)


def nearest_embedding(seed, X, y):
    return on_embeddings(KNeighborsClassifier(1)).fit(X, y)


def logistic_regression(seed, X, y):
    return on_embeddings(LogisticRegression(max_iter=1000)).fit(X, y)


def from_scratch(seed, X, y):
    return make_pipeline(ImagePreprocessor(), CNNDigitClassifier.from_recipe(random_state=seed)).fit(X, y)


def svc(seed, X, y):
    return make_pipeline(ImagePreprocessor(flatten=True), SVC()).fit(X, y)


# Functions of the seed and the training images that return the fitted model.
METHODS = {
    NOT_TRAINED: not_trained,
    "load_pretrained, training continued": continued,
    "embeddings and KNeighborsClassifier": nearest_embedding,
    "embeddings and LogisticRegression": logistic_regression,
    "recommended recipe, from scratch": from_scratch,
    "SVC": svc,
}


@dataclass(frozen=True)
class Run:
    """A model that is fitted on one draw of training images."""

    method: str
    per_class: int  # training images of each class
    draw: int


def main(arguments=None):
    options = parse(arguments)
    flags = " --quick" if options.quick else ""
    saved = load("transfer", options.output)["runs"] if options.only else []
    known = {Run(**{name: row[name] for name in Run.__annotations__}): row["accuracy"] for row in saved}
    digits = load_digits()
    images = MNISTNormalizer().transform(digits.images / 16)
    planned = runs(options.quick)
    for run in planned:
        if run.method in (options.only or METHODS):
            known[run] = accuracy(run, images, digits.target)
            print(f"{run} {known[run]:.4f}", flush=True)
    results = {
        "machine": machine.describe(f"python -m tests.benchmarks.transfer{flags}"),
        "runs": [{**asdict(run), "accuracy": known[run]} for run in planned if run in known],
    }
    save(results, "transfer", options.output)
    (options.output / "transfer.rst").write_text(as_rst(results), encoding="utf-8")


def parse(arguments):
    parser = benchmark_parser("tests.benchmarks.transfer", __doc__)
    parser.add_argument(
        "--only", nargs="+", choices=METHODS, metavar="NAME", help=f"any of {', '.join(METHODS)}"
    )
    return parser.parse_args(arguments)


def runs(quick):
    """Return the runs, from few to many images. Without training, there is one, on all images."""
    if quick:
        return [Run(name, int(name != NOT_TRAINED), 0) for name in METHODS if "scratch" not in name]
    return [Run(NOT_TRAINED, 0, 0)] + [
        Run(name, n, i) for n in PER_CLASS for i in range(DRAWS) for name in METHODS if name != NOT_TRAINED
    ]


def accuracy(run, images, y):
    """Return the accuracy on all images that are not drawn for training."""
    rng = np.random.RandomState(run.draw)  # unlike a Generator's, its stream never changes
    order = rng.permutation(len(y))
    drawn = np.concatenate([order[y[order] == digit][: run.per_class] for digit in range(10)])
    model = METHODS[run.method](run.draw, images[drawn], y[drawn])
    return model.score(np.delete(images, drawn, axis=0), np.delete(y, drawn))


def as_rst(results):
    """Return a table of the mean accuracies, with their ranges over the draws."""
    runs = DataFrame(results["runs"])
    accuracies = 100 * runs.set_index(["method", "per_class"])["accuracy"]
    counts = sorted(set(runs["per_class"]))
    rows = [["training images of each class", *map(str, counts)]]
    for method in dict.fromkeys(runs["method"]):
        rows.append([method])
        for n in counts:
            values = accuracies.get((method, n))
            rows[-1].append("" if values is None else _summary(values))
    table = rst_table(
        "8x8 digits through MNISTNormalizer: test accuracy in %, mean and range over the draws", rows
    )
    comment = ".. This file is written by tests/benchmarks/transfer.py."
    return "\n\n".join([comment, measured_with(results["machine"]), table]) + "\n"


def _summary(values):
    mean, low, high = (f"{value:.1f}" for value in (values.mean(), values.min(), values.max()))
    return mean if low == high else f"{mean} ({low} - {high})"


if __name__ == "__main__":
    main()
