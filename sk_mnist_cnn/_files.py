"""Check paths, replace files atomically, and read and write archives of texts and arrays.

The size of a file bounds the memory that is needed to read it, even if the file is hostile.
"""

import contextlib
import io
import os
import re
import shutil
import tempfile
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

import numpy as np


def as_path(path):
    """Return the parameter `path` as a Path, with the home directory expanded.

    Raises
    ------
    TypeError
        If it is neither a str nor a PathLike.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path must be a str or a PathLike, got {path!r}. Pass the path of a file.")
    return Path(path).expanduser()


def as_destination(path):
    """Return the parameter `path` as the Path of a file that can be written.

    Raises
    ------
    FileNotFoundError
        If its directory does not exist, or it is a directory itself.
    TypeError
        If it is neither a str nor a PathLike.
    """
    path = as_path(path)
    if not is_destination(path):
        raise FileNotFoundError(
            f"path must be a file in an existing directory, got {str(path)!r}. "
            "Create the directory, or pass another file name."
        )
    return path


def is_destination(path):
    """Return whether the directory of `path` exists, and `path` is not a directory itself."""
    return path.parent.is_dir() and not path.is_dir()


@contextlib.contextmanager
def replacing(path):
    """Open a file that replaces `path` when the block succeeds, and is deleted when it fails.

    Each writer has its own temporary directory, `path` with a random suffix and ".part", so that several can
    write to one path: the last one to finish replaces the others' file. A process that is killed leaves its
    directory behind. The permissions of an existing file are kept, and symbolic links are followed.

    Yields
    ------
    file : binary file
    """
    path = Path(os.path.realpath(path))
    with tempfile.TemporaryDirectory(".part", f"{path.name}.", path.parent) as directory:
        complete = Path(directory, path.name)
        with complete.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileNotFoundError):
            shutil.copymode(path, complete)
        os.replace(complete, path)


def remove_leftovers(path):
    """Delete the temporary directories of killed writers of `path`. No other writer may be running."""
    path = Path(os.path.realpath(path))
    pattern = re.escape(path.name) + r"\.[a-z0-9_]{8}\.part"  # as tempfile names them
    for directory in path.parent.iterdir():
        if re.fullmatch(pattern, directory.name) and directory.is_dir():
            shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def as_value_error(rule, remedy):
    """Raise every exception of the block as a ValueError that gives a rule, the problem and a remedy.

    Readers of damaged files raise exceptions of almost any class. Warnings that are turned into exceptions
    are raised as they are.
    """
    try:
        yield
    except Warning:
        raise
    except ValueError as error:
        raise ValueError(f"{rule}: {error}. {remedy}") from error
    except Exception as error:
        raise ValueError(f"{rule}: {type(error).__name__}: {error}. {remedy}") from error


def write_members(file, members):
    """Write a dict of name to content, str or bytes, as an uncompressed archive."""
    with ZipFile(file, "w", ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def read_members(file):
    """Return the contents of an uncompressed archive as a dict of name to bytes.

    Raises
    ------
    ValueError
        If the archive could become larger than the file, or a name is repeated or leads to another folder.
    Exception
        Almost any, if the archive is damaged.
    """
    with ZipFile(file) as archive:
        _check_members(archive.infolist(), file.seek(0, os.SEEK_END))
        return {name: archive.read(name) for name in archive.namelist()}


def _check_members(members, size):
    """Check the table of contents of an archive, before its members are read."""
    names = [member.filename for member in members]
    wrong = [name for name in names if not re.fullmatch(r"[\w-]+\.\w+", name)]
    if wrong or len(set(names)) < len(names):
        raise ValueError(f"its members must have plain, unique names, got {wrong[:3] or 'one name twice'}")
    if any(member.compress_type != ZIP_STORED for member in members):
        raise ValueError("its members must be stored uncompressed")
    if sum(member.file_size for member in members) > size:
        raise ValueError("its members must not claim to be larger than the file")


def array_to_bytes(array):
    """Return an array in NumPy's `.npy` format."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def array_from_bytes(data):
    """Return the array in a `.npy` file, whose items are never unpickled."""
    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
