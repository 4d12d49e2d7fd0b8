"""Which optimizer, and with which settings. Nothing is trained here."""

import secrets
from dataclasses import dataclass

from .._fingerprint import fingerprint
from .backend import keras

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
        if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            raise ValueError(
                'optimizer must not be a LossScaleOptimizer, which dtype="mixed_float16" puts around it by '
                "itself. Pass its inner_optimizer."
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
        """Fingerprint of class and settings; an optimizer with the same name can take over the state.

        Random if the settings cannot be determined, so that no state is taken over.
        """
        return fingerprint([self.kind.__module__, self.kind.__qualname__, self.config]) or secrets.token_hex()

    @property
    def key(self):
        """The name and the classes, which a notebook may redefine; equal where a graph can be shared."""
        schedule = self.config.get("learning_rate")
        return self.name, self.kind, type(schedule and keras.saving.deserialize_keras_object(schedule))

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
