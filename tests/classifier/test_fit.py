"""`fit`: history, random state, unmodified data, and fits that raise an error."""

import copy
import random

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from sk_mnist_cnn._keras.backend import keras
from sk_mnist_cnn._keras.trainer import Trainer
from tests.estimators import assert_unchanged, same_training

from .conftest import N, classifier


def test_history_has_one_entry_per_epoch(reference):
    assert reference.n_iter_ == 2
    assert type(reference.n_iter_) is int
    assert set(reference.history_) == {"loss", "accuracy"}
    for values in reference.history_.values():
        assert type(values) is list
        assert [type(value) for value in values] == [float, float]
    assert reference.history_["loss"][1] < reference.history_["loss"][0]


def test_history_contains_validation_metrics(data):
    X, y = data
    for fitted in (
        classifier(validation_split=0.2).fit(X, y),
        classifier().fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:]),
    ):
        assert set(fitted.history_) == {"loss", "accuracy", "val_loss", "val_accuracy"}
        assert {len(values) for values in fitted.history_.values()} == {2}


def test_fit_discards_previous_fit(data, reference):
    X, y = data
    again = copy.deepcopy(reference).fit(X, y)
    assert same_training(again, reference)
    assert again.n_iter_ == 2
    fewer = copy.deepcopy(reference).set_params(epochs=1).fit(X.reshape(N, 64), y > 4)
    assert fewer.n_iter_ == 1
    assert_array_equal(fewer.classes_, [False, True])
    after_partial_fit = classifier().partial_fit(X, y, classes=range(10)).fit(X, y)
    assert same_training(after_partial_fit, reference)


def test_fit_discards_best_validation_score(data):
    fitted = classifier(early_stopping=True, epochs=1).fit(*data)
    assert fitted.best_validation_score_ == fitted.history_["val_accuracy"][0]
    fitted.set_params(early_stopping=False).fit(*data)
    assert getattr(fitted, "best_validation_score_", None) is None


def test_random_state_determines_weights(data, reference):
    X, y = data
    assert same_training(clone(reference).fit(X, y), reference)
    assert not same_training(classifier(random_state=1).fit(X, y), reference)
    unseeded = [classifier(random_state=None, epochs=1).fit(X, y) for _ in range(2)]
    assert not same_training(*unseeded)


def test_random_state_instance_advances(data):
    X, y = data
    random_state = np.random.RandomState(0)
    first, second = (classifier(random_state=random_state, epochs=1).fit(X, y) for _ in range(2))
    assert not same_training(first, second)
    again = classifier(random_state=np.random.RandomState(0), epochs=1).fit(X, y)
    assert same_training(first, again)


def test_does_not_use_or_change_global_random_state(data, reference):
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    fitted = classifier().fit(*data)
    fitted.predict(data[0])
    assert random.getstate() == python
    for after, before in zip(np.random.get_state(), numpy, strict=True):  # noqa: NPY002
        assert_array_equal(after, before)
    assert same_training(fitted, reference)


def test_does_not_modify_data_or_parameters(data):
    X, y = (array.copy() for array in data)
    weights, class_weight, sizes = np.ones(N), {3: 2.0}, [8, 16]
    fitted = classifier(filters=sizes, class_weight=class_weight, epochs=1)
    parameters = fitted.get_params()
    fitted.fit(X, y, sample_weight=weights).predict(X)
    assert_array_equal(X, data[0])
    assert_array_equal(y, data[1])
    assert_array_equal(weights, np.ones(N))
    assert class_weight == {3: 2.0}
    assert sizes == [8, 16]
    for name, value in fitted.get_params().items():
        assert value is parameters[name], name


def raise_in_second_epoch(epoch, logs):
    if epoch:
        raise RuntimeError("the second epoch fails")


@pytest.mark.parametrize("warm_start", [False, True])
def test_failed_training_leaves_fitted_classifier_unchanged(warm_start, data, reference):
    X, y = data
    failing = keras.callbacks.LambdaCallback(on_epoch_end=raise_in_second_epoch)
    fitted = copy.deepcopy(reference).set_params(callbacks=[failing], warm_start=warm_start)
    with assert_unchanged(fitted), pytest.raises(RuntimeError, match="the second epoch fails"):
        fitted.fit(X.reshape(N, 64)[:200], y[:200])
    assert_array_equal(fitted.predict_proba(X), reference.predict_proba(X))
    assert same_training(classifier().fit(X, y), reference)


def test_diverging_training_leaves_fitted_classifier_unchanged(data, reference):
    fitted = copy.deepcopy(reference).set_params(learning_rate=1e20)
    diverged = r"loss became (nan|inf).*learning_rate.*ImagePreprocessor"
    with assert_unchanged(fitted), pytest.raises(ValueError, match=diverged):
        fitted.fit(*data)
    assert same_training(classifier().fit(*data), reference)


class RequireFiniteLoss(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        assert np.isfinite(logs["loss"])


def test_a_callback_that_fails_does_not_hide_divergence(data):
    clf = classifier(optimizer="sgd", learning_rate=1e30, callbacks=[RequireFiniteLoss()])
    with pytest.raises(ValueError, match=r"loss became (nan|inf).*learning_rate"):
        clf.fit(*data)


def test_diverging_training_keeps_the_compiled_network(data, monkeypatch):
    classifier().fit(*data)
    monkeypatch.setattr(Trainer, "create", lambda *args: pytest.fail("compiled again"))
    options = {"X_val": data[0][:99], "y_val": data[1][:99]}
    for _ in range(2):
        with pytest.raises(ValueError, match="loss became"):
            classifier(learning_rate=1e20).fit(*data, **options)
    few = {"X_val": data[0][:9], "y_val": data[1][:9]}
    validated = classifier().fit(*data, **few)
    assert validated.history_["val_accuracy"][-1] == pytest.approx(
        validated.score(few["X_val"], few["y_val"])
    )


def test_diverging_training_keeps_the_last_checkpoint(data, tmp_path):
    path = tmp_path / "run.ckpt"

    class Diverge(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.optimizer.learning_rate.assign(1e20)

    clf = classifier(epochs=3, checkpoint=path, callbacks=[Diverge()])
    with pytest.raises(ValueError, match=r"loss became .* in epoch 2"):
        clf.fit(*data)
    resumed = clf.set_params(callbacks=None).fit(*data)
    assert same_training(resumed, classifier(epochs=3).fit(*data))


def test_limits_of_keras_are_named(data, reference):
    keras.config.set_max_epochs(1)
    try:
        with (
            pytest.warns(UserWarning, match="Limiting epochs to 1"),
            pytest.raises(ValueError, match=r"set_max_epochs must allow more epochs than the 2 .*got 1\."),
        ):
            copy.deepcopy(reference).partial_fit(*data)
    finally:
        keras.config.set_max_epochs(None)


def test_invalid_data_leaves_fitted_classifier_unchanged(data, reference, no_training):
    X, y = data
    fitted = copy.deepcopy(reference)
    for images, labels in ((X * np.nan, y), (X[:, :, :4], np.zeros(N)), (X[:, :4], y / 7), (X[:9], y)):
        with assert_unchanged(fitted), pytest.raises(ValueError):
            fitted.fit(images, labels)
