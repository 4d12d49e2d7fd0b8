"""The training as plain values: what determines it (`TrainingRun`), and its result (`TrainingState`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from numbers import Real
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from .._architecture import Architecture

AugmentationName = Literal["affine", "elastic", "shift"]
Augmentations: TypeAlias = AugmentationName | Mapping[str, float]
OptimizerName = Literal["adadelta", "adam", "adamw", "rmsprop", "sgd"]
ScheduleName = Literal["constant", "one_cycle", "cosine", "exponential"]

# The largest shift as a fraction of the image size: 2 pixels in images of 28x28.
_SHIFT = 2 / 28
AUGMENTATIONS: dict[AugmentationName, dict[str, float]] = {
    "affine": {"shift": _SHIFT, "rotation": 10, "zoom": 0.1},
    "elastic": {"shift": _SHIFT, "rotation": 10, "zoom": 0.1, "elastic": 0.02},
    "shift": {"shift": _SHIFT},
}
# The operations of a dict, with their largest values.
AUGMENTATION_LIMITS = {
    "shift": 1,
    "rotation": 180,
    "zoom": 0.9,
    "shear": 60,
    "horizontal_flip": 1,
    "erasing": 1,
    "elastic": 1,
}
OPTIMIZERS: tuple[OptimizerName, ...] = get_args(OptimizerName)

# `epochs="auto"` trains for about this number of batches, within these numbers of epochs. With augmentation,
# the images differ in every epoch, so longer training improves the accuracy more. The measurements are in
# docs/recipes.md.
AUTO_BATCHES, AUGMENTED_AUTO_BATCHES = 2000, 3000
AUTO_FEWEST_EPOCHS, AUTO_MOST_EPOCHS = 10, 300


@dataclass(frozen=True)
class TrainingConfig:
    """Configuration of training: the parameters of the classifier, with the seed and the epochs resolved."""

    optimizer: object
    optimizer_params: dict | None
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
        return replace(self, epochs=self.auto_epochs(n_images)) if self.epochs == "auto" else self

    def auto_epochs(self, n_images):
        """Return the number of epochs that ``epochs="auto"`` is for this number of images."""
        n_batches = -(-n_images // self.batch_size)
        wanted = AUTO_BATCHES if self.augmentation is None else AUGMENTED_AUTO_BATCHES
        return min(AUTO_MOST_EPOCHS, max(AUTO_FEWEST_EPOCHS, -(-wanted // n_batches)))

    def for_one_epoch(self):
        """Return the configuration of `partial_fit`: one epoch, constant rate, no early stopping."""
        return replace(self, epochs=1, monitor=None, learning_rate_schedule="constant")


@dataclass
class TrainingState:
    """Result of training, from which training can continue.

    `weights` and `optimizer` are the weights of the network and the variables of the optimizer;
    `best_weights` and `best_epoch` are those of early stopping. Epochs are counted from 1: within this fit in
    a checkpoint, over all fits in the result of the engine. `history` has one list of float per metric.
    """

    weights: tuple = ()
    optimizer: tuple = ()
    optimizer_fingerprint: str = ""
    history: dict = field(default_factory=dict)
    best_weights: tuple = ()
    best_epoch: int = 0

    @property
    def n_epochs(self):
        """Number of epochs trained, over all fits."""
        return len(self.history.get("loss", ()))

    def check(self, architecture, optimizer=None):
        """Raise unless training can continue from this state, for checkpoints, model files and the engine.

        `optimizer` holds the initial variables of the optimizer, with which its variables are compared.

        Raises
        ------
        ValueError
            If weights or variables have another shape or dtype than those of the network and the optimizer,
            if weights are not finite, if moving variances are negative, or if the history has more than one
            number per epoch.
        """
        specs = [(shape, architecture.input_dtype) for shape in architecture.weight_shapes]
        for name in ("weights", *(["best_weights"] if self.best_weights else [])):
            arrays = getattr(self, name)
            _check_specs(name, arrays, specs)
            if not all(np.isfinite(array).all() for array in arrays):
                raise ValueError(f"the {name} must be finite")
            if any((variance < 0).any() for variance in architecture.moving_variances(arrays)):
                raise ValueError(f"the moving variances in the {name} must not be negative")
        if optimizer is not None and self.optimizer:
            _check_specs("optimizer", self.optimizer, [(array.shape, array.dtype) for array in optimizer])
        for name, values in self.history.items():
            is_numbers = isinstance(values, list) and all(type(value) is float for value in values)
            if not (is_numbers and 1 <= len(values) <= self.n_epochs):
                raise ValueError(f"the history of {name!r} must hold at most one number per epoch")


def _check_specs(name, arrays, specs):
    found = [(array.shape, array.dtype) for array in arrays]
    if found != specs:
        raise ValueError(f"the {name} must have the shapes and dtypes {specs}, got {found}")


@dataclass(frozen=True)
class TrainingRun:
    """Everything that determines one call of `fit` or `partial_fit`, checked and resolved.

    The optimizer and the layers of the augmentation need Keras, and are resolved later, in the process that
    trains.
    """

    params: dict[str, Any]  # of the classifier
    features: dict[str, Any]  # `n_features_in_` and `feature_names_in_`
    classes: np.ndarray
    architecture: Architecture
    config: TrainingConfig
    training: Any  # ImageDataset
    validation: Any  # ImageDataset or None
    previous: TrainingState  # where the training starts

    @property
    def n_steps(self):
        """Number of batches of all epochs."""
        return self.config.epochs * self.training.n_batches(self.config.batch_size)

    def n_epochs_done(self, state):
        """Return the number of epochs of this run that a state has been trained for."""
        return state.n_epochs - self.previous.n_epochs

    def check_progress(self, state):
        """Raise a ValueError unless this run can be in a state after some of its epochs."""
        state.check(self.architecture)
        n_done = self.n_epochs_done(state)
        metrics = ["loss", "accuracy", *(["val_loss", "val_accuracy"] if self.validation else [])]
        best_epochs = range(1, n_done + 1) if self.config.monitor else [0]
        if not (
            1 <= n_done <= self.config.epochs
            and all(len(state.history.get(metric, ())) >= n_done for metric in metrics)
            and state.best_epoch in best_epochs
            and bool(state.best_weights) == bool(self.config.monitor)
        ):
            raise ValueError("its state does not fit the epochs")


def one_cycle(position):
    """Rise linearly from a tenth to 1 in the first fifth of the batches, then decay to 0 on a cosine.

    Source: Smith and Topin (2019), "Super-convergence: very fast training of neural networks using large
    learning rates".
    """
    rise = 0.1 + 0.9 * position / 0.2
    return np.where(position < 0.2, rise, cosine((position - 0.2) / 0.8))


def cosine(position):
    """Decay from 1 to 0 on half a cosine (Loshchilov and Hutter, 2017, "SGDR")."""
    return (1 + np.cos(np.pi * position)) / 2


def exponential(position):
    """Decay from 1 to a hundredth, by the same factor per batch."""
    return 0.01**position


def augmentation_ranges(augmentation):
    """Return the operations of a named augmentation or a dict by name; None for anything else.

    Raises
    ------
    ValueError
        If a dict has an unknown operation, or a value that is not a number in its range.
    """
    if isinstance(augmentation, str):
        return AUGMENTATIONS[augmentation]
    if not isinstance(augmentation, Mapping):
        return None
    for name, value in augmentation.items():
        if name not in AUGMENTATION_LIMITS:
            (nearest,) = get_close_matches(str(name), AUGMENTATION_LIMITS, n=1, cutoff=0)
            raise ValueError(
                f"augmentation must have operations among {', '.join(AUGMENTATION_LIMITS)}, got {name!r}. "
                f"Did you mean {nearest!r}?"
            )
        limit = AUGMENTATION_LIMITS[name]
        if not (isinstance(value, Real) and 0 <= value <= limit):
            raise ValueError(
                f"augmentation must have numbers from 0 to {limit} for {name!r}, got {value!r}. Pass one."
            )
    return augmentation


SCHEDULES = {"one_cycle": one_cycle, "cosine": cosine, "exponential": exponential}


def schedule_rates(schedule, peak, n_steps):
    """Return a function that returns the learning rates of the batches from `start` to `stop`, in float32.

    The rates of a named schedule are computed when they are needed, because a fit may have billions of
    batches. A callable is called for all batches first, so that an error is raised before the training.

    Parameters and errors are those of `learning_rates`.
    """
    if callable(schedule):
        table = learning_rates(schedule, peak, n_steps)
        return lambda start, stop: table[start:stop]
    return lambda start, stop: learning_rates(schedule, peak, n_steps, np.arange(start, stop))


def learning_rates(schedule, peak, n_steps, batches=None):
    """Return the learning rates of batches of a fit.

    Parameters
    ----------
    schedule : {"constant", "one_cycle", "cosine", "exponential"} or callable
        A callable takes the index of the batch, starting at 0, and returns its learning rate.
    peak : float
        The maximum of a named schedule.
    n_steps : int
        Number of batches.
    batches : ndarray of int or None, default=None
        Indices of the batches; None is all batches.

    Returns
    -------
    ndarray of shape (n_batches,) or (0,)
        float32. Empty for "constant", which uses the rate of the optimizer.

    Raises
    ------
    ValueError
        If a callable does not return finite numbers >= 0.
    """
    if schedule == "constant":
        return np.empty(0, np.float32)
    batches = np.arange(n_steps) if batches is None else batches
    if not callable(schedule):
        return np.float32(peak * SCHEDULES[schedule](batches / n_steps))
    rates = np.empty(len(batches))
    for i, batch in enumerate(batches.tolist()):
        rate = schedule(batch)
        try:
            rates[i] = float(rate)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"learning_rate_schedule must return a number for every batch, got {rate!r} for batch "
                f"{batch} of {n_steps}. Correct the function."
            ) from error
    if not np.all(np.isfinite(rates) & (rates >= 0)):
        worst = np.flatnonzero(~(np.isfinite(rates) & (rates >= 0)))[0]
        raise ValueError(
            "learning_rate_schedule must return a finite learning rate >= 0 for every batch, "
            f"got {rates[worst]} for batch {worst} of {n_steps}. Correct the function."
        )
    return np.float32(rates)
