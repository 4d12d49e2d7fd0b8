"""`augmentation`: distortions by name, and Keras layers."""

import inspect
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sk_mnist_cnn import load_model, save_model
from sk_mnist_cnn._keras.augmentation import Augmentation
from sk_mnist_cnn._keras.backend import keras, tf
from sk_mnist_cnn._training.config import AUGMENTATIONS
from tests.estimators import same_training, small_classifier, tiny_classifier

SHAPES = [(28, 28, 1), (8, 8, 1), (12, 20, 3), (1, 9, 1)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_keeps_shape_dtype_and_range(name, shape, dtype):
    images = np.random.default_rng(0).random((5, *shape)).astype(dtype)
    changed = Augmentation(name, shape)(images, (1, 2)).numpy()
    assert changed.shape == images.shape
    assert changed.dtype == dtype
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert not np.array_equal(changed, images)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_changes_each_image_differently(name):
    images = np.repeat(np.random.default_rng(0).random((1, 16, 16, 1), dtype=np.float32), 8, axis=0)
    changed = Augmentation(name, (16, 16, 1))(images, (1, 2)).numpy()
    assert len(np.unique(changed.reshape(8, -1), axis=0)) > 5


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_seed_determines_changes(name):
    images = np.random.default_rng(0).random((8, 10, 10, 2), dtype=np.float32)
    augmentation = Augmentation(name, (10, 10, 2))
    one, same = (augmentation(images, (5, 6)).numpy() for _ in range(2))
    assert_array_equal(one, same)
    traced = tf.function(augmentation, autograph=False)(tf.constant(images), tf.constant([5, 6]))
    assert_allclose(traced, one, atol=1e-5)
    assert not np.array_equal(one, augmentation(images, (5, 7)).numpy())


@pytest.mark.parametrize(
    "augmentation",
    [*AUGMENTATIONS, keras.layers.RandomRotation(0.05), [keras.layers.RandomTranslation(0.1, 0.1)]],
    ids=[*AUGMENTATIONS, "layer", "layers"],
)
def test_augmented_training_is_reproducible(data, augmentation):
    X, y = data
    one, same = (tiny_classifier(augmentation=augmentation, epochs=2).fit(X, y) for _ in range(2))
    assert same_training(one, same)
    assert_array_equal(one.predict_proba(X), same.predict_proba(X))
    assert one.history_["loss"] != tiny_classifier(epochs=2).fit(X, y).history_["loss"]


def test_named_augmentations_differ(data):
    fits = [tiny_classifier(augmentation=name, epochs=1).fit(*data) for name in AUGMENTATIONS]
    assert len({fitted.history_["loss"][0] for fitted in fits}) == len(AUGMENTATIONS)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_dict_of_the_operations_of_a_name_gives_the_same_training(data, name):
    named, operations = (
        tiny_classifier(augmentation=value, epochs=1) for value in (name, AUGMENTATIONS[name])
    )
    assert same_training(named.fit(*data), operations.fit(*data))


def test_operations_can_be_searched_saved_and_continued(data, tmp_path):
    operations = {"horizontal_flip": 0.5, "erasing": 0.4}
    clf = tiny_classifier(augmentation=operations, epochs=1).fit(*data)
    save_model(clf, tmp_path / "model.skops")
    loaded = load_model(tmp_path / "model.skops")
    assert loaded.augmentation == operations
    assert clone(loaded).set_params(checkpoint=tmp_path / "checkpoint").fit(*data).augmentation == operations


@pytest.mark.parametrize(
    ("augmentation", "message"),
    [
        ({"rotate": 10}, "got 'rotate'. Did you mean 'rotation'?"),
        ({"flip": 0.5}, "got 'flip'. Did you mean 'horizontal_flip'?"),
        ({"zoom": 2}, "numbers from 0 to 0.9 for 'zoom', got 2"),
        ({"shift": "far"}, "numbers from 0 to 1 for 'shift', got 'far'"),
        ({"erasing": -0.1}, "got -0.1. Pass one."),
    ],
)
def test_raises_for_unknown_operations_and_values(data, augmentation, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        tiny_classifier(augmentation=augmentation).fit(*data)


LAYERS = sorted(name for name in dir(keras.layers) if name.startswith("Random"))
ARGUMENTS = {
    "value_range": (0, 1),
    "factor": 0.2,
    "height_factor": 0.2,
    "width_factor": 0.2,
    "brightness_factor": 0.2,
    "height": 12,
    "width": 12,
    "seed": 1,
}
SPECIAL_ARGUMENTS = {"RandomPosterization": {"factor": 4}}
SHAPE = (12, 12, 3)


def create_layer(name):
    """Create a preprocessing layer of Keras with those of `ARGUMENTS` that it needs."""
    kind = getattr(keras.layers, name)
    parameters = inspect.signature(kind.__init__).parameters
    required = {key for key, parameter in parameters.items() if parameter.default is parameter.empty}
    needed = required | {"value_range", "seed"} & parameters.keys()
    arguments = {key: ARGUMENTS[key] for key in needed & ARGUMENTS.keys()}
    return kind(**{**arguments, **SPECIAL_ARGUMENTS.get(name, {})})


@pytest.mark.parametrize("name", LAYERS)
def test_accepts_preprocessing_layers_of_keras(name):
    augmentation = Augmentation(create_layer(name), SHAPE)
    augmentation.reseed(0, 1)
    assert augmentation(keras.ops.ones((2, *SHAPE)), None).shape == (2, *SHAPE)


class Opaque(keras.layers.Layer):
    """A layer without get_config, whose argument Keras cannot serialize."""

    def __init__(self, function):
        super().__init__()


def test_fit_raises_for_layers_without_get_config(digits):
    with pytest.raises(ValueError, match=r"copied by get_config and from_config, got <Opaque .*Write a sub"):
        small_classifier(augmentation=Opaque(object())).fit(digits[0][:100], digits[1][:100])


@pytest.mark.parametrize(
    "layers", [keras.layers.Resizing(3, 3), [keras.layers.RandomCrop(3, 3)], keras.layers.Flatten()]
)
def test_fit_raises_for_layers_that_change_the_shape(digits, layers):
    message = r"augmentation must keep the shape \(8, 8, 1\) of the images, got \['\w+'\], which return \("
    with pytest.raises(ValueError, match=message):
        small_classifier(augmentation=layers).fit(digits[0][:100], digits[1][:100])


def test_raises_for_layer_that_cannot_be_copied(digits):
    class Uncopied(keras.Layer):
        def __init__(self, value):
            super().__init__()

        def get_config(self):
            return {}

    with pytest.raises(ValueError, match=r"augmentation must hold layers that can be copied .* <Uncopied"):
        small_classifier(augmentation=Uncopied(1)).fit(*digits)


@pytest.mark.parametrize("augmentation", ["turn", [1], 3])
def test_raises_for_invalid_augmentation(digits, augmentation):
    with pytest.raises((ValueError, TypeError), match="augmentation"):
        small_classifier(augmentation=augmentation).fit(*digits)
