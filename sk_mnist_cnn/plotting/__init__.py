"""Displays of classifiers and images, drawn with matplotlib: one module per display."""

from ._filters import FilterDisplay
from ._history import TrainingHistoryDisplay
from ._misclassified import MisclassifiedDisplay
from ._reading import ReadingDisplay
from ._saliency import SaliencyDisplay

__all__ = [
    "FilterDisplay",
    "MisclassifiedDisplay",
    "ReadingDisplay",
    "SaliencyDisplay",
    "TrainingHistoryDisplay",
]
