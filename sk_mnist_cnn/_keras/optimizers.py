"""`Optimizer`: the class and the settings of a Keras optimizer."""

import functools
import inspect
import secrets
from dataclasses import dataclass

import numpy as np

from .._training.fingerprint import fingerprint
from .backend import default_floatx, keras, tf

# The published method has no learning rate, which is the same as a learning rate of 1 (Zeiler, 2012,
# "ADADELTA: an adaptive learning rate method"). With Keras 3's default of 0.001, this network hardly learns.
ADADELTA_RATE = 1.0


@dataclass(frozen=True)
class Optimizer:
    """Class of an optimizer, and its settings other than defaults and the learning rate."""

    kind: type
    config: dict
    learning_rate: float | None  # None uses the schedule in `config`

    @classmethod
    def resolve(cls, optimizer, learning_rate="auto", schedule="constant", params=None):
        """Return the Optimizer of a name or an instance; `learning_rate` replaces its own unless "auto".

        Raises
        ------
        ValueError
            If the optimizer is of another type or is not supported, if Keras raises an error for `params`, or
            if the optimizer has a schedule and `schedule` is not "constant".
        """
        if isinstance(optimizer, str):
            optimizer = _named(optimizer, params or {})
        elif params is not None:
            raise ValueError(
                f"optimizer_params must be None with an instance of an optimizer, got {params!r}. Pass the "
                'name of the optimizer, such as "adam", or set the arguments in the instance.'
            )
        _check(optimizer)
        kind, config = type(optimizer), optimizer.get_config()
        _check_copy(optimizer, config)
        del config["name"]
        own_rate = config.pop("learning_rate")
        if not isinstance(own_rate, float):
            config["learning_rate"], own_rate = own_rate, None
        if learning_rate != "auto":
            config.pop("learning_rate", None)
            own_rate = float(learning_rate)
        resolved = cls(kind, _without_defaults(kind, config), own_rate)
        if resolved.has_own_schedule and schedule != "constant":
            raise ValueError(
                "learning_rate_schedule must be 'constant' with an optimizer that has a "
                f"LearningRateSchedule, got {schedule!r}. Pass a number as the optimizer's learning_rate."
            )
        return resolved

    @classmethod
    def of_config(cls, config):
        """Return the Optimizer of a TrainingConfig."""
        schedule = config.learning_rate_schedule
        return cls.resolve(config.optimizer, config.learning_rate, schedule, config.optimizer_params)

    @property
    def fingerprint(self):
        """Hash of class and settings: optimizers with the same fingerprint can use the same state.

        It is random if the settings cannot be determined, so that no state is reused.
        """
        return fingerprint([self.kind.__module__, self.kind.__qualname__, self.config]) or secrets.token_hex()

    @property
    def key(self):
        """Key of shared graphs: the fingerprint, and the classes, because a notebook may redefine them."""
        schedule = self.config.get("learning_rate")
        return self.fingerprint, self.kind, type(schedule and keras.saving.deserialize_keras_object(schedule))

    @property
    def has_own_schedule(self):
        """Whether the instance has a Keras `LearningRateSchedule`."""
        return "learning_rate" in self.config

    @property
    def peak_rate(self):
        """The constant learning rate, or the maximum of a named schedule; None for a Keras schedule."""
        return None if self.has_own_schedule else float(np.float32(self.learning_rate))

    def build(self, *, scale_loss=False):
        """Create the Keras optimizer. Half precision needs `scale_loss`, so that gradients do not vanish."""
        optimizer = self.kind.from_config(dict(self.config))
        if self.learning_rate is not None:
            optimizer.learning_rate = self.learning_rate
        return keras.optimizers.LossScaleOptimizer(optimizer) if scale_loss else optimizer


def _without_defaults(kind, config):
    """Return the settings that are not defaults, so that an instance equals the optimizer of its name.

    A user-defined class may need all of its settings in `from_config`.
    """
    if not kind.__module__.startswith("keras."):
        return config
    arguments = inspect.signature(kind).parameters
    return {
        name: value
        for name, value in config.items()
        if name not in arguments or value != arguments[name].default
    }


