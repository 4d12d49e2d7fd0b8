import os
from io import BytesIO
from unittest import mock

# For the processes that pytest-xdist starts after this. scikit-learn's threads would otherwise wait actively
# for each other, and take the cores from the other processes.
os.environ["OMP_WAIT_POLICY"] = "passive"

import matplotlib
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import ImagePreprocessor, fetch_mnist, load_mnist_sample
from tests.estimators import small_classifier

matplotlib.use("agg")
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# Scripts that need what is not in the dependency group `test`: scikit-image, a browser, PyTorch, and MAPIE.
collect_ignore_glob = ["data/*.py"]
collect_ignore = ["pictures.py", "benchmarks/estimator_checks.py", "benchmarks/probabilities.py"]


def pytest_collection_modifyitems(items):
    """Let the examples of docstrings fail if they trigger a ConvergenceWarning, which most tests ignore."""
    for item in items:
        if isinstance(item, pytest.DoctestItem):
            item.add_marker(pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning"))


@pytest.fixture(scope="session")
def digits():
    """All 1,797 of scikit-learn's 8x8 digits as images in [0, 1], and their labels; read-only."""
    X, y = load_digits(return_X_y=True)
    images = (X / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    images.flags.writeable = y.flags.writeable = False
    return images, y


@pytest.fixture(scope="session")
def fitted(digits):
    """A classifier fitted on the digits, never refitted."""
    return small_classifier(epochs=8).fit(*digits)


@pytest.fixture(scope="session")
def fitted_pipeline():
    """A pipeline fitted on raw pixels of the digits, never refitted."""
    X, y = load_digits(return_X_y=True)
    return make_pipeline(ImagePreprocessor(), small_classifier(epochs=8)).fit(X, y)


@pytest.fixture(scope="session")
def photo():
    """A JPEG file of the number 407, as bytes."""
    sample = load_mnist_sample()
    images = [sample.x_test[np.flatnonzero(sample.y_test == label)[0]] for label in (4, 0, 7)]
    paper = Image.fromarray(255 - np.pad(np.concatenate(images, axis=1), 20))
    file = BytesIO()
    paper.resize((4 * paper.width, 4 * paper.height)).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture(scope="session")
def mnist():
    """The complete MNIST, from the file that SK_MNIST_CNN_DATA names."""
    path = os.environ.get("SK_MNIST_CNN_DATA")
    if path is None:
        pytest.skip("SK_MNIST_CNN_DATA does not name a complete mnist.npz")
    return fetch_mnist(path)


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium, closed after each module because it runs an event loop."""
    sync_api = pytest.importorskip("playwright.sync_api")
    from tests.browser import find_browser, launch_browser

    with sync_api.sync_playwright() as playwright:
        if find_browser(playwright) is None:
            pytest.skip("no Chromium is installed")
        chromium = launch_browser(playwright)
        yield chromium
        chromium.close()


@pytest.fixture(autouse=True)
def _restore_environment():
    """Restore the environment variables after each test.

    A Dask cluster sets the number of its workers' threads, which affects the last digits of weights.
    TensorFlow reads it when it is imported, so it is imported first.
    """
    import sk_mnist_cnn._keras.backend  # noqa: F401

    with mock.patch.dict(os.environ):
        yield


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")
