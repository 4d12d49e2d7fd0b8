"""scikit-learn's estimator checks of this package and of the other libraries.

``python -m tests.benchmarks.estimator_checks`` writes ``docs/benchmarks/estimator_checks.json``. The networks
are small and have no dropout. Libraries whose networks do not adapt to the number of features and classes get
a network that is built from the data. Each estimator is checked in a new process.
"""

import argparse
import warnings
from pathlib import Path

import torch
from sklearn.neural_network import MLPClassifier
from sklearn.utils.estimator_checks import check_estimator

from tests.test_estimator_checks import CLASSIFIER

from . import machine
from .libraries import load_keras
from .measuring import in_fresh_process
from .saved import OUTPUT, save


def keras_network(meta):
    """Return a compiled dense network for scikeras, which describes the data in `meta`."""
    return dense_network(
        meta["n_features_in_"], max(meta["n_classes_"], 2), "sparse_categorical_crossentropy"
    )


def network_of_arrays(X, y):
    """Return a compiled dense network for keras.wrappers, which encodes the labels as one-hot vectors."""
    return dense_network(X.shape[1], y.shape[1] if y.ndim > 1 else 2, "categorical_crossentropy")


def dense_network(n_features, n_outputs, loss):
    keras = load_keras()
    layers = [
        keras.Input((n_features,)),
        keras.layers.Dense(16, "relu"),
        keras.layers.Dense(n_outputs, "softmax"),
    ]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(0.03), loss, metrics=["accuracy"])
    return model


class TorchNetwork(torch.nn.Module):
    """A dense network for arrays of any dtype, whose first layer adapts to the number of features."""

    def __init__(self):
        super().__init__()
        nn = torch.nn
        self.layers = nn.Sequential(nn.LazyLinear(16), nn.ReLU(), nn.Linear(16, 3))

    def forward(self, X):
        return self.layers(X.float())


def scikeras():
    load_keras()
    from scikeras.wrappers import KerasClassifier

    return KerasClassifier(keras_network, epochs=20, batch_size=1000, random_state=0, verbose=0)


def keras_wrappers():
    return load_keras().wrappers.SKLearnClassifier(
        network_of_arrays, fit_kwargs={"epochs": 20, "batch_size": 1000, "verbose": 0}
    )


def skorch():
    from skorch import NeuralNetClassifier

    return NeuralNetClassifier(
        TorchNetwork,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.03,
        max_epochs=20,
        batch_size=1000,
        train_split=None,
        verbose=0,
    )


ESTIMATORS = {
    "sk_mnist_cnn": lambda: CLASSIFIER,
    "scikeras": scikeras,
    "keras.wrappers": keras_wrappers,
    "skorch": skorch,
    "MLPClassifier": MLPClassifier,
}


def outcomes(name):
    """Return the names of the checks that an estimator passes, fails and skips."""
    found = {"passed": [], "failed": [], "skipped": []}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for check in check_estimator(ESTIMATORS[name](), on_fail=None, on_skip=None):
            found[check["status"]].append(check["check_name"])
    return found


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.estimator_checks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"any of {', '.join(ESTIMATORS)}; default: all")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder for the results")
    options = parser.parse_args(arguments)
    results = {"machine": machine.describe("python -m tests.benchmarks.estimator_checks"), "estimators": {}}
    for name in options.names or ESTIMATORS:
        # In a process of its own, since scikeras leaves TensorFlow's determinism enabled.
        results["estimators"][name] = in_fresh_process(outcomes, name)
        counts = {status: len(names) for status, names in results["estimators"][name].items()}
        print(name, counts, results["estimators"][name]["failed"], flush=True)
        save(results, "estimator_checks", options.output)


if __name__ == "__main__":
    main()
