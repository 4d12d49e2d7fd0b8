"""`sample_weight` and `class_weight`."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils.class_weight import compute_sample_weight

from tests.estimators import same_training

from .conftest import N, classifier

LETTERS = np.array(list("jihgfedcba"))  # not sorted


def test_ignores_samples_with_zero_weight(data):
    X, y = data
    kept = np.arange(N) % 3 > 0
    weighted = classifier().fit(X, y, sample_weight=kept.astype(float))
    without = classifier().fit(X[kept], y[kept])
    assert same_training(weighted, without)


def test_partial_fit_ignores_samples_with_zero_weight(data):
    X, y = data
    kept = y != 3
    weighted = classifier().partial_fit(X, y, classes=range(10), sample_weight=kept.astype(float))
    without = classifier().partial_fit(X[kept], y[kept], classes=range(10))
    assert same_training(weighted, without)


def test_only_ratios_of_weights_matter(data, reference):
    X, y = data
    weights = 1 + np.arange(N) % 4
    weighted = classifier().fit(X, y, sample_weight=weights)
    assert same_training(classifier().fit(X, y, sample_weight=(8 * weights).tolist()), weighted)
    scaled = classifier().fit(X, y, sample_weight=weights * 1e-3)
    assert_allclose(scaled.predict_proba(X), weighted.predict_proba(X), atol=1e-3)
    assert not same_training(weighted, reference)
    assert same_training(classifier().fit(X, y, sample_weight=np.full(N, 4)), reference)
    assert same_training(classifier().fit(X, y, sample_weight=pd.Series(np.full(N, 4))), reference)


def test_predicts_classes_with_large_weights(data):
    X, y = data
    weights = np.where(y < 2, 100.0, 1.0)
    fitted = classifier().fit(X, y, sample_weight=weights)
    assert np.isin(fitted.predict(X), [0, 1]).mean() > 0.9


@pytest.mark.parametrize("scale", [1e308, 1e-308, 2.0**-1000])
def test_accepts_weights_of_any_scale(scale, data, reference):
    assert same_training(classifier().fit(*data, sample_weight=np.full(N, scale)), reference)


@pytest.mark.parametrize("weight", [2, 2.0, np.float32(3)])
def test_accepts_one_weight_for_all_samples(weight, data, reference):
    assert same_training(classifier().fit(*data, sample_weight=weight), reference)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(N - 1), r"must have shape \(300,\), got \(299,\)"),
        ([1.0], r"must have shape \(300,\), got \(1,\)"),
        (np.ones((N, 1)), r"must have shape \(300,\), got \(300, 1\)"),
        (np.ones((N, 2)), r"must have shape \(300,\), got \(300, 2\)"),
        (np.where(np.arange(N) == 7, -1.0, 1.0), "must be >= 0, got -1.0"),
        (np.zeros(N), "must not be zero for all samples"),
        (np.full(N, np.nan), "contains NaN"),
        (np.full(N, np.inf), "contains infinity"),
    ],
    ids=["short", "one", "column", "table", "negative", "zero", "nan", "inf"],
)
@pytest.mark.parametrize("argument", ["sample_weight", "sample_weight_val", "partial_fit"])
def test_raises_for_invalid_sample_weight(argument, weights, message, data, no_training):
    X, y = data
    unfitted = classifier()
    calls = {
        "sample_weight": lambda: unfitted.fit(X, y, sample_weight=weights),
        "sample_weight_val": lambda: unfitted.fit(X, y, X_val=X, y_val=y, sample_weight_val=weights),
        "partial_fit": lambda: unfitted.partial_fit(X, y, classes=range(10), sample_weight=weights),
    }
    name = "sample_weight" if argument == "partial_fit" else argument
    with pytest.raises(ValueError, match=rf"{name} {message}"):
        calls[argument]()
    assert not hasattr(unfitted, "classes_")


def test_class_weight_equals_sample_weight_of_each_label(data):
    X, y = data
    by_class = classifier(class_weight={"c": 5, "d": 0.25}).fit(X, LETTERS[y])
    weights = np.select([LETTERS[y] == "c", LETTERS[y] == "d"], [5, 0.25], 1.0)
    assert same_training(by_class, classifier().fit(X, LETTERS[y], sample_weight=weights))


def test_balanced_class_weight(data):
    rng = np.random.default_rng(0)
    chosen = rng.permutation(N)[: N // 2]
    X, y = data[0][chosen], data[1][chosen]
    balanced = classifier(class_weight="balanced").fit(X, y)
    weighted = classifier().fit(X, y, sample_weight=compute_sample_weight("balanced", y))
    assert same_training(balanced, weighted)
    assert not same_training(balanced, classifier().fit(X, y))


def test_balanced_class_weight_ignores_samples_with_zero_weight(data):
    X, y = data
    kept = (y > 0) | (np.arange(N) % 3 == 0)
    weighted = classifier(class_weight="balanced").fit(X, y, sample_weight=kept.astype(float))
    without = classifier(class_weight="balanced").fit(X[kept], y[kept])
    assert same_training(weighted, without)


def test_class_weight_multiplies_sample_weight(data):
    X, y = data
    weights = 1.0 + np.arange(N) % 2
    both = classifier(class_weight={3: 4}).fit(X, y, sample_weight=weights)
    assert same_training(both, classifier().fit(X, y, sample_weight=weights * np.where(y == 3, 4, 1)))


@pytest.mark.slow
def test_class_weight_holds_across_partial_fits(data):
    X, y = data
    heavy, equal = classifier(class_weight={3: 20}), classifier()
    for _ in range(6):
        for label in range(10):
            for clf in (heavy, equal):
                clf.partial_fit(X[y == label], y[y == label], classes=range(10))
    threes = X[y == 3]
    assert heavy.predict_proba(threes)[:, 3].mean() > equal.predict_proba(threes)[:, 3].mean()


def test_ignores_class_with_zero_weight(data):
    X, y = data
    fitted = classifier(class_weight={3: 0}).fit(X, y)
    assert_array_equal(fitted.classes_, range(10))
    others = X[y != 3], y[y != 3]
    without = classifier().partial_fit(*others, classes=range(10)).partial_fit(*others)
    assert same_training(fitted, without)


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({10: 1}, r"class_weight must have keys among the classes .* got \[10\]"),
        ({"3": 1}, r"class_weight must have keys among the classes .* got \['3'\]"),
        ({3: -1}, "class_weight must hold finite numbers >= 0, got .*-1"),
        ({3: np.nan}, "class_weight must hold finite numbers >= 0, got .*nan"),
        ({3: np.inf}, "class_weight must hold finite numbers >= 0, got .*inf"),
        ({3: "heavy"}, "class_weight must hold finite numbers >= 0, got .*heavy"),
        (dict.fromkeys(range(10), 0), "class_weight and sample_weight must leave a positive weight"),
    ],
    ids=repr,
)
def test_raises_for_invalid_class_weight(class_weight, message, data, no_training):
    with pytest.raises(ValueError, match=message):
        classifier(class_weight=class_weight).fit(*data)


def test_raises_if_weights_are_zero_for_every_sample(data, no_training):
    X, y = data
    with pytest.raises(ValueError, match="class_weight and sample_weight must leave a positive weight"):
        classifier(class_weight={3: 0}).fit(X, y, sample_weight=(y == 3).astype(float))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_class_weights_of_any_scale_train_alike(method, data):
    heavy = {label: 2.0**1023 if label == 3 else 2.0**1022 for label in range(10)}
    light = {label: 2 if label == 3 else 1 for label in range(10)}
    one, other = (getattr(classifier(class_weight=w), method) for w in (heavy, light))
    arguments = data if method == "fit" else (*data, range(10))
    fitted, expected = one(*arguments), other(*arguments)
    assert same_training(fitted, expected)
    assert fitted.history_["loss"][-1] > 0
