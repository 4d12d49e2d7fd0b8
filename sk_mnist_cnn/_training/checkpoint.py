"""Save the training state to a file after every epoch, and resume from it.

Files are replaced atomically, and a run resumes only from its own file. If several runs write to one file at
the same time, the last one wins.
"""

import hashlib
import json
import os
import tempfile
from functools import cached_property
from numbers import Integral
from pathlib import Path

from .._files import (
    array_from_bytes,
    array_to_bytes,
    as_path,
    as_value_error,
    is_destination,
    read_members,
    replacing,
    write_members,
)
from .config import TrainingState, learning_rates
from .fingerprint import digest, fingerprint

_WITHOUT_EFFECT = {"checkpoint", "verbose", "callbacks", "random_state"}

# The file's JSON member; the other members are the arrays of these fields of a TrainingState.
_DESCRIPTION = "training.json"
_ARRAYS = ("weights", "optimizer", "best_weights")
_EMPTY = TrainingState()


def open_checkpoint(run):
    """Return the Checkpoint of a run with the state from which the run resumes; None if it has none."""
    if run.params["checkpoint"] is None:
        return None
    checkpoint = Checkpoint(run)
    checkpoint.resumed = checkpoint.load()
    return checkpoint


class Checkpoint:
    """Checkpoint file of one training run.

    Parameters
    ----------
    run : TrainingRun
        Its parameter `checkpoint` is the file, in an existing directory. If it is an existing directory, each
        run has its own file there.

    Attributes
    ----------
    path : Path
        The file.
    resumed : TrainingState or None
        The state that `open_checkpoint` has loaded, from which the run resumes; None if there was no file.

    Raises
    ------
    ValueError
        If the file cannot be written, or `checkpoint` is a directory and each `fit` draws another seed.
    """

    def __init__(self, run):
        self._run, self.resumed = run, None
        path = run.params["checkpoint"]
        self.path = Path(os.path.realpath(as_path(path, "checkpoint")))
        if self.path.is_dir() and os.fspath(path):  # "" is the current directory
            self.path /= f"{self._digest()}.checkpoint"
        if not is_destination(self.path):
            raise ValueError(
                f"checkpoint must be a directory, or a file in an existing one, got {str(path)!r}. "
                "Create the directory, or pass another file name."
            )
        try:
            tempfile.TemporaryFile(dir=self.path.parent).close()
        except OSError as error:
            raise ValueError(
                f"checkpoint must be a file in a directory that can be written to, got {str(path)!r} "
                f"({error}). Change the permissions of the directory, or pass another file name."
            ) from error

    @cached_property
    def _description(self):
        # Computed at the first use, because it reads all images.
        return describe_run(self._run)

    def _digest(self):
        """Return a short hash of the description of the run, for the name of its file."""
        if not isinstance(self._run.params["random_state"], Integral):
            raise ValueError(
                "random_state must be an integer if checkpoint is a directory, where the file of a run is "
                f"found by its seed, got {self._run.params['random_state']!r}. Pass an integer."
            )
        return hashlib.sha256(json.dumps(self._description, sort_keys=True).encode()).hexdigest()[:16]

    def load(self):
        """Return the state that was last saved, or None if there is no file.

        Returns
        -------
        TrainingState or None

        Raises
        ------
        ValueError
            If the file is damaged, or was saved by another run or by a later release; with or without a file,
            if the content of a parameter cannot be determined.
        """
        run = self._description
        if not self.path.is_file():
            return None
        saved_run, state = _read(self.path)
        different = [name for name in {**run, **saved_run} if run.get(name) != saved_run.get(name)]
        if different:
            raise ValueError(
                "checkpoint must be saved by a fit with the same data and parameters, got "
                f"{str(self.path)!r}, which was saved by a fit that differs in {', '.join(different)}. Fit "
                "with its data and parameters to resume it, delete the file to train from the start, or pass "
                "another file name. In a search, pass a directory."
            )
        with self.damage_as_value_error():
            self._run.check_progress(state)
        return state

    def save(self, state):
        """Replace the file by one with this TrainingState."""
        members = _pack(self._description, state)
        with replacing(self.path) as file:
            write_members(file, members)

    def remove(self):
        """Delete the file."""
        self.path.unlink(missing_ok=True)

    def damage_as_value_error(self):
        """Raise the errors of the block as a ValueError for a file that cannot be resumed from."""
        return as_value_error(*_about_damage(self.path))


