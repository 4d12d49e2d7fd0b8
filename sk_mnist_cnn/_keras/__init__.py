"""Everything that imports TensorFlow, Keras or scikeras, for training; imported only when needed."""

from .._packages import require as _require

_require(
    'Training, Keras models, and predictions with dtype="float64"',
    *("tensorflow", "keras", "scikeras", "tqdm"),
)
