import pytest

from sk_mnist_cnn._keras import engine


@pytest.fixture
def empty_engine(monkeypatch):
    """An engine without trainers, as in a new process."""
    monkeypatch.setattr(engine, "_trainers", engine.TrainerPool(16))
