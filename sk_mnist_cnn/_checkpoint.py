"""The file in which a training run survives its process."""

import contextlib
import hashlib
import json
from zipfile import BadZipFile

import numpy as np

from ._files import as_path, is_destination, part_of, replacing
from ._schedules import learning_rates

_CHUNK_ROWS = 4096
_ARRAYS = ("weights", "optimizer", "best_weights")
_WITHOUT_EFFECT = {"checkpoint", "verbose", "callbacks", "random_state"}


class Checkpoint:
    """One training run's file: written after every epoch, taken up again, removed at the end.

    Parameters
    ----------
    path : str or PathLike
        The file; its folder must exist.
    run : dict of str to str
        What makes two runs the same, see `describe_run`.

    Raises
    ------
    ValueError
        If no such file can be written.
    """

    def __init__(self, path, run):
        self.path = as_path(path)
        self._run = run
        if not is_destination(self.path):
            raise ValueError(
                f"checkpoint={str(path)!r} must lie in a folder that exists, and not be one itself. "
                "Create the folder, or name another file."
            )
        try:
            part_of(self.path).touch()
            part_of(self.path).unlink()
        except OSError as error:
            raise ValueError(
                f"checkpoint={str(path)!r} must lie in a folder that can be written to ({error}). "
                "Change its permissions, or name another file."
            ) from error

    def load(self):
        from ._training import TrainingState

        arrays, facts = self.read()
        if facts is None:
            return None
        stored = {
            name: tuple(array for key, array in sorted(arrays.items()) if key.split()[0] == name)
            for name in _ARRAYS
        }
        return TrainingState(**stored, **facts)

    def save(self, state):
        arrays = {f"{name} {i:03}": a for name in _ARRAYS for i, a in enumerate(getattr(state, name))}
        self.write(arrays, {name: value for name, value in vars(state).items() if name not in _ARRAYS})

    def read(self):
        """The arrays and the facts last written, or (None, None) where there is no file.

        Raises
        ------
        ValueError
            If the file is damaged, or holds another run.
        """
        meta = read_facts(self.path)
        if meta is None:
            return None, None
        begun = meta["run"]
        differing = [key for key in {**self._run, **begun} if self._run.get(key) != begun.get(key)]
        if differing:
            raise ValueError(
                f"checkpoint={str(self.path)!r} holds another training run: {', '.join(differing)} "
                "differ. Fit with what that run was begun with, delete the file, or name another."
            )
        with _open(self.path) as file:
            arrays = {name: file[name] for name in file.files if name != "facts"}
        return arrays, meta["facts"]

    def write(self, arrays, facts):
        """Put the state in the place of the last one, at once and whole."""
        meta = json.dumps({"run": self._run, "facts": facts})
        with replacing(self.path) as file:
            np.savez(file, facts=np.array(meta), **arrays)

    def remove(self):
        """Delete the file, the run having ended well."""
        self.path.unlink(missing_ok=True)
        part_of(self.path).unlink(missing_ok=True)


def read_facts(path):
    """What a checkpoint says of its run, without its arrays; None where there is no file."""
    path = as_path(path)
    if not path.is_file():
        return None
    with _open(path) as file:
        return json.loads(str(file["facts"]))


@contextlib.contextmanager
def _open(path):
    """Open a checkpoint, naming it in whatever is wrong with it."""
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            yield file
    except (BadZipFile, EOFError, KeyError, ValueError, AttributeError, TypeError) as error:
        raise ValueError(
            f"checkpoint={str(path)!r} is damaged or not a checkpoint of this package ({error}). "
            "Delete it to train from the start, or name another file."
        ) from error


def describe_run(params, seed, classes, images, state=None):
    """Tell a training run from others, by its data, its start, its seed and its parameters.

    Parameters
    ----------
    params : dict
        The classifier's, of which those that change nothing but how the run is watched do not count.
    seed : int
        What `random_state` came to.
    classes : ndarray
    images : dict of str to (ImageDataset or None)
    state : TrainingState or None
        What the run goes on from.

    Returns
    -------
    dict of str to str
    """
    run = {name: _as_text(value) for name, value in params.items() if name not in _WITHOUT_EFFECT}
    schedule = params["learning_rate_schedule"]
    if callable(schedule):
        n_steps = params["epochs"] * images["training"].n_batches(params["batch_size"])
        run["learning_rate_schedule"] = digest(learning_rates(schedule, 1, n_steps))
    run["random_state"] = repr(seed)
    run["classes"] = repr(classes.tolist())
    for name, labelled in images.items():
        if labelled is not None:
            run[f"{name} images"] = digest(labelled.rows, labelled.indices)
            run[f"{name} labels"] = digest(labelled.labels)
            run[f"{name} weights"] = digest(labelled.weights)
    if state is not None:
        run["fitted weights"] = digest(*state.weights, *state.optimizer)
    return run


def _as_text(value):
    """A parameter's value as text that is the same in every process."""
    if hasattr(value, "get_config"):
        config = {key: part for key, part in value.get_config().items() if key != "name"}
        return f"{type(value).__qualname__} {json.dumps(config, sort_keys=True, default=str)}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_as_text, value))}]"
    return repr(value)


def digest(*arrays):
    """A SHA-256 of arrays' contents, shapes and dtypes, read a part at a time."""
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(f"{array.dtype.str} {array.shape}".encode())
        array = np.atleast_1d(array)
        for start in range(0, len(array), _CHUNK_ROWS):
            sha.update(np.ascontiguousarray(array[start : start + _CHUNK_ROWS]).data)
    return sha.hexdigest()
