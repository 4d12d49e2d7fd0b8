"""Training and prediction of the network of the best recipe, which has four convolutional layers.

Run ``python -m tests.benchmarks.deep``. It compares the package with Keras and with ONNX Runtime alone, for
the same network, and writes ``deep.json`` and ``deep.rst`` in ``docs/benchmarks``.
"""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

from sk_mnist_cnn import build_cnn
from sk_mnist_cnn._recipes import RECIPES

from . import cases, machine, table
from .__main__ import OUTPUT
from .data import digits
from .libraries import DROPOUTS, IMAGE_SHAPE, N_CLASSES, BareKeras, BareRuntime, BareTensorFlow, Ours
from .measuring import Case, Results, take_turns

LAYERS = {
    name: RECIPES["best"].params[name] for name in ("filters", "kernel_size", "pool_size", "dense_units")
}


class Deep:
    """Mixin of libraries: the network of the best recipe."""

    def network(self):
        return build_cnn(IMAGE_SHAPE, N_CLASSES, **LAYERS, **DROPOUTS)

    def estimator(self, epochs=1, callbacks=(), **params):
        return super().estimator(epochs, callbacks, **LAYERS, **params)


class DeepOurs(Deep, Ours):
    pass


class DeepKeras(Deep, BareKeras):
    pass


class DeepTensorFlow(Deep, BareTensorFlow):
    pass


class DeepRuntime(Deep, BareRuntime):
    ours = DeepOurs


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.deep", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a tiny run that only checks that everything works"
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder for the results")
    options = parser.parse_args(arguments)
    scale = cases.QUICK if options.quick else cases.FULL
    flags = " --quick" * options.quick
    results = Results(machine.describe(f"python -m tests.benchmarks.deep{flags}"))
    for batch_size in (32, 128):
        results.cases.append(training(scale, batch_size))
    for n_images in (1, 128):
        results.cases.append(prediction(scale, n_images))
    for case in results.cases:
        print(table.as_text(case), flush=True)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "deep.json").write_text(results.as_json() + "\n", encoding="utf-8")
    (options.output / "deep.rst").write_text(table.as_rst(results), encoding="utf-8")


def training(scale, batch_size):
    def throughput(library):
        library = replace(library, batch_size=batch_size)
        X, y = digits(scale.training_images, library)
        return lambda: len(X) / library.seconds_per_epoch(X, y)

    rows = take_turns(
        cases.each([DeepOurs(), DeepKeras(), DeepTensorFlow()], throughput), scale.training_rounds
    )
    return Case(
        f"training_batch_{batch_size}",
        f"Training the network of the best recipe, batch_size={batch_size}",
        f"Images per second in the second epoch of a fit with {scale.training_images:,} images per epoch.",
        "images/s",
        rows,
        higher_is_better=True,
    )


def prediction(scale, n_images):
    actions = cases.each([DeepOurs(), DeepRuntime(), DeepKeras()], partial(cases.latency, scale, n_images))
    return Case(
        f"predict_{n_images}",
        f"Predicting {n_images} image{'s' * (n_images > 1)} with the network of the best recipe",
        f"The value of a round is the median of {scale.calls} calls.",
        "ms",
        take_turns(actions, scale.rounds, warm_up=1),
    )


if __name__ == "__main__":
    main()
