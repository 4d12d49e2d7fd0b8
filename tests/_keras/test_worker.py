"""Classifiers in forked and spawned processes."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from numpy.testing import assert_array_equal

from sk_mnist_cnn import build_cnn
from sk_mnist_cnn._keras.backend import keras
from tests.estimators import small_classifier

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def forked(fitted, digits):
    """A forked process, whose worker imports TensorFlow once for all tests."""
    fitted.predict(digits[0][:1])
    with multiprocessing.get_context("fork").Pool(1) as pool:
        yield pool


def fit_and_predict(clf, X, y):
    return clf.predict_proba(X[:5]), clf.fit(X, y).predict_proba(X[:5])


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_child_process_gives_same_results(fitted, digits, method):
    X, y = digits
    fitted.predict(X[:1])
    with multiprocessing.get_context(method).Pool(1) as pool:
        before, after = pool.apply_async(fit_and_predict, (fitted, X, y)).get(timeout=120)
    assert_array_equal(before, fitted.predict_proba(X[:5]))
    assert_array_equal(after, before)


def raise_timeout(signum, frame):
    raise TimeoutError("interrupted by a signal")


def predict_after_interrupted_fit(clf, X, y):
    clf.predict_proba(X[:5])
    signal.signal(signal.SIGALRM, raise_timeout)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    with pytest.raises(TimeoutError, match="interrupted by a signal"):
        small_classifier(epochs=1000).fit(X, y)
    return clf.predict_proba(X[5:9]), clf.predict_proba(X[:5])


@pytest.mark.slow
def test_forked_process_can_interrupt_fit(fitted, digits):
    X, y = digits
    first, second = fitted.predict_proba(X[:5]), fitted.predict_proba(X[5:9])
    with multiprocessing.get_context("fork").Pool(1) as pool:
        results = pool.apply_async(predict_after_interrupted_fit, (fitted, X, y)).get(timeout=120)
    assert_array_equal(results[0], second)
    assert_array_equal(results[1], first)


class StopAfterFirstEpoch(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = True


def fit_with_callback_and_lambda(X, y):
    params = {"callbacks": [StopAfterFirstEpoch()], "learning_rate_schedule": lambda step: 0.01}
    return small_classifier(**params).fit(X, y).n_iter_


@pytest.mark.slow
def test_forked_process_can_fit_with_callback_and_lambda(forked, digits):
    assert forked.apply_async(fit_with_callback_and_lambda, digits).get(timeout=120) == 1


FORK_AFTER_TENSORFLOW = """
    import multiprocessing
    import sk_mnist_cnn, tensorflow
    from sklearn.datasets import load_digits
    from tests.estimators import small_classifier

    X, y = load_digits(return_X_y=True)

    def score():
        return small_classifier(epochs=1).fit(X / 16, y).score(X / 16, y)

    tensorflow.function(lambda x: tensorflow.linalg.matmul(x, x))(tensorflow.ones((500, 500)))
    with multiprocessing.get_context("fork").Pool(1) as pool:
        print(pool.apply_async(score).get(timeout=100) > 0.1)
"""


@pytest.mark.slow
def test_process_can_be_forked_after_tensorflow_was_used():
    command = [sys.executable, "-c", textwrap.dedent(FORK_AFTER_TENSORFLOW)]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert shown.stdout == "True\n", shown.stderr


def get_model(clf):
    return clf.model_


def test_keras_model_raises_in_forked_process(fitted, digits):
    fitted.predict(digits[0][:1])
    raises = pytest.raises(RuntimeError, match='Start the process with "spawn"')
    with multiprocessing.get_context("fork").Pool(1) as pool, raises:
        pool.apply_async(get_model, (fitted,)).get(timeout=60)


class UnpicklableError(Exception):
    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


class RaiseUnpicklable(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise UnpicklableError("one", "two")


def _fit_with_error(X, y):
    with pytest.raises(RuntimeError, match="UnpicklableError: one and two"):
        small_classifier(callbacks=[RaiseUnpicklable()]).fit(X, y)
    return small_classifier(epochs=1).fit(X, y).n_iter_


@pytest.mark.slow
def test_errors_that_cannot_be_pickled_are_described(forked, digits):
    assert forked.apply_async(_fit_with_error, digits).get(timeout=120) == 1


def _fit_in(directory, X, y):
    os.chdir(directory)
    return small_classifier(epochs=1).fit(X, y).n_iter_


@pytest.mark.slow
def test_worker_does_not_import_from_the_current_directory(digits, tmp_path):
    for name in ("random", "sk_mnist_cnn", "keras"):
        (tmp_path / f"{name}.py").write_text("open('executed', 'w').close()")
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_fit_in, (tmp_path, *digits)).get(timeout=120) == 1
    assert not (tmp_path / "executed").exists()


def _fit_with_checkpoint(X, y, path):
    small_classifier(epochs=100_000, checkpoint=path).fit(X, y)


def _children(pid):
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def _wait_until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def _has_ended(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the worker process in /proc")
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_worker_ends_with_its_parent_and_writes_no_checkpoint(fitted, digits, tmp_path, ending):
    path = tmp_path / "run.ckpt"
    fitted.predict(digits[0][:1])
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_fit_with_checkpoint, args=(digits[0][:64], digits[1][:64], path))
    process.start()
    _wait_until(path.exists)
    (worker,) = _children(process.pid)
    os.kill(process.pid, ending)
    process.join()
    _wait_until(lambda: _has_ended(worker), seconds=20)
    path.unlink()
    time.sleep(0.5)
    assert not path.exists()


DAEMON = """
    import os, sys
    from sklearn.datasets import load_digits
    from tests.estimators import small_classifier

    X, y = load_digits(return_X_y=True)
    X, y = X[:100] / 16, y[:100]
    expected = small_classifier(epochs=1).fit(X, y).predict_proba(X[:5])
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        for descriptor in range(3):
            os.close(descriptor)
        found = small_classifier(epochs=1, verbose=1).fit(X, y).predict_proba(X[:5])
        os.write(writable, b"same" if (found == expected).all() else b"other")
        os._exit(0)
    os.close(writable)
    print(os.read(readable, 10).decode())
    os.waitpid(pid, 0)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork")
def test_daemon_without_standard_streams_can_fit():
    command = [sys.executable, "-c", textwrap.dedent(DAEMON)]
    shown = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=300, cwd=ROOT)
    assert shown.stdout == "same\n"


def _build():
    return build_cnn((28, 28, 1), 10)


def test_build_cnn_is_not_available_in_a_forked_process():
    unavailable = pytest.raises(RuntimeError, match="not available in a process forked after TensorFlow")
    with multiprocessing.get_context("fork").Pool(1) as pool, unavailable:
        pool.apply_async(_build).get(timeout=60)
