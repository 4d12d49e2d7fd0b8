"""Accuracy, log loss and training time of the recipes, measured by the example of the gallery.

``SK_MNIST_CNN_DATA=mnist.npz python -m tests.benchmarks.recipes --seeds 3 --committee 5`` runs
``examples/plot_recipes.py`` with these options, and saves its table in ``docs/benchmarks/recipes.json``. With
``--images animals.npz``, the table is saved under the name of the file, and the other tables are kept.
"""

import argparse
import os
import runpy
import shlex
import sys
from pathlib import Path
from unittest import mock

import matplotlib

from . import machine, saved
from .__main__ import OUTPUT

EXAMPLE = Path(__file__).parents[2] / "examples" / "plot_recipes.py"


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.recipes",
        description=__doc__,
        epilog="Other options are those of the example.",
    )
    parser.add_argument("--images", help="npz file of other images, with the names of arrays in mnist.npz")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder for the results")
    options, others = parser.parse_known_args(arguments)
    if not (options.images or os.environ.get("SK_MNIST_CNN_DATA")):
        parser.error("set SK_MNIST_CNN_DATA to the path of an mnist.npz, or pass --images")
    others += ["--images", options.images] if options.images else []
    name = Path(options.images).stem if options.images else "MNIST"
    command = shlex.join(["python", "-m", "tests.benchmarks.recipes", *others])
    save(name, measure(others), command, options.output)


def measure(arguments):
    """Run the example, and return its global variables."""
    matplotlib.use("agg")
    with mock.patch.object(sys, "argv", [str(EXAMPLE), *arguments]):
        return runpy.run_path(str(EXAMPLE), run_name="example")


def save(name, example, command, folder):
    """Replace the results of one data set in the file."""
    results = saved.load("recipes", folder) if (folder / "recipes.json").exists() else {}
    results[name] = {
        **machine.describe(command),
        "training images": len(example["X"]),
        "test images": len(example["data"].x_test),
        "seeds": example["options"].seeds,
        "rows": example["table"].reset_index().to_dict("records"),
    }
    saved.save(results, "recipes", folder)


if __name__ == "__main__":
    main()
