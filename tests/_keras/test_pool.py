"""Trainers are reused, by one fit at a time."""

import threading
from contextlib import suppress
from functools import partial

import pytest

from sk_mnist_cnn._keras import engine
from sk_mnist_cnn._keras.engine import TrainerPool
from tests.interrupting import interrupt

TIMEOUT = 20  # seconds


class FakeTrainer:
    """Records whether it has been changed."""

    def __init__(self):
        self.changed = False

    def is_unchanged(self):
        return not self.changed


def borrow(pool, key, *, calls_user_code=False):
    return pool.borrow(key, FakeTrainer, calls_user_code=calls_user_code)


def use(pool, key):
    """Borrow a trainer, give it back, and return it."""
    with borrow(pool, key) as trainer:
        return trainer


def test_reuses_trainer():
    pool = TrainerPool(2)
    assert use(pool, "a") is use(pool, "a")
    assert use(pool, "a") is not use(pool, "b")


def test_drops_least_recently_used_trainer():
    pool = TrainerPool(2)
    first, second = use(pool, "a"), use(pool, "b")
    assert use(pool, "a") is first
    use(pool, "c")
    assert use(pool, "a") is first
    assert use(pool, "b") is not second


def test_drops_changed_trainer():
    pool = TrainerPool(2)
    with borrow(pool, "a") as changed:
        changed.changed = True
    assert use(pool, "a") is not changed


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_drops_trainer_of_failed_fit(error):
    pool = TrainerPool(2)
    with suppress(error), borrow(pool, "a") as failed:
        raise error
    assert use(pool, "a") is not failed


def test_creates_trainer_again_after_failure():
    pool = TrainerPool(2)
    with pytest.raises(ZeroDivisionError), pool.borrow("a", lambda: 1 / 0, calls_user_code=False):
        pass
    assert isinstance(use(pool, "a"), FakeTrainer)


def start(function):
    """Run a function in a thread; return the thread and the list that receives its result."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()), daemon=True)
    thread.start()
    return thread, results


def test_waits_for_fit_with_same_key():
    pool = TrainerPool(2)
    with borrow(pool, "a") as trainer:
        waiting, results = start(partial(use, pool, "a"))
        waiting.join(0.2)
        assert waiting.is_alive()
    waiting.join(TIMEOUT)
    assert results == [trainer]


def test_does_not_wait_for_fit_with_other_key():
    pool = TrainerPool(2)
    with borrow(pool, "a"):
        other, results = start(partial(use, pool, "b"))
        other.join(TIMEOUT)
        assert len(results) == 1


def test_does_not_wait_for_fit_that_calls_user_code():
    pool = TrainerPool(2)
    with borrow(pool, "a", calls_user_code=True) as trainer:
        inner, results = start(partial(use, pool, "a"))
        inner.join(TIMEOUT)
        assert len(results) == 1
        assert results[0] is not trainer


def test_keeps_the_trainers_of_nested_fits():
    pool = TrainerPool(4)
    with borrow(pool, "a", calls_user_code=True) as outer:
        inner = use(pool, "a")
    with borrow(pool, "a", calls_user_code=True) as first:
        second = use(pool, "a")
    assert {id(first), id(second)} == {id(outer), id(inner)}


def test_size_bounds_the_trainers_of_all_keys():
    pool = TrainerPool(2)
    with borrow(pool, "a", calls_user_code=True), borrow(pool, "a", calls_user_code=True) as second:
        third = use(pool, "a")
    use(pool, "b")
    remaining = {id(use(pool, "a")) for _ in range(3)}
    assert len(remaining) == 1
    assert remaining.isdisjoint({id(second), id(third)})


def test_ctrl_c_anywhere_leaves_no_key_in_use():
    def fit():
        with borrow(pool, "a") as trainer:
            return trainer

    pool, n_interrupted = TrainerPool(2), 0
    while interrupt(fit, engine.__file__, n_interrupted):
        n_interrupted += 1
        fit()
        other, results = start(fit)
        other.join(TIMEOUT)
        assert len(results) == 1, f"waits after an interrupt at point {n_interrupted}"
    assert n_interrupted > 10
