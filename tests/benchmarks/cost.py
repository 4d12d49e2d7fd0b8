"""What a search costs: a linear model of its wall time, and its fit to searches that were measured."""

from dataclasses import astuple, dataclass

import numpy as np
from scipy.optimize import nnls


@dataclass(frozen=True)
class Search:
    """A cross-validated search on workers of one core each, without a refit."""

    workers: int
    candidates: int
    architectures: int = 1
    images: int = 1_000
    epochs: int = 2
    folds: int = 2

    @property
    def fits_a_worker(self):
        """Of the worker that has most."""
        return -(-self.candidates * self.folds // self.workers)

    @property
    def image_epochs(self):
        """How often a fit trains on an image; to score one costs a third, having no backward pass."""
        scored = self.images / self.folds
        return self.epochs * (self.images - scored) + scored / 3

    @property
    def work(self):
        """How often a worker does what each coefficient of the model is the cost of."""
        fits = self.fits_a_worker
        n_networks = min(self.architectures, fits)
        return np.array([1, n_networks, fits, fits * self.epochs, fits * self.image_epochs])


@dataclass(frozen=True)
class CostModel:
    """Seconds that it takes, of one worker."""

    start: float
    trace: float
    fit: float
    epoch: float
    image_epoch: float

    @classmethod
    def fitted(cls, searches, seconds):
        """The costs of least squares, none below 0, where deviations count in proportion to the time."""
        work = np.array([search.work for search in searches])
        seconds = np.asarray(seconds)
        scale = work.max(axis=0)  # the columns differ by many orders of magnitude
        costs, _ = nnls(work / scale / seconds[:, None], np.ones(len(seconds)))
        return cls(*map(float, costs / scale))

    def seconds(self, search):
        return float(search.work @ astuple(self))
