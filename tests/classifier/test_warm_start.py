"""`warm_start`: `fit` resumes from the weights and the optimizer state of the last one."""

import copy
import pickle

import pytest
from numpy.testing import assert_array_equal

from tests.estimators import assert_unchanged, same_training

from .conftest import N, classifier


def test_warm_start_resumes_training(data, reference):
    X, y = data
    warm = classifier(warm_start=True).fit(X, y)
    assert same_training(warm, reference)
    warm.fit(X, y)
    assert warm.n_iter_ == 4
    assert warm.history_["loss"][:2] == reference.history_["loss"]
    assert warm.history_["loss"][3] < warm.history_["loss"][2] < warm.history_["loss"][1]
    assert not same_training(warm, reference)
    assert same_training(warm, classifier(epochs=4).fit(X, y))


def test_warm_start_on_other_images_starts_from_fitted_weights(reference, digits):
    X, y = (array[N : 2 * N] for array in digits)
    warm = copy.deepcopy(reference).set_params(warm_start=True, epochs=1).fit(X, y)
    fresh = classifier(epochs=1).fit(X, y)
    assert warm.history_["loss"][-1] < fresh.history_["loss"][0]
    assert warm.n_iter_ == 3


def test_warm_start_needs_the_classes_of_the_previous_fit(data):
    X, y = data
    warm = classifier(warm_start=True, epochs=1).fit(X, y)
    missing = r"y must hold all classes of the previous fit .* without \[3, 4, 5, 6, 7, 8, 9\]\..*partial_fit"
    with assert_unchanged(warm), pytest.raises(ValueError, match=missing):
        warm.fit(X[y < 3], y[y < 3])
    unknown = r"y must hold labels among the classes .*\[10\]"
    with assert_unchanged(warm), pytest.raises(ValueError, match=unknown):
        warm.fit(X, y + 1)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_raises_for_changed_architecture(method, data, reference, no_training):
    changed = copy.deepcopy(reference).set_params(filters=(4, 4), warm_start=True)
    message = r"filters must stay as fitted to continue the training, got filters=\(4, 4\), fitted with "
    with assert_unchanged(changed), pytest.raises(ValueError, match=message):
        getattr(changed, method)(*data)
    assert_array_equal(changed.predict(data[0]), reference.predict(data[0]))


def test_optimizer_state_is_kept_only_by_warm_start_and_partial_fit(data, reference):
    X, y = data
    weights = sum(w.nbytes for w in reference._weights)
    sizes = {
        "plain": len(pickle.dumps(reference)),
        "warm": len(pickle.dumps(classifier(warm_start=True).fit(X, y))),
        "partial": len(pickle.dumps(classifier().partial_fit(X, y, classes=range(10)))),
        "refitted": len(pickle.dumps(classifier().partial_fit(X, y, classes=range(10)).fit(X, y))),
    }
    assert sizes["plain"] < 1.25 * weights
    assert sizes["refitted"] < 1.25 * weights
    # Adam has two slots per weight.
    assert 2 * weights < sizes["warm"] - sizes["plain"] < 2.5 * weights
    assert 2 * weights < sizes["partial"] - sizes["plain"] < 2.5 * weights
