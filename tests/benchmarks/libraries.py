"""The reference network in each library, trained with Adadelta; by default in batches of 128.

Libraries are imported when they are first used. Those based on Keras use `build_cnn`; skorch has the same
layers in PyTorch.
"""

import contextlib
import importlib.util
import io
import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import numpy as np
from sklearn.exceptions import ConvergenceWarning

IMAGE_SHAPE, N_CLASSES = (28, 28, 1), 10
LEARNING_RATE = 1.0
DROPOUTS = {"conv_dropout": 0.2, "dense_dropout": 0.5}


@dataclass(frozen=True)
class Library(ABC):
    """Interface to one library, with the settings of training that benchmarks change."""

    batch_size: int = 128
    filters: tuple = (32, 64)

    name = ""
    packages = ()

    def absent(self, also=()):
        """Return a note that names the missing packages among its own and those in `also`, or ""."""
        missing = [name for name in (*self.packages, *also) if importlib.util.find_spec(name) is None]
        return f"absent: {' and '.join(missing)} not installed" if missing else ""

    def images(self, images):
        """Return images (n, h, w, c) in the layout of the library."""
        return images

    def network(self):
        """Return the network in Keras, not compiled."""
        return network(self.filters)

    @abstractmethod
    def seconds_per_epoch(self, X, y):
        """Return the duration of an epoch, without the time to build and trace the network."""


class EstimatorLibrary(Library):
    """A library with estimators or models that are fitted and predict."""

    @abstractmethod
    def fit(self, X, y, epochs=1, callbacks=()):
        """Return a new fitted estimator."""

    def predict_proba(self, fitted, X):
        return fitted.predict_proba(X)

    def seconds_per_epoch(self, X, y):
        timer = epoch_timer()
        self.fit(X, y, epochs=2, callbacks=[timer])
        return timer.seconds[-1]


@dataclass(frozen=True)
class Ours(EstimatorLibrary):
    dtype: str = "float32"

    packages = ("sk_mnist_cnn",)

    @property
    def name(self):
        return "sk_mnist_cnn" if self.dtype == "float32" else f"sk_mnist_cnn, {self.dtype}"

    def estimator(self, epochs=1, callbacks=(), **params):
        from sk_mnist_cnn import CNNDigitClassifier

        settings = {"filters": self.filters, "batch_size": self.batch_size, "dtype": self.dtype}
        return CNNDigitClassifier(epochs=epochs, callbacks=list(callbacks), **{**settings, **params})

    def fit(self, X, y, epochs=1, callbacks=()):
        with short_training():
            return self.estimator(epochs, callbacks).fit(X, y)


class BareKeras(EstimatorLibrary):
    name = "Keras"
    packages = ("keras", "tensorflow")

    def fit(self, X, y, epochs=1, callbacks=()):
        model = compiled(self.network())
        model.fit(X, y, epochs=epochs, batch_size=self.batch_size, callbacks=list(callbacks), verbose=0)
        return model

    def predict_proba(self, fitted, X):
        return fitted.predict(X, batch_size=self.batch_size, verbose=0)


