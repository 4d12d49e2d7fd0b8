"""Read and write zip archives of JSON texts and arrays. Reading a hostile file is bounded by its size."""

import io
import os
import re
from zipfile import ZIP_STORED, ZipFile

import numpy as np


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
    """Check the table of contents, before anything is read."""
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
