"""Check paths, replace files atomically, and read and write archives of texts and arrays.

The size of a file bounds the memory that is needed to read it, even if the file is hostile.
"""

import contextlib
import errno
import hashlib
import io
import os
import re
import shutil
import struct
import tempfile
import tokenize
import zlib
from math import prod
from pathlib import Path
from pickle import PickleError
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import numpy as np

# Longer names leave no room for the suffix of a temporary directory: most file systems allow 255 bytes.
_MAX_NAME = 200

_HEADER_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}

# What zipfile, gzip, json, NumPy, skops and Pillow raise for damaged files and for objects that cannot be
# saved.
_READ_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BadZipFile,
    EOFError,
    ImportError,
    LookupError,
    PickleError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    tokenize.TokenError,
    zlib.error,
)


def as_path(path, name="path"):
    """Return the parameter `path` as a Path, with the home directory expanded.

    Raises
    ------
    TypeError
        If it is neither a str nor a PathLike.
    ValueError
        If no file can have this name.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"{name} must be a str or a PathLike, got {path!r}. Pass the path of a file.")
    path = Path(os.path.expanduser(path))  # keeps "~" before a name of no user
    try:
        is_possible = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        is_possible = False
    if not is_possible:
        raise ValueError(
            f"{name} must be a name that a file can have, got {str(path)!r}. Remove its special characters."
        )
    return path


def as_source(path, name="path"):
    """Return the parameter `path` as the Path of a file that can be read.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If it does not exist, or is a directory.
    TypeError
        If it is neither a str nor a PathLike.
    ValueError
        If no file can have this name.
    """
    path = as_path(path, name)
    for kind, is_wrong in ((FileNotFoundError, not path.exists()), (IsADirectoryError, path.is_dir())):
        if is_wrong:
            reason = os.strerror(errno.ENOENT if kind is FileNotFoundError else errno.EISDIR)
            raise kind(f"{name} must be an existing file, got {str(path)!r}: {reason}. Correct the path.")
    return path


def as_destination(path):
    """Return the parameter `path` as the Path of a file that can be written.

    Raises
    ------
    FileNotFoundError
        If its directory does not exist, or it is a directory, a device or a pipe.
    TypeError
        If it is neither a str nor a PathLike.
    ValueError
        If no file can have this name.
    """
    path = as_path(path)
    if not is_destination(path):
        raise FileNotFoundError(
            f"path must be a file in an existing directory, got {str(path)!r}, "
            f"{'which is not a regular file' if path.exists() else 'whose directory does not exist'}. "
            "Create the directory, or pass another file name."
        )
    return path


def is_destination(path):
    """Return whether `path` is a regular file, or a new name in an existing directory.

    A device or a pipe must not be replaced by a file. Symbolic links are followed.
    """
    return path.is_file() or (path.parent.is_dir() and not path.exists())


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
    # The file is complete even if its directory cannot be deleted, for instance on NFS.
    with tempfile.TemporaryDirectory(
        ".part", f"{_name_stem(path)}.", path.parent, ignore_cleanup_errors=True
    ) as directory:
        complete = Path(directory, path.name)
        with complete.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileNotFoundError):
            shutil.copymode(path, complete)
        os.replace(complete, path)


def _name_stem(path):
    """Return the name to which a suffix is added for a directory next to `path`. A long name is hashed."""
    name = os.fsencode(path.name)
    return path.name if len(name) <= _MAX_NAME else hashlib.sha256(name).hexdigest()


@contextlib.contextmanager
def as_value_error(rule, remedy, *others):
    """Raise the errors of readers of damaged files as a ValueError with a rule, the problem and a remedy.

    `others` are further classes of such errors. A MemoryError is not converted, because it says nothing about
    the file. An OSError of the operating system is not converted either, except for EINVAL, which is raised
    for a damaged file whose offsets lead to an impossible position. The OSErrors of gzip and Pillow, which
    have no error number, are converted.
    """
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{rule}: {error}. {remedy}") from error
    except (*_READ_ERRORS, OSError, *others) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
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
    """Return the array in a `.npy` file, without unpickling. Errors are those of `check_array`."""
    check_array(data)
    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)


def check_array(data):
    """Check that the header of a `.npy` file fits its size, because memory is allocated by the header.

    Raises
    ------
    ValueError
        If the shape in its header does not fit the size of its data.
    Exception
        Almost any, if the header is damaged.
    """
    buffer = io.BytesIO(data)
    version = np.lib.format.read_magic(buffer)
    if version not in _HEADER_READERS:
        raise ValueError(f"its arrays must have version 1.0 or 2.0 of the format, got {version}")
    try:
        shape, _, dtype = _HEADER_READERS[version](buffer)
    except MemoryError as error:  # of Python's parser: NumPy reads at most 10,000 characters
        raise ValueError("the header of an array is nested too deeply") from error
    claimed, found = prod(shape) * dtype.itemsize, len(data) - buffer.tell()
    if claimed != found and not dtype.hasobject:  # NumPy rejects objects
        raise ValueError(f"an array of shape {shape} and dtype {dtype} has {found} bytes, not {claimed}")
