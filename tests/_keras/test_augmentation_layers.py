"""Keras preprocessing layers as augmentation: each image must be changed without regard to the others."""

import inspect

import pytest

from sk_mnist_cnn._keras.augmentation import Augmentation
from sk_mnist_cnn._keras.backend import keras
from tests.estimators import small_classifier

SHAPE = (12, 12, 3)
MIXING = {"CutMix", "Equalization", "MixUp", "RandomElasticTransform"}
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
SPECIAL = {"RandomPosterization": {"factor": 4}}
NAMES = sorted(name for name in dir(keras.layers) if name in MIXING or name.startswith("Random"))


def layer(name):
    kind = getattr(keras.layers, name)
    taken = inspect.signature(kind.__init__).parameters
    required = {key for key, parameter in taken.items() if parameter.default is parameter.empty}
    wanted = required | {"value_range", "seed"} & taken.keys()
    arguments = {key: ARGUMENTS[key] for key in wanted & ARGUMENTS.keys()}
    return kind(**{**arguments, **SPECIAL.get(name, {})})


@pytest.mark.parametrize("name", [name for name in NAMES if name not in MIXING])
def test_layers_that_change_each_image_alone_are_accepted(name):
    augmentation = Augmentation(layer(name), SHAPE)
    augmentation.reseed(0, 1)
    assert augmentation(keras.ops.ones((2, *SHAPE)), None).shape == (2, *SHAPE)


@pytest.mark.parametrize("name", [name for name in NAMES if name in MIXING])
def test_raises_for_layers_that_mix_images(name):
    with pytest.raises(ValueError, match=rf"augmentation must change each image .*\['{name}'\]"):
        Augmentation([layer(name)], SHAPE)


def test_raises_in_fit_for_a_layer_that_mixes_images(digits):
    clf = (
        small_classifier(augmentation=keras.layers.MixUp(seed=0)) if hasattr(keras.layers, "MixUp") else None
    )
    if clf is None:
        pytest.skip("this Keras has no MixUp")
    with pytest.raises(ValueError, match="augmentation must change each image"):
        clf.fit(digits[0][:100], digits[1][:100])


def test_a_layer_that_averages_over_the_batch_is_refused():
    class Center(keras.Layer):
        def call(self, images, training=False):
            return images - keras.ops.mean(images, axis=0)

    with pytest.raises(ValueError, match="augmentation must change each image"):
        Augmentation(Center(), SHAPE)
