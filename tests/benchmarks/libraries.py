"""The reference network in each library, trained with Adadelta in batches of 128.

Libraries are imported when they are first used. Those that run Keras share `build_cnn`; skorch has the same
layers in PyTorch.
"""

import contextlib
import importlib.util
import io
from abc import ABC, abstractmethod
from time import perf_counter

import numpy as np

IMAGE_SHAPE, N_CLASSES = (28, 28, 1), 10
BATCH_SIZE = 128
LEARNING_RATE = 1.0
DROPOUTS = {"conv_dropout": 0.2, "dense_dropout": 0.5}


class Library(ABC):
    """Interface of the libraries."""

    name: str
    packages: tuple

    def absent(self, also=()):
        """Return a message about missing packages, including those in `also`, or "" if none is missing."""
        missing = [name for name in (*self.packages, *also) if importlib.util.find_spec(name) is None]
        return f"absent: {' and '.join(missing)} not installed" if missing else ""

    def images(self, images):
        """Return images of shape (n, h, w, c) in the layout of the library."""
        return images

    @abstractmethod
    def fit(self, X, y, epochs=1, callbacks=()):
        """Return a new fitted estimator."""

    def predict_proba(self, fitted, X):
        return fitted.predict_proba(X)

    def seconds_per_epoch(self, X, y):
        """Return the time of the second epoch of a fit."""
        timer = epoch_timer()
        self.fit(X, y, epochs=2, callbacks=[timer])
        return timer.seconds[-1]


class Ours(Library):
    name = "sk_mnist_cnn"
    packages = ("sk_mnist_cnn",)

    def estimator(self, epochs=1, callbacks=(), **params):
        from sk_mnist_cnn import CNNDigitClassifier

        return CNNDigitClassifier(epochs=epochs, batch_size=BATCH_SIZE, callbacks=list(callbacks), **params)

    def fit(self, X, y, epochs=1, callbacks=()):
        return self.estimator(epochs, callbacks).fit(X, y)


class BareKeras(Library):
    name = "Keras"
    packages = ("keras", "tensorflow")

    def fit(self, X, y, epochs=1, callbacks=()):
        model = compiled(network())
        model.fit(X, y, epochs=epochs, batch_size=BATCH_SIZE, callbacks=list(callbacks), verbose=0)
        return model

    def predict_proba(self, fitted, X):
        return fitted.predict(X, batch_size=BATCH_SIZE, verbose=0)


class BareFunction(BareKeras):
    """Predictions with a `tf.function` that calls the Keras network."""

    name = "bare tf.function"

    def fit(self, X, y, epochs=1, callbacks=()):
        from sk_mnist_cnn._keras.backend import tf

        model = super().fit(X, y, epochs, callbacks)
        signature = [tf.TensorSpec((None, *IMAGE_SHAPE), "float32")]
        return tf.function(lambda images: model(images, training=False), input_signature=signature)

    def predict_proba(self, fitted, X):
        from sk_mnist_cnn._keras.engine import PREDICTION_CHUNK

        starts = range(0, len(X), PREDICTION_CHUNK)
        return np.concatenate([fitted(X[start : start + PREDICTION_CHUNK]).numpy() for start in starts])


class SciKeras(Library):
    name = "scikeras"
    packages = ("scikeras",)

    def estimator(self, epochs=1, callbacks=(), **params):
        load_keras()
        from scikeras.wrappers import KerasClassifier

        return KerasClassifier(
            model=network,
            loss="sparse_categorical_crossentropy",
            optimizer="adadelta",
            optimizer__learning_rate=LEARNING_RATE,
            metrics=["accuracy"],
            batch_size=BATCH_SIZE,
            epochs=epochs,
            callbacks=list(callbacks),
            verbose=0,
            **params,
        )

    def fit(self, X, y, epochs=1, callbacks=()):
        return self.estimator(epochs, callbacks).fit(X, y)


class KerasWrapper(Library):
    """keras.wrappers: flat rows only; predicts with the batch size and the progress bar of Keras."""

    name = "keras.wrappers"
    packages = ("keras",)

    def images(self, images):
        return images.reshape(len(images), -1)

    def fit(self, X, y, epochs=1, callbacks=()):
        options = {"epochs": epochs, "batch_size": BATCH_SIZE, "callbacks": list(callbacks), "verbose": 0}
        return load_keras().wrappers.SKLearnClassifier(network_of_rows, fit_kwargs=options).fit(X, y)

    def predict_proba(self, fitted, X):
        with contextlib.redirect_stdout(io.StringIO()):
            return fitted.decision_function(X)


class Skorch(Library):
    name = "skorch"
    packages = ("torch", "skorch")

    def images(self, images):
        return np.ascontiguousarray(images.transpose(0, 3, 1, 2))

    def fit(self, X, y, epochs=1, callbacks=()):
        import torch
        from skorch import NeuralNetClassifier

        classifier = NeuralNetClassifier(
            torch_network,
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.Adadelta,
            optimizer__rho=0.95,  # Keras' values
            optimizer__eps=1e-7,
            lr=LEARNING_RATE,
            batch_size=BATCH_SIZE,
            max_epochs=epochs,
            train_split=None,
            verbose=0,
        )
        return classifier.fit(X, y)

    def seconds_per_epoch(self, X, y):
        return self.fit(X, y, epochs=2).history[-1]["dur"]


OURS, SCIKERAS, SKORCH = Ours(), SciKeras(), Skorch()
PEERS = (BareKeras(), SCIKERAS, KerasWrapper(), SKORCH)


def load_keras():
    """Import Keras without the log messages of TensorFlow, and return it."""
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


def network_of_rows(X, y):
    """Return the network for keras.wrappers, with flat rows and one-hot labels."""
    keras = load_keras()
    rows = [keras.Input((np.prod(IMAGE_SHAPE),)), keras.layers.Reshape(IMAGE_SHAPE)]
    return compiled(keras.Sequential([*rows, network()]), "categorical_crossentropy")


def torch_network():
    """Return the reference network in PyTorch, without the softmax, which is part of the loss."""
    from torch import nn

    return nn.Sequential(
        *(nn.Conv2d(1, 32, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Dropout(DROPOUTS["conv_dropout"]), nn.Flatten()),
        *(nn.Linear(1024, 120), nn.ReLU(), nn.Dropout(DROPOUTS["dense_dropout"])),
        *(nn.Linear(120, 84), nn.ReLU()),
        nn.Linear(84, N_CLASSES),
    )


def epoch_timer():
    """Return a Keras callback that measures the time of every epoch."""
    keras = load_keras()

    class EpochTimer(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.seconds = []

        def __deepcopy__(self, memo):
            return self  # estimators train with copies, but this instance is read

        def on_epoch_begin(self, epoch, logs=None):
            self._start = perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.seconds.append(perf_counter() - self._start)

    return EpochTimer()
