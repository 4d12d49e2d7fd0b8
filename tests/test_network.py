"""The architecture and the initial weights, without training."""

import dataclasses
import random
import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sk_mnist_cnn import build_cnn
from sk_mnist_cnn._architecture import Architecture
from sk_mnist_cnn._keras.backend import keras
from sk_mnist_cnn._keras.network import build_network, initial_weights
from tests.estimators import SMALL, small_classifier

MNIST = (28, 28, 1)
TINY = {"filters": (4, 8), "kernel_size": 3, "dense_units": (8, 8)}
# Issued inside Keras when it saves a model with NumPy 2.
KERAS_SAVES_WITH_A_WARNING = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
DTYPES = ["float32", "float64", "mixed_float16", "mixed_bfloat16"]


@pytest.fixture(scope="module")
def reference():
    """The network of the reference notebook, never trained."""
    return build_cnn(MNIST, 10, random_state=0)


def architecture(image_shape=(8, 8, 1), **params):
    sizes = {**TINY, "pool_size": 2, "activation": "relu", "dtype": "float32", **params}
    return Architecture.resolve(image_shape, 10, **sizes)


def kernels(network):
    return [layer.kernel_size for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]


def pools(network):
    """The pooling window after each convolution; (1, 1) without a pooling layer."""
    layers = {layer.name: layer for layer in network.layers}
    names = [name.replace("conv", "pool") for name in layers if re.fullmatch(r"conv_\d+", name)]
    return [layers[name].pool_size if name in layers else (1, 1) for name in names]


def same_weights(one, two):
    pairs = zip(one.get_weights(), two.get_weights(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def probabilities(network, n_images=3):
    images = np.random.default_rng(0).random((n_images, *network.input_shape[1:]))
    return keras.ops.convert_to_numpy(network(images, training=False))


def test_defaults_have_186110_parameters(reference):
    assert reference.count_params() == 186_110
    counts = [layer.count_params() for layer in reference.layers if layer.count_params()]
    assert counts == [832, 51_264, 123_000, 10_164, 850]


def test_layers_of_defaults(reference):
    assert reference.input_shape == (None, 28, 28, 1)
    assert [(type(layer).__name__, layer.output.shape[1:]) for layer in reference.layers] == [
        ("Conv2D", (24, 24, 32)),
        ("MaxPooling2D", (12, 12, 32)),
        ("Conv2D", (8, 8, 64)),
        ("MaxPooling2D", (4, 4, 64)),
        ("Dropout", (4, 4, 64)),
        ("Flatten", (1024,)),
        ("Dense", (120,)),
        ("Dropout", (120,)),
        ("Dense", (84,)),
        ("Dense", (10,)),
    ]


def test_settings_of_defaults(reference):
    layers = {layer.name: layer for layer in reference.layers}
    assert kernels(reference) == [(5, 5), (5, 5)]
    assert pools(reference) == [(2, 2), (2, 2)]
    assert [layers["conv_dropout"].rate, layers["dense_dropout"].rate] == [0.2, 0.5]
    activations = [layer.activation.__name__ for layer in reference.layers if layer.count_params()]
    assert activations == ["relu", "relu", "relu", "relu", "softmax"]
    for name in ("conv_1", "conv_2"):
        assert layers[name].padding == "valid"
        assert layers[name].strides == (1, 1)
    assert not reference.compiled


def test_kernels_are_glorot_uniform_and_biases_are_zero(reference):
    for kernel, bias in zip(*[iter(reference.get_weights())] * 2, strict=True):
        field = int(np.prod(kernel.shape[:-2]))
        limit = np.sqrt(6 / (field * (kernel.shape[-2] + kernel.shape[-1])))
        assert 0.9 * limit < np.abs(kernel).max() <= limit * (1 + 1e-6)
        assert abs(kernel.mean()) < 0.1 * limit
        assert not bias.any()


def test_probabilities_sum_to_one(reference):
    p = probabilities(reference, 5)
    assert p.shape == (5, 10)
    assert_allclose(p.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"filters": (8,)}, 8 * 10 + 6 * 6 * 8 // 4 * 8 + 8 + 72 + 90),
        ({"filters": (4, 8, 2)}, None),
        ({"dense_units": ()}, 40 + 4 * 9 * 8 + 8 + 8 * 10 + 10),
        ({"dense_units": (5, 6, 7)}, 40 + 296 + 45 + 36 + 49 + 80),
        ({"kernel_size": 1}, None),
        ({"pool_size": 1}, None),
        ({"conv_dropout": 0.0}, None),
        ({"dense_dropout": 0.9}, None),
        ({"activation": "tanh"}, None),
    ],
    ids=str,
)
def test_parameters_determine_layers(params, expected):
    network = build_cnn((8, 8, 1), 10, **{**TINY, **params})
    if expected is not None:
        assert network.count_params() == expected
    for name, value in {**TINY, **params}.items():
        match name:
            case "filters":
                assert [c.filters for c in network.layers if isinstance(c, keras.layers.Conv2D)] == [*value]
            case "dense_units":
                dense = [d.units for d in network.layers if isinstance(d, keras.layers.Dense)]
                assert dense == [*value, 10]
            case "kernel_size":
                assert kernels(network)[0] == (value, value)
            case "pool_size":
                assert pools(network)[0] == (value, value)
            case "activation":
                assert network.get_layer("conv_1").activation.__name__ == value
                assert network.get_layer("dense_2").activation.__name__ == value
                assert network.get_layer("probabilities").activation.__name__ == "softmax"
            case _:
                assert network.get_layer(name).rate == value


