"""`optimizer` and `learning_rate`."""

import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sk_mnist_cnn._keras.backend import keras
from tests.estimators import same_training

from .conftest import classifier


def optimizer_of_model(fitted, **params):
    """Return the optimizer of the Keras model, after changing parameters of a copy of the classifier."""
    return copy.deepcopy(fitted).set_params(**params).model_.optimizer


@pytest.mark.parametrize(
    ("name", "rate"),
    [("adadelta", 1.0), ("adam", 0.001), ("sgd", 0.01), ("rmsprop", 0.001), ("adamw", 0.001)],
)
def test_default_learning_rate(name, rate, reference):
    optimizer = optimizer_of_model(reference, optimizer=name, learning_rate="auto")
    assert type(optimizer).__name__.lower() == name
    assert_allclose(float(optimizer.learning_rate), rate, rtol=1e-6)


@pytest.mark.parametrize("rate", [0.003, 0.0])
def test_learning_rate_of_optimizer_instance(rate, reference):
    sgd = keras.optimizers.SGD(rate, momentum=0.7, nesterov=True)
    automatic = optimizer_of_model(reference, optimizer=sgd, learning_rate="auto")
    assert automatic is not sgd
    assert_allclose(float(automatic.learning_rate), rate, rtol=1e-6)
    given = optimizer_of_model(reference, optimizer=sgd, learning_rate=0.5)
    assert float(given.learning_rate) == 0.5
    assert (given.momentum, given.nesterov) == (0.7, True)
    assert_allclose(float(sgd.learning_rate), rate, rtol=1e-6)


def test_optimizer_instance_is_copied(data, reference):
    X, y = data
    adam = keras.optimizers.Adam(0.01)
    config = adam.get_config()
    fitted = classifier(optimizer=adam, learning_rate="auto").fit(X, y)
    assert same_training(fitted, reference)
    assert fitted.optimizer is adam
    assert not adam.built
    assert int(adam.iterations) == 0
    assert adam.get_config() == config
    assert same_training(clone(fitted).fit(X, y), reference)
    given = classifier(optimizer=keras.optimizers.Adam(1.0), learning_rate=0.01).fit(X, y)
    assert same_training(given, reference)
    slower = classifier(optimizer=keras.optimizers.Adam(0.002), learning_rate="auto").fit(X, y)
    assert not same_training(slower, reference)


def test_optimizer_instance_with_zero_learning_rate(data):
    one, two = (
        classifier(optimizer=keras.optimizers.Adam(0.0), learning_rate="auto", epochs=epochs).fit(*data)
        for epochs in (1, 2)
    )
    assert_array_equal(one.predict_proba(data[0]), two.predict_proba(data[0]))


def test_learning_rate_changed_after_fit(data, reference):
    X, y = data
    warm = classifier(warm_start=True).fit(X, y)
    frozen = copy.deepcopy(warm).set_params(learning_rate=1e-12).fit(X, y)
    assert_allclose(frozen.predict_proba(X), reference.predict_proba(X), atol=1e-5)
    trained = copy.deepcopy(warm).fit(X, y)
    assert np.abs(trained.predict_proba(X) - reference.predict_proba(X)).max() > 0.01
    frozen = copy.deepcopy(reference).set_params(learning_rate=1e-12).partial_fit(X, y)
    assert_allclose(frozen.predict_proba(X), reference.predict_proba(X), atol=1e-5)
    assert same_training(copy.deepcopy(frozen).set_params(learning_rate=0.01).fit(X, y), reference)
