"""The choices of parameters, as types: both type checkers and the validation of parameters read them."""

from typing import Literal

ActivationName = Literal[
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
]
AugmentationName = Literal["affine", "elastic", "shift"]
DtypeName = Literal["float32", "float64", "mixed_bfloat16", "mixed_float16"]
OptimizerName = Literal["adadelta", "adam", "adamw", "rmsprop", "sgd"]
ScheduleName = Literal["constant", "one_cycle", "cosine", "exponential"]
