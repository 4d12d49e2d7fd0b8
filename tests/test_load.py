"""Many fits and predictions in one process: memory does not grow, and no thread deadlocks."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.benchmarks.memory import STATUS, process_memory
from tests.estimators import small_classifier

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not STATUS.exists(), reason="the tests read the memory of the process in /proc"),
]


def resident_megabytes():
    """Return the resident memory of this process."""
    gc.collect()
    return process_memory("VmRSS") / 1024


def test_memory_does_not_grow_with_fits(digits):
    X, y = digits[0][:200], digits[1][:200]
    for seed in range(8):
        small_classifier(random_state=seed, validation_split=0.2).fit(X, y).predict(X)
    before = resident_megabytes()
    for seed in range(100):
        small_classifier(random_state=seed, validation_split=0.2).fit(X, y).predict(X)
    assert resident_megabytes() - before < 50


def test_threads_that_predict_and_fit_are_reproducible_and_do_not_leak_memory(digits):
    X, y = digits
    clf = small_classifier(epochs=1).fit(X, y)
    expected = [clf.predict_proba(X[i : i + 1]) for i in range(50)]
    is_over = threading.Event()
    weights = []

    def fit():
        while not is_over.is_set():
            weights.append(small_classifier(epochs=2).fit(X, y)._weights[-1])

    def predict(call):
        i = call % 50
        return np.array_equal(clf.predict_proba(X[i : i + 1]), expected[i])

    fits = [threading.Thread(target=fit) for _ in range(2)]
    for thread in fits:
        thread.start()
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(predict, range(1000)))
        before = resident_megabytes()
        assert all(pool.map(predict, range(10_000)))
        grown = resident_megabytes() - before
        while len(weights) < 3 and all(thread.is_alive() for thread in fits):
            assert all(pool.map(predict, range(100)))
    is_over.set()
    for thread in fits:
        thread.join(timeout=120)
        assert not thread.is_alive()
    assert grown < 30
    assert len(weights) > 2
    assert all(np.array_equal(weights[0], other) for other in weights)
