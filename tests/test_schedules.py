"""Learning rate schedules: their values, and the rates that a network is trained with."""

import tracemalloc
from typing import get_args

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sk_mnist_cnn._keras.backend import keras
from sk_mnist_cnn._training.config import SCHEDULES, ScheduleName, learning_rates, schedule_rates
from tests.estimators import small_classifier


def test_names_are_those_of_the_parameter():
    assert {"constant", *SCHEDULES} == set(get_args(ScheduleName))


def test_one_cycle_warms_up_linearly_and_decays_to_zero():
    rates = learning_rates("one_cycle", 0.5, 1000)
    assert rates[0] == pytest.approx(0.05)
    assert rates.argmax() == 200
    assert rates[200] == pytest.approx(0.5)
    assert np.allclose(np.diff(rates[:200], 2), 0, atol=1e-6)
    assert rates[600] == pytest.approx(0.25)
    assert rates[-1] < 1e-5


def test_cosine_and_exponential_decrease():
    for name in ("cosine", "exponential"):
        rates = learning_rates(name, 2.0, 100)
        assert rates[0] == 2
        assert np.all(np.diff(rates) < 0)
    assert learning_rates("cosine", 2.0, 100)[50] == pytest.approx(1)
    assert learning_rates("exponential", 2.0, 100)[50] == pytest.approx(0.2)


@pytest.mark.parametrize("schedule", [*SCHEDULES, lambda batch: 0.1 / (1 + batch)])
def test_rates_of_an_epoch_are_bit_identical_to_those_of_all(schedule):
    n_steps = 12_347
    rates, expected = schedule_rates(schedule, 0.37, n_steps), learning_rates(schedule, 0.37, n_steps)
    parts = [rates(start, min(start + 469, n_steps)) for start in range(0, n_steps, 469)]
    assert_array_equal(np.concatenate(parts), expected)


def test_rates_of_named_schedules_need_no_memory_for_all_batches():
    tracemalloc.start()
    rates = schedule_rates("one_cycle", 1.0, 10**12)
    assert rates(2 * 10**11, 2 * 10**11 + 3) == pytest.approx([1, 1, 1])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000


class RecordRates(keras.callbacks.Callback):
    """Callback that records the learning rate after every batch, in a list that all copies share."""

    rates: list = []

    def on_train_batch_end(self, batch, logs=None):
        self.rates.append(float(self.model.optimizer.learning_rate))


@pytest.fixture
def recorder():
    RecordRates.rates.clear()
    return RecordRates()


@pytest.mark.parametrize("schedule", [*SCHEDULES, lambda step: 0.001 * (1 + step)])
def test_network_is_trained_with_scheduled_rates(digits, recorder, schedule):
    X, y = digits[0][:300], digits[1][:300]
    small_classifier(epochs=2, callbacks=[recorder], learning_rate_schedule=schedule).fit(X, y)
    assert_allclose(recorder.rates, learning_rates(schedule, 0.01, 10), rtol=1e-6)


# Issued inside Keras' callback, which converts a variable.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_callbacks_can_change_a_constant_rate(digits, recorder):
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    small_classifier(epochs=2, callbacks=[halve, recorder]).fit(digits[0][:64], digits[1][:64])
    assert recorder.rates == pytest.approx([0.005, 0.0025])


def test_automatic_rate_does_not_depend_on_an_earlier_fit(digits, recorder):
    X, y = digits[0][:64], digits[1][:64]
    params = {"optimizer": "adam", "filters": (3,), "epochs": 1, "callbacks": [recorder]}
    small_classifier(learning_rate=0.5, **params).fit(X, y)
    small_classifier(learning_rate="auto", **params).fit(X, y)
    assert recorder.rates == pytest.approx([0.5, 0.001])


def test_warm_start_restarts_the_schedule(digits, recorder):
    X, y = digits[0][:300], digits[1][:300]
    clf = small_classifier(epochs=1, warm_start=True, callbacks=[recorder], learning_rate_schedule="cosine")
    clf.fit(X, y).fit(X, y)
    assert recorder.rates[:5] == recorder.rates[5:]
    recorder.rates.clear()
    clf.partial_fit(X, y)
    assert recorder.rates == pytest.approx([0.01] * 5)


def test_schedule_counts_batches_when_gradients_are_accumulated(digits, recorder):
    X, y = digits[0][:256], digits[1][:256]
    params = {"epochs": 2, "learning_rate_schedule": "cosine", "callbacks": [recorder]}
    small_classifier(**params).fit(X, y)
    accumulating = keras.optimizers.Adam(gradient_accumulation_steps=2)
    small_classifier(optimizer=accumulating, **params).fit(X, y)
    assert recorder.rates[8:] == recorder.rates[:8]


@pytest.mark.parametrize(
    ("params", "weights"),
    [({"validation_split": 0.2}, None), ({}, np.arange(200) < 160)],
    ids=["validation", "weights"],
)
def test_callable_schedule_is_called_for_the_batches_of_training(digits, recorder, params, weights):
    X, y = digits[0][:200], digits[1][:200]
    rates = [0.01, 0.02, 0.03]  # 64, 64 and 32 images
    clf = small_classifier(epochs=1, learning_rate_schedule=rates.__getitem__, callbacks=[recorder], **params)
    clf.fit(X, y, sample_weight=weights)
    assert_allclose(recorder.rates, rates)


@pytest.mark.parametrize("rate", [-1.0, np.nan, np.inf, None, "0.1 or so", [0.1, 0.2]])
def test_raises_for_invalid_rate_of_callable_schedule(digits, rate):
    clf = small_classifier(learning_rate_schedule=lambda step: rate if step == 3 else 0.1)
    with pytest.raises(ValueError, match=r"learning_rate_schedule must return .* for batch 3 of"):
        clf.fit(*digits)
