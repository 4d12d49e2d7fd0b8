"""Paths that users give, and files that take their place only when they are whole."""

import contextlib
import os
from pathlib import Path


def as_path(path):
    """The path of a parameter called `path`.

    Raises
    ------
    TypeError
        If it is neither a str nor a PathLike.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"`path` must be a str or a PathLike, got {path!r}. Pass one.")
    return Path(path).expanduser()


def as_destination(path):
    """The path of a file to be written.

    Raises
    ------
    FileNotFoundError
        If its folder does not exist, or it is one.
    TypeError
        If it is neither a str nor a PathLike.
    """
    path = as_path(path)
    if not is_destination(path):
        raise FileNotFoundError(
            f"`path` must lie in a folder that exists, and not be one itself, got {str(path)!r}. "
            "Create the folder, or name another file."
        )
    return path


def is_destination(path):
    """Whether there is a folder for the file, and none in its place."""
    return path.parent.is_dir() and not path.is_dir()


@contextlib.contextmanager
def replacing(path):
    """Write a file that takes its place only when it is whole and on the disk."""
    part = part_of(path)
    try:
        with open(part, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def part_of(path):
    """Where a file is written before it takes its place: one name, so that a killed process leaves one."""
    return path.with_name(f"{path.name}.part")
