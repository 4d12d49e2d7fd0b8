"""Optimizers that raise an error. `optimizer` and `learning_rate` are tested in `tests.classifier`."""

import pytest

from sk_mnist_cnn._keras.backend import keras
from sk_mnist_cnn._keras.optimizers import Optimizer
from tests.estimators import small_classifier, tiny_classifier


def test_raises_for_loss_scale_optimizer(digits):
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
    with pytest.raises(ValueError, match=r"optimizer must not be a LossScaleOptimizer.*inner_optimizer"):
        small_classifier(optimizer=optimizer, dtype="mixed_float16").fit(*digits)


def test_raises_for_two_schedules(data):
    own = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 100))
    tiny_classifier(optimizer=own, learning_rate="auto", epochs=1).fit(*data)
    params = {"learning_rate_schedule": "cosine", "epochs": 1}
    tiny_classifier(optimizer=own, learning_rate=0.01, **params).fit(*data)
    with pytest.raises(ValueError, match=r"learning_rate_schedule must be 'constant' with .* got 'cosine'"):
        tiny_classifier(optimizer=own, learning_rate="auto", **params).fit(*data)


@pytest.mark.parametrize("name", ["use_ema", "ScheduleFreeAdamW"])
def test_raises_for_optimizers_that_average_weights(name, digits):
    if name == "use_ema":
        optimizer = keras.optimizers.Adam(use_ema=True)
    elif hasattr(keras.optimizers, name):
        optimizer = getattr(keras.optimizers, name)()
    else:
        pytest.skip(f"this version of Keras has no {name}")
    with pytest.raises(ValueError, match=f"optimizer must not .*{name}"):
        small_classifier(optimizer=optimizer, learning_rate="auto").fit(*digits)


@pytest.mark.parametrize("excluded", [{"var_names": ["bias"]}, {"var_list": [keras.Variable(0.0)]}], ids=list)
def test_raises_for_variables_without_weight_decay(excluded, digits):
    optimizer = keras.optimizers.AdamW()
    optimizer.exclude_from_weight_decay(**excluded)
    with pytest.raises(ValueError, match=r"must not exclude variables .* got a AdamW .* Omit this call"):
        small_classifier(optimizer=optimizer, learning_rate="auto").fit(*digits)


class Scaled(keras.optimizers.SGD):
    """An optimizer whose get_config lacks a setting."""

    def __init__(self, learning_rate=0.1, factor=1.0, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.factor = factor


class Required(keras.optimizers.SGD):
    """An optimizer whose get_config lacks an argument that its constructor needs."""

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (Scaled(factor=2.0), r"whose factor is 2\.0, and 1\.0 in a copy\. Add factor to its get_config"),
        (Required(3), r"that get_config and from_config can copy, .*Return all arguments"),
    ],
)
def test_raises_for_settings_that_get_config_lacks(optimizer, message):
    with pytest.raises(ValueError, match=message):
        Optimizer.resolve(optimizer, "auto")
    assert Optimizer.resolve(Scaled(factor=1.0), "auto").kind is Scaled


def test_raises_for_a_function_as_the_learning_rate():
    optimizer = keras.optimizers.Adam(learning_rate=lambda: 0.1)
    with pytest.raises(ValueError, match=r"optimizer must have a number .*Pass a function of the batch as"):
        Optimizer.resolve(optimizer, "auto")


class RecordRate(keras.callbacks.Callback):
    rates = []

    def on_train_batch_begin(self, batch, logs=None):
        self.rates.append(float(self.model.optimizer.learning_rate.numpy()))


def test_schedule_counts_batches_whose_gradients_overflow(digits):
    X, y = digits[0][:128] * 60, digits[1][:128]  # gradients that overflow in half precision
    params = {
        "dtype": "mixed_float16",
        "epochs": 2,
        "learning_rate_schedule": lambda batch: 0.01 / (1 + batch),
    }
    RecordRate.rates.clear()
    small_classifier(callbacks=[RecordRate()], **params).fit(X, y)
    assert RecordRate.rates[1:] == pytest.approx([0.01 / (1 + batch) for batch in range(3)], rel=1e-3)


@pytest.mark.parametrize(("name", "rate"), [("adadelta", 1.0), ("adam", 0.001), ("sgd", 0.01)])
def test_named_optimizers_are_not_created_again(name, rate, monkeypatch):
    """Keras never frees all memory of an optimizer, so a fit must not create one."""
    Optimizer.resolve(name, "auto")
    monkeypatch.setattr(keras.optimizers, "get", lambda name: pytest.fail("created an optimizer"))
    monkeypatch.setattr(Optimizer, "build", lambda self: pytest.fail("created an optimizer"))
    assert Optimizer.resolve(name, "auto").peak_rate == pytest.approx(rate)
