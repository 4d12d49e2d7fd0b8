"""`build_cnn`: the Keras network alone, without the classifier around it."""

from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING

from ._architecture import ActivationName, Architecture, DtypeName, Integers, PaddingName, WindowSizes
from ._base import draw_seed
from ._process import refuse_fork

if TYPE_CHECKING:
    import keras
    from numpy.random import RandomState

__all__ = ["build_cnn"]


def build_cnn(
    image_shape: Sequence[int],
    n_classes: int,
    *,
    filters: Integers = (32, 64),
    kernel_size: WindowSizes = 5,
    pool_size: WindowSizes = 2,
    padding: PaddingName = "valid",
    batch_normalization: bool = False,
    global_average_pooling: bool = False,
    conv_dropout: float = 0.2,
    dense_units: Integers = (120, 84),
    dense_dropout: float = 0.5,
    activation: ActivationName = "relu",
    dtype: DtypeName = "float32",
    random_state: "int | RandomState | None" = None,
) -> "keras.Sequential":
    """Build the convolutional network of `CNNDigitClassifier` as a Keras model with initial weights.

    Use it to train the network with Keras. Each entry of `filters` adds a convolution and a max-pooling
    layer. They are followed by dropout, a dense layer for each entry of `dense_units` with dropout after the
    first one, and a softmax layer. The defaults are the network of the classic Keras MNIST
    notebook, with 186,110 parameters for 28x28x1 images and ten classes. Read more in the
    :ref:`User Guide <guide-classifier>`.

    Parameters
    ----------
    image_shape : tuple of int, (height, width, channels)
        Shape of one image, in pixels.
    n_classes : int
        Number of outputs, at least 2.
    filters : array-like of int, default=(32, 64)
        Number of filters in each block; the length sets the number of blocks. With ``()``, there are no
        blocks: the pixels, after dropout with the rate `conv_dropout`, are the input of the dense layers.
    kernel_size : int or array-like of (int or (int, int)), default=5
        Height and width of the convolution windows, in pixels. An integer is used for all blocks. A sequence
        has one entry per block: an integer or a (height, width) pair. Windows are clipped to the feature map.
    pool_size : int or array-like of (int or (int, int)), default=2
        Height and width of the pooling windows, in pixels; the same format as `kernel_size`.
    padding : {"valid", "same"}, default="valid"
        Padding of the convolutions: "valid" is none, so the feature maps become smaller; "same" pads with
        zeros, so that they keep their size.
    batch_normalization : bool, default=False
        Whether to normalize the outputs of each convolution before its activation [2]_. The momentum is 0.9.
    global_average_pooling : bool, default=False
        Whether the average of each feature map of the last block is the input of the dense layers, instead of
        all its pixels.
    conv_dropout : float in [0, 1), default=0.2
        Dropout rate after the last block.
    dense_units : array-like of int, default=(120, 84)
        Number of units in each hidden dense layer; the length sets the number of layers. With ``()``, there
        are no hidden dense layers: the softmax layer follows the blocks, and `dense_dropout` has no effect.
    dense_dropout : float in [0, 1), default=0.5
        Dropout rate after the first dense layer.
    activation : {"elu", "gelu", "leaky_relu", "linear", "mish", "relu", "relu6", "selu", "sigmoid", "silu", \
            "softplus", "tanh"}, default="relu"
        Name of a Keras activation for all layers but the last.
    dtype : {"float32", "float64", "mixed_float16", "mixed_bfloat16"}, default="float32"
        Keras dtype policy.
    random_state : int, RandomState instance or None, default=None
        Determines the initial weights (Glorot uniform initialization [1]_, the Keras default) and the dropout
        masks. The weights are those with which `CNNDigitClassifier` starts with the same `random_state`. Pass
        an integer for the same weights in every call.

    Returns
    -------
    keras.Sequential
        The network, built but not compiled.

    Raises
    ------
    ImportError
        If TensorFlow is not installed, or Keras was imported with another backend.
    RuntimeError
        In a process forked after TensorFlow was loaded, where TensorFlow's threads do not exist.
    ValueError
        If a size is not an integer >= 1, a dropout rate is not in [0, 1), a sequence does not have one entry
        per block, or another value is not one of the allowed ones.

    See Also
    --------
    CNNDigitClassifier : Trains this network, as a scikit-learn classifier.

    References
    ----------
    .. [1] Glorot, X. and Bengio, Y. (2010). "Understanding the difficulty of training deep feedforward neural
       networks". AISTATS.
    .. [2] Ioffe, S. and Szegedy, C. (2015). "Batch normalization: accelerating deep network training by
       reducing internal covariate shift". ICML. arXiv:1502.03167.

    Examples
    --------
    >>> from sk_mnist_cnn import build_cnn
    >>> build_cnn((28, 28, 1), 10).count_params()
    186110
    """
    for name, rate in (("conv_dropout", conv_dropout), ("dense_dropout", dense_dropout)):
        if not (isinstance(rate, Real) and 0 <= rate < 1):
            raise ValueError(f"{name} must be a number in [0, 1), got {rate!r}. Pass 0 for no dropout.")
    architecture = Architecture.resolve(
        image_shape,
        n_classes,
        filters=filters,
        kernel_size=kernel_size,
        pool_size=pool_size,
        padding=padding,
        batch_normalization=batch_normalization,
        global_average_pooling=global_average_pooling,
        dense_units=dense_units,
        activation=activation,
        dtype=dtype,
    )
    refuse_fork()
    from ._keras.network import build_network

    rates = {"conv_dropout": conv_dropout, "dense_dropout": dense_dropout}
    return build_network(architecture, **rates, seed=draw_seed(random_state))
