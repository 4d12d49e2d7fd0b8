"""Labels that `fit` accepts, and the labels that `predict` returns."""

import copy
import json
from functools import partial

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import classification_report

from sk_mnist_cnn import evaluation_report, export_onnx, load_model, save_model

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


UNUSABLE = {
    "float16": np.arange(10, dtype=np.float16),
    "longdouble": np.arange(10, dtype=np.longdouble),
    "datetime": np.arange(10).astype("M8[D]"),
    "timedelta": np.arange(10).astype("m8[s]"),
    "lone surrogate": np.array([f"{i}\ud800" for i in range(10)]),
    "lone surrogate in an object": np.array([f"{i}\udcff" for i in range(10)], object),
}


@pytest.mark.parametrize("labels", UNUSABLE.values(), ids=UNUSABLE)
def test_raises_for_labels_that_reports_and_onnx_cannot_hold(labels, data, reference, no_training):
    X, y = data
    with pytest.raises(ValueError, match=r"y must hold strings.* got .*(Convert them|Replace it)"):
        classifier().fit(X, labels[y])
    with pytest.raises(ValueError, match=r"classes must hold strings.* got .*(Convert them|Replace it)"):
        classifier().partial_fit(X, labels[y], classes=labels)
    with pytest.raises(ValueError, match="y must hold"):
        copy.deepcopy(reference).fit(X, labels[y])


USABLE = {
    "float32": np.arange(10, dtype=np.float32),
    "float64": np.arange(10.0),
    "float64 of another byte order": np.arange(10.0).astype(np.dtype(float).newbyteorder()),
    "integers": np.arange(10),
    "uint64": np.arange(10, dtype=np.uint64) + np.uint64(2**63),
    "strings": np.array(["", "\0", "\n", "$x^", "é", *"abcde"]),
    "objects": np.array([*"abcdefghij"], object),
}


@pytest.mark.parametrize("labels", USABLE.values(), ids=USABLE)
def test_labels_go_through_reports_files_and_onnx(labels, data, tmp_path):
    X, y = data
    fitted = classifier(epochs=1).fit(X, labels[y])
    report = evaluation_report(fitted, X, labels[y])
    assert json.loads(json.dumps(report.to_dict()))
    assert str(report)
    assert report._repr_html_().encode()
    export_onnx(fitted, tmp_path / "model.onnx")
    save_model(fitted, tmp_path / "model.skops")
    assert_array_equal(load_model(tmp_path / "model.skops").classes_, fitted.classes_)


def test_float_labels_print_as_in_scikit_learn(data):
    X, y = data
    fitted = classifier(epochs=1).fit(X, y.astype(float))
    expected = classification_report(y.astype(float), fitted.predict(X), digits=4, zero_division=0)
    assert expected.splitlines()[2] in str(evaluation_report(fitted, X, y.astype(float)))
    assert " 0.0 " in expected


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
