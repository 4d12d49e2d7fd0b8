"""What goes into a training run and what comes out of it, as plain data."""

from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True)
class TrainingConfig:
    """How to train, in the words of the classifier's parameters."""

    optimizer: object
    learning_rate: float | str
    learning_rate_schedule: object
    conv_dropout: float
    dense_dropout: float
    batch_size: int
    epochs: int
    augmentation: object
    label_smoothing: float
    monitor: str | None  # what early stopping watches
    patience: int
    callbacks: list
    verbose: int


@dataclass
class TrainingState:
    """The result of a training run, from which another run can continue.

    `weights` and `optimizer` are the network's weights and the optimizer's variables; `best_weights` and
    `best_epoch` are those of early stopping, with the epochs counted from 1 in the current run. `history` has
    one list of float per metric.
    """

    weights: tuple = ()
    optimizer: tuple = ()
    optimizer_name: str = ""
    history: dict = field(default_factory=dict)
    best_weights: tuple = ()
    best_epoch: int = 0

    @property
    def n_epochs(self):
        """Number of epochs trained, over all runs."""
        return len(self.history.get("loss", ()))

    def has_variables_like(self, other):
        """Return whether the weights and the optimizer have the shapes and dtypes of another state's."""
        return self._specs == other._specs

    @property
    def _specs(self):
        return [[(array.shape, array.dtype) for array in group] for group in (self.weights, self.optimizer)]


@dataclass(frozen=True)
class ImageDataset:
    """Images as flat rows of any dtype, and which of them take part.

    They are cut and cast a batch at a time, so that a memory-mapped file is never read whole.
    """

    rows: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    indices: np.ndarray

    def __len__(self):
        return len(self.indices)

    def only(self, indices):
        """The same images, of which others take part."""
        return replace(self, indices=indices)

    def weighted(self, factors, dtype):
        """The same images with their weights times `factors`, the mean of those that take part being 1.

        Raises
        ------
        ValueError
            If no image is left a weight.
        """
        weights = self.weights * factors
        indices = self.indices[weights[self.indices] > 0]
        if not indices.size:
            raise ValueError(
                "class_weight and sample_weight must leave some image a weight; together all are zero."
            )
        # Over the whole fit: a batch's own mean would undo the weights of its classes.
        weights = weights / weights[indices].mean()
        return replace(self, weights=weights.astype(dtype), indices=indices)

    def n_batches(self, batch_size):
        """Into how many batches they are cut."""
        return -(-len(self) // batch_size)

    def batches(self, order, batch_size, image_shape, dtype):
        """Yield (images, labels, weights)."""
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            images = self.rows[batch].astype(dtype, copy=False)
            yield images.reshape(-1, *image_shape), self.labels[batch], self.weights[batch]
