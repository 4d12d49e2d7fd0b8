"""`model_`: the Keras model of a fitted classifier."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError

from sk_mnist_cnn._keras.backend import keras
from tests.estimators import same_training

from .conftest import N, classifier


def test_raises_before_fit():
    unfitted = classifier()
    assert not hasattr(unfitted, "model_")
    with pytest.raises(NotFittedError):
        unfitted.model_  # noqa: B018


def test_model_is_a_compiled_sequential_model(data, reference):
    X, y = data
    model = reference.model_
    assert type(model) is keras.Sequential
    assert model.count_params() == sum(w.size for w in reference._weights)
    assert_allclose(model.predict(X, verbose=0), reference.predict_proba(X), atol=1e-6)
    loss, accuracy = model.evaluate(X, y, verbose=0)
    assert_allclose(accuracy, reference.score(X, y), rtol=1e-6)
    assert_allclose(loss, -reference.predict_log_proba(X)[np.arange(N), y].mean(), rtol=1e-4)
    assert type(model.optimizer) is keras.optimizers.Adam
    assert_allclose(float(model.optimizer.learning_rate), 0.01, rtol=1e-6)


@pytest.fixture(scope="module")
def trained_model(data, reference):
    """The model of `reference`, trained for one more epoch by Keras."""
    model = reference.model_
    model.fit(*data, epochs=1, verbose=0)
    return model


def test_training_the_model_does_not_change_the_classifier(data, reference, trained_model):
    X, y = data
    assert np.abs(trained_model.predict(X, verbose=0) - reference.predict_proba(X)).max() > 1e-3
    assert same_training(classifier().fit(X, y), reference)
    assert reference.model_ is not trained_model
    assert_allclose(reference.model_.predict(X, verbose=0), reference.predict_proba(X), atol=1e-6)


def test_state_of_a_trained_optimizer_is_not_used(data, reference, trained_model):
    optimizer = trained_model.optimizer
    n_steps = int(optimizer.iterations)
    assert n_steps > 0
    assert same_training(classifier(optimizer=optimizer, learning_rate="auto").fit(*data), reference)
    assert int(optimizer.iterations) == n_steps


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # issued inside Keras
def test_saved_model_loads_without_custom_objects(data, reference, tmp_path):
    reference.model_.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", custom_objects={}, safe_mode=True)
    assert_allclose(loaded.predict(data[0], verbose=0), reference.predict_proba(data[0]), atol=1e-6)


def test_model_is_not_pickled(reference):
    before = len(pickle.dumps(reference))
    assert reference.model_
    assert len(pickle.dumps(reference)) == before
