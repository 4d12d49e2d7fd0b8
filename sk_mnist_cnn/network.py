"""The architecture: which layers, of which sizes. How it is trained and run lives in `_engine`."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    import keras


def build_cnn(
    input_shape: Sequence[int],
    n_classes: int,
    *,
    filters: ArrayLike = (32, 64),
    kernel_size: int | ArrayLike = 5,
    pool_size: int | ArrayLike = 2,
    conv_dropout: float = 0.2,
    dense_units: ArrayLike = (120, 84),
    dense_dropout: float = 0.5,
    activation: str = "relu",
    dtype: str = "float32",
    seed: int | None = None,
) -> "keras.Sequential":
    """Build the convolutional network, with its initial weights.

    One block of convolution ("valid" padding) and max-pooling for every entry of `filters`, dropout,
    one dense layer for every entry of `dense_units` with dropout after the first, and a softmax. The
    defaults are the network of the reference notebook: 186,110 parameters for 28x28x1 images and ten
    classes.

    Parameters
    ----------
    input_shape : tuple of int, (height, width, channels)
        Shape of one image, in pixels.
    n_classes : int
        Number of outputs, at least 2.
    filters : array-like of int, default=(32, 64)
        Number of filters of each convolution; any length.
    kernel_size : int or array-like of (int or (int, int)), default=5
        Height and width of the convolution windows, in pixels: one number for all blocks, or one entry
        a block, each a number or a (height, width) pair. Windows are clipped to the feature map.
    pool_size : int or array-like of (int or (int, int)), default=2
        Height and width of the pooling windows, in pixels; as `kernel_size`.
    conv_dropout : float in [0, 1), default=0.2
        Fraction of the last feature map that is dropped in training.
    dense_units : array-like of int, default=(120, 84)
        Number of units of each hidden dense layer; any length.
    dense_dropout : float in [0, 1), default=0.5
        Fraction of the first dense layer's output that is dropped in training.
    activation : str, default="relu"
        Name of a Keras activation, for all layers but the last.
    dtype : str, default="float32"
        A Keras dtype policy: "float32", "float64", "mixed_float16" or "mixed_bfloat16".
    seed : int or None, default=None
        Seed of the initial weights (Glorot and Bengio's uniform initialisation, Keras' own default) and of
        the dropout masks. None draws one from the operating system. No global random state is used.

    Returns
    -------
    keras.Sequential
        The network, built but not compiled.

    Raises
    ------
    ValueError
        If a size is not a whole number from 1 up, or a sequence has not one entry a block.

    Examples
    --------
    >>> from sk_mnist_cnn import build_cnn
    >>> build_cnn((28, 28, 1), 10).count_params()
    186110
    """
    for name, rate in (("conv_dropout", conv_dropout), ("dense_dropout", dense_dropout)):
        if not (isinstance(rate, Real) and 0 <= rate < 1):
            raise ValueError(f"{name} must be a number in [0, 1); got {rate!r}.")
    architecture = Architecture.resolve(
        input_shape,
        n_classes,
        filters=filters,
        kernel_size=kernel_size,
        pool_size=pool_size,
        dense_units=dense_units,
        activation=activation,
        dtype=dtype,
    )
    return architecture.build(conv_dropout=conv_dropout, dense_dropout=dense_dropout, seed=seed)


@dataclass(frozen=True)
class Architecture:
    """All that fixes a network's graph, in plain hashable values.

    Two descriptions that come to the same network after clipping are equal, so that they share an engine.
    """

    image_shape: tuple
    n_classes: int
    blocks: tuple  # one (filters, (kernel height, width), (pool height, width)) a block
    dense_units: tuple
    activation: str
    dtype: str

    def __post_init__(self):
        # Keras would take a configuration from these, and it may come from a file.
        for name in ("activation", "dtype"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name} must be a str; got {getattr(self, name)!r}.")

    @classmethod
    def resolve(
        cls,
        image_shape,
        n_classes,
        *,
        filters,
        kernel_size,
        pool_size,
        dense_units,
        activation,
        dtype,
    ):
        """Check the sizes, and clip every window to the feature map it slides over."""
        image_shape = _whole_numbers("input_shape", image_shape)
        if len(image_shape) != 3:
            raise ValueError(f"input_shape must be (height, width, channels); got {image_shape}.")
        if not isinstance(n_classes, Integral) or n_classes < 2:
            raise ValueError(f"n_classes must be a whole number from 2 up; got {n_classes!r}.")
        filters = _whole_numbers("filters", filters)
        kernels = _windows("kernel_size", kernel_size, len(filters))
        pools = _windows("pool_size", pool_size, len(filters))
        height_width = np.array(image_shape[:2])
        blocks = []
        for n_filters, kernel, pool in zip(filters, kernels, pools, strict=True):
            kernel = np.minimum(kernel, height_width)
            height_width = height_width - kernel + 1
            pool = np.minimum(pool, height_width)
            height_width = height_width // pool
            blocks.append((n_filters, tuple(kernel.tolist()), tuple(pool.tolist())))
        return cls(
            image_shape=image_shape,
            n_classes=int(n_classes),
            blocks=tuple(blocks),
            dense_units=_whole_numbers("dense_units", dense_units),
            activation=activation,
            dtype=dtype,
        )

    def build(self, *, conv_dropout=0.0, dense_dropout=0.0, seed=None):
        """Build the Keras network, see `build_cnn`."""
        from ._keras.backend import keras

        layers, seeds = keras.layers, _layer_seeds(seed)

        def weighted(layer, *args, activation=self.activation, dtype=self.dtype, **kwargs):
            initializer = keras.initializers.GlorotUniform(seed=next(seeds))
            return layer(
                *args,
                activation=activation,
                kernel_initializer=initializer,
                dtype=dtype,
                **kwargs,
            )

        def dropout(rate, name):
            return layers.Dropout(rate, seed=next(seeds), dtype=self.dtype, name=name)

        stack = [keras.Input(self.image_shape, name="images", dtype=self.input_dtype)]
        for i, (n_filters, kernel, pool) in enumerate(self.blocks, 1):
            stack.append(weighted(layers.Conv2D, n_filters, kernel, name=f"conv_{i}"))
            stack.append(layers.MaxPooling2D(pool, dtype=self.dtype, name=f"pool_{i}"))
        stack.append(dropout(conv_dropout, "conv_dropout"))
        stack.append(layers.Flatten(dtype=self.dtype, name="flatten"))
        for i, units in enumerate(self.dense_units, 1):
            stack.append(weighted(layers.Dense, units, name=f"dense_{i}"))
            if i == 1:
                stack.append(dropout(dense_dropout, "dense_dropout"))
        # Probabilities stay in full precision under the mixed policies.
        stack.append(
            weighted(
                layers.Dense,
                self.n_classes,
                activation="softmax",
                dtype=self.input_dtype,
                name="probabilities",
            )
        )
        return keras.Sequential(stack, name="cnn")

    @property
    def weight_shapes(self):
        """Shapes of the weight arrays: kernel and bias of each layer, in the order of the layers."""
        height, width, channels = self.image_shape
        shapes = []
        for n_filters, kernel, pool in self.blocks:
            shapes += [(*kernel, channels, n_filters), (n_filters,)]
            height, width = (
                (size - k + 1) // p for size, k, p in zip((height, width), kernel, pool, strict=True)
            )
            channels = n_filters
        n_inputs = height * width * channels
        for n_units in (*self.dense_units, self.n_classes):
            shapes += [(n_inputs, n_units), (n_units,)]
            n_inputs = n_units
        return shapes

    @property
    def input_dtype(self):
        """The floating dtype of images, weights and probabilities: "float32" or "float64"."""
        return "float64" if self.dtype == "float64" else "float32"


def initial_weights(network, seed):
    """The weights that a network built with `seed` starts from, as a list of arrays.

    Lets a network that has been trained start again, with no new graph.
    """
    from ._keras.backend import keras

    seeds = _layer_seeds(seed)
    weights = []
    for layer in network.layers:
        if layer.name.endswith("dropout"):
            next(seeds)
        elif layer.weights:
            kernel, bias = layer.weights
            initializer = keras.initializers.GlorotUniform(seed=next(seeds))
            weights.append(np.asarray(initializer(kernel.shape, dtype=kernel.dtype)))
            weights.append(np.zeros(bias.shape, dtype=bias.dtype))
    return weights


def _layer_seeds(seed):
    """Yield a seed for each layer that draws random numbers, in the order of the layers."""
    if seed is None:
        seed = np.random.SeedSequence().entropy
    layer = 0
    while True:
        yield int(np.random.SeedSequence([seed, layer]).generate_state(1)[0] >> 1)
        layer += 1


def _whole_numbers(name, values):
    """A tuple of int, refusing anything but whole numbers from 1 up."""
    try:
        values = tuple(values)
    except TypeError:
        values = (values,)
    if not all(isinstance(value, Integral) and value >= 1 for value in values):
        raise ValueError(f"{name} must hold whole numbers from 1 up, one a layer; got {values!r}.")
    return tuple(map(int, values))


def _windows(name, given, n_blocks):
    """One (height, width) pair a block, from an int or one entry a block."""
    try:
        sizes = [given] * n_blocks if isinstance(given, Integral) else list(given)
    except TypeError:
        sizes = []
    if len(sizes) != n_blocks:
        raise ValueError(
            f"{name} must be a whole number or have one entry for each of the {n_blocks} blocks "
            f"of filters; got {given!r}."
        )
    pairs = []
    for size in sizes:
        pair = _whole_numbers(name, size)
        if len(pair) not in (1, 2):
            raise ValueError(
                f"Each entry of {name} must be a whole number or a (height, width) pair; got {size!r}."
            )
        pairs.append((pair[0], pair[-1]))
    return pairs
