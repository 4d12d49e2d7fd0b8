"""What the engine promises: shared graphs, batches cast one at a time, any process, any thread."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import small_classifier
from tensorflow.python.framework.config import is_op_determinism_enabled

from sk_mnist_cnn._keras import engine as _engine
from sk_mnist_cnn._keras.backend import keras, tf
from sk_mnist_cnn._keras.layers import ScheduledModel
from sk_mnist_cnn._training import ImageDataset


@pytest.fixture
def cold(monkeypatch):
    """An engine that has built nothing yet."""
    monkeypatch.setattr(_engine, "_trainers", _engine.TrainerPool(16))
    monkeypatch.setattr(_engine, "_predictors", _engine._Pool(32))


@pytest.fixture
def traces(monkeypatch):
    """The calls of the training step's Python code, which runs only while a graph is traced."""
    calls = []
    train_step = ScheduledModel.train_step

    def counted(self, data):
        calls.append(self)
        return train_step(self, data)

    monkeypatch.setattr(ScheduledModel, "train_step", counted)
    return calls


def assert_same_weights(one, other):
    for a, b in zip(one._weights, other._weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_known_architecture_is_not_traced_again(cold, traces, digits):
    X, y = digits
    small_classifier(epochs=1).fit(X, y)
    n_traces = len(traces)
    assert n_traces > 0
    for change in (
        {"learning_rate": 0.003},
        {"learning_rate_schedule": "one_cycle"},
        {"conv_dropout": 0.0, "dense_dropout": 0.7},
        {"label_smoothing": 0.1},
        {"batch_size": 50},
        {"random_state": 3},
        {"class_weight": "balanced"},
        {"validation_split": 0.2},
        {"epochs": 2, "early_stopping": True},
    ):
        small_classifier(**{"epochs": 1, **change}).fit(X[:600], y[:600])
    small_classifier(epochs=1).fit(X[:500].reshape(500, 64), y[:500].astype(str), np.ones(500))
    assert len(traces) == n_traces


def test_windows_clipped_to_the_same_network_share_it(cold, traces, digits):
    small_classifier(epochs=1, kernel_size=(8, 5)).fit(*digits)
    n_traces = len(traces)
    small_classifier(epochs=1, kernel_size=((9, 8), 3)).fit(*digits)
    assert len(traces) == n_traces


def test_a_used_trainer_gives_what_a_new_one_gives(cold, digits):
    X, y = digits
    first = small_classifier(validation_split=0.1).fit(X, y)
    small_classifier(random_state=5, learning_rate=0.05, dense_dropout=0.1, batch_size=32).fit(X, y)
    again = small_classifier(validation_split=0.1).fit(X, y)
    assert_same_weights(first, again)
    assert first.history_ == again.history_


@pytest.mark.parametrize("optimizer", ["adadelta", "adam", "sgd", "rmsprop", "adamw", "nadam", "adagrad"])
def test_optimizer_slots_are_set_back(cold, digits, optimizer):
    X, y = digits[0][:300], digits[1][:300]
    if optimizer in ("nadam", "adagrad"):
        optimizer = keras.optimizers.get(optimizer)
    fit = lambda: small_classifier(optimizer=optimizer, epochs=1).fit(X, y)  # noqa: E731
    assert_same_weights(fit(), fit())


def test_the_pool_is_bounded_and_drops_the_least_recently_used():
    pool = _engine._Pool(2)
    built = []

    for key in "abacab":
        item = pool.take(key)
        if item is None:
            built.append(key)
        pool.put(key, item or key)
    assert built == ["a", "b", "c", "b"]


def test_predictions_do_not_depend_on_how_rows_are_grouped(fitted, digits):
    X = digits[0]
    whole = fitted.predict_proba(X)
    assert len(X) > _engine.PREDICTION_CHUNK
    pieces = [fitted.predict_proba(X[i : i + 100]) for i in range(0, len(X), 100)]
    np.testing.assert_allclose(whole, np.concatenate(pieces), atol=1e-6)
    one_by_one = np.concatenate([fitted.predict_proba(X[i : i + 1]) for i in range(50)])
    np.testing.assert_allclose(whole[:50], one_by_one, atol=1e-6)


def test_mapped_bytes_are_cast_a_batch_at_a_time(tmp_path, digits, monkeypatch):
    n_images, X, y = 20_000, *digits
    mapped = np.memmap(tmp_path / "images", dtype=np.uint8, mode="w+", shape=(n_images, 64))
    mapped[:] = np.resize(X.reshape(-1, 64) > 0.5, mapped.shape)
    labels = np.resize(y, n_images)
    batches = ImageDataset.batches
    largest = []

    def watched(self, *args):
        assert np.shares_memory(self.rows, mapped)
        for batch in batches(self, *args):
            largest.append(batch[0].nbytes)
            yield batch

    monkeypatch.setattr(ImageDataset, "batches", watched)
    clf = small_classifier(epochs=1, batch_size=128).fit(mapped[:500], labels[:500])
    tracemalloc.start()
    clf.fit(mapped, labels)
    clf.predict_proba(mapped)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert max(largest) == 128 * 64 * 4
    assert peak < mapped.size * 4 / 2


def test_weights_are_converted_once_and_let_go(digits):
    clf = small_classifier(epochs=1).fit(*digits)
    clf.predict(digits[0][:1])
    tensors = _engine._as_tensors(clf._weights)
    assert _engine._as_tensors(clf._weights) is tensors
    key = id(clf._weights[0])
    del clf, tensors
    assert key not in _engine._tensors


class _Interrupt(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


def test_an_interrupted_fit_leaves_the_estimator_and_the_process_as_they_were(digits):
    X, y = digits
    clf = small_classifier().fit(X, y)
    before = dict(vars(clf))
    clf.set_params(callbacks=[_Interrupt()], random_state=9)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X[:900].reshape(-1, 64), y[:900].astype(str))
    clf.set_params(callbacks=None, random_state=0)
    assert vars(clf) == before
    assert_same_weights(clf, small_classifier().fit(X, y))


class _FitAnother(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        images = np.eye(64, dtype=np.float32)
        small_classifier(random_state=epoch).fit(images, np.arange(64) % 10)


def test_a_callback_may_fit_an_estimator_of_the_same_architecture(digits):
    with_callback = small_classifier(callbacks=[_FitAnother()]).fit(*digits)
    assert_same_weights(with_callback, small_classifier().fit(*digits))


def test_a_diverging_fit_names_the_epoch_and_the_remedy(digits):
    clf = small_classifier(optimizer="sgd", learning_rate=1e9)
    with pytest.raises(ValueError, match=r"became nan in epoch \d\. Lower learning_rate"):
        clf.fit(*digits)
    assert not hasattr(clf, "classes_")


def test_no_global_random_state_is_touched(digits):
    X, y = digits[0][:200], digits[1][:200]
    layers = [keras.layers.RandomRotation(0.1)]  # draws a seed of its own
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    tf.random.set_seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    expected = tf.random.uniform((3,)).numpy()
    tf.random.set_seed(1)
    clf = small_classifier(epochs=1, augmentation=layers, validation_split=0.2).fit(X, y)
    clf.predict(X)
    clf.model_  # noqa: B018
    with pytest.raises(ValueError, match="learning_rate"):
        clf.set_params(optimizer="sgd", learning_rate=1e30).fit(X, y)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002
    np.testing.assert_array_equal(tf.random.uniform((3,)).numpy(), expected)
    assert not is_op_determinism_enabled()


def test_threads_predict_while_others_fit(digits):
    X, y = digits
    clf = small_classifier(epochs=1).fit(X, y)
    expected = clf.predict_proba(X[:4])

    def predicts_the_same(_):
        return all(np.array_equal(clf.predict_proba(X[:4]), expected) for _ in range(60))

    fits = [threading.Thread(target=lambda: small_classifier(epochs=2).fit(X, y)) for _ in range(2)]
    for thread in fits:
        thread.start()
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(predicts_the_same, range(8)))
    for thread in fits:
        thread.join()


def _fit_and_predict(clf, X, y):
    return clf.predict_proba(X[:5]), clf.fit(X, y).predict_proba(X[:5])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_of_either_kind_give_the_same_bits(fitted, digits, method):
    X, y = digits
    fitted.predict(X[:1])
    with multiprocessing.get_context(method).Pool(1) as pool:
        before, after = pool.apply_async(_fit_and_predict, (fitted, X, y)).get(timeout=120)
    np.testing.assert_array_equal(before, fitted.predict_proba(X[:5]))
    np.testing.assert_array_equal(after, before)


def _interrupt(signum, frame):
    raise TimeoutError("enough")


def _predict_after_an_interrupted_fit(clf, X, y):
    clf.predict_proba(X[:5])
    signal.signal(signal.SIGALRM, _interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    with pytest.raises(TimeoutError, match="enough"):
        small_classifier(epochs=1000).fit(X, y)
    return clf.predict_proba(X[5:9]), clf.predict_proba(X[:5])


def test_a_forked_process_may_interrupt_a_call(fitted, digits):
    X, y = digits
    first, second = fitted.predict_proba(X[:5]), fitted.predict_proba(X[5:9])
    with multiprocessing.get_context("fork").Pool(1) as pool:
        answers = pool.apply_async(_predict_after_an_interrupted_fit, (fitted, X, y)).get(timeout=120)
    np.testing.assert_array_equal(answers[0], second)
    np.testing.assert_array_equal(answers[1], first)


class _StopAfterOne(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = True


def _fit_with_functions(X, y):
    functions = {"callbacks": [_StopAfterOne()], "learning_rate_schedule": lambda step: 0.01}
    return small_classifier(**functions).fit(X, y).n_iter_


def test_a_forked_process_may_train_with_functions(fitted, digits):
    fitted.predict(digits[0][:1])
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_fit_with_functions, digits).get(timeout=120) == 1


FORKED_BY_THE_USER = """
    import multiprocessing, sys
    import sk_mnist_cnn, tensorflow
    sys.path.insert(0, {tests!r})
    from conftest import small_classifier
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)

    def score():
        return small_classifier(epochs=1).fit(X / 16, y).score(X / 16, y)

    tensorflow.function(lambda x: tensorflow.linalg.matmul(x, x))(tensorflow.ones((500, 500)))
    with multiprocessing.get_context("fork").Pool(1) as pool:
        print(pool.apply_async(score).get(timeout=100) > 0.1)
"""


def test_a_process_may_be_forked_after_its_user_has_used_tensorflow():
    script = textwrap.dedent(FORKED_BY_THE_USER.format(tests=str(Path(__file__).parent)))
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=200)
    assert shown.stdout == "True\n", shown.stderr


def _ask_for_the_model(clf):
    return clf.model_


def test_a_forked_process_says_why_it_has_no_keras_model(fitted, digits):
    fitted.predict(digits[0][:1])
    refused = pytest.raises(RuntimeError, match='Start the process by "spawn"')
    with multiprocessing.get_context("fork").Pool(1) as pool, refused:
        pool.apply_async(_ask_for_the_model, (fitted,)).get(timeout=60)


def test_tracing_many_networks_is_not_complained_about(cold, digits, caplog):
    for n_filters in range(2, 10):
        small_classifier(epochs=1, filters=(n_filters,)).fit(digits[0][:64], digits[1][:64])
    assert not caplog.records


def test_the_start_up_messages_reach_no_terminal():
    code = "from sk_mnist_cnn import build_cnn; build_cnn((8, 8, 1), 2, kernel_size=3)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout + shown.stderr == ""


def test_gpus_are_shared_where_there_are_any(monkeypatch):
    from sk_mnist_cnn._keras import backend

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
    import gc
    {before}
    from sk_mnist_cnn._keras.backend import tf
    pools = tf.config.threading
    print(pools.get_intra_op_parallelism_threads(), pools.get_inter_op_parallelism_threads(), gc.isenabled())
"""


@pytest.mark.parametrize(
    ("environment", "before", "expected"),
    [
        ({}, "", "0 0 True"),  # 0 is TensorFlow's own choice
        ({"OMP_NUM_THREADS": "3"}, "", "3 3 True"),
        ({"OMP_NUM_THREADS": "4,2"}, "gc.disable()", "0 0 False"),
        ({"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "2"}, "", "0 1 True"),
        (
            {"OMP_NUM_THREADS": "1"},
            "import tensorflow; tensorflow.config.threading.set_intra_op_parallelism_threads(5)",
            "5 1 True",
        ),
        ({"OMP_NUM_THREADS": "1"}, "import tensorflow; tensorflow.constant(0)", "0 0 True"),
    ],
    ids=["none asked for", "asked for", "a list", "TensorFlow's variable", "set before", "used before"],
)
def test_tensorflow_takes_the_threads_that_a_worker_is_allowed(environment, before, expected):
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


DEVICES = """
    import sys
    sys.path.insert(0, {tests!r})
    import numpy as np, tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    from conftest import small_classifier
    from sklearn.datasets import load_digits
    X, y = load_digits(return_X_y=True)
    params = dict(optimizer="sgd", learning_rate=0.05, conv_dropout=0, dense_dropout=0, epochs=2)
    params.update(batch_size=100, validation_split=0.2)
    one = small_classifier(**params).fit(X / 16, y)
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        two = small_classifier(**params).fit(X / 16, y)
    for a, b in zip(one._weights, two._weights):
        np.testing.assert_allclose(a, b, atol=2e-3)
    np.testing.assert_allclose(one.history_["val_loss"], two.history_["val_loss"], rtol=1e-3)
"""


@pytest.mark.slow
def test_two_devices_train_what_one_trains():
    script = textwrap.dedent(DEVICES.format(tests=str(Path(__file__).parent)))
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.skipif(os.name == "nt", reason="closes its standard error as a shell of Unix does")
def test_a_process_needs_no_standard_error():
    code = "from sk_mnist_cnn import build_cnn; print(build_cnn((8, 8, 1), 2, kernel_size=3).count_params())"
    command = ["sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, code]
    shown = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert int(shown.stdout) > 0
