"""Which optimizer, and its learning rate at every step. Nothing is trained here."""

import json
from dataclasses import dataclass

import numpy as np

from ._tensorflow import keras

# Keras 3 lowered Adadelta's default to 0.001, with which this network hardly learns. The method itself has
# no rate, that is 1 (Zeiler, 2012, "ADADELTA: an adaptive learning rate method").
ADADELTA_RATE = 1.0


BY_NAME = {
    "adadelta": keras.optimizers.Adadelta,
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}


@dataclass(frozen=True)
class Optimizer:
    """An optimizer's class and settings, apart from its learning rate."""

    kind: type
    config: dict
    learning_rate: float | None  # None leaves the class' own default, or the schedule in `config`

    @classmethod
    def resolve(cls, optimizer, learning_rate):
        """Read a name or a Keras instance; a `learning_rate` other than "auto" always applies."""
        if not isinstance(optimizer, str | keras.optimizers.Optimizer):
            raise ValueError(
                f"optimizer must be a name or an instance of keras.optimizers.Optimizer; got {optimizer!r}."
            )
        if isinstance(optimizer, str):
            kind, config = BY_NAME[optimizer], {}
            own_rate = ADADELTA_RATE if optimizer == "adadelta" else None
        else:
            kind, config = type(optimizer), optimizer.get_config()
            del config["name"]
            own_rate = config.pop("learning_rate")
            if not isinstance(own_rate, float):
                config["learning_rate"], own_rate = own_rate, None
        if learning_rate == "auto":
            return cls(kind, config, own_rate)
        config.pop("learning_rate", None)
        return cls(kind, config, float(learning_rate))

    @property
    def name(self):
        """The class and the settings as text: equal for optimizers that can share a graph."""
        return f"{self.kind.__name__} {json.dumps(self.config, sort_keys=True, default=str)}"

    @property
    def has_own_schedule(self):
        """Whether a Keras `LearningRateSchedule` came with the instance."""
        return "learning_rate" in self.config

    def build(self, *, scale_loss=False):
        """Make the Keras optimizer; half precision needs a loss that is scaled up, lest gradients vanish."""
        optimizer = self.kind.from_config(dict(self.config))
        if self.learning_rate is not None:
            optimizer.learning_rate = self.learning_rate
        return keras.optimizers.LossScaleOptimizer(optimizer) if scale_loss else optimizer


def one_cycle(position):
    """Rise linearly from a tenth over the first fifth of the run, then fall to 0 on a cosine.

    After Smith and Topin (2019), "Super-convergence: very fast training of neural networks using large
    learning rates".
    """
    rise = 0.1 + 0.9 * position / 0.2
    return np.where(position < 0.2, rise, cosine((position - 0.2) / 0.8))


def cosine(position):
    """Fall from 1 to 0 on half a cosine (Loshchilov and Hutter, 2017, "SGDR")."""
    return (1 + np.cos(np.pi * position)) / 2


def exponential(position):
    """Fall from 1 to a hundredth, by the same factor at every step."""
    return 0.01**position


SCHEDULES = {"one_cycle": one_cycle, "cosine": cosine, "exponential": exponential}


def learning_rates(schedule, peak, n_steps):
    """The learning rate of every step of a run.

    Parameters
    ----------
    schedule : {"constant", "one_cycle", "cosine", "exponential"} or callable
        A callable takes the step, from 0, and gives the rate.
    peak : float
        The highest rate of a named schedule.
    n_steps : int

    Returns
    -------
    ndarray of shape (n_steps,) or (0,)
        float32. Empty for "constant", which leaves the rate to the optimizer.

    Raises
    ------
    ValueError
        If a callable gives anything but finite numbers from 0 up.
    """
    if schedule == "constant":
        return np.empty(0, np.float32)
    if not callable(schedule):
        return np.float32(peak * SCHEDULES[schedule](np.arange(n_steps) / n_steps))
    try:
        rates = np.array([float(schedule(step)) for step in range(n_steps)])
    except TypeError as error:
        raise ValueError("learning_rate_schedule must give a number for every step.") from error
    if not np.all(np.isfinite(rates) & (rates >= 0)):
        worst = np.flatnonzero(~(np.isfinite(rates) & (rates >= 0)))[0]
        raise ValueError(
            "learning_rate_schedule must give a finite learning rate from 0 up for every step; "
            f"it gives {rates[worst]} for step {worst} of {n_steps}."
        )
    return np.float32(rates)