def test_no_dense_dropout_without_dense_layers():
    names = [layer.name for layer in build_cnn((8, 8, 1), 10, **{**TINY, "dense_units": ()}).layers]
    assert names == ["conv_1", "pool_1", "conv_2", "conv_dropout", "flatten", "probabilities"]


def test_no_layer_is_built_for_pooling_of_one_pixel():
    pooled, other = (
        build_cnn((8, 8, 1), 10, **TINY, pool_size=size, random_state=0) for size in ((2, 1), (2, 9))
    )
    assert [layer.name for layer in pooled.layers if "pool" in layer.name] == ["pool_1"]
    assert same_weights(pooled, other)  # the second window is clipped to one pixel


@pytest.mark.parametrize("n_classes", [2, 3, 26])
def test_one_output_per_class(n_classes):
    assert build_cnn((8, 8, 1), n_classes, **TINY).output_shape == (None, n_classes)


@pytest.mark.parametrize("name", ["kernel_size", "pool_size"])
@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        (3, [(3, 3), (3, 3)]),
        (np.int64(3), [(3, 3), (3, 3)]),
        ((3, 2), [(3, 3), (2, 2)]),  # one entry per block, never height and width
        ([3, 2], [(3, 3), (2, 2)]),
        (np.array([3, 2]), [(3, 3), (2, 2)]),
        (range(2, 4), [(2, 2), (3, 3)]),
        (((3, 2), 1), [(3, 2), (1, 1)]),
        ([[3, 2], [1, 4]], [(3, 2), (1, 4)]),
        (np.array([[3, 2], [1, 4]]), [(3, 2), (1, 4)]),
        (((3,), (2,)), [(3, 3), (2, 2)]),
        pytest.param(pd.Series([3, 2]), [(3, 3), (2, 2)], id="Series"),
    ],
    ids=repr,
)
def test_window_size_is_an_integer_or_one_entry_per_block(name, sizes, expected):
    network = build_cnn((64, 64, 1), 2, **{**TINY, name: sizes})
    found = {"kernel_size": kernels, "pool_size": pools}[name](network)
    assert found == expected


@pytest.mark.parametrize("name", ["kernel_size", "pool_size"])
@pytest.mark.parametrize("sizes", [((4, 3),), [[4, 3]], np.array([[4, 3]])], ids=repr)
def test_window_size_of_single_block_is_height_and_width(name, sizes):
    network = build_cnn((16, 16, 1), 2, **{**TINY, "filters": [4], name: sizes})
    assert {"kernel_size": kernels, "pool_size": pools}[name](network) == [(4, 3)]


@pytest.mark.parametrize("kind", [tuple, list, np.array])
def test_accepts_array_likes_and_does_not_modify_them(kind):
    sizes = {name: kind([3, 4]) for name in ("filters", "kernel_size", "pool_size", "dense_units")}
    before = {name: kind(value) for name, value in sizes.items()}
    build_cnn((28, 28, 1), 2, **sizes)
    for name, value in sizes.items():
        assert type(value) is type(before[name])
        assert_array_equal(value, before[name])


