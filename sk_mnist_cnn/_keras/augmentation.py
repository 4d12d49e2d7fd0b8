"""Random changes to training images, inside the input pipeline. Every draw comes from the batch's seed."""

import json

import numpy as np

from .backend import keras, tf

# Largest shift in pixels, rotation in degrees and zoom as a fraction.
_RANGES = {"affine": (2, 10, 0.1), "shift": (2, 0, 0.0)}


class Augmentation:
    """A name of `AUGMENTATIONS`, or Keras preprocessing layers, made into a function of a batch."""

    def __init__(self, augmentation):
        self._ranges = _RANGES[augmentation] if isinstance(augmentation, str) else None
        self._layers = [] if self._ranges else _copies(augmentation)

    @staticmethod
    def key(augmentation):
        """What is equal for augmentations that can share a graph: settings as text, and classes."""
        if augmentation is None or isinstance(augmentation, str):
            return augmentation
        settings = json.dumps([_config(layer) for layer in _as_list(augmentation)], default=str)
        return settings, *(type(part) for layer in _as_list(augmentation) for part in layer._flatten_layers())

    def __call__(self, images, seed):
        """Change a batch of images; `seed` is two integers of its own."""
        if self._ranges:
            return random_affine(images, *self._ranges, seed)
        for layer in self._layers:
            images = layer(images, training=True)
        return images

    def reseed(self, seed, epoch):
        """Start the layers' own generators from (seed, epoch)."""
        generators = [
            generator
            for layer in self._layers
            for part in layer._flatten_layers()
            for generator in [getattr(part, "generator", None) or getattr(part, "seed_generator", None)]
            if generator is not None
        ]
        for i, generator in enumerate(generators):
            reseed(generator, seed, epoch, i)


def reseed(generator, seed, epoch, index):
    """Set a `keras.random.SeedGenerator` to where the epoch starts."""
    state = np.random.SeedSequence([seed, epoch, index]).generate_state(1)
    generator.state.assign([int(state[0] >> 1), 0])


def random_affine(images, shift, degrees, zoom, seed):
    """Shift, rotate and zoom each image by its own uniform draw, filling with 0.

    Parameters
    ----------
    images : tensor of shape (n, h, w, c)
    shift : int
        Largest shift, in pixels; whole pixels where nothing else is done, so that nothing is blurred.
    degrees : float
        Largest rotation about the centre.
    zoom : float
        Largest change of size, as a fraction.
    seed : tensor of shape (2,)
    """
    n_images, height, width = tf.unstack(tf.shape(images)[:3])
    draws = tf.random.stateless_uniform((4, n_images), seed, -1, 1)
    exact = not degrees and not zoom
    dx, dy = tf.unstack(tf.round((shift + 0.5) * draws[:2]) if exact else shift * draws[:2])
    angle, size = draws[2] * (degrees * np.pi / 180), 1 + zoom * draws[3]
    cos, sin = tf.cos(angle) / size, tf.sin(angle) / size
    centre_x, centre_y = (tf.cast(n - 1, tf.float32) / 2 for n in (width, height))
    zeros = tf.zeros(n_images)
    transforms = tf.stack(
        [
            *(cos, -sin, centre_x + dx - cos * centre_x + sin * centre_y),
            *(sin, cos, centre_y + dy - sin * centre_x - cos * centre_y),
            *(zeros, zeros),
        ],
        axis=1,
    )
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=[height, width],
        fill_value=0.0,
        interpolation="NEAREST" if exact else "BILINEAR",
        fill_mode="CONSTANT",
    )


def _as_list(layers):
    return list(layers) if isinstance(layers, list | tuple) else [layers]


def _config(layer):
    if not isinstance(layer, keras.Layer):
        raise ValueError(
            f"augmentation must be None, one of {sorted(_RANGES)}, a Keras layer or a list of Keras "
            f"layers; got {layer!r}."
        )
    config = {key: value for key, value in layer.get_config().items() if key != "name"}
    return type(layer).__name__, config


def _copies(layers):
    """Layers of our own; a fixed seed keeps Keras from drawing one from Python's global generator."""
    copies = []
    for layer in _as_list(layers):
        config = layer.get_config()
        try:
            copies.append(type(layer).from_config({**config, "seed": 0} if "seed" in config else config))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"augmentation must hold layers that can be copied from their get_config; got {layer!r} "
                f"({error}). Put a keras.Layer of your own, with such a method, in its place."
            ) from error
    return copies
