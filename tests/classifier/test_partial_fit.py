"""`partial_fit`: one epoch per call, with all classes named at the first one."""

import copy

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.estimators import assert_unchanged, same_training

from .conftest import N, classifier

LETTERS = np.array(list("jihgfedcba"))  # not sorted


def test_partial_fit_trains_one_epoch(data, reference):
    X, y = data
    partial = classifier(epochs=7).partial_fit(X, y, classes=range(10))
    assert partial.n_iter_ == 1
    assert partial.history_ == {name: values[:1] for name, values in reference.history_.items()}
    partial.partial_fit(X, y)
    assert partial.n_iter_ == 2
    assert same_training(partial, reference)


def test_accepts_batches_without_all_classes(data):
    X, y = data
    fitted = classifier().partial_fit(X[y > 4], LETTERS[y[y > 4]], classes=LETTERS)
    for _ in range(4):
        fitted.partial_fit(X[y == 3], LETTERS[y[y == 3]])
    assert_array_equal(fitted.classes_, np.sort(LETTERS))
    assert fitted.n_iter_ == 5
    assert fitted.predict_proba(X).shape == (N, 10)
    assert fitted.history_["loss"][4] < fitted.history_["loss"][1]


def test_starts_from_fitted_weights(data, reference):
    resumed = copy.deepcopy(reference).partial_fit(*data)
    assert resumed.n_iter_ == 3
    assert resumed.history_["loss"][:2] == reference.history_["loss"]
    assert resumed.history_["loss"][2] < reference.history_["loss"][1]


def test_ignores_epochs_schedule_validation_and_warm_start(data, reference):
    X, y = data
    partial = classifier(epochs=9, learning_rate_schedule="cosine", validation_split=0.5, warm_start=True)
    partial.partial_fit(X, y, classes=range(10)).partial_fit(X, y)
    assert same_training(partial, reference)


@pytest.mark.parametrize("early_stopping", [True, "val_loss"])
def test_raises_for_early_stopping(early_stopping, data, estimator, no_training):
    estimator.set_params(early_stopping=early_stopping)
    with assert_unchanged(estimator), pytest.raises(ValueError, match="early_stopping must be False"):
        estimator.partial_fit(*data, classes=range(10))


def test_accepts_classes_in_any_order(data, reference):
    assert copy.deepcopy(reference).partial_fit(*data, classes=[*range(9, -1, -1), 3]).n_iter_ == 3


@pytest.fixture(params=[False, True], ids=["unfitted", "fitted"])
def estimator(request, reference):
    """An unfitted and a fitted classifier, which the test may change."""
    return copy.deepcopy(reference) if request.param else classifier()


def test_raises_for_unknown_labels(estimator, data, no_training):
    X, y = data
    for labels in (y + 1, np.array(list("abcdefghij"))[y], y + 0.5):
        unknown = pytest.raises(ValueError, match="y must hold labels among the classes")
        with assert_unchanged(estimator), unknown:
            estimator.partial_fit(X, labels, classes=range(10))


def test_raises_for_balanced_class_weight(estimator, data, no_training):
    estimator.set_params(class_weight="balanced")
    message = r'class_weight must be a dict or None for partial_fit.* got "balanced"'
    with assert_unchanged(estimator), pytest.raises(ValueError, match=message):
        estimator.partial_fit(*data, classes=range(10))


def test_requires_classes_on_first_call(data, no_training):
    unfitted = classifier()
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        unfitted.partial_fit(*data)
    with pytest.raises(ValueError, match=r"classes must hold at least two labels, got \[3\]"):
        unfitted.partial_fit(*data, classes=[3, 3])
    assert not hasattr(unfitted, "classes_")


@pytest.mark.parametrize("classes", [range(9), range(11), LETTERS], ids=["fewer", "more", "letters"])
def test_raises_for_changed_classes(classes, data, reference, no_training):
    fitted = copy.deepcopy(reference)
    message = "classes must be the same as at the first call"
    with assert_unchanged(fitted), pytest.raises(ValueError, match=message):
        fitted.partial_fit(*data, classes=classes)
