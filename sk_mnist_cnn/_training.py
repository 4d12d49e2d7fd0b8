"""Plain data: the input of training (`TrainingConfig`, `ImageDataset`) and its result (`TrainingState`)."""

from dataclasses import dataclass, field, replace
from typing import get_args

import numpy as np

from ._choices import AugmentationName, OptimizerName

OPTIMIZERS: tuple[OptimizerName, ...] = get_args(OptimizerName)
AUGMENTATIONS: tuple[AugmentationName, ...] = get_args(AugmentationName)

# `epochs="auto"` trains for about this number of batches, within these numbers of epochs.
AUTO_BATCHES = 3000
AUTO_EPOCHS = (10, 300)


@dataclass(frozen=True)
class TrainingConfig:
    """Configuration of training: the classifier's parameters, with the seed resolved."""

    optimizer: object
    learning_rate: float | str
    learning_rate_schedule: object
    conv_dropout: float
    dense_dropout: float
    batch_size: int
    epochs: int | str
    augmentation: object
    label_smoothing: float
    monitor: str | None  # the metric of early stopping
    patience: int
    callbacks: list
    verbose: int
    seed: int

    @classmethod
    def from_params(cls, params, seed):
        """Return the configuration for the parameters of a classifier and its seed."""
        early_stopping = params["early_stopping"]
        default_monitor = "val_accuracy" if early_stopping else None
        return cls(
            **{name: params[name] for name in cls.__dataclass_fields__ if name in params},
            monitor=early_stopping if isinstance(early_stopping, str) else default_monitor,
            patience=params["n_iter_no_change"],
            seed=seed,
        )

    def resolve_epochs(self, n_images):
        """Return the configuration with a number for ``epochs="auto"``, for this number of images."""
        if self.epochs != "auto":
            return self
        n_batches = -(-n_images // self.batch_size)
        fewest, most = AUTO_EPOCHS
        return replace(self, epochs=min(most, max(fewest, -(-AUTO_BATCHES // n_batches))))

    def for_one_epoch(self):
        """Return the configuration of `partial_fit`: one epoch, constant rate, no early stopping."""
        return replace(self, epochs=1, monitor=None, learning_rate_schedule="constant")


@dataclass
class TrainingState:
    """Result of training, from which training can continue.

    `weights` and `optimizer` are the weights of the network and the variables of the optimizer;
    `best_weights` and `best_epoch` are those of early stopping, with the epochs of this fit counted from 1.
    `history` has one list of float per metric.
    """

    weights: tuple = ()
    optimizer: tuple = ()
    optimizer_name: str = ""
    history: dict = field(default_factory=dict)
    best_weights: tuple = ()
    best_epoch: int = 0

    @property
    def n_epochs(self):
        """Number of epochs trained, over all fits."""
        return len(self.history.get("loss", ()))

    def has_variables_like(self, other):
        """Return whether weights and optimizer have the shapes and dtypes of those of another state."""
        return self._specs == other._specs

    @property
    def _specs(self):
        return [[(array.shape, array.dtype) for array in group] for group in (self.weights, self.optimizer)]


@dataclass(frozen=True)
class ImageDataset:
    """Images as flat rows of any dtype, with encoded labels, weights, and the indices of the rows to use.

    Batches are sliced and cast one at a time, so that a memory-mapped file is never read as a whole.
    """

    rows: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    indices: np.ndarray

    def __len__(self):
        return len(self.indices)

    def subset(self, indices):
        """Return the data set of other rows of the same arrays."""
        return replace(self, indices=indices)

    def weighted(self, factors, dtype, mean_factor=None):
        """Multiply the weights by `factors`, and divide them by their mean.

        Parameters
        ----------
        factors : ndarray of shape (n_rows,)
            Class weight of each row.
        dtype : str
            Floating dtype of the new weights.
        mean_factor : float or None, default=None
            None divides by the mean of the products. A number divides by the mean of the old weights and by
            this number instead, so that class weights do not depend on the labels of one batch.

        Raises
        ------
        ValueError
            If all weights become zero.
        """
        weights = self.weights * factors
        indices = self.indices[weights[self.indices] > 0]
        if not indices.size:
            raise ValueError(
                "class_weight and sample_weight must leave a positive weight, got only zeros for the "
                "training samples. Raise the weight of a class that occurs in y."
            )
        # A mean over each mini-batch would cancel the class weights.
        if mean_factor is None:
            mean = weights[indices].mean()
        else:
            mean = self.weights[self.indices].mean() * mean_factor
        return replace(self, weights=(weights / mean).astype(dtype), indices=indices)

    def n_batches(self, batch_size):
        """Return the number of batches per epoch."""
        return -(-len(self) // batch_size)

    def batches(self, order, batch_size, image_shape, dtype):
        """Yield (images, labels, weights) of the rows in `order`."""
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            images = self.rows[batch].astype(dtype, copy=False)
            yield images.reshape(-1, *image_shape), self.labels[batch], self.weights[batch]
