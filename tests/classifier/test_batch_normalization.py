"""`batch_normalization`, with `padding` and `global_average_pooling`: training, state and predictions."""

import copy
import pickle

import numpy as np
import onnxruntime
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sk_mnist_cnn import CNNDigitClassifier, export_onnx, load_model, save_model
from sk_mnist_cnn._keras.backend import keras
from sk_mnist_cnn.plotting import FilterDisplay
from tests.estimators import same_training

from .conftest import N, classifier

PARAMS = {
    "filters": (6, 8),
    "padding": "same",
    "batch_normalization": True,
    "global_average_pooling": True,
    "dense_units": (),
    "conv_dropout": 0.1,
    "epochs": 4,
}


def normalized(**params):
    """Return an unfitted classifier with batch normalization."""
    return classifier(**{**PARAMS, **params})


def frozen(**params):
    """Return an unfitted classifier whose weights hardly change in training."""
    return normalized(learning_rate=1e-30, **params)


def moving_statistics_of(model):
    """Return the moving means and variances of a Keras model."""
    return [w for layer in model.layers if "batch_norm" in layer.name for w in layer.get_weights()[2:]]


def moving_statistics(fitted):
    """Return the moving means and variances of a fitted classifier."""
    return moving_statistics_of(fitted.model_)


@pytest.fixture(scope="module")
def fitted(data):
    return normalized().fit(*data)


def test_layers_are_convolution_normalization_activation_and_pooling(fitted):
    names = [layer.name for layer in fitted.model_.layers]
    block = "conv_{0} batch_normalization_{0} activation_{0} pool_{0}"
    blocks = f"{block.format(1)} {block.format(2)}".split()
    assert names == [*blocks, "global_average_pooling", "conv_dropout", "probabilities"]
    assert fitted.model_.get_layer("conv_2").output.shape == (None, 4, 4, 8)
    assert fitted.transform(np.zeros((2, 64), np.float32)).shape == (2, 8)


def test_defaults_have_no_normalization():
    params = CNNDigitClassifier().get_params()
    assert (params["padding"], params["batch_normalization"]) == ("valid", False)
    assert params["global_average_pooling"] is False


@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed_bfloat16"])
def test_predictions_are_those_of_keras(data, dtype):
    fitted = normalized(dtype=dtype, epochs=2).fit(*data)
    assert fitted.model_.count_params() == sum(weights.size for weights in fitted._weights)
    expected = fitted.model_.predict(data[0], verbose=0)
    assert_allclose(fitted.predict_proba(data[0]), expected, atol=0.02 if "mixed" in dtype else 1e-5)


@pytest.mark.filterwarnings("ignore:The network has not converged")
def test_moving_statistics_are_those_of_keras(data):
    """A step with a learning rate of almost 0 changes only the moving statistics."""
    X, y = data
    still = frozen(epochs=1, batch_size=len(X), conv_dropout=0.0).fit(X, y)
    model = still.model_
    for layer in model.layers:
        if "batch_norm" in layer.name:
            gamma, beta, *_ = layer.get_weights()
            layer.set_weights([gamma, beta, np.zeros_like(beta), np.ones_like(gamma)])
    model(X, training=True)
    for one, other in zip(moving_statistics(still), moving_statistics_of(model), strict=True):
        assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_a_weight_of_two_is_an_image_twice(data):
    X, y = data[0][:100], data[1][:100]
    twice = np.concatenate([np.arange(100), np.arange(50)])
    params = {"batch_size": 1000, "conv_dropout": 0.0, "epochs": 5}
    for dtype, atol in (("float32", 1e-3), ("float64", 1e-9)):
        weighted = normalized(dtype=dtype, **params).fit(X, y, np.repeat([2.0, 1.0], 50))
        repeated = normalized(dtype=dtype, **params).fit(X[twice], y[twice])
        for one, other in zip(moving_statistics(weighted), moving_statistics(repeated), strict=True):
            assert_allclose(one, other, atol=atol)


def test_refitting_forgets_the_moving_statistics(data, fitted):
    again = copy.deepcopy(fitted).fit(data[0][::2], data[1][::2]).fit(*data)
    assert same_training(again, fitted)


@pytest.mark.filterwarnings("ignore:The network has not converged")
def test_warm_start_and_partial_fit_continue_the_moving_statistics(data):
    warm = frozen(warm_start=True, epochs=1, conv_dropout=0.0, batch_size=N).fit(*data)
    after_one = moving_statistics(warm)
    after_two = moving_statistics(warm.fit(*data))
    parts = frozen(conv_dropout=0.0, batch_size=N)
    for _ in range(2):
        parts.partial_fit(*data, classes=range(10))
    for one, two, found in zip(after_one[::2], after_two[::2], moving_statistics(parts)[::2], strict=True):
        assert_allclose(two, 1.9 * one, rtol=1e-3)  # the initial means are 0, the momentum is 0.9
        assert_allclose(found, two, rtol=1e-5)


def test_early_stopping_keeps_the_statistics_of_the_best_epoch(data):
    X, y = data
    stopped = normalized(early_stopping=True, epochs=12, n_iter_no_change=2).fit(X, y, X_val=X, y_val=y)
    assert stopped.score(X, y) == pytest.approx(stopped.best_validation_score_)


def test_checkpoint_resumes(data, fitted, tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    path = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        normalized(checkpoint=path, callbacks=[Stop()]).fit(*data)
    assert path.exists()
    assert same_training(normalized(checkpoint=path).fit(*data), fitted)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # issued inside Keras
def test_callbacks_see_and_save_the_network(data, fitted, tmp_path):
    path = str(tmp_path / "model.keras")
    saved = normalized(callbacks=[keras.callbacks.ModelCheckpoint(path)]).fit(*data)
    assert same_training(saved, fitted)
    model = keras.models.load_model(path)
    assert_allclose(model.predict(data[0], verbose=0), fitted.predict_proba(data[0]), atol=1e-5)


def test_saved_models_predict_the_same(data, fitted, tmp_path):
    save_model(fitted, tmp_path / "model.skops")
    for loaded in (load_model(tmp_path / "model.skops"), pickle.loads(pickle.dumps(fitted))):
        assert_array_equal(loaded.predict_proba(data[0]), fitted.predict_proba(data[0]))
        assert same_training(loaded, fitted)


def test_negative_variances_are_not_loaded(fitted, tmp_path):
    damaged = copy.deepcopy(fitted)
    weights = [weights.copy() for weights in fitted._weights]
    weights[4][0] = -1
    damaged._weights = tuple(weights)
    with pytest.raises(ValueError, match="moving variances in the weights must not be negative"):
        save_model(damaged, tmp_path / "model.skops")


def test_exported_model_predicts_the_same(data, fitted, tmp_path):
    export_onnx(fitted, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    X = data[0].astype(np.float32)
    (probabilities,) = session.run(["probabilities"], {"X": X})
    assert_allclose(probabilities, fitted.predict_proba(X), atol=1e-6)


def test_feature_maps_are_normalized(data, fitted):
    display = FilterDisplay.from_estimator(fitted, data[0][3])
    model = fitted.model_
    inner = keras.Model(model.inputs[0], model.get_layer("activation_1").output)
    expected = np.asarray(inner(data[0][3:4]))[0]
    assert_allclose(np.moveaxis(display.feature_maps, 0, -1), expected, atol=1e-5)


def test_training_continues_only_with_the_same_layers(data, fitted):
    changed = copy.deepcopy(fitted).set_params(batch_normalization=False, padding="valid")
    with pytest.raises(ValueError, match="padding and batch_normalization must stay as fitted"):
        changed.partial_fit(*data)
