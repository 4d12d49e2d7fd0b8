"""Parameters: invalid values, equivalent values, and values that change after `fit`."""

import copy

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sk_mnist_cnn._keras.backend import keras
from tests.estimators import assert_unchanged, same_training

from .conftest import classifier

INVALID = [
    *[("filters", value) for value in ([0], (8, -1), (8.5, 16), 8, "ab", None, [[8], [16]])],
    *[("kernel_size", value) for value in (0, 2.5, (3,), (3, 3, 3), (3, (1, 2, 3)), (0, 3), "33", None)],
    *[("pool_size", value) for value in (-1, 1.5, (2,), ((2, 2), (2, 0)), ((), 2), None)],
    *[("padding", value) for value in ("full", None, 1)],
    *[("batch_normalization", value) for value in ("yes", None)],
    *[("global_average_pooling", value) for value in ("avg", 2)],
    *[("conv_dropout", value) for value in (-0.1, 1.0, "0.2", None)],
    *[("dense_units", value) for value in ([0], (32, 16.5), 32, "ab", None)],
    *[("dense_dropout", value) for value in (-0.1, 1, np.nan, None)],
    *[("activation", value) for value in ("nope", None, 3)],
    *[("optimizer", value) for value in ("nope", None, 3, keras.optimizers.Adam)],
    *[("learning_rate", value) for value in (-1, 0, np.inf, np.nan, "fast", None)],
    *[("learning_rate_schedule", value) for value in ("nope", None, 0.1)],
    *[("learning_rate_schedule", value) for value in (lambda step: -step, lambda step: None)],
    *[("batch_size", value) for value in (0, -1, 2.5, None, "32")],
    *[("epochs", value) for value in (0, -1, 2.5, None)],
    *[("validation_split", value) for value in (-0.1, 1.0, "0.2", None)],
    *[("early_stopping", value) for value in ("loss", 2, None)],
    *[("n_iter_no_change", value) for value in (0, 2.5, None)],
    *[("augmentation", value) for value in ("nope", 3, ["shift"], keras.layers.RandomRotation)],
    *[("class_weight", value) for value in ("auto", [1, 2], 3, {11: 1}, {3: -1})],
    *[("callbacks", value) for value in ("x", 3, ["x"], [None], keras.callbacks.History())],
    *[("warm_start", value) for value in ("yes", None)],
    *[("image_shape", value) for value in (64, (64,), (8, 7), (8, 8, 3), (8.0, 8.0), (0, 64), "8x8")],
    *[("checkpoint", value) for value in (3, "no/such/folder/checkpoint.npz", "a\0b")],
    *[("dtype", value) for value in ("float16", "int8", np.float32, None)],
    *[("random_state", value) for value in (-1, "seed", 1.5)],
    *[("verbose", value) for value in (-1, "loud")],
]


@pytest.mark.parametrize(("name", "value"), INVALID, ids=lambda value: repr(value).split(" at 0x")[0])
def test_raises_for_invalid_parameter(name, value, data, reference, no_training):
    fitted = copy.deepcopy(reference).set_params(**{name: value})
    before = dict(vars(fitted))
    with pytest.raises(ValueError, match=rf"\b{name}\b"):
        fitted.fit(*data)
    assert vars(fitted).keys() == before.keys()
    assert all(vars(fitted)[key] is before[key] for key in before)
    assert_array_equal(fitted.predict_proba(data[0]), reference.predict_proba(data[0]))


@pytest.mark.parametrize(
    ("name", "value"),
    [("filters", 32), ("dense_units", 32), ("kernel_size", 2.5), ("pool_size", None), ("image_shape", 8)],
)
def test_an_error_about_a_sequence_names_the_remedy(name, value, data, no_training):
    with pytest.raises(ValueError, match=rf"{name} must be .*got {value}\b.* Pass "):
        classifier(**{name: value}).fit(*data)


@pytest.mark.parametrize("is_fitted", [False, True])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("filters", [0]), ("epochs", 0), ("learning_rate", -1), ("optimizer", "nope"), ("callbacks", "x")],
        *[("conv_dropout", 1.5), ("batch_size", 2.5), ("augmentation", "nope"), ("class_weight", "nope")],
    ],
)
def test_partial_fit_raises_for_invalid_parameter(name, value, is_fitted, data, reference, no_training):
    clf = copy.deepcopy(reference) if is_fitted else classifier()
    clf.set_params(**{name: value})
    with assert_unchanged(clf), pytest.raises(ValueError, match=name):
        clf.partial_fit(*data, classes=range(10))


@pytest.mark.parametrize(
    "params",
    [
        {"filters": [8, 16], "kernel_size": [3, 3], "pool_size": [2, 2], "dense_units": [32, 16]},
        {"filters": np.array([8, 16]), "kernel_size": np.int64(3), "dense_units": range(32, 15, -16)},
        {"kernel_size": ((3, 3), (3, 3)), "pool_size": np.array([[2, 2], [2, 2]])},
        {"kernel_size": (3, 9), "pool_size": (2, 9)},  # clipped to the feature map
        {"batch_size": np.int32(64), "epochs": np.uint8(2), "learning_rate": np.float64(0.01)},
        {"padding": "valid", "batch_normalization": np.False_, "global_average_pooling": np.False_},
        {"image_shape": (8, 8), "random_state": np.int64(0), "warm_start": np.False_},
        {"early_stopping": np.False_, "validation_split": 0, "verbose": False},
        {"callbacks": (), "class_weight": {}, "checkpoint": None, "n_iter_no_change": 1},
    ],
    ids=lambda params: ",".join(params),
)
def test_equivalent_values_give_same_training(params, data, reference):
    assert same_training(classifier(**params).fit(*data), reference)


def test_early_stopping_accepts_numpy_bool(data):
    python, numpy = (classifier(early_stopping=value).fit(*data) for value in (True, np.True_))
    assert same_training(python, numpy)


def test_parameters_changed_after_fit_do_not_affect_predictions(data, reference):
    changed = copy.deepcopy(reference).set_params(
        filters=(4,), kernel_size=1, dense_units=(), activation="nope", dtype="float64", image_shape=(4, 16)
    )
    changed.set_params(optimizer="nope", class_weight={11: 1}, random_state=5, batch_size=-1)
    for method in ("predict", "predict_proba", "predict_log_proba"):
        expected = getattr(reference, method)(data[0])
        found = getattr(changed, method)(data[0])
        assert found.dtype == expected.dtype
        assert_array_equal(found, expected)
