"""Convolutional neural network for MNIST digits and other small images, as a scikit-learn estimator."""

from importlib import import_module
from importlib.metadata import version

from ._keras import worker as _worker  # noqa: F401  # registers its fork handler
from .classifier import CNNDigitClassifier
from .datasets import load_mnist, load_mnist_sample
from .preprocessing import ImagePreprocessor

__version__ = version("sk_mnist_cnn")

# Public names whose modules are slow to import, and are imported at first access.
_LATE = {
    "EvaluationReport": "reporting",
    "FilterDisplay": "plotting",
    "MNISTNormalizer": "normalization",
    "MisclassifiedDisplay": "plotting",
    "SaliencyDisplay": "plotting",
    "TrainingHistoryDisplay": "plotting",
    "build_cnn": "network",
    "evaluation_report": "reporting",
    "export_onnx": "exporting",
    "load_model": "persistence",
    "save_model": "persistence",
}

__all__ = [
    "CNNDigitClassifier",
    "EvaluationReport",
    "FilterDisplay",
    "ImagePreprocessor",
    "MNISTNormalizer",
    "MisclassifiedDisplay",
    "SaliencyDisplay",
    "TrainingHistoryDisplay",
    "build_cnn",
    "evaluation_report",
    "export_onnx",
    "load_mnist",
    "load_mnist_sample",
    "load_model",
    "save_model",
]


def __getattr__(name):
    if name in _LATE:
        return getattr(import_module(f".{_LATE[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_LATE})
