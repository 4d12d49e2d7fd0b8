"""Fixtures for `CNNDigitClassifier`. Its tests share one architecture, since each new one must be traced."""

import pytest

from sk_mnist_cnn._keras.trainer import Trainer
from tests.estimators import small_classifier

N = 300  # images of `data`


def classifier(**params):
    """Return an unfitted classifier that trains for two epochs, of five batches each on `data`."""
    return small_classifier(**{"epochs": 2, **params})


@pytest.fixture(scope="session")
def data(digits):
    """The first 300 digits and their labels, read-only."""
    return digits[0][:N], digits[1][:N]


@pytest.fixture(scope="session")
def reference(data):
    """A `classifier()` fitted on `data`, never refitted."""
    return classifier().fit(*data)


@pytest.fixture
def no_training(monkeypatch):
    """Fail the test if training starts."""

    def train(*args, **kwargs):
        pytest.fail("training started")

    monkeypatch.setattr(Trainer, "fit", train)
    monkeypatch.setattr(Trainer, "partial_fit", train)
