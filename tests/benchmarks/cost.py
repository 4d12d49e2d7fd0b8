"""Linear model of the wall time of a search, fitted to measured searches."""

from dataclasses import astuple, dataclass

import numpy as np
from scipy.optimize import nnls


@dataclass(frozen=True)
class Search:
    """Cross-validated search without refit, on workers with one core each."""

    workers: int
    candidates: int
    architectures: int = 1
    images: int = 1_000
    epochs: int = 2
    folds: int = 2

    @property
    def fits_per_worker(self):
        """Number of fits of the worker with the most fits."""
        return -(-self.candidates * self.folds // self.workers)

    @property
    def image_epochs(self):
        """Images times epochs of a fit. Scoring an image counts a third, since it has no backward pass."""
        scored = self.images / self.folds
        return self.epochs * (self.images - scored) + scored / 3

    @property
    def work(self):
        """Factor of each coefficient of the model, for the worker with the most fits."""
        fits = self.fits_per_worker
        n_networks = min(self.architectures, fits)
        return np.array([1, n_networks, fits, fits * self.epochs, fits * self.image_epochs])


@dataclass(frozen=True)
class CostModel:
    """Coefficients of the model: seconds of one worker."""

    start: float
    trace: float
    fit: float
    epoch: float
    image_epoch: float

    @classmethod
    def fitted(cls, searches, seconds):
        """Return the model fitted by non-negative least squares on relative errors."""
        work = np.array([search.work for search in searches])
        seconds = np.asarray(seconds)
        scale = work.max(axis=0)  # the columns differ by many orders of magnitude
        costs, _ = nnls(work / scale / seconds[:, None], np.ones(len(seconds)))
        return cls(*map(float, costs / scale))

    def seconds(self, search):
        """Return the predicted time of a search."""
        return float(search.work @ astuple(self))
