"""The graph computes what Keras computes with the same weights."""

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.testing import assert_allclose

from sk_mnist_cnn._architecture import ACTIVATIONS, Architecture
from sk_mnist_cnn._keras.network import build_network
from sk_mnist_cnn._onnx import graph


def architecture(image_shape=(8, 8, 1), n_classes=4, **params):
    defaults = {
        "filters": (4, 6),
        "kernel_size": 3,
        "pool_size": 2,
        "dense_units": (8, 8),
        "activation": "relu",
        "dtype": "float32",
    }
    return Architecture.resolve(image_shape, n_classes, **defaults | params)


def run(model, X, output="probabilities"):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run([output], {"X": X})[0]


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"image_shape": (28, 28, 1), "n_classes": 10, "filters": (32, 64), "kernel_size": 5},
        {"image_shape": (1, 30, 1), "kernel_size": [(1, 5), (1, 3)]},
        {"image_shape": (9, 7, 3), "filters": (4,), "kernel_size": [(2, 3)], "pool_size": [(3, 1)]},
        {"image_shape": (6, 5, 2), "filters": ()},
        {"dense_units": (), "n_classes": 2},
        {"filters": (), "dense_units": ()},
        {"image_shape": (10, 10, 3), "filters": (3, 4, 5), "kernel_size": (3, 2, 9), "pool_size": 1},
        {"padding": "same", "kernel_size": (3, 4), "image_shape": (9, 7, 3)},
        {"batch_normalization": True, "activation": "gelu", "padding": "same"},
        {"global_average_pooling": True, "image_shape": (9, 7, 3)},
        {"global_average_pooling": True, "dense_units": (), "filters": ()},
    ],
    ids=[
        "small",
        "default",
        "one row",
        "non-square",
        "no blocks",
        "no dense layers",
        "linear",
        "clipped",
        "same",
        "normalized",
        "average",
        "mean",
    ],
)
def test_probabilities_are_those_of_keras(params):
    arch = architecture(**params)
    network = build_network(arch, seed=0)
    X = np.random.default_rng(0).random((50, *arch.image_shape), dtype=np.float32)
    model = graph.network(arch, network.get_weights()).model()
    onnx.checker.check_model(model, full_check=True)
    assert_allclose(run(model, X), network.predict(X, verbose=0), rtol=0, atol=2e-6)


@pytest.mark.parametrize("shape", [(164,), (2, 2, 41)], ids=["dense", "convolution"])
@pytest.mark.parametrize("name", sorted(graph.ACTIVATIONS))
def test_activations_are_those_of_keras(name, shape):
    values = np.concatenate([np.linspace(-8, 8, 324), [-0.5, 0.5, -1, 1]])
    channels_first = np.random.default_rng(0).permutation(values).reshape(2, *shape).astype(np.float32)
    activation = graph.Graph()
    activation.declare_input("X", np.float32, shape)
    output = activation.add("Identity", graph.ACTIVATIONS[name](activation, "X"))
    activation.declare_output(output, np.float32, shape)
    actual = run(activation.model(), channels_first, output)
    expected = keras.activations.get(name)(np.moveaxis(channels_first, 1, -1))
    expected = np.moveaxis(keras.ops.convert_to_numpy(expected), -1, 1)
    assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


def test_output_of_any_layer_can_be_declared():
    arch = architecture()
    weights = build_network(arch, seed=0).get_weights()
    network = graph.network(arch, weights)
    network.declare_output("flatten", np.float32, (6,))
    model = network.model()
    onnx.checker.check_model(model, full_check=True)
    X = np.ones((3, 8, 8, 1), np.float32)
    assert run(model, X, "flatten").shape == (3, 6)


def test_every_activation_of_the_parameter_is_written():
    assert {*ACTIVATIONS} == {*graph.ACTIVATIONS}
