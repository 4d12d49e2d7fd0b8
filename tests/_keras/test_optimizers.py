"""Optimizers that raise an error. `optimizer` and `learning_rate` are tested in `tests.classifier`."""

import pytest

from sk_mnist_cnn._keras.backend import keras
from tests.estimators import small_classifier


def test_raises_for_loss_scale_optimizer(digits):
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
    with pytest.raises(ValueError, match=r"optimizer must not be a LossScaleOptimizer.*inner_optimizer"):
        small_classifier(optimizer=optimizer, dtype="mixed_float16").fit(*digits)


def test_raises_for_two_schedules(digits):
    own = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 100))
    small_classifier(optimizer=own, learning_rate="auto", epochs=1).fit(*digits)
    params = {"learning_rate_schedule": "cosine", "epochs": 1}
    small_classifier(optimizer=own, learning_rate=0.01, **params).fit(*digits)
    with pytest.raises(ValueError, match=r"learning_rate_schedule must be 'constant' with .* got 'cosine'"):
        small_classifier(optimizer=own, learning_rate="auto", **params).fit(*digits)
