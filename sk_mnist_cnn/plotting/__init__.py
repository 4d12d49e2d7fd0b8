"""The displays, which draw with matplotlib: one module each."""

from ._filters import FilterDisplay
from ._history import TrainingHistoryDisplay
from ._misclassified import MisclassifiedDisplay
from ._saliency import SaliencyDisplay

__all__ = ["FilterDisplay", "MisclassifiedDisplay", "SaliencyDisplay", "TrainingHistoryDisplay"]