def test_clips_windows_on_8x8_digits():
    network = build_cnn((8, 8, 1), 10)
    assert kernels(network) == [(5, 5), (2, 2)]
    assert pools(network) == [(2, 2), (1, 1)]
    assert network.get_layer("flatten").output.shape == (None, 64)


@pytest.mark.parametrize(
    ("image_shape", "expected_kernels", "expected_pools"),
    [
        ((1, 10, 1), [(1, 5), (1, 3)], [(1, 2), (1, 1)]),
        ((10, 1, 1), [(5, 1), (3, 1)], [(2, 1), (1, 1)]),
        ((1, 1, 1), [(1, 1), (1, 1)], [(1, 1), (1, 1)]),
        ((1, 784, 1), [(1, 5), (1, 5)], [(1, 2), (1, 2)]),
        ((3, 30, 2), [(3, 5), (1, 5)], [(1, 2), (1, 2)]),
    ],
)
def test_clips_windows_on_images_one_pixel_high(image_shape, expected_kernels, expected_pools):
    network = build_cnn(image_shape, 2, filters=(2, 2), dense_units=(4,))
    assert kernels(network) == expected_kernels
    assert pools(network) == expected_pools
    assert np.isfinite(probabilities(network)).all()


def test_many_blocks_on_small_image():
    network = build_cnn((8, 8, 1), 2, filters=(2,) * 8, dense_units=(4,))
    assert network.get_layer("conv_8").output.shape == (None, 1, 1, 2)


def test_color_images_of_64_by_64():
    network = build_cnn((64, 64, 3), 10)
    assert network.get_layer("conv_1").kernel.shape == (5, 5, 3, 32)
    assert network.get_layer("flatten").output.shape == (None, 13 * 13 * 64)
    assert probabilities(network, 2).shape == (2, 10)


def test_architectures_are_equal_after_clipping():
    def resolve(kernel_size, filters=(4, 8)):
        sizes = {"pool_size": 2, "dense_units": [8], "activation": "relu", "dtype": "float32"}
        return Architecture.resolve((8, 8, 1), 10, filters=filters, kernel_size=kernel_size, **sizes)

    assert resolve((5, 5)) == resolve((5, 2)) == resolve(np.array([5, 99]), filters=np.array([4, 8]))
    assert hash(resolve((5, 5))) == hash(resolve([[5, 5], [2, 2]]))
    assert resolve((5, 5)) != resolve((5, 1))
    assert Architecture(**dataclasses.asdict(resolve(5))) == resolve(5)


@pytest.mark.parametrize(
    ("image_shape", "params"),
    [
        (MNIST, {}),
        ((64, 64, 3), {"filters": (4, 8, 2), "kernel_size": ((3, 2), 1, 5), "pool_size": (2, 3, 1)}),
        ((1, 10, 1), {"filters": (2, 2), "dense_units": ()}),
        ((8, 8, 1), {"filters": (2,) * 8, "dense_units": (7,)}),
        ((9, 7, 2), {"filters": (4, 8), "padding": "same", "batch_normalization": True}),
        ((9, 7, 2), {"filters": (4, 8), "global_average_pooling": True}),
    ],
    ids=str,
)
def test_weight_shapes_equal_those_of_built_network(image_shape, params):
    sizes = {"filters": (32, 64), "kernel_size": 5, "pool_size": 2, "dense_units": (120, 84), **params}
    architecture = Architecture.resolve(image_shape, 3, **sizes, activation="relu", dtype="float32")
    network = build_cnn(image_shape, 3, **sizes)
    assert architecture.weight_shapes == [weights.shape for weights in network.get_weights()]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"padding": "same"}, 40 + 296 + (4 * 8 * 8 + 8) + 72 + 90),
        ({"batch_normalization": True}, 36 + 288 + 4 * (4 + 8) + (8 * 8 + 8) + 72 + 90),
        ({"global_average_pooling": True}, 40 + 296 + (8 * 8 + 8) + 72 + 90),
    ],
    ids=str,
)
def test_number_of_parameters(params, expected):
    assert build_cnn((8, 8, 1), 10, **TINY, **params).count_params() == expected


def test_random_state_determines_weights(reference):
    assert same_weights(build_cnn(MNIST, 10, random_state=0), reference)
    other = build_cnn(MNIST, 10, random_state=1)
    for kernel, expected in zip(other.get_weights()[::2], reference.get_weights()[::2], strict=True):
        assert not np.array_equal(kernel, expected)


