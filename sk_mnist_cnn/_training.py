"""What goes into a training run and what comes out of it, as plain data."""

from dataclasses import dataclass, field, fields

_ARRAYS = ("weights", "optimizer", "best_weights")


@dataclass(frozen=True)
class Recipe:
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
    """What a training run leaves behind, and what the next one can go on from."""

    weights: tuple = ()
    optimizer: tuple = ()
    optimizer_name: str = ""
    history: dict = field(default_factory=dict)
    best_weights: tuple = ()
    best_epoch: int = 0

    @property
    def n_epochs(self):
        """Epochs trained so far, over all runs."""
        return len(self.history.get("loss", ()))

    def pack(self):
        """The state as named arrays, and as facts that JSON can hold."""
        arrays = {f"{name} {i:03}": a for name in _ARRAYS for i, a in enumerate(getattr(self, name))}
        return arrays, {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _ARRAYS}

    @classmethod
    def unpack(cls, arrays, facts):
        """The state that was packed."""
        stored = {
            name: tuple(array for key, array in sorted(arrays.items()) if key.split()[0] == name)
            for name in _ARRAYS
        }
        return cls(**stored, **facts)
