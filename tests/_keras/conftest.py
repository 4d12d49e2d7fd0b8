import pytest

from sk_mnist_cnn._keras import engine


@pytest.fixture
def empty_engine(monkeypatch):
    """Engine with empty pools, as in a new process."""
    monkeypatch.setattr(engine, "_trainers", engine.TrainerPool(16))
    monkeypatch.setattr(engine, "_predictors", engine._Pool(32))