def test_weights_differ_without_an_integer():
    random_state = np.random.RandomState(0)
    networks = [build_cnn((8, 8, 1), 10, **TINY, random_state=state) for state in 2 * [None, random_state]]
    assert not any(same_weights(*pair) for pair in combinations(networks, 2))
    again = build_cnn((8, 8, 1), 10, **TINY, random_state=np.random.RandomState(0))
    assert same_weights(again, networks[1])


def test_classifier_with_the_same_random_state_starts_with_the_same_weights(digits):
    unchanged = {"optimizer": "sgd", "learning_rate": 1e-30, "epochs": 1}
    clf = small_classifier(**unchanged, random_state=3).fit(digits[0][:64], digits[1][:64])
    sizes = {name: SMALL[name] for name in ("filters", "kernel_size", "dense_units")}
    expected = build_cnn((8, 8, 1), 10, **sizes, random_state=3).get_weights()
    for found, new in zip(clf.model_.get_weights(), expected, strict=True):
        assert_allclose(found, new, rtol=0, atol=1e-25)  # biases start at 0


def test_layers_of_same_shape_have_different_weights():
    network = build_cnn((8, 8, 1), 8, **{**TINY, "dense_units": (8, 8)}, random_state=0)
    first, second = network.get_layer("dense_1"), network.get_layer("dense_2")
    assert first.kernel.shape == second.kernel.shape
    assert not np.array_equal(first.get_weights()[0], second.get_weights()[0])


def test_random_state_determines_dropout_masks():
    images = np.ones((16, 8, 8, 1), np.float32)
    outputs = []
    for seed in (3, 3, 4):
        network = build_cnn((8, 8, 1), 10, **TINY, conv_dropout=0.5, random_state=seed)
        network.set_weights([np.full(w.shape, 0.1) for w in network.get_weights()])
        network.get_layer("probabilities").set_weights([np.eye(8, 10), np.zeros(10)])
        outputs.append(np.asarray(network(images, training=True)))
    assert_array_equal(outputs[0], outputs[1])
    assert not np.array_equal(outputs[0], outputs[2])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", [0, 7, 2**31 - 1, 2**40])
def test_initial_weights_equal_those_of_new_network(dtype, seed):
    weights = initial_weights(architecture(dtype=dtype), seed)
    expected = build_network(architecture(dtype=dtype), seed=seed).get_weights()
    assert len(weights) == len(expected)
    for found, new in zip(weights, expected, strict=True):
        assert found.dtype == new.dtype
        assert_array_equal(found, new)


def test_initial_weights_of_defaults():
    defaults = architecture(MNIST, filters=(32, 64), kernel_size=5, dense_units=(120, 84))
    expected = build_network(defaults, seed=0).get_weights()
    for found, new in zip(initial_weights(defaults, 0), expected, strict=True):
        assert_array_equal(found, new)


@pytest.mark.parametrize(
    "params",
    [{"filters": (4,)}, {"dense_units": ()}, {"dense_units": (8,)}, {"batch_normalization": True}],
    ids=str,
)
def test_initial_weights_of_other_depths(params):
    expected = build_network(architecture(**params), seed=5).get_weights()
    for found, new in zip(initial_weights(architecture(**params), 5), expected, strict=True):
        assert_array_equal(found, new)


def test_does_not_change_global_random_state():
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    build_cnn((8, 8, 1), 10, **TINY, random_state=0)
    initial_weights(architecture(), 0)
    assert random.getstate() == python
    for after, before in zip(np.random.get_state(), numpy, strict=True):  # noqa: NPY002
        assert_array_equal(after, before)


def test_does_not_use_global_random_state():
    networks = []
    for value in (0, 1):
        random.seed(value)
        np.random.seed(value)  # noqa: NPY002
        networks.append(build_cnn((8, 8, 1), 10, **TINY, random_state=5))
    assert same_weights(*networks)


