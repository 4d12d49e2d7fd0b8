"""Cost of a search: a linear model of its wall time, fitted to measured searches."""

from dataclasses import astuple, dataclass

import numpy as np
from scipy.optimize import nnls


@dataclass(frozen=True)
class Search:
    """A cross-validated search on workers with one core each, without a refit."""

    workers: int
    candidates: int
    architectures: int = 1
    images: int = 1_000
    epochs: int = 2
    folds: int = 2

    @property
    def fits_per_worker(self):
        """Number of fits of the worker with most fits."""
        return -(-self.candidates * self.folds // self.workers)

    @property
    def image_epochs(self):
        """Image passes of one fit; scoring an image takes a fifth of the time of training on it."""
        scored = self.images / self.folds
        return self.epochs * (self.images - scored) + scored / 5

    @property
    def work(self):
        """How often a worker pays each cost of the model."""
        fits = self.fits_per_worker
        n_networks = min(self.architectures, fits)
        return np.array([1, n_networks, fits, fits * self.epochs, fits * self.image_epochs])


@dataclass(frozen=True)
class CostModel:
    """Costs for one worker, in seconds."""

    start: float
    trace: float
    fit: float
    epoch: float
    image_epoch: float

    @classmethod
    def fitted(cls, searches, seconds):
        """Fit the costs by non-negative least squares of the relative deviations."""
        work = np.array([search.work for search in searches])
        seconds = np.asarray(seconds)
        scale = work.max(axis=0)  # the columns differ by many orders of magnitude
        costs, _ = nnls(work / scale / seconds[:, None], np.ones(len(seconds)))
        return cls(*map(float, costs / scale))

    def seconds(self, search):
        return float(search.work @ astuple(self))