def _named(name, params):
    """Return the named optimizer with `params`; errors of Keras are raised with the name of the parameter."""
    if "learning_rate" in params:
        raise ValueError(
            f"optimizer_params must not contain the learning rate, got {params!r}. Set the parameter "
            "learning_rate."
        )
    try:
        return _create(name, tuple(params.items()))
    except (TypeError, ValueError, tf.errors.OpError) as error:
        raise ValueError(
            f"optimizer_params must be arguments with which {name!r} can train, got {params!r}: "
            f"{' '.join(str(error).split())} Correct them, as the documentation of Keras describes them."
        ) from error


@functools.lru_cache(64)
def _create(name, items):
    """Create an optimizer and take a step, so that Keras raises its errors. Cached to save memory."""
    rate = {"learning_rate": ADADELTA_RATE} if name == "adadelta" else {}
    with default_floatx:
        optimizer = type(keras.optimizers.get(name))(**rate, **dict(items))
        weight = keras.Variable([1.0])
        optimizer.apply([tf.ones(1)], [weight])
    if not np.isfinite(weight.numpy()).all():
        raise ValueError("A weight is not finite after one step.")
    return optimizer


def _check(optimizer):
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise ValueError(
            f"optimizer must be a name or an instance of keras.optimizers.Optimizer, got {optimizer!r}. Pass "
            "an instance of a Keras optimizer."
        )
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        raise ValueError(
            'optimizer must not be a LossScaleOptimizer, which dtype="mixed_float16" adds by itself. '
            "Pass its inner_optimizer."
        )
    _check_rate(optimizer)
    if "learning_rate" not in optimizer.get_config():
        raise ValueError(
            f"optimizer must have a learning_rate in its get_config, got a {type(optimizer).__name__}. Pass "
            "an optimizer that updates all weights."
        )
    if any(getattr(optimizer, f"_exclude_from_weight_decay{kind}", None) for kind in ("", "_pattern")):
        raise ValueError(
            "optimizer must not exclude variables from weight decay, which Keras does not copy, got a "
            f"{type(optimizer).__name__} with exclude_from_weight_decay. Omit this call."
        )
    # Keras uses averaged weights only at the end of `keras.Model.fit`, or never, so that validation, early
    # stopping and checkpoints would use other weights.
    if getattr(optimizer, "use_ema", False):
        raise ValueError(
            f"optimizer must not average weights, got a {type(optimizer).__name__} with use_ema=True. Set "
            "use_ema=False, or average the predictions of several classifiers with VotingClassifier."
        )
    if isinstance(optimizer, getattr(keras.optimizers, "ScheduleFreeAdamW", ())):
        raise ValueError(
            "optimizer must not be ScheduleFreeAdamW, because Keras predicts without its averaged weights. "
            'Pass "adamw" with learning_rate_schedule="one_cycle".'
        )


def _check_rate(optimizer):
    """Raise an error for a function as the learning rate, which Keras cannot load from a configuration."""
    rate = getattr(optimizer, "_learning_rate", None)
    if callable(rate) and not isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        raise ValueError(
            "optimizer must have a number or a LearningRateSchedule as its learning_rate, got a "
            f"{type(optimizer).__name__} with {rate!r}. Pass a function of the batch as "
            "learning_rate_schedule."
        )


def _check_copy(optimizer, config):
    """Raise an error for an optimizer of a user-defined class whose `get_config` lacks a setting."""
    kind = type(optimizer)
    if kind.__module__.startswith("keras."):
        return
    try:
        copy = kind.from_config(dict(config))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"optimizer must be an object that get_config and from_config can copy, got {optimizer!r} "
            f"({error}). Return all arguments of its constructor from get_config."
        ) from error
    for name, value in vars(optimizer).items():
        is_setting = not name.startswith("_") and name not in ("built", "name")
        is_plain = value is None or isinstance(value, bool | int | float | str)
        if is_setting and is_plain and getattr(copy, name, value) != value:
            raise ValueError(
                f"optimizer must return all of its settings from get_config, got a {kind.__name__} whose "
                f"{name} is {value!r}, and {getattr(copy, name)!r} in a copy. Add {name} to its get_config."
            )
