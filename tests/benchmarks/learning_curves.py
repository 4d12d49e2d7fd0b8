"""Accuracy by the number of training images, compared with other scikit-learn classifiers.

Run ``python -m tests.benchmarks.learning_curves --help`` in a checkout. The images are those of MNIST, and
the 8x8 digits of scikit-learn. MNIST is the file that ``SK_MNIST_CNN_DATA`` names, or else the shipped
sample. The results are written to ``docs/benchmarks``. With ``--only``, only some classifiers are
measured, and the saved results of the others are kept.
"""

import os
from dataclasses import asdict, dataclass

from joblib import Parallel, delayed
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from sk_mnist_cnn import CNNDigitClassifier, fetch_mnist, load_mnist_sample

from . import learning_report, machine
from .options import benchmark_parser
from .saved import load, save

RECOMMENDED, NO_AUGMENTATION = "CNN, recommended", "CNN, recommended, no augmentation"
DEFAULTS = "CNN, defaults"
CLASSIFIERS = {
    RECOMMENDED: (CNNDigitClassifier.from_recipe, {}),
    NO_AUGMENTATION: (CNNDigitClassifier.from_recipe, {"augmentation": None}),
    DEFAULTS: (CNNDigitClassifier, {}),
    "CNN, ten epochs": (CNNDigitClassifier, {"epochs": 10}),
    "MLPClassifier": (MLPClassifier, {"max_iter": 500}),
    "SVC": (SVC, {}),
    "RandomForestClassifier": (RandomForestClassifier, {"n_estimators": 300}),
    "KNeighborsClassifier": (KNeighborsClassifier, {"n_neighbors": 1}),
    "LogisticRegression": (LogisticRegression, {"max_iter": 1000}),
    "LinearDiscriminantAnalysis": (LinearDiscriminantAnalysis, {"solver": "lsqr", "shrinkage": "auto"}),
}
# Number of draws of the training images, by their number; at most three of some classifiers.
DRAWS = {20: 10, 100: 10, 300: 10, 1_000: 10, 3_000: 2, 10_000: 2, 60_000: 1}
THREE_DRAWS = NO_AUGMENTATION, DEFAULTS


@dataclass(frozen=True)
class Run:
    """A classifier trained on one draw of training images."""

    data: str
    images: int
    classifier: str
    draw: int


def main(arguments=None):
    options = parse(arguments)
    flags = " --quick" if options.quick else ""
    planned = runs(options.quick)
    saved = load("learning_curves", options.output)["runs"] if options.only else []
    known = {Run(**{name: row[name] for name in Run.__annotations__}): row["accuracy"] for row in saved}
    measured = [run for run in planned if run.classifier in (options.only or CLASSIFIERS)]
    workers = Parallel(n_jobs=options.jobs, return_as="generator")
    for run, value in zip(measured, workers(delayed(accuracy)(run) for run in measured), strict=True):
        print(f"{run} {value:.4f}", flush=True)
        known[run] = value
    results = {
        "machine": machine.describe(f"python -m tests.benchmarks.learning_curves{flags}"),
        "runs": [{**asdict(run), "accuracy": known[run]} for run in planned if run in known],
    }
    save(results, "learning_curves", options.output)
    learning_report.write(results, options.output)


def parse(arguments):
    parser = benchmark_parser("tests.benchmarks.learning_curves", __doc__)
    parser.add_argument(
        "--only", nargs="+", choices=CLASSIFIERS, metavar="NAME", help=f"any of {', '.join(CLASSIFIERS)}"
    )
    parser.add_argument("--jobs", type=int, default=2, help="number of processes, each with one thread")
    return parser.parse_args(arguments)


def runs(quick):
    """Return the runs, from few to many images."""
    if quick:
        return [Run("8x8 digits", 20, name, 0) for name in CLASSIFIERS]
    planned = []
    for data in LOADERS:
        n_available = len(LOADERS[data]()[0])
        for n_images, n_draws in DRAWS.items():
            if n_images <= n_available:
                planned += [
                    Run(data, n_images, name, i)
                    for i in range(n_draws)
                    for name in CLASSIFIERS
                    if i < 3 or name not in THREE_DRAWS
                ]
    return planned


def accuracy(run):
    """Return the accuracy on the test images of a classifier trained on a stratified draw."""
    X_train, X_test, y_train, y_test = split(LOADERS[run.data](), run.images, run.draw)
    kind, params = CLASSIFIERS[run.classifier]
    if "random_state" in kind().get_params():
        params = {**params, "random_state": run.draw}
    return kind(**params).fit(X_train, y_train).score(X_test, y_test)


def split(data, n_images, draw):
    """Return a stratified draw of the training images, or all if there are no more, and the test images."""
    X_train, X_test, y_train, y_test = data
    if n_images and n_images < len(X_train):
        X_train, _, y_train, _ = train_test_split(
            X_train, y_train, train_size=n_images, stratify=y_train, random_state=draw
        )
    return X_train, X_test, y_train, y_test


def mnist():
    path = os.environ.get("SK_MNIST_CNN_DATA")
    return flat(fetch_mnist(path) if path else load_mnist_sample())


def flat(data):
    """Return flat images between 0 and 1, and their labels."""
    images = (part.reshape(len(part), -1) / 255.0 for part in (data.x_train, data.x_test))
    return *(part.astype("float32") for part in images), data.y_train, data.y_test


def digits_8x8():
    X, y = load_digits(return_X_y=True)
    return train_test_split((X / 16).astype("float32"), y, test_size=500, stratify=y, random_state=0)


LOADERS = {"MNIST": mnist, "8x8 digits": digits_8x8}


if __name__ == "__main__":
    main()
