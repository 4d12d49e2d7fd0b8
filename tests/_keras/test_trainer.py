"""Trainers are reset when they are reused."""

import inspect
import random
import re
from importlib.metadata import requires, version
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tensorflow.python.framework.config import is_op_determinism_enabled

from sk_mnist_cnn._keras.backend import BaseWrapper, keras, tf
from sk_mnist_cnn._keras.trainer import Trainer
from tests.estimators import same_training, small_classifier, tiny_classifier

ROOT = Path(__file__).parents[2]


@pytest.mark.usefixtures("empty_engine")
def test_used_trainer_gives_same_training_as_new_one(data):
    new = small_classifier(validation_split=0.1).fit(*data)
    small_classifier(random_state=5, learning_rate=0.05, dense_dropout=0.1, batch_size=32).fit(*data)
    used = small_classifier(validation_split=0.1).fit(*data)
    assert same_training(new, used)


@pytest.mark.usefixtures("empty_engine")
@pytest.mark.parametrize("optimizer", ["adadelta", "adam", "sgd", "rmsprop", "adamw", "nadam", "adagrad"])
def test_optimizer_slots_are_reset(data, optimizer):
    if optimizer in ("nadam", "adagrad"):
        optimizer = keras.optimizers.get(optimizer)
    new, used = (tiny_classifier(optimizer=optimizer, epochs=1).fit(*data) for _ in range(2))
    assert same_training(new, used)


@pytest.mark.slow
def test_does_not_change_global_random_state(digits):
    X, y = digits[0][:200], digits[1][:200]
    layers = [keras.layers.RandomRotation(0.1)]  # draws its own seed
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    tf.random.set_seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    expected = tf.random.uniform((3,)).numpy()
    tf.random.set_seed(1)
    clf = small_classifier(epochs=1, augmentation=layers, validation_split=0.2).fit(X, y)
    clf.predict(X)
    clf.model_  # noqa: B018
    with pytest.raises(ValueError, match="learning_rate"):
        clf.set_params(optimizer="sgd", learning_rate=1e30).fit(X, y)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002
    assert_array_equal(tf.random.uniform((3,)).numpy(), expected)
    assert not is_op_determinism_enabled()


def test_scikeras_is_bounded_to_releases_with_the_private_methods_used():
    private = {name for name in vars(BaseWrapper) if re.fullmatch(r"_[a-z].*", name)}
    called = re.findall(r"self\.(_\w+)\(", inspect.getsource(Trainer))
    assert {*vars(Trainer), *called} & private == {"_initialize_callbacks", "_validate_data"}
    (requirement,) = [text for text in requires("sk_mnist_cnn") if text.startswith("scikeras")]
    major, minor, *_ = version("scikeras").split(".")
    assert f"<{major}.{int(minor) + 1}" in requirement
