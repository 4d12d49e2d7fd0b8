"""`predict`, `predict_proba`, `predict_log_proba` and `score`."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError

from .conftest import classifier


def test_learns_digits(fitted, digits):
    assert is_classifier(fitted)
    assert fitted.score(*digits) > 0.85


def test_prediction_methods_agree(fitted, digits):
    X, y = digits
    p = fitted.predict_proba(X)
    assert p.shape == (len(X), 10)
    assert p.dtype == np.float32
    assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    assert p.min() >= 0
    assert_array_equal(fitted.predict(X), fitted.classes_[p.argmax(axis=1)])
    assert_allclose(np.exp(fitted.predict_log_proba(X)), p, rtol=1e-4, atol=1e-7)
    assert fitted.score(X, y) == np.mean(fitted.predict(X) == y)
    weights = (y == 3).astype(float)
    assert fitted.score(X, y, sample_weight=weights) == np.mean(fitted.predict(X[y == 3]) == 3)


def test_log_proba_is_finite_where_probability_is_zero(fitted, digits):
    bright = digits[0][:50] * np.float32(1000)
    assert fitted.predict_proba(bright).min() == 0
    assert np.isfinite(fitted.predict_log_proba(bright)).all()


@pytest.mark.parametrize("n_images", [1, 2, 255, 256, 257, 1000])
def test_probabilities_do_not_depend_on_number_of_images(n_images, fitted, digits):
    X = digits[0][:n_images]
    expected = fitted.predict_proba(digits[0])[:n_images]
    assert_allclose(fitted.predict_proba(X), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float64", "mixed_bfloat16"])
def test_dtype_policy_determines_dtype_of_probabilities(dtype, data, reference):
    X, y = data
    fitted = classifier(dtype=dtype).fit(X, y)
    p = fitted.predict_proba(X)
    assert p.dtype == ("float64" if dtype == "float64" else "float32")
    assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    assert_allclose(fitted.history_["loss"], reference.history_["loss"], rtol=0.05)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
def test_raises_before_fit(method, data):
    with pytest.raises(NotFittedError, match="CNNDigitClassifier"):
        getattr(classifier(), method)(data[0])
