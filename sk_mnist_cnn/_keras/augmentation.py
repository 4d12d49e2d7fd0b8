"""`Augmentation`: apply the parameter `augmentation` to a batch of training images."""

import contextlib
import secrets

import numpy as np

from .._training.config import AUGMENTATIONS, augmentation_ranges
from .._training.fingerprint import fingerprint
from .backend import keras, tf
from .distortion import distort


class Augmentation:
    """Augmentation of a batch by named operations, or by copies of Keras preprocessing layers."""

    def __init__(self, augmentation, image_shape):
        self._ranges = augmentation_ranges(augmentation)
        is_named = self._ranges is not None
        self._layers = [] if is_named else [_copy(layer) for layer in _checked_layers(augmentation)]
        if self._layers:
            self._check_shape(image_shape)

    @staticmethod
    def identity(augmentation):
        """Return a key of graphs to share, and the classes of the Keras layers.

        The key has the classes too, because a notebook may redefine them. It is random if the settings
        cannot be determined, so that no graph is shared.
        """
        is_named = augmentation is None or augmentation_ranges(augmentation) is not None
        layers = [] if is_named else _checked_layers(augmentation)
        classes = tuple(type(part) for layer in layers for part in layer._flatten_layers())
        return (fingerprint(augmentation) or secrets.token_hex(), *classes), classes

    def __call__(self, images, seed):
        """Augment a batch of images; `seed` is a pair of integers, drawn for this batch."""
        if self._ranges is not None:
            return distort(images, seed, **self._ranges)
        for layer in self._layers:
            images = layer(images, training=True)
        return images

    def reseed(self, seed, epoch):
        """Set the random generators of the layers from (seed, epoch)."""
        parts = [part for layer in self._layers for part in layer._flatten_layers()]
        generators = [
            getattr(part, "generator", None) or getattr(part, "seed_generator", None) for part in parts
        ]
        for i, generator in enumerate(filter(None, generators)):
            reseed(generator, seed, epoch, i)

    def _check_shape(self, image_shape):
        changed = self(tf.zeros((1, *image_shape)), None).shape[1:]
        if changed != image_shape:
            names = [type(layer).__name__ for layer in self._layers]
            raise ValueError(
                f"augmentation must keep the shape {image_shape} of the images, got {names}, which return "
                f"{tuple(changed)}. Use other layers, or one of {sorted(AUGMENTATIONS)}."
            )


def reseed(generator, seed, epoch, index):
    """Set a `keras.random.SeedGenerator` to its state at the start of an epoch."""
    state = np.random.SeedSequence([seed, epoch, index]).generate_state(1)
    generator.state.assign([int(state[0] >> 1), 0])


def _checked_layers(augmentation):
    layers = list(augmentation) if isinstance(augmentation, list | tuple) else [augmentation]
    for layer in layers:
        if not isinstance(layer, keras.Layer):
            raise ValueError(
                f"augmentation must be None, one of {sorted(AUGMENTATIONS)}, a dict, a Keras layer or a list "
                f"of Keras layers, got {layer!r}. Pass one of these."
            )
        with _copyable(layer):
            layer.get_config()
    return layers


def _copy(layer):
    """Copy a layer, with a fixed seed so that Keras does not draw one from Python's global generator."""
    with _copyable(layer):
        config = layer.get_config()
        return type(layer).from_config({**config, "seed": 0} if "seed" in config else config)


@contextlib.contextmanager
def _copyable(layer):
    """Raise a ValueError if the block cannot copy a layer."""
    try:
        yield
    except (NotImplementedError, TypeError, ValueError) as error:
        raise ValueError(
            f"augmentation must hold layers that can be copied by get_config and from_config, got {layer!r} "
            f"({' '.join(str(error).split())}). Write a subclass of keras.Layer with these methods."
        ) from error
