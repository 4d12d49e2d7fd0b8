"""Labels that `fit` accepts, and the labels that `predict` returns."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from .conftest import N, classifier

LETTERS = np.array(list("abcdefghij"))


@pytest.mark.parametrize(
    "labels",
    [
        np.arange(10),
        np.arange(10, dtype=np.uint8),
        np.arange(10.0),
        np.arange(-4, 6) * 10**12,
        LETTERS,
        LETTERS.astype(object),
    ],
    ids=lambda labels: labels.dtype.str,
)
def test_predict_returns_original_labels(labels, data, reference):
    X, y = data
    fitted = classifier().fit(X, labels[y])
    assert fitted.classes_.dtype == labels.dtype
    assert_array_equal(fitted.classes_, labels)
    assert_array_equal(fitted.predict_proba(X), reference.predict_proba(X))
    predicted = fitted.predict(X)
    assert predicted.dtype == labels.dtype
    assert_array_equal(predicted, labels[reference.predict(X)])
    assert fitted.score(X, labels[y]) == reference.score(X, y)


@pytest.mark.parametrize(
    "container",
    [
        list,
        pd.Series,
        pd.Categorical,
        partial(pd.Series, index=np.arange(N)[::-1]),
        partial(pd.Series, dtype="category"),
        partial(pd.Series, dtype="string"),
        partial(pd.Categorical, categories=LETTERS[::-1], ordered=True),
    ],
    ids=["list", "Series", "Categorical", "index", "categories", "string", "ordered"],
)
def test_accepts_label_containers(container, data, reference):
    X, y = data
    fitted = classifier().fit(X, container(LETTERS[y].tolist()))
    assert_array_equal(fitted.classes_, LETTERS)
    assert_array_equal(fitted.predict_proba(X), reference.predict_proba(X))
    assert_array_equal(fitted.predict(X), LETTERS[reference.predict(X)])


def test_accepts_polars_labels(data, reference):
    polars = pytest.importorskip("polars")
    X, y = data
    fitted = classifier().fit(X, polars.Series(LETTERS[y].tolist()))
    assert_array_equal(fitted.predict(X), LETTERS[reference.predict(X)])


@pytest.mark.parametrize(
    "labels", [np.array([False, True]), np.array(["even", "odd"]), np.array([-1, 1])], ids=str
)
def test_binary_classification(labels, data):
    X, y = data
    fitted = classifier(epochs=6).fit(X, labels[y % 2])
    assert fitted.classes_.dtype == labels.dtype
    assert_array_equal(fitted.classes_, labels)
    p = fitted.predict_proba(X)
    assert p.shape == (N, 2)
    assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    predicted = fitted.predict(X)
    assert predicted.dtype == labels.dtype
    assert_array_equal(predicted, labels[p.argmax(axis=1)])
    assert fitted.score(X, labels[y % 2]) > 0.75


@pytest.mark.parametrize("label", [3, "three", True])
def test_raises_for_one_class(label, data, no_training):
    with pytest.raises(ValueError, match=rf"y must hold at least two classes.*1 class, .*{label}"):
        classifier().fit(data[0], np.full(N, label))


@pytest.mark.parametrize(
    "y",
    [np.linspace(0, 1, N), np.eye(10)[np.arange(N) % 10], None, np.arange(N - 1)],
    ids=["continuous", "2-D", "None", "short"],
)
def test_raises_for_invalid_labels(y, data, no_training):
    with pytest.raises(ValueError):
        classifier().fit(data[0], y)


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="NumPy < 2 has no StringDType")
def test_labels_of_string_dtype_are_strings(data):
    X, y = data
    labels = np.array([f"digit {label}" for label in y], dtype=np.dtypes.StringDType())
    fitted = classifier(epochs=1).fit(X, labels, X_val=X[:20], y_val=labels[:20])
    assert fitted.classes_.tolist() == [f"digit {label}" for label in range(10)]
    assert fitted.classes_.dtype.kind == "U"
    assert fitted.partial_fit(X, labels).score(X, np.array(labels.tolist())) > 0
    started = classifier().partial_fit(X, labels, classes=labels)
    assert started.classes_.dtype == fitted.classes_.dtype
