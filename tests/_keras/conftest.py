"""Fixtures for the tests of the training, which mostly need only a few batches."""

import pytest

from sk_mnist_cnn._keras import engine


@pytest.fixture(scope="session")
def data(digits):
    """The first 300 digits and their labels, read-only."""
    return digits[0][:300], digits[1][:300]


@pytest.fixture
def empty_engine(monkeypatch):
    """An engine without trainers, as in a new process."""
    monkeypatch.setattr(engine, "_trainers", engine.TrainerPool(16))
