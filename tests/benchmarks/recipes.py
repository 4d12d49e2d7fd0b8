"""Accuracy, log loss and training time of the recipes, and of committees of their networks.

``SK_MNIST_CNN_DATA=mnist.npz python -m tests.benchmarks.recipes`` trains five networks of each recipe, saves
their predictions in ``build/recipes``, and the table in ``docs/benchmarks/recipes.json``. The table is
computed from all predictions in that folder. Networks whose predictions exist are not trained again, so an
interrupted measurement is continued. With ``--images animals.npz``, the table is saved under the name of the
file, and the other tables are kept.

The training time is that of one epoch, the median of several interleaved fits, times the number of epochs. It
does not depend on the networks that are evaluated, so these may be trained with another ``--dtype``, or in
several processes with ``--only``. It is measured on MNIST only.
"""

import argparse
import os
import shlex
import warnings
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from scipy.ndimage import shift
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, log_loss
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, fetch_mnist
from sk_mnist_cnn._recipes import RECIPES

from . import machine, saved
from .saved import OUTPUT

SHIFTS = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
COMMITTEE = 5
ROUNDS = 3


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.recipes", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="networks per recipe, at least")
    parser.add_argument("--only", nargs="+", choices=RECIPES, help="train these, and save no table")
    parser.add_argument("--images", type=Path, help="npz file with the names of arrays in mnist.npz")
    parser.add_argument("--dtype", default="float32", help="dtype of the evaluated networks")
    parser.add_argument("--predictions", type=Path, default=Path("build/recipes"), help="their folder")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder for the table")
    options = parser.parse_args(arguments)
    path = os.environ.get("SK_MNIST_CNN_DATA")
    if not (options.images or path):
        parser.error("set SK_MNIST_CNN_DATA to the path of an mnist.npz, or pass --images")
    data = Bunch(**np.load(options.images)) if options.images else fetch_mnist(path)
    name = options.images.stem if options.images else "MNIST"
    folder = options.predictions / name
    names = options.only or tuple(RECIPES)
    evaluate(data, names, options.seeds, options.dtype, folder)
    if options.only:
        return
    rows = table(data.y_test, folder)
    if not options.images:
        add_times(rows, epoch_seconds(data))
    save(name, data, rows, options.dtype, command(options), options.output)


def command(options):
    """Return the command that repeats the measurement, without its folders."""
    images = ["--images", options.images.name] if options.images else []
    arguments = ["--seeds", str(options.seeds), "--dtype", options.dtype, *images]
    return shlex.join(["python", "-m", "tests.benchmarks.recipes", *arguments])


def evaluate(data, names, seeds, dtype, folder):
    """Train the networks whose predictions of the test images are not in the folder yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(seeds):
        for name in names:
            path = folder / f"{name}-{seed}.npz"
            if path.exists():
                continue
            model = build(name, random_state=seed, dtype=dtype).fit(data.x_train, data.y_train)
            alone = model.predict_proba(data.x_test)
            augmented = np.mean(
                [model.predict_proba(shift_images(data.x_test, *by)) for by in SHIFTS], axis=0
            )
            np.savez(path, alone=alone, augmented=augmented, epochs=model[-1].n_iter_)
            print(f"{name}, seed {seed}: {accuracy_score(data.y_test, alone.argmax(axis=1)):.2%}", flush=True)


def shift_images(images, dy, dx):
    return shift(images, (0, dy, dx) + (0,) * (images.ndim - 3), order=0)


def build(name, **params):
    return make_pipeline(ImagePreprocessor(), CNNDigitClassifier.from_recipe(name, **params))


def epoch_seconds(data):
    """Return the median seconds of one epoch of each recipe, in fits that alternate between the recipes."""
    models = {name: build(name, epochs=1, random_state=0) for name in RECIPES}
    seconds = {name: [] for name in RECIPES}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for model in models.values():
            model.fit(data.x_train[:200], data.y_train[:200])  # compiles the network
    for _ in range(ROUNDS):
        for name, model in models.items():
            start = perf_counter()
            model.fit(data.x_train, data.y_train)
            seconds[name].append(perf_counter() - start)
    return {name: median(times) for name, times in seconds.items()}


def table(y_test, folder):
    """Return a row for each recipe, and one for each committee if there are enough networks."""
    rows = []
    for name in RECIPES:
        runs = [dict(np.load(path)) for path in sorted(folder.glob(f"{name}-*.npz"))]
        epochs = float(np.mean([run["epochs"] for run in runs]))
        rows.append({"recipe": name, "epochs": epochs, **summarize(y_test, runs)})
        if name in ("strong", "best") and len(runs) >= COMMITTEE:
            members = runs[:COMMITTEE]
            means = {kind: np.mean([run[kind] for run in members], axis=0) for kind in ("alone", "augmented")}
            committee = {"recipe": f"{name}, committee of {COMMITTEE}", "epochs": COMMITTEE * epochs}
            rows.append(committee | summarize(y_test, [means]))
    return rows


def add_times(rows, seconds):
    """Add the training times to the rows, from the seconds of one epoch of each recipe."""
    for row in rows:
        row["seconds"] = row["epochs"] * seconds[row["recipe"].split(",")[0]]
    notebook = next(row["seconds"] for row in rows if row["recipe"] == "notebook")
    for row in rows:
        row["relative time"] = row["seconds"] / notebook


def summarize(y_test, runs):
    """Return accuracy and log loss of the predictions of one or more networks, and with augmented images."""
    accuracies, augmented = (
        [accuracy_score(y_test, run[kind].argmax(axis=1)) for run in runs] for kind in ("alone", "augmented")
    )
    accuracy = float(np.mean(accuracies))
    return {
        "seeds": len(runs),
        "accuracy": accuracy,
        "lowest": min(accuracies),
        "highest": max(accuracies),
        "errors": (1 - accuracy) * len(y_test),
        "log loss": float(np.mean([log_loss(y_test, run["alone"]) for run in runs])),
        "augmented accuracy": float(np.mean(augmented)),
    }


def save(name, data, rows, dtype, command, folder):
    """Replace the results of one data set in the file."""
    results = saved.load("recipes", folder) if (folder / "recipes.json").exists() else {}
    results[name] = {
        **machine.describe(command),
        "training images": len(data.x_train),
        "test images": len(data.x_test),
        "dtype": dtype,
        "rows": rows,
    }
    saved.save(results, "recipes", folder)


if __name__ == "__main__":
    main()
