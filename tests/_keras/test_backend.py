"""The import of TensorFlow: threads, memory of GPUs, and messages."""

import os
import subprocess
import sys
import textwrap
from contextlib import ExitStack

import pytest

from sk_mnist_cnn._keras import backend
from sk_mnist_cnn._keras.backend import tf
from tests.estimators import small_classifier


@pytest.mark.slow
@pytest.mark.usefixtures("empty_engine")
def test_does_not_warn_about_retracing(digits, caplog):
    for n_filters in range(2, 10):
        small_classifier(epochs=1, filters=(n_filters,)).fit(digits[0][:64], digits[1][:64])
    assert not caplog.records


@pytest.mark.slow
def test_prints_nothing_to_standard_output():
    code = "from sk_mnist_cnn import build_cnn; build_cnn((8, 8, 1), 2, kernel_size=3)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == ""


@pytest.fixture
def floatx():
    """Restore Keras' default dtype after the test."""
    before = backend.keras.config.floatx()
    yield backend.keras.config
    backend.keras.config.set_floatx(before)


def test_default_dtype_is_restored_by_the_last_thread(floatx):
    floatx.set_floatx("float64")
    with ExitStack() as second:
        with backend.default_floatx:
            second.enter_context(backend.default_floatx)
        assert floatx.floatx() == "float32"
    assert floatx.floatx() == "float64"


def test_default_dtype_that_another_thread_sets_is_kept(floatx):
    with backend.default_floatx:
        floatx.set_floatx("float64")
    assert floatx.floatx() == "float64"


@pytest.mark.slow
@pytest.mark.parametrize(("given", "expected"), [(None, "3"), ("0", "0")])
def test_log_level_of_the_user_is_kept(given, expected, monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    if given:
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", given)
    code = "import os; from sk_mnist_cnn._keras import backend; print(os.environ['TF_CPP_MIN_LOG_LEVEL'])"
    shown = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    assert shown.stdout.strip() == expected


def test_warns_about_retracing_in_the_code_of_the_user(caplog):
    for _ in range(6):
        tf.function(lambda x: x + 1)(1)
    assert "triggered tf.function retracing" in caplog.text


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="closes its standard error as a shell of Unix does")
def test_works_without_standard_error():
    code = "from sk_mnist_cnn import build_cnn; print(build_cnn((8, 8, 1), 2, kernel_size=3).count_params())"
    command = ["sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, code]
    shown = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert int(shown.stdout) > 0


def test_enables_memory_growth_of_gpus(monkeypatch):
    grown = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["first", "busy", "last"])

    def set_memory_growth(gpu, enable):
        if gpu == "busy":
            raise RuntimeError("Physical devices cannot be modified after being initialized")
        grown.append((gpu, enable))

    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", set_memory_growth)
    backend._share_gpus()
    assert grown == [("first", True), ("last", True)]


THREADS = """
    {before}
    from sk_mnist_cnn._keras.backend import tf
    pools = tf.config.threading
    print(pools.get_intra_op_parallelism_threads(), pools.get_inter_op_parallelism_threads())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "before", "expected"),
    [
        ({}, "", "0 0"),  # 0 lets TensorFlow choose
        ({"OMP_NUM_THREADS": "1"}, "", "1 1"),
        ({"OMP_NUM_THREADS": "1,2"}, "", "1 1"),
        ({"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "2"}, "", "0 1"),
        (
            {"OMP_NUM_THREADS": "1"},
            "import tensorflow; tensorflow.config.threading.set_intra_op_parallelism_threads(5)",
            "5 1",
        ),
        ({"OMP_NUM_THREADS": "1"}, "import tensorflow; tensorflow.constant(0)", "0 0"),
    ],
    ids=["unset", "set", "list", "TensorFlow's variable", "configured before", "used before"],
)
def test_number_of_threads_follows_omp_num_threads(environment, before, expected):
    code = textwrap.dedent(THREADS.format(before=before))
    inherited = {name: value for name, value in os.environ.items() if "_THREADS" not in name}
    shown = subprocess.run(
        [sys.executable, "-c", code],
        env=inherited | environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == expected
