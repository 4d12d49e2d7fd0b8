import os
import subprocess
import sys
from fractions import Fraction
from functools import partial

import numpy as np
import pandas as pd
import pytest

from sk_mnist_cnn._keras.augmentation import Augmentation
from sk_mnist_cnn._keras.backend import keras
from sk_mnist_cnn._keras.optimizers import Optimizer
from sk_mnist_cnn._training.fingerprint import fingerprint

layers = keras.layers
schedules = keras.optimizers.schedules


class Noise(keras.Layer):
    """Layer with a given configuration."""

    def __init__(self, pattern=None, **kwargs):
        super().__init__(**kwargs)
        self.pattern = pattern

    def get_config(self):
        return {**super().get_config(), "pattern": self.pattern}


class Texture:
    """Object with `get_config` that is not a Keras object, with a configuration of only a name."""

    def __init__(self, name):
        self._name = name

    def get_config(self):
        return {"name": self._name}


def used(layer):
    """Return the layer after it has been called, so that it is built."""
    layer(np.zeros((1, 4, 4, 1), np.float32))
    return layer


def type_name(value):
    """Return an identifier that is the same in every process, which addresses and sets are not."""
    return type(value).__name__


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((120, 84), np.array([120, 84])),
        ((120, 84), [120, np.int32(84)]),
        ((120, 84), pd.Series([120, 84])),
        ([0, 1, 2], range(3)),
        ([[3, 3], [5, 5]], np.array([[3.0, 3.0], [5.0, 5.0]])),
        (5, np.int64(5)),
        (1, 1.0),
        (0.5, np.float32(0.5)),
        (0.5, Fraction(1, 2)),
        (0.0, -0.0),
        (float("nan"), np.float32("nan")),
        (True, np.bool_(True)),
        ("adam", np.str_("adam")),
        ({1: 2.0, "b": 3}, {"b": np.int8(3), np.int64(1): 2}),
        ({"red", "green", "blue"}, {"blue", "green", "red"}),
        (layers.RandomFlip(), layers.RandomFlip()),
        (layers.RandomFlip(name="one"), layers.RandomFlip(name="other")),
        (layers.Pipeline([layers.RandomFlip()]), layers.Pipeline([layers.RandomFlip()])),
        (layers.Pipeline([layers.RandomFlip()]), used(layers.Pipeline([layers.RandomFlip()]))),
        (Noise(np.arange(2000)), Noise(list(range(2000)))),
        (Noise({"a": 1, "b": 2}), Noise({"b": 2, "a": 1})),
        (keras.optimizers.Adam(), keras.optimizers.Adam(0.001)),
        (
            keras.optimizers.SGD(schedules.CosineDecay(0.1, 100)),
            keras.optimizers.SGD(schedules.CosineDecay(0.1, np.int64(100), name="other")),
        ),
    ],
    ids=type_name,
)
def test_equal_content_has_the_same_fingerprint(one, other):
    assert fingerprint(one) == fingerprint(other) is not None


DIFFERENT = [
    None,
    True,
    1,
    "1",
    b"1",
    0,
    False,
    "",
    (),
    {},
    set(),
    [None],
    [1],
    [[1]],
    [1, 2],
    [2, 1],
    {1: 2},
    {"1": 2},
    {1, 2},
    0.1,
    np.float32(0.1),
    float("nan"),
    float("inf"),
    2**53,
    2**53 + 1,
    np.arange(2000),
    np.where(np.arange(2000) == 1000, 0, np.arange(2000)),
    np.arange(2000).reshape(2, 1000),
    layers.RandomFlip(),
    layers.RandomFlip("vertical"),
    layers.RandomFlip(seed=3),
    layers.RandomFlip(dtype="float64"),
    layers.RandomFlip(dtype="mixed_float16"),
    layers.RandomRotation(0.1),
    layers.RandomRotation(0.2),
    layers.Pipeline([layers.RandomRotation(0.1)]),
    layers.Pipeline([layers.RandomRotation(0.2)]),
    layers.Pipeline([layers.RandomRotation(0.1), layers.RandomFlip()]),
    layers.Pipeline([layers.RandomFlip(), layers.RandomRotation(0.1)]),
    Noise(np.arange(2000)),
    Noise(np.where(np.arange(2000) == 1000, 0, np.arange(2000))),
    Noise({"a": 1, "b": 2}),
    Noise({"a": 2, "b": 1}),
    Noise(Texture("circles")),
    Noise(Texture("squares")),
    keras.DTypePolicy("float32"),
    keras.DTypePolicy("mixed_float16"),
    keras.optimizers.Adam(),
    keras.optimizers.AdamW(),
    keras.optimizers.Adam(beta_1=0.8),
    keras.optimizers.SGD(schedules.CosineDecay(0.1, 100)),
    keras.optimizers.SGD(schedules.CosineDecay(0.1, 200)),
    keras.optimizers.SGD(schedules.ExponentialDecay(0.1, 100, 0.5)),
]


