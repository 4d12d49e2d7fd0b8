import pytest

from sk_mnist_cnn._keras import engine


@pytest.fixture
def empty_engine(monkeypatch):
    """An engine whose pools are empty, as in a new process."""
    monkeypatch.setattr(engine, "_trainers", engine.TrainerPool(16))
    monkeypatch.setattr(engine, "_predictors", engine._Pool(32))
