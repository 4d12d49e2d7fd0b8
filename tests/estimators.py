"""Estimators that train fast on the 8x8 digits, and comparisons of fitted classifiers."""

import copy
from contextlib import contextmanager, suppress

import numpy as np
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.pipeline import Pipeline

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor

SMALL = {
    "filters": (8, 16),
    "kernel_size": 3,
    "dense_units": (32, 16),
    "optimizer": "adam",
    "learning_rate": 0.01,
    "batch_size": 64,
    "epochs": 3,
    "random_state": 0,
}


def small_classifier(**params):
    """Return an unfitted classifier with a small network.

    Most tests share this architecture, since each new one must be traced.
    """
    return CNNDigitClassifier(**{**SMALL, **params})


def tiny_classifier(**params):
    """Return an unfitted classifier with a single convolutional layer, which is traced faster.

    For tests that need a graph of their own, such as that of another optimizer.
    """
    return small_classifier(**{"filters": (4,), "dense_units": (), **params})


def quick_classifier(epochs=2, **params):
    """Return an unfitted small classifier that learns 300 digits in 6 epochs: small batches, no dropout."""
    quick = {"batch_size": 30, "conv_dropout": 0.0, "dense_dropout": 0.0}
    return small_classifier(epochs=epochs, **{**quick, **params})


def quick_pipeline(**params):
    """Return an unfitted pipeline of the steps "images" and "cnn", which is a `quick_classifier`."""
    return Pipeline([("images", ImagePreprocessor()), ("cnn", quick_classifier(**params))])


def same_training(one, other):
    """Return whether two classifiers have the same weights and the same history, bit for bit."""
    weights = zip(one._weights, other._weights, strict=True)
    return one.history_ == other.history_ and all(np.array_equal(a, b) for a, b in weights)


@contextmanager
def assert_unchanged(estimator):
    """Check that the attributes of an estimator are the same at the end of the block as at its start."""
    before = copy.deepcopy(vars(estimator))
    yield
    after = vars(estimator)
    assert after.keys() == before.keys()
    for name, value in before.items():
        if name not in ("optimizer", "callbacks", "augmentation"):  # Keras objects compare by identity
            _assert_equal(after[name], value, name)


def _assert_equal(found, expected, name):
    assert type(found) is type(expected), name
    if isinstance(expected, tuple | list):
        assert len(found) == len(expected), name
        for one, other in zip(found, expected, strict=True):
            _assert_equal(one, other, name)
    else:
        assert_array_equal(found, expected, err_msg=name)


def sparse_batches(side):
    """Return sparse flat rows, and sparse images of side x side pixels where SciPy has them (>= 1.15)."""
    batches = [sparse.csr_array(np.eye(4))]
    with suppress(ValueError):
        batches.append(sparse.coo_array(np.ones((2, side, side))))
    return batches
