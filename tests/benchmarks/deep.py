"""Training and prediction of the network of the best recipe, which has four convolutional layers.

Run ``python -m tests.benchmarks.deep``. It compares the package with Keras and with ONNX Runtime alone, for
the same network, and writes ``deep.json`` and ``deep.rst`` in ``docs/benchmarks``.
"""

from dataclasses import asdict
from functools import partial

from sk_mnist_cnn import build_cnn
from sk_mnist_cnn._recipes import RECIPES

from . import cases, machine, table
from .libraries import DROPOUTS, IMAGE_SHAPE, N_CLASSES, BareKeras, BareRuntime, BareTensorFlow, Ours
from .measuring import Case, Results, take_turns
from .options import benchmark_parser
from .saved import save

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
    options = benchmark_parser("tests.benchmarks.deep", __doc__).parse_args(arguments)
    scale = cases.QUICK if options.quick else cases.FULL
    flags = " --quick" * options.quick
    results = Results(machine.describe(f"python -m tests.benchmarks.deep{flags}"))
    for batch_size in (32, 128):
        results.cases.append(training(scale, batch_size))
    for n_images in (1, 128):
        results.cases.append(prediction(scale, n_images))
    for case in results.cases:
        print(table.as_text(case), flush=True)
    save(asdict(results), "deep", options.output)
    (options.output / "deep.rst").write_text(table.as_rst(results), encoding="utf-8")


def training(scale, batch_size):
    libraries = [library(batch_size=batch_size) for library in (DeepOurs, DeepKeras, DeepTensorFlow)]
    return Case(
        f"training_batch_{batch_size}",
        f"Training the network of the best recipe, batch_size={batch_size}",
        f"Images per second in the second epoch of a fit with {scale.training_images:,} images per epoch.",
        "images/s",
        take_turns(cases.each(libraries, partial(cases.training_throughput, scale)), scale.training_rounds),
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
