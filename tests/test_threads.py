import os

import joblib
import pytest

from sk_mnist_cnn import _process
from sk_mnist_cnn._process import allowed_threads


@pytest.mark.parametrize(
    ("variable", "expected"),
    [("1", 1), (" 2 ", 2), ("2,4", 2), ("9", 8), ("1" * 20, 8), ("0", None), ("", None), ("-1", None)],
)
def test_omp_num_threads_is_the_number_of_threads(variable, expected, monkeypatch):
    monkeypatch.setattr(_process, "available_cores", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert allowed_threads() == expected


def test_number_of_cores_may_change(monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "9")
    assert _process.available_cores() == allowed_threads() == 1
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", str(os.cpu_count()))
    assert _process.available_cores() == joblib.cpu_count()


def test_without_omp_num_threads_any_number_is_allowed(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert allowed_threads() is None