@KERAS_SAVES_WITH_A_WARNING
@pytest.mark.parametrize("dtype", DTYPES)
def test_saved_network_loads_without_custom_objects(dtype, tmp_path):
    network = build_cnn((8, 8, 1), 10, **TINY, dtype=dtype, random_state=0)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras", custom_objects={}, safe_mode=True)
    assert same_weights(loaded, network)
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in network.layers]
    assert_array_equal(probabilities(loaded), probabilities(network))


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtype_policy(dtype):
    network = build_cnn((8, 8, 1), 10, **TINY, dtype=dtype, random_state=0)
    full = "float64" if dtype == "float64" else "float32"
    compute = dtype.removeprefix("mixed_")
    assert {str(w.dtype) for w in network.get_weights()} == {full}
    assert {layer.compute_dtype for layer in network.layers[:-1]} == {compute}
    p = probabilities(network)
    assert p.dtype == full
    assert_allclose(p.sum(axis=1), 1, rtol=1e-6)


def test_mixed_precision_is_close_to_full_precision():
    full, *mixed = (
        probabilities(build_cnn((8, 8, 1), 10, **TINY, dtype=dtype, random_state=0))
        for dtype in ("float32", "mixed_float16", "mixed_bfloat16")
    )
    for p in mixed:
        assert_allclose(p, full, atol=0.02)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("filters", 0, "0"),
        ("filters", [8, 0], "[8, 0]"),
        ("filters", (8, -1), "(8, -1)"),
        ("filters", (8.0, 16.0), "(8.0, 16.0)"),
        ("filters", "ab", "'ab'"),
        ("filters", [[8], [16]], "[8]"),
        ("filters", None, "None"),
        ("dense_units", [0], "0"),
        ("dense_units", (8, 2.5), "2.5"),
        ("dense_units", "ab", "'ab'"),
        ("kernel_size", 0, "0"),
        ("kernel_size", 2.5, "2.5"),
        ("kernel_size", (3,), "(3,)"),
        ("kernel_size", (3, 3, 3), "(3, 3, 3)"),
        ("kernel_size", (), "()"),
        ("kernel_size", (3, 0), "0"),
        ("kernel_size", (3, (1, 2, 3)), "(1, 2, 3)"),
        ("kernel_size", ((), 3), "()"),
        ("kernel_size", "33", "'3'"),
        ("kernel_size", None, "None"),
        ("pool_size", -1, "-1"),
        ("pool_size", (2,), "(2,)"),
        ("pool_size", ((2, 2, 2), 2), "(2, 2, 2)"),
        ("pool_size", (2, 1.5), "1.5"),
        ("activation", "nope", "'nope'"),
        ("activation", "sparsemax", "'sparsemax'"),
        ("activation", {"class_name": "Lambda"}, "'Lambda'"),
        ("dtype", "float16", "'float16'"),
        ("dtype", None, "None"),
    ],
    ids=repr,
)
def test_raises_for_invalid_parameter(name, value, shown):
    with pytest.raises(ValueError, match=name) as raised:
        build_cnn((8, 8, 1), 10, **{**TINY, name: value})
    assert shown in str(raised.value)


@pytest.mark.parametrize("name", ["kernel_size", "pool_size"])
def test_error_contains_number_of_blocks(name):
    with pytest.raises(
        ValueError, match=rf"{name} must be an integer or have one entry per block, got .* for the 2 blocks"
    ):
        build_cnn((8, 8, 1), 10, **{**TINY, name: (1, 1, 1)})


@pytest.mark.parametrize("image_shape", [(28, 28), (0, 28, 1), (28, 28, 1, 1), (28.5, 28, 1)], ids=repr)
def test_raises_for_invalid_image_shape(image_shape):
    with pytest.raises(ValueError, match="image_shape"):
        build_cnn(image_shape, 10, **TINY)


def test_error_for_another_dtype_lists_those_that_exist():
    message = r"^dtype must be one of float32, float64, mixed_bfloat16, mixed_float16, got 'float16'\. Pass "
    with pytest.raises(ValueError, match=message):
        build_cnn((28, 28, 1), 10, dtype="float16")


@pytest.mark.parametrize("n_classes", [0, 1, 2.5])
def test_raises_for_invalid_number_of_classes(n_classes):
    with pytest.raises(ValueError, match="n_classes"):
        build_cnn((8, 8, 1), n_classes, **TINY)


@pytest.mark.parametrize("name", ["conv_dropout", "dense_dropout"])
@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5])
def test_raises_for_invalid_dropout_rate(name, rate):
    with pytest.raises(ValueError, match=name):
        build_cnn((8, 8, 1), 10, **TINY, **{name: rate})


def test_parameters_after_n_classes_are_keyword_only():
    with pytest.raises(TypeError, match="positional"):
        build_cnn((8, 8, 1), 10, (4, 8))
