"""Locks between threads and processes."""

import gc
import os
import warnings

import pytest

from sk_mnist_cnn import _lock
from sk_mnist_cnn._lock import locked
from tests.interrupting import interrupt


def hold(path):
    with locked(path):
        assert path.exists()


def test_a_lock_is_exclusive_and_leaves_no_file(tmp_path):
    path = tmp_path / "a.lock"
    with locked(path):
        with pytest.raises(BlockingIOError):
            hold(path)
        assert path.exists()
    hold(path)
    assert not path.exists()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="a file that is open cannot be deleted on Windows")
def test_ctrl_c_anywhere_leaves_nothing_locked(tmp_path):
    path, n_interrupted = tmp_path / "a.lock", 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # a file object that was never assigned is closed
        while interrupt(lambda: hold(path), _lock.__file__, n_interrupted):
            n_interrupted += 1
            hold(path)
        gc.collect()
    assert n_interrupted > 10