def saved_seed(path):
    """Return the seed of the run in a checkpoint, or None if there is no file.

    Raises
    ------
    ValueError
        If the file is damaged, or was saved by a later release.
    """
    path = as_path(path, "checkpoint")
    if not path.is_file():
        return None
    try:
        return int(_read(path)[0]["random_state"])
    except FileNotFoundError:  # removed by another fit that has just succeeded
        return None


def _read(path):
    """Return the description of the run and the TrainingState in a file, after checking both."""
    with path.open("rb") as file, as_value_error(*_about_damage(path)):
        members = read_members(file)
        description = json.loads(members.pop(_DESCRIPTION).decode())
        arrays = {name: array_from_bytes(members[name]) for name in sorted(members)}
        unknown = ", ".join(sorted(_unknown_fields(description, arrays)))
        if not unknown:
            return _checked_run(description["run"]), _unpack(description["state"], arrays)
    raise ValueError(
        f"checkpoint must be saved by this release or an earlier one, got {str(path)!r}, which has the "
        f"unknown fields {unknown}. Install the release that saved it, delete it to train from the start, or "
        "pass another file name."
    )


def _about_damage(path):
    """Return the rule and the remedy for a damaged file."""
    return (
        f"checkpoint must be an intact file saved by `fit`, got {str(path)!r}",
        "Delete it to train from the start, or pass another file name.",
    )


def _pack(run, state):
    values = {name: value for name, value in vars(state).items() if name not in _ARRAYS}
    arrays = {
        f"{name}-{i:04}.npy": array_to_bytes(array)
        for name in _ARRAYS
        for i, array in enumerate(getattr(state, name))
    }
    return {_DESCRIPTION: json.dumps({"run": run, "state": values}), **arrays}


def _unpack(values, arrays):
    """Return the TrainingState that was packed. Damaged values raise exceptions of almost any class."""
    for name, default in vars(_EMPTY).items():
        if name not in _ARRAYS and type(values[name]) is not type(default):
            raise ValueError(f"{name} is {values[name]!r}")
    if any(array.dtype.kind not in "fiu" for array in arrays.values()):
        raise ValueError("an array does not hold numbers")
    groups = {name: [arrays[member] for member in arrays if _field_of(member) == name] for name in _ARRAYS}
    return TrainingState(**{name: tuple(group) for name, group in groups.items()}, **values)


def _unknown_fields(description, arrays):
    parts = description.keys() - {"run", "state"}
    return parts | description["state"].keys() - vars(_EMPTY).keys() | {*map(_field_of, arrays)} - {*_ARRAYS}


def _field_of(member):
    return member.partition("-")[0]


def _checked_run(run):
    """Return the description of a run. A damaged one raises an exception of almost any class."""
    if not all(isinstance(text, str) for text in run.values()):
        raise ValueError("the run is not described by texts")
    if not 0 <= int(run["random_state"]) < 2**32:
        raise ValueError(f"random_state is {run['random_state']}")
    return run


def describe_run(run):
    """Return the description of a run by name: hashes of its data, initial state, seed and parameters.

    Raises
    ------
    ValueError
        If the content of a parameter cannot be determined.
    """
    description = {"random_state": str(run.config.seed), "classes": repr(run.classes.tolist())}
    for name, value in run.params.items():
        if name not in _WITHOUT_EFFECT:
            description[name] = _describe_parameter(name, value, run)
    for name in ("training", "validation"):
        dataset = getattr(run, name)
        if dataset is not None:
            description[f"{name} images"] = digest(dataset.rows, dataset.indices)
            description[f"{name} labels"] = digest(dataset.labels)
            description[f"{name} weights"] = digest(dataset.weights)
    if run.previous.weights:
        description["fitted weights"] = digest(*run.previous.weights, *run.previous.optimizer)
    return description


def _describe_parameter(name, value, run):
    if name == "epochs":
        value = run.config.epochs
    if name == "learning_rate_schedule" and callable(value):
        return digest(learning_rates(value, 1, run.n_steps))
    content = fingerprint(value)
    if content is None:
        raise ValueError(
            f"{name} must hold no functions and no objects without get_config if there is a checkpoint, "
            f"because they cannot be compared between runs, got {value!r}. Set checkpoint=None, or pass a "
            "Keras object with a complete get_config."
        )
    return content
