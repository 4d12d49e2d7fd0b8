"""Classifiers in forked and spawned processes."""

import multiprocessing
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from numpy.testing import assert_array_equal

from sk_mnist_cnn import build_cnn
from tests.estimators import small_classifier

ROOT = Path(__file__).parents[2]


def fit(clf, X, y):
    return clf.fit(X, y)


def partial_fit(clf, X, y):
    return clf.partial_fit(X, y)


def get_model(clf, X, y):
    return clf.model_


def build(clf, X, y):
    return build_cnn((28, 28, 1), 10)


@pytest.fixture(scope="module")
def in_float64(digits):
    return small_classifier(dtype="float64", epochs=1).fit(digits[0][:200], digits[1][:200])


def outcome(use, clf, X, y):
    """Return the probabilities before and after a use of a classifier, and the error that it raises."""
    before = clf.predict_proba(X)
    try:
        use(clf, X, y)
    except RuntimeError as error:
        return before, clf.predict_proba(X), str(error)
    return before, clf.predict_proba(X), None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
class TestForkedProcess:
    @pytest.mark.parametrize("use", [fit, partial_fit, get_model, build])
    def test_predicts_and_refuses_to_load_tensorflow(self, fitted, digits, use):
        X, y = digits[0][:50], digits[1][:50]
        with multiprocessing.get_context("fork").Pool(1) as pool:
            before, after, error = pool.apply_async(outcome, (use, fitted, X, y)).get(timeout=60)
        assert_array_equal(before, fitted.predict_proba(X))
        assert_array_equal(after, before)
        assert error.endswith('Start the process with "spawn" or "forkserver" instead.')

    def test_refuses_predictions_in_float64(self, in_float64, digits):
        refused = pytest.raises(RuntimeError, match=r'not available in a process forked .*"forkserver"')
        with multiprocessing.get_context("fork").Pool(1) as pool, refused:
            pool.apply_async(in_float64.predict, (digits[0][:5],)).get(timeout=60)


FORK_BEFORE_TENSORFLOW = """
    import multiprocessing, sys
    import sk_mnist_cnn
    from sklearn.datasets import load_digits
    from tests.estimators import small_classifier

    X, y = load_digits(return_X_y=True)

    def score():
        return small_classifier(epochs=1).fit(X / 16, y).score(X / 16, y)

    with multiprocessing.get_context("fork").Pool(1) as pool:
        print(pool.apply_async(score).get(timeout=100) > 0.1)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork")
def test_process_that_was_forked_before_tensorflow_was_loaded_can_fit():
    command = [sys.executable, "-c", textwrap.dedent(FORK_BEFORE_TENSORFLOW)]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert shown.stdout == "True\n", shown.stderr


@pytest.mark.slow
def test_spawned_process_gives_same_results(fitted, digits):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        before, after, error = pool.apply_async(outcome, (fit, fitted, *digits)).get(timeout=120)
    assert_array_equal(before, fitted.predict_proba(digits[0]))
    assert_array_equal(after, before)
    assert error is None