def test_different_content_has_different_fingerprints():
    fingerprints = list(map(fingerprint, DIFFERENT))
    assert None not in fingerprints
    assert len(set(fingerprints)) == len(DIFFERENT)


def nested_in_itself():
    items = []
    items.append(items)
    return items


@pytest.mark.parametrize(
    "value",
    [
        object(),
        len,
        fingerprint,
        lambda x: x,
        partial(max, 1),
        keras.Layer,
        np.float32,
        np.clongdouble(1),
        nested_in_itself(),
        [1, {"a": object()}],
        layers.Lambda(lambda x: x),
        layers.Lambda(fingerprint),
        layers.Lambda(abs),
        layers.Lambda("text".join),
        layers.Pipeline([layers.Lambda(fingerprint)]),
        Noise(lambda x: x),
        Noise(object()),
    ],
    ids=type_name,
)
def test_undetermined_content_has_no_fingerprint(value):
    assert fingerprint(value) is None


SCRIPT = """
import sys
from sk_mnist_cnn._training.fingerprint import fingerprint
print(fingerprint([{"one", "two", "three"}, {"b": 1.5, "a": (True, None)}]))
assert not {"keras", "tensorflow"} & sys.modules.keys()
import keras
keras.layers.RandomFlip()  # so that the next one has another name
print(fingerprint([keras.layers.RandomFlip(), keras.optimizers.Adam(0.01)]))
"""


@pytest.mark.slow
def test_fingerprints_are_the_same_in_every_process_and_need_no_keras():
    shown = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.split() == [
        fingerprint([{"one", "two", "three"}, {"b": 1.5, "a": (True, None)}]),
        fingerprint([keras.layers.RandomFlip(), keras.optimizers.Adam(0.01)]),
    ]


# Graphs are shared between fits whose optimizers and augmentations have equal keys.


def optimizer_key(optimizer):
    return Optimizer.resolve(optimizer, "auto").key


def augmentation_key(augmentation):
    return Augmentation.identity(augmentation)[0]


def test_equal_settings_share_a_graph():
    assert augmentation_key(None) == augmentation_key(None) != augmentation_key("shift")
    assert augmentation_key([layers.RandomFlip()]) == augmentation_key([layers.RandomFlip()])
    one, other = (keras.optimizers.SGD(schedules.CosineDecay(0.1, 100, name=name)) for name in "ab")
    assert optimizer_key(one) == optimizer_key(other)
    assert optimizer_key("adam") == optimizer_key(keras.optimizers.Adam(0.01))
    assert optimizer_key("adam") != optimizer_key(keras.optimizers.Adam(beta_1=0.8))


def test_large_arrays_with_one_different_item_do_not_share_a_graph():
    one = np.arange(2000)
    other = one.copy()
    other[1000] = 0
    assert augmentation_key(Noise(one)) != augmentation_key(Noise(other))


def test_undetermined_settings_share_neither_a_graph_nor_a_state():
    layer = layers.Lambda(fingerprint)
    assert augmentation_key(layer) != augmentation_key(layer)

    class Unknown(keras.optimizers.SGD):
        def __init__(self, extra=None, **kwargs):
            super().__init__(**kwargs)

        def get_config(self):
            return {**super().get_config(), "extra": object()}

    optimizer = Optimizer.resolve(Unknown(), "auto")
    assert optimizer.fingerprint != optimizer.fingerprint
    assert optimizer.key != optimizer.key


def test_redefined_classes_do_not_share_a_graph():
    def define():
        @keras.saving.register_keras_serializable("tests")
        class Schedule(schedules.LearningRateSchedule):
            def get_config(self):
                return {}

        class Layer(keras.Layer):
            pass

        return optimizer_key(keras.optimizers.SGD(Schedule())), augmentation_key(Layer())

    (optimizer, layer), (other_optimizer, other_layer) = define(), define()
    assert optimizer != other_optimizer
    assert layer != other_layer
