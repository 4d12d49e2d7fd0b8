"""`Architecture`: the layers of a network and their sizes, as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress
from numbers import Integral
from typing import Any, Literal, NamedTuple, SupportsIndex, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

ActivationName = Literal[
    "elu",
    "gelu",
    "leaky_relu",
    "linear",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "tanh",
]
PaddingName = Literal["valid", "same"]
DtypeName = Literal["float32", "float64", "mixed_bfloat16", "mixed_float16"]

# Array-likes that exclude strings. SupportsIndex includes NumPy's integers.
Integers: TypeAlias = Sequence[SupportsIndex] | NDArray[np.integer[Any]]
WindowSizes: TypeAlias = SupportsIndex | Sequence[SupportsIndex | Integers] | NDArray[np.integer[Any]]

ACTIVATIONS: tuple[ActivationName, ...] = get_args(ActivationName)
PADDINGS: tuple[PaddingName, ...] = get_args(PaddingName)
DTYPES: tuple[DtypeName, ...] = get_args(DtypeName)

# Settings of batch normalization. With the Keras default for the momentum, 0.99, the moving statistics would
# lag behind the weights in fits of a few hundred batches.
MOMENTUM, EPSILON = 0.9, 1e-3


class Layer(NamedTuple):
    """A layer of a network."""

    kind: Literal["conv", "norm", "activation", "pool", "average", "dropout", "flatten", "dense"]
    name: str
    shape: tuple = ()  # of the kernel, of the pooling window, or of each weight of the normalization
    activation: str = "linear"
    use_bias: bool = True

    @property
    def weight_shapes(self):
        """Shapes of the weights: kernel and bias, or gamma, beta, moving mean and moving variance."""
        if self.kind == "norm":
            return [self.shape] * 4
        if self.kind in ("conv", "dense"):
            return [self.shape, self.shape[-1:]] if self.use_bias else [self.shape]
        return []

    @property
    def is_identity(self):
        """Whether no layer is needed: pooling with windows of one pixel."""
        return self.kind == "pool" and self.shape == (1, 1)


@dataclass(frozen=True)
class Architecture:
    """Layers of a network and their sizes, as hashable values that determine its graph.

    Parameters that give the same network after clipping give equal architectures, which share a compiled
    network.
    """

    image_shape: tuple
    n_classes: int
    blocks: tuple  # one (filters, (kernel height, width), (pool height, width)) per block
    dense_units: tuple
    activation: str
    dtype: str
    padding: str = "valid"
    batch_normalization: bool = False
    global_average_pooling: bool = False

    def __post_init__(self):
        # The values may come from an untrusted file, and Keras would accept a configuration dict too.
        for name, names in (("activation", ACTIVATIONS), ("dtype", DTYPES), ("padding", PADDINGS)):
            value = getattr(self, name)
            if not (isinstance(value, str) and value in names):
                raise ValueError(
                    f"{name} must be one of {', '.join(names)}, got {value!r}. Pass one of these."
                )
        for name in ("batch_normalization", "global_average_pooling"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise ValueError(f"{name} must be True or False, got {value!r}. Pass one of these.")

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
        padding="valid",
        batch_normalization=False,
        global_average_pooling=False,
    ):
        """Check the sizes, and clip every window to its feature map.

        Raises
        ------
        ValueError
            If a size is not an integer >= 1, a sequence does not have one entry per block, or another value
            is not one of the allowed ones.
        """
        image_shape = _positive_integers("image_shape", image_shape, "Pass (height, width, channels).")
        if len(image_shape) != 3:
            raise ValueError(
                f"image_shape must be (height, width, channels), got {image_shape}. Pass three integers."
            )
        if not isinstance(n_classes, Integral) or n_classes < 2:
            raise ValueError(
                f"n_classes must be an integer >= 2, got {n_classes!r}. Pass the number of labels."
            )
        filters = _positive_integers("filters", filters)
        kernels = _windows("kernel_size", kernel_size, len(filters))
        pools = _windows("pool_size", pool_size, len(filters))
        height_width = image_shape[:2]
        blocks = []
        for n_filters, kernel, pool in zip(filters, kernels, pools, strict=True):
            kernel = np.minimum(kernel, height_width)
            height_width = size_after(height_width, kernel, padding)
            pool = np.minimum(pool, height_width)
            height_width = np.floor_divide(height_width, pool)
            blocks.append((n_filters, tuple(kernel.tolist()), tuple(pool.tolist())))
        return cls(
            image_shape=image_shape,
            n_classes=int(n_classes),
            blocks=tuple(blocks),
            dense_units=_positive_integers("dense_units", dense_units),
            activation=activation,
            dtype=dtype,
            padding=padding,
            batch_normalization=_as_bool(batch_normalization),
            global_average_pooling=_as_bool(global_average_pooling),
        )

    @property
    def layers(self):
        """The layers in order. The weights and all graphs of the network follow this list."""
        height, width, channels = self.image_shape
        layers = []
        for i, (n_filters, kernel, pool) in enumerate(self.blocks, 1):
            kernel_shape = (*kernel, channels, n_filters)
            if self.batch_normalization:
                layers.append(Layer("conv", f"conv_{i}", kernel_shape, use_bias=False))
                layers.append(Layer("norm", f"batch_normalization_{i}", (n_filters,)))
                layers.append(Layer("activation", f"activation_{i}", activation=self.activation))
            else:
                layers.append(Layer("conv", f"conv_{i}", kernel_shape, self.activation))
            layers.append(Layer("pool", f"pool_{i}", pool))
            height, width = size_after((height, width), kernel, self.padding)
            height, width, channels = height // pool[0], width // pool[1], n_filters
        if self.global_average_pooling:
            layers += [Layer("average", "global_average_pooling"), Layer("dropout", "conv_dropout")]
            height = width = 1
        else:
            layers += [Layer("dropout", "conv_dropout"), Layer("flatten", "flatten")]
        n_inputs = height * width * channels
        for i, n_units in enumerate(self.dense_units, 1):
            layers.append(Layer("dense", f"dense_{i}", (n_inputs, n_units), self.activation))
            if i == 1:
                layers.append(Layer("dropout", "dense_dropout"))
            n_inputs = n_units
        return [*layers, Layer("dense", "probabilities", (n_inputs, self.n_classes), "softmax")]

    @property
    def weight_shapes(self):
        """Shapes of the weight arrays, in the order of the layers."""
        return [shape for layer in self.layers for shape in layer.weight_shapes]

    def moving_variances(self, weights):
        """Return the arrays among the weights that are variances of batch normalization."""
        positions = [(layer, i) for layer in self.layers for i in range(len(layer.weight_shapes))]
        return list(compress(weights, [layer.kind == "norm" and i == 3 for layer, i in positions]))

    def folded(self, weights):
        """Return the network without batch normalization that predicts the same, and its weights.

        The moving statistics scale the filters of the convolution and determine its bias.
        """
        if not self.batch_normalization:
            return self, weights
        remaining, folded = iter(weights), []
        for layer in self.layers:
            arrays = [next(remaining) for _ in layer.weight_shapes]
            if layer.kind == "norm":
                kernel = folded.pop()
                gamma, beta, mean, variance = np.asarray(arrays, np.float64)
                scale = gamma / np.sqrt(variance + EPSILON)
                arrays = [(kernel * scale).astype(kernel.dtype), (beta - mean * scale).astype(kernel.dtype)]
            folded += arrays
        return replace(self, batch_normalization=False), tuple(folded)

    @property
    def parameters(self):
        """The parameters of the classifier that give this architecture, after clipping."""
        filters, kernels, pools = zip(*self.blocks, strict=True) if self.blocks else ((), (), ())
        return {
            "filters": filters,
            "kernel_size": kernels,
            "pool_size": pools,
            "dense_units": self.dense_units,
            "activation": self.activation,
            "dtype": self.dtype,
            "padding": self.padding,
            "batch_normalization": self.batch_normalization,
            "global_average_pooling": self.global_average_pooling,
        }

    def output_size(self, output):
        """Return the size of the output: "probabilities", or "embeddings", the input of the last layer."""
        return self.n_classes if output == "probabilities" else self.layers[-1].shape[0]

    @property
    def input_dtype(self):
        """Floating dtype of images, weights and outputs: "float32" or "float64"."""
        return "float64" if self.dtype == "float64" else "float32"


def size_after(size, kernel, padding):
    """Return the height and the width of a feature map after a convolution."""
    if padding == "same":
        return tuple(size)
    return tuple(side - window + 1 for side, window in zip(size, kernel, strict=True))


def _as_bool(value):
    """Return a bool of NumPy as one of Python, and any other value as it is."""
    return bool(value) if isinstance(value, np.bool_) else value


def _positive_integers(name, given, remedy="Pass one per layer, for example (32, 64)."):
    """Return a tuple of int, or raise an error unless it is a sequence of integers >= 1."""
    try:
        values = tuple(given)
    except TypeError:
        values = (None,)
    if not all(isinstance(value, Integral) and value >= 1 for value in values):
        raise ValueError(f"{name} must be a sequence of integers >= 1, got {given!r}. {remedy}")
    return tuple(map(int, values))


def _windows(name, given, n_blocks):
    """Return one (height, width) pair per block, from an integer or one entry per block."""
    try:
        sizes = [given] * n_blocks if isinstance(given, Integral) else list(given)
    except TypeError:
        sizes = []
    if len(sizes) != n_blocks:
        raise ValueError(
            f"{name} must be an integer or have one entry per block, got {given!r} for the {n_blocks} blocks "
            "of filters. Pass one integer for all blocks."
        )
    pairs = []
    for size in sizes:
        pair = (size,) if isinstance(size, Integral) else size
        pair = _positive_integers(name, pair, "Pass integers or (height, width) pairs.")
        if len(pair) not in (1, 2):
            raise ValueError(
                f"{name} must hold integers or (height, width) pairs, got {size!r}. Pass a pair."
            )
        pairs.append((pair[0], pair[-1]))
    return pairs
