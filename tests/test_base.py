"""Validation of images, compared with scikit-learn's `validate_data`."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context

from sk_mnist_cnn import ImagePreprocessor, _images
from sk_mnist_cnn._images import validate_images
from tests.estimators import assert_unchanged

FLOATS = np.linspace(0, 1, 24).reshape(4, 6)


def with_pixel(value, dtype=np.float32):
    images = FLOATS.astype(dtype)
    images[2, 3] = value
    return images


INPUTS = {
    **{
        name: (255 * FLOATS).astype(name)
        for name in ("uint8", "int64", "bool", "float16", "float32", "float64")
    },
    "large float16": np.full((4, 6), 60_000, np.float16),
    "large float64": np.full((4, 6), 1e308),
    "big-endian": FLOATS.astype(">f4"),
    "strided": np.repeat(FLOATS, 2, axis=1)[:, ::2],
    "images": FLOATS.reshape(4, 2, 3),
    "list": FLOATS.tolist(),
    "objects": FLOATS.astype(object),
    "strings": FLOATS.astype(str),
    "words": np.full((4, 6), "a pixel"),
    "complex": FLOATS.astype(complex),
    "NaN": with_pixel(np.nan),
    "infinity": with_pixel(np.inf),
    "both infinities": np.array([[np.inf, -np.inf, 0, 0, 0, 0]]),
    "NaN among objects": with_pixel(np.nan, object),
    "no images": FLOATS[:0],
    "one image": FLOATS[0],
    "a number": 3.0,
    "another width": FLOATS[:, :5],
    "another shape": FLOATS.reshape(4, 3, 2),
    "frame": pd.DataFrame(FLOATS),
    "frame with names": pd.DataFrame(FLOATS, columns=list("abcdef")),
    "frame with other names": pd.DataFrame(FLOATS, columns=list("uvwxyz")),
}


def outcome(estimator, X):
    """Return the rows, or the error, and the warnings of validating images of 2x3 pixels."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            rows, _, _ = validate_images(estimator, X, image_shape=(2, 3, 1))
            result = rows.dtype.str, rows.shape, rows.tobytes()
        except (ValueError, TypeError) as error:
            result = type(error), str(error)
    return result, [str(warning.message) for warning in caught]


@pytest.mark.parametrize("fitted_on", ["array", "frame with names"])
@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("assume_finite", [False, True])
def test_what_is_valid_without_validate_data_is_valid_with_it(name, fitted_on, assume_finite, monkeypatch):
    X = FLOATS if fitted_on == "array" else INPUTS[fitted_on]
    estimator = ImagePreprocessor(image_shape=(2, 3)).fit(X)
    with config_context(assume_finite=assume_finite), assert_unchanged(estimator):
        found = outcome(estimator, INPUTS[name])
        monkeypatch.setattr(_images, "_is_valid_array", lambda *_: False)
        assert found == outcome(estimator, INPUTS[name])


@pytest.mark.parametrize("name", ["uint8", "float32", "float64", "images"])
def test_plain_arrays_are_valid_without_validate_data(name, monkeypatch):
    estimator = ImagePreprocessor(image_shape=(2, 3)).fit(FLOATS)
    monkeypatch.setattr(_images, "validate_data", None)
    rows, _, _ = validate_images(estimator, INPUTS[name], image_shape=(2, 3, 1))
    assert np.shares_memory(rows, INPUTS[name])
