import os
from unittest import mock

import matplotlib
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, load_mnist

matplotlib.use("agg")
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

collect_ignore = ["pictures.py"]  # a script, whose browser is not in the `test` extra

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
    """A classifier whose network trains on 8x8 digits in a moment, and well."""
    return CNNDigitClassifier(**{**SMALL, **params})


@pytest.fixture(scope="session")
def digits():
    """scikit-learn's 8x8 digits as images in [0, 1] and labels, read-only: 1,797 of them."""
    X, y = load_digits(return_X_y=True)
    images = (X / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    images.flags.writeable = y.flags.writeable = False
    return images, y


@pytest.fixture(scope="module")
def fitted(digits):
    """A classifier fitted on the digits, shared by a module's tests and never refitted."""
    return small_classifier(epochs=8).fit(*digits)


@pytest.fixture(scope="module")
def fitted_pipeline():
    """A pipeline fitted on raw pixels of the digits, never refitted."""
    X, y = load_digits(return_X_y=True)
    return make_pipeline(ImagePreprocessor(), small_classifier(epochs=8)).fit(X, y)


@pytest.fixture(scope="session")
def mnist():
    """The complete MNIST, from the file that SK_MNIST_CNN_DATA names."""
    path = os.environ.get("SK_MNIST_CNN_DATA")
    if path is None:
        pytest.skip("SK_MNIST_CNN_DATA does not name a full mnist.npz")
    return load_mnist(path)


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium. It runs an event loop, so it is closed after each module."""
    sync_api = pytest.importorskip("playwright.sync_api")
    from tests.browser import find_browser, launch_browser

    with sync_api.sync_playwright() as playwright:
        if find_browser(playwright) is None:
            pytest.skip("no Chromium is installed")
        chromium = launch_browser(playwright)
        yield chromium
        chromium.close()


@pytest.fixture(autouse=True)
def _same_environment():
    """Keep what a test leaves in the environment from the next one.

    A Dask cluster leaves the number of its workers' threads, on which weights depend in their last digits.
    TensorFlow reads it when it is loaded, so it is loaded before.
    """
    import sk_mnist_cnn._keras.backend  # noqa: F401

    with mock.patch.dict(os.environ):
        yield


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")
