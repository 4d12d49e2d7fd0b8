"""Callbacks of every fit: early stopping, and the check of the loss."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sk_mnist_cnn._keras.backend import keras
from tests.estimators import small_classifier


class SetMetric(keras.callbacks.Callback):
    """Callback that overwrites a metric in the logs of every epoch."""

    def __init__(self, name, values):
        super().__init__()
        self._name, self._values = name, values

    def on_epoch_end(self, epoch, logs=None):
        logs[self._name] = self._values[epoch]


@pytest.mark.parametrize(
    ("early_stopping", "values", "n_epochs", "best"),
    [
        (True, [0.1, 0.5, 0.5, 0.4, 0.9], 4, 2),
        ("val_accuracy", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 6, 6),
        ("val_loss", [3.0, 1.0, 2.0, 0.5, 0.6, 0.7], 6, 4),
        ("val_loss", [np.nan, 1.0, np.nan, 0.5, 0.6, np.nan], 6, 4),
    ],
)
def test_early_stopping_restores_best_weights(data, early_stopping, values, n_epochs, best):
    X, y = data
    name = "val_loss" if early_stopping == "val_loss" else "val_accuracy"
    params = {"early_stopping": early_stopping, "callbacks": [SetMetric(name, values)]}
    clf = small_classifier(epochs=6, n_iter_no_change=2, **params).fit(X, y)
    assert clf.n_iter_ == n_epochs
    assert clf.best_validation_score_ == clf.history_["val_accuracy"][best - 1]
    until_best = small_classifier(epochs=best, **params).fit(X, y)
    assert_array_equal(clf.predict_proba(X), until_best.predict_proba(X))


@pytest.mark.parametrize("n_before", [1, 3])
def test_early_stopping_after_epochs_without_validation(data, n_before):
    clf = small_classifier(epochs=n_before, warm_start=True).fit(*data)
    metrics = SetMetric("val_accuracy", [0.0] * n_before + [0.5, 0.75, 0.25])
    clf.set_params(epochs=3, early_stopping=True, callbacks=[metrics])
    assert clf.fit(*data).best_validation_score_ == 0.75
    assert clf.n_iter_ == n_before + 3


def test_raises_if_loss_is_not_finite(digits):
    clf = small_classifier(optimizer="sgd", learning_rate=1e9)
    with pytest.raises(ValueError, match=r"became nan in epoch \d\. Lower learning_rate"):
        clf.fit(*digits)
    assert not hasattr(clf, "classes_")
