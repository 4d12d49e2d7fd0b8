"""Global settings of Keras and TensorFlow do not change how a classifier trains and predicts."""

import subprocess
import sys
import textwrap
from contextlib import contextmanager

import pytest
from numpy.testing import assert_array_equal

from sk_mnist_cnn import build_cnn
from sk_mnist_cnn._keras import engine
from sk_mnist_cnn._keras.backend import keras, tf
from tests.estimators import same_training

from .conftest import classifier

SETTINGS = {
    "channels_first": ("image_data_format", "channels_first"),
    "float64": ("floatx", "float64"),
    "float16": ("floatx", "float16"),
    "mixed_float16": ("dtype_policy", "mixed_float16"),
    "epsilon": ("epsilon", 1e-3),
}


@contextmanager
def setting(name, value):
    """Change a setting of Keras inside the block."""
    get, change = getattr(keras.config, name), getattr(keras.config, f"set_{name}")
    before = get()
    change(value)
    try:
        yield
    finally:
        change(before)


@pytest.fixture(params=["used", "new"])
def trainers(request, monkeypatch):
    """Run the test with used trainers, and with new ones."""
    if request.param == "new":
        monkeypatch.setattr(engine, "_trainers", engine.TrainerPool(16))


@pytest.mark.parametrize("name", SETTINGS)
def test_keras_settings_have_no_effect(name, trainers, data, reference):
    X, y = data
    with setting(*SETTINGS[name]):
        fitted = classifier().fit(X, y)
        probabilities = reference.predict_proba(X)
        outputs = reference.model_(X[:2]).numpy()
        n_parameters = build_cnn((28, 28, 1), 10).count_params()
    assert same_training(fitted, reference)
    assert_array_equal(probabilities, reference.predict_proba(X))
    assert_array_equal(outputs, reference.model_(X[:2]).numpy())
    assert n_parameters == 186_110


@pytest.mark.parametrize("scope", [keras.name_scope, tf.name_scope, tf.device])
def test_scopes_have_no_effect(scope, trainers, data, reference):
    with scope("CPU:0" if scope is tf.device else "scope"):
        fitted = classifier().fit(*data)
    assert same_training(fitted, reference)


def test_clear_session_has_no_effect(data, reference):
    keras.backend.clear_session()
    assert same_training(classifier().fit(*data), reference)


def test_gradient_tape_has_no_effect(data, reference):
    with tf.GradientTape(persistent=True):
        fitted = classifier().fit(*data)
    assert same_training(fitted, reference)


def test_raises_inside_graph(data, reference):
    X, y = data
    with tf.Graph().as_default():
        with pytest.raises(RuntimeError, match=r"must be fitted where .* Call it outside"):
            classifier().fit(X, y)
        probabilities = reference.predict_proba(X)
    assert_array_equal(probabilities, reference.predict_proba(X))
    assert same_training(classifier().fit(X, y), reference)


def test_raises_in_the_scope_of_a_strategy(data, reference):
    scope = tf.distribute.OneDeviceStrategy("CPU:0").scope()
    with scope, pytest.raises(RuntimeError, match=r"got a call in the scope of a .* Call it outside"):
        classifier().fit(*data)
    assert same_training(classifier().fit(*data), reference)


def test_raises_if_all_functions_run_eagerly(data, reference):
    fitted = classifier().fit(*data)
    tf.config.run_functions_eagerly(True)
    try:
        with pytest.raises(RuntimeError, match=r"Call tf\.config\.run_functions_eagerly\(False\) before"):
            fitted.fit(*data)
        assert_array_equal(fitted.predict_proba(data[0]), reference.predict_proba(data[0]))
    finally:
        tf.config.run_functions_eagerly(False)
    assert same_training(classifier().fit(*data), reference)


NUMPY_BEHAVIOR = """
    import tensorflow as tf
    from sklearn.datasets import load_digits
    from sk_mnist_cnn import CNNDigitClassifier

    tf.experimental.numpy.experimental_enable_numpy_behavior()
    X, y = load_digits(return_X_y=True)
    clf = CNNDigitClassifier(filters=(4,), dense_units=(8,), epochs=1, augmentation="affine")
    print(clf.fit(X / 16, y).predict_proba(X[:3] / 16).shape)
"""


@pytest.mark.slow
def test_numpy_behavior_of_tensorflow_has_no_effect():
    script = textwrap.dedent(NUMPY_BEHAVIOR)
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=200)
    assert shown.stdout == "(3, 10)\n", shown.stderr


def test_warm_start_continues_under_another_dtype_policy(data):
    warm = classifier(warm_start=True).fit(*data)
    alone = classifier(warm_start=True).fit(*data).fit(*data)
    with setting("dtype_policy", "mixed_float16"):
        warm.fit(*data)
        assert not isinstance(warm.model_.optimizer, keras.optimizers.LossScaleOptimizer)
    assert same_training(warm, alone)
