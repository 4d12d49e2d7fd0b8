"""Everything that imports TensorFlow, Keras or scikeras, for training; imported only when needed."""

from importlib.metadata import requires as _requires
from importlib.util import find_spec as _find_spec

_missing = [name for name in ("tensorflow", "keras", "scikeras", "tqdm") if _find_spec(name) is None]
if _missing:
    _supported = " ".join(
        f'"{requirement}"'
        for requirement in _requires("sk_mnist_cnn") or ()
        if requirement.startswith((*_missing,))
    )
    raise ImportError(
        'Training, Keras models, downloads of MNIST, and predictions with dtype="float64" need TensorFlow, '
        f"Keras, scikeras and tqdm, got an installation without {', '.join(_missing)}. "
        f"Run: pip install {_supported}",
        name=_missing[0],
    )