class BareTensorFlow(Library):
    """The gradients of the network for the same batch: no optimizer, metrics or input pipeline."""

    name = "TensorFlow, gradients alone"
    packages = ("tensorflow",)

    def seconds_per_epoch(self, X, y):
        keras = load_keras()
        import tensorflow as tf

        model = self.network()
        images, labels = (tf.constant(array[: self.batch_size]) for array in (X, y))

        @tf.function
        def gradients():
            with tf.GradientTape() as tape:
                probabilities = model(images, training=True)
                loss = keras.losses.sparse_categorical_crossentropy(labels, probabilities)
            return tape.gradient(loss, model.trainable_variables)

        gradients()
        start = perf_counter()
        for _ in range(-(-len(X) // self.batch_size)):
            result = gradients()
        _ = result[0].numpy()
        return perf_counter() - start


class BareRuntime(EstimatorLibrary):
    """ONNX Runtime with its own defaults, on the graph that sk_mnist_cnn predicts with."""

    name = "ONNX Runtime alone"
    packages = ("onnxruntime",)
    ours = Ours

    def fit(self, X, y, epochs=1, callbacks=()):
        from sk_mnist_cnn._onnx import graph, session

        fitted = self.ours().fit(X, y, epochs, callbacks)
        model = graph.network(fitted._fitted_architecture, fitted._weights).model()
        return session.onnxruntime.InferenceSession(model)

    def predict_proba(self, fitted, X):
        return fitted.run(["probabilities"], {"X": X})[0]


class SciKeras(EstimatorLibrary):
    name = "scikeras"
    packages = ("scikeras",)

    def estimator(self, epochs=1, callbacks=(), **params):
        load_keras()
        from scikeras.wrappers import KerasClassifier

        return KerasClassifier(
            model=network,
            model__filters=self.filters,
            loss="sparse_categorical_crossentropy",
            optimizer="adadelta",
            optimizer__learning_rate=LEARNING_RATE,
            metrics=["accuracy"],
            batch_size=self.batch_size,
            epochs=epochs,
            callbacks=list(callbacks),
            verbose=0,
            **params,
        )

    def fit(self, X, y, epochs=1, callbacks=()):
        return self.estimator(epochs, callbacks).fit(X, y)


class KerasWrapper(EstimatorLibrary):
    """It accepts flat rows only, and predicts with Keras' batch size and progress bar."""

    name = "keras.wrappers"
    packages = ("keras",)

    def images(self, images):
        return images.reshape(len(images), -1)

    def fit(self, X, y, epochs=1, callbacks=()):
        build = partial(network_of_rows, filters=self.filters)
        options = {
            "epochs": epochs,
            "batch_size": self.batch_size,
            "callbacks": list(callbacks),
            "verbose": 0,
        }
        return load_keras().wrappers.SKLearnClassifier(build, fit_kwargs=options).fit(X, y)

    def predict_proba(self, fitted, X):
        with contextlib.redirect_stdout(io.StringIO()):
            return fitted.decision_function(X)


class Skorch(EstimatorLibrary):
    name = "skorch"
    packages = ("torch", "skorch")

    def images(self, images):
        return np.ascontiguousarray(images.transpose(0, 3, 1, 2))

    def fit(self, X, y, epochs=1, callbacks=()):
        import torch
        from skorch import NeuralNetClassifier

        classifier = NeuralNetClassifier(
            torch_network,
            module__filters=self.filters,
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.Adadelta,
            optimizer__rho=0.95,  # Keras' values
            optimizer__eps=1e-7,
            lr=LEARNING_RATE,
            batch_size=self.batch_size,
            max_epochs=epochs,
            train_split=None,
            verbose=0,
        )
        return classifier.fit(X, y)

    def seconds_per_epoch(self, X, y):
        return self.fit(X, y, epochs=2).history[-1]["dur"]


OURS, SCIKERAS, SKORCH = Ours(), SciKeras(), Skorch()
PEERS = (BareKeras(), SCIKERAS, KerasWrapper(), SKORCH)


@contextlib.contextmanager
def short_training():
    """Ignore the warnings that a network has not converged: the benchmarks train one or two epochs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def load_keras():
    """Return Keras, imported without TensorFlow's log messages."""
    from sk_mnist_cnn._keras.backend import keras

    return keras


def network(filters=(32, 64), conv_dropout=DROPOUTS["conv_dropout"]):
    """Return the reference network in Keras, not compiled."""
    from sk_mnist_cnn import build_cnn

    dropouts = {**DROPOUTS, "conv_dropout": conv_dropout}
    return build_cnn(IMAGE_SHAPE, N_CLASSES, filters=filters, **dropouts)


def compiled(model, loss="sparse_categorical_crossentropy"):
    keras = load_keras()
    model.compile(keras.optimizers.Adadelta(LEARNING_RATE), loss, metrics=["accuracy"])
    return model


def network_of_rows(X, y, filters):
    """Return the network for keras.wrappers: for flat rows and one-hot labels."""
    keras = load_keras()
    rows = [keras.Input((np.prod(IMAGE_SHAPE),)), keras.layers.Reshape(IMAGE_SHAPE)]
    return compiled(keras.Sequential([*rows, network(filters)]), "categorical_crossentropy")


def torch_network(filters=(32, 64)):
    """Return the reference network in PyTorch, without the softmax, which is in the loss."""
    from torch import nn

    return nn.Sequential(
        *(nn.Conv2d(1, filters[0], 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(filters[0], filters[1], 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Dropout(DROPOUTS["conv_dropout"]), nn.Flatten()),
        *(nn.Linear(16 * filters[1], 120), nn.ReLU(), nn.Dropout(DROPOUTS["dense_dropout"])),
        *(nn.Linear(120, 84), nn.ReLU()),
        nn.Linear(84, N_CLASSES),
    )


def epoch_timer():
    """Return a Keras callback that measures the duration of every epoch."""
    keras = load_keras()

    class EpochTimer(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.seconds = []

        def __deepcopy__(self, memo):
            return self  # estimators train with copies, and the values are read here

        def on_epoch_begin(self, epoch, logs=None):
            self._start = perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.seconds.append(perf_counter() - self._start)

    return EpochTimer()
