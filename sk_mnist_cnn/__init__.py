"""Convolutional neural network for MNIST digits and other small images, as a scikit-learn estimator."""

import typing as _typing
from importlib import import_module as _import_module
from importlib.metadata import version as _version

from . import _process  # noqa: F401  # registers its fork handler
from .classifier import CNNDigitClassifier
from .preprocessing import ImagePreprocessor

__version__: str = _version("sk_mnist_cnn")

__all__ = [
    "CNNDigitClassifier",
    "EvaluationReport",
    "FilterDisplay",
    "FoundDigits",
    "ImageNoveltyDetector",
    "ImagePreprocessor",
    "MNISTNormalizer",
    "MisclassifiedDisplay",
    "Number",
    "ReadDigits",
    "ReadRegions",
    "ReadingDisplay",
    "SaliencyDisplay",
    "TrainingHistoryDisplay",
    "build_cnn",
    "evaluation_report",
    "export_onnx",
    "fetch_mnist",
    "find_digits",
    "load_image_folder",
    "load_mnist_sample",
    "load_model",
    "load_pretrained",
    "read_digits",
    "save_model",
]

# Public names whose modules are slow to import. Type checkers read the imports; at run time, `__getattr__`
# imports a module when one of its names is used for the first time.
if _typing.TYPE_CHECKING:
    from .datasets import fetch_mnist, load_image_folder, load_mnist_sample
    from .exporting import export_onnx
    from .network import build_cnn
    from .normalization import MNISTNormalizer
    from .novelty import ImageNoveltyDetector
    from .persistence import load_model, save_model
    from .plotting import (
        FilterDisplay,
        MisclassifiedDisplay,
        ReadingDisplay,
        SaliencyDisplay,
        TrainingHistoryDisplay,
    )
    from .pretrained import load_pretrained
    from .reading import FoundDigits, Number, ReadDigits, ReadRegions, find_digits, read_digits
    from .reporting import EvaluationReport, evaluation_report
else:
    _LATE = {
        "datasets": ("fetch_mnist", "load_image_folder", "load_mnist_sample"),
        "exporting": ("export_onnx",),
        "network": ("build_cnn",),
        "normalization": ("MNISTNormalizer",),
        "novelty": ("ImageNoveltyDetector",),
        "persistence": ("load_model", "save_model"),
        "plotting": tuple(name for name in __all__ if name.endswith("Display")),
        "pretrained": ("load_pretrained",),
        "reading": ("FoundDigits", "Number", "ReadDigits", "ReadRegions", "find_digits", "read_digits"),
        "reporting": ("EvaluationReport", "evaluation_report"),
    }

    def __getattr__(name: str) -> object:
        for module, names in _LATE.items():
            if name in names:
                return getattr(_import_module(f".{module}", __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
