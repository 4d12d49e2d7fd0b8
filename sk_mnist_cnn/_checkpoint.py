"""Save the training state to a file after every epoch, and resume from it."""

import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from sklearn.utils import check_random_state

from . import _lock
from ._files import (
    array_from_bytes,
    array_to_bytes,
    as_path,
    as_value_error,
    is_destination,
    read_members,
    remove_leftovers,
    replacing,
    write_members,
)
from ._fingerprint import fingerprint
from ._schedules import learning_rates
from ._training import TrainingState

_CHUNK_ROWS = 4096
_WITHOUT_EFFECT = {"checkpoint", "verbose", "callbacks", "random_state"}

# The file's JSON member; the other members are the arrays of these fields of a TrainingState.
_DESCRIPTION = "training.json"
_ARRAYS = ("weights", "optimizer", "best_weights")
_EMPTY = TrainingState()


class Checkpoint:
    """Checkpoint file of one training run.

    Parameters
    ----------
    path : str or PathLike
        The file; its directory must exist.
    run : callable
        Called without arguments when the file is first read or written, because it reads all images. Returns
        the description of the run, see `describe_run`.

    Raises
    ------
    ValueError
        If the file cannot be written.
    """

    def __init__(self, path, run):
        self.path = Path(os.path.realpath(as_path(path)))
        self._describe_run = run
        if not is_destination(self.path):
            raise ValueError(
                f"checkpoint must be a file in an existing directory, got {str(path)!r}. "
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
    def _run(self):
        return self._describe_run()

    @contextlib.contextmanager
    def locked(self):
        """Lock the file against other fits, in this process and in others.

        Raises
        ------
        ValueError
            If another fit is using the file.
        """
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(_lock.locked(self.path.with_name(f"{self.path.name}.lock")))
            except BlockingIOError as error:
                raise ValueError(
                    f"checkpoint must be used by one fit at a time, got {str(self.path)!r}, which is in use. "
                    "Wait until the other fit has finished, or pass another file name."
                ) from error
            yield

    def load(self):
        """Return the state that was last saved, or None if there is no file.

        Returns
        -------
        TrainingState or None

        Raises
        ------
        ValueError
            If the file is damaged, or was saved by another run or by a later release.
        """
        run = self._run  # here, so that parameters without a description raise before training
        if not self.path.is_file():
            return None
        saved_run, state = _read(self.path)
        different = [name for name in {**run, **saved_run} if run.get(name) != saved_run.get(name)]
        if different:
            raise ValueError(
                f"checkpoint must be of the same training run, got {str(self.path)!r}, which differs in "
                f"{', '.join(different)}. Fit with the data and parameters of that run, delete the file, or "
                "pass another file name."
            )
        return state

    def save(self, state):
        """Replace the file by one with this TrainingState."""
        members = _pack(self._run, state)
        with replacing(self.path) as file:
            write_members(file, members)

    def remove(self):
        """Delete the file."""
        self.path.unlink(missing_ok=True)
        remove_leftovers(self.path)

    def damage_error(self, problem):
        """Return the ValueError for a file that cannot be resumed from, because of `problem`."""
        rule, remedy = _about_damage(self.path)
        return ValueError(f"{rule}: {problem}. {remedy}")


def resolve_seed(random_state, checkpoint=None):
    """Draw a seed from `random_state`; None uses the seed in the checkpoint, if its file exists."""
    if checkpoint is not None and random_state is None:
        seed = saved_seed(checkpoint)
        if seed is not None:
            return seed
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def saved_seed(path):
    """Return the seed of the run in a checkpoint, or None if there is no file.

    Raises
    ------
    ValueError
        If the file is damaged, or was saved by a later release.
    """
    path = as_path(path)
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
    state = TrainingState(**{name: tuple(group) for name, group in groups.items()}, **values)
    if state.best_weights and not replace(state, weights=state.best_weights).has_variables_like(state):
        raise ValueError("best_weights are not like weights")
    n_values = [
        len(series) if all(type(value) is float for value in series) else 0
        for series in state.history.values()
    ]
    if not (state.n_epochs and min(n_values) and max(n_values) == state.n_epochs):
        raise ValueError("history does not hold one number per epoch")
    return state


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


def describe_run(params, seed, classes, images, state=None):
    """Return the description of a training run: hashes of its data, initial state, seed and parameters.

    Parameters
    ----------
    params : dict
        The classifier's parameters. `checkpoint`, `verbose` and `callbacks` are ignored.
    seed : int
        The seed that was drawn from `random_state`.
    classes : ndarray
    images : dict of str to (ImageDataset or None)
    state : TrainingState or None
        The state that the run continues from.

    Returns
    -------
    dict of str to str

    Raises
    ------
    ValueError
        If the content of a parameter cannot be determined.
    """
    run = {"random_state": str(seed), "classes": repr(classes.tolist())}
    for name, value in params.items():
        if name not in _WITHOUT_EFFECT:
            run[name] = _describe_parameter(name, value, params, images["training"])
    for name, dataset in images.items():
        if dataset is not None:
            run[f"{name} images"] = digest(dataset.rows, dataset.indices)
            run[f"{name} labels"] = digest(dataset.labels)
            run[f"{name} weights"] = digest(dataset.weights)
    if state is not None:
        run["fitted weights"] = digest(*state.weights, *state.optimizer)
    return run


def _describe_parameter(name, value, params, training):
    if name == "learning_rate_schedule" and callable(value):
        n_steps = params["epochs"] * training.n_batches(params["batch_size"])
        return digest(learning_rates(value, 1, n_steps))
    content = fingerprint(value)
    if content is None:
        raise ValueError(
            f"{name} must hold no functions and no objects without get_config if there is a checkpoint, "
            f"because they cannot be compared between runs, got {value!r}. Set checkpoint=None, or put a "
            "Keras object with a complete get_config instead."
        )
    return content


def digest(*arrays):
    """Return the SHA-256 of the content, shapes and dtypes of arrays, which are read in chunks."""
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(f"{array.dtype.str} {array.shape}".encode())
        array = np.atleast_1d(array)
        for start in range(0, len(array), _CHUNK_ROWS):
            sha.update(np.ascontiguousarray(array[start : start + _CHUNK_ROWS]).data)
    return sha.hexdigest()
