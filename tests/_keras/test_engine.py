"""Sharing of traced graphs, caches, errors of training, and threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sk_mnist_cnn._keras import engine
from sk_mnist_cnn._keras.backend import keras
from sk_mnist_cnn._keras.layers import ScheduledModel
from tests.estimators import same_training, small_classifier


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


@pytest.mark.usefixtures("empty_engine")
def test_known_architecture_is_not_traced_again(traces, data):
    X, y = data
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
        {"callbacks": [keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)]},
    ):
        small_classifier(**{"epochs": 1, **change}).fit(X[:100], y[:100])
    small_classifier(epochs=1).fit(X[:200].reshape(200, 64), y[:200].astype(str), np.ones(200))
    assert len(traces) == n_traces


@pytest.mark.usefixtures("empty_engine")
def test_windows_clipped_to_the_same_size_share_a_graph(traces, data):
    small_classifier(epochs=1, dense_units=(), kernel_size=(8, 5)).fit(*data)
    n_traces = len(traces)
    small_classifier(epochs=1, dense_units=(), kernel_size=((9, 8), 3)).fit(*data)
    assert len(traces) == n_traces


@pytest.mark.slow
@pytest.mark.parametrize("parameter", ["augmentation", "optimizer"])
def test_redefined_class_does_not_share_a_graph(parameter, digits):
    def layer(value):
        class Fill(keras.Layer):
            def call(self, images):
                return images * 0 + value

        return Fill()

    def optimizer(factor):
        class Scaled(keras.optimizers.SGD):
            def update_step(self, gradient, variable, learning_rate):
                super().update_step(factor * gradient, variable, learning_rate)

        return Scaled()

    make = {"augmentation": layer, "optimizer": optimizer}[parameter]
    one, same, other = (small_classifier(**{parameter: make(value)}).fit(*digits) for value in (1, 1, 0))
    assert one.history_ == same.history_ != other.history_


def test_predictions_in_float64_do_not_depend_on_batches(data):
    X = data[0]
    clf = small_classifier(epochs=1, dtype="float64").fit(*data)
    expected = clf.predict_proba(X)
    assert len(X) > engine.PREDICTION_CHUNK
    batches = [clf.predict_proba(X[i : i + 100]) for i in range(0, len(X), 100)]
    assert_allclose(np.concatenate(batches), expected, atol=1e-12)


def test_prediction_function_is_traced_once_per_architecture(data):
    engine._prediction_function.cache_clear()
    for seed in range(2):
        clf = small_classifier(epochs=1, dtype="float64", random_state=seed).fit(*data)
        assert_allclose(clf.predict_proba(data[0][:5]), clf.model_(data[0][:5]), atol=1e-12)
    assert engine._prediction_function.cache_info().misses == 1


class InterruptSecondEpoch(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


def test_interrupted_fit_leaves_estimator_and_engine_unchanged(data):
    X, y = data
    clf = small_classifier().fit(X, y)
    before = dict(vars(clf))
    clf.set_params(callbacks=[InterruptSecondEpoch()], random_state=9)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X[:200].reshape(-1, 64), y[:200].astype(str))
    clf.set_params(callbacks=None, random_state=0)
    assert vars(clf) == before
    assert same_training(clf, small_classifier().fit(X, y))


class FitAnother(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        images = np.eye(64, dtype=np.float32)
        small_classifier(random_state=epoch).fit(images, np.arange(64) % 10)


def test_callback_can_fit_another_classifier(data):
    with_callback = small_classifier(callbacks=[FitAnother()]).fit(*data)
    assert same_training(with_callback, small_classifier().fit(*data))


def test_raises_if_weights_overflow_in_the_last_step(digits):
    clf = small_classifier(learning_rate=1e30, epochs=1, batch_size=2000)
    with pytest.raises(ValueError, match=r"predictions are not finite\. Lower learning_rate"):
        clf.fit(*digits)
    assert not hasattr(clf, "classes_")


def test_threads_can_predict_during_fits(digits):
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
