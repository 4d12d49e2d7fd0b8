"""Read the files of MNIST, and accept only the original arrays. The public loaders are in `datasets`."""

import gzip
from hashlib import sha256
from math import prod
from zipfile import ZipFile

import numpy as np

from ._files import array_from_bytes, as_value_error

# Shape and SHA-256 of each array of uint8.
MNIST = {
    "x_train": ((60000, 28, 28), "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757"),
    "y_train": ((60000,), "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13"),
    "x_test": ((10000, 28, 28), "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161"),
    "y_test": ((10000,), "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5"),
}
SAMPLE = {
    "x_train": ((8000, 28, 28), "a39870e06ba3bec258a4c40e79cb8e1364b876df4f4f78a7b9999021c83b6af4"),
    "y_train": ((8000,), "db8fc3304ee5788ed256b043005e275d7f635204797eec076d30358abdab81d3"),
    "x_test": ((2000, 28, 28), "a7afb908de6de257dc5df05dce91afd8d9c569cc12762511e072228099b64509"),
    "y_test": ((2000,), "a0e1a694d86a734ee812a1aa89dd0a367d920b4f67f70fe11b7f72e85120ce05"),
}
_IDX_NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
_MAX_HEADER = 10_000  # bytes; NumPy has the same limit


def read_mnist(path, expected):
    """Read an npz file, or a directory of IDX files.

    Parameters
    ----------
    path : Path
    expected : dict of str to (shape, checksum)
        `MNIST` or `SAMPLE`.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    FileNotFoundError
        If `path` does not exist, or is a directory that lacks a file.
    OSError
        If a file cannot be opened.
    ValueError
        If a file is damaged or holds other arrays.
    """
    if not path.exists():
        raise FileNotFoundError(
            f"path must exist, got {str(path)!r}. Correct it, or pass None for a download."
        )
    if path.is_dir():
        return _read_directory(path, expected)
    with path.open("rb") as file, _must_be_mnist(path):
        return read_npz(file, expected)


def _must_be_mnist(path):
    return as_value_error(
        f"path must be the original MNIST, got {str(path)!r}",
        "Pass an intact mnist.npz or directory of IDX files, or None for a download.",
    )


def _read_directory(directory, expected):
    paths = {name: _find_idx(directory, idx_name) for name, idx_name in _IDX_NAMES.items()}
    if missing := [_IDX_NAMES[name] for name, path in paths.items() if path is None]:
        raise FileNotFoundError(
            "path must be an mnist.npz or a directory of MNIST's four IDX files, got "
            f"{str(directory)!r}, which lacks {missing}. Add them, gzipped ('.gz') or not."
        )
    arrays = {}
    for name, path in paths.items():
        with path.open("rb") as file, _must_be_mnist(path):
            arrays[name] = verify(name, _read_idx(file, expected[name]), expected)
    return arrays


def _find_idx(directory, name):
    """Return the path of a file under one of its usual names, gzipped or not, or None."""
    spellings = [name, name.replace("-idx", ".idx")]
    candidates = [directory / (spelling + suffix) for spelling in spellings for suffix in ("", ".gz")]
    return next((path for path in candidates if path.is_file()), None)


def _read_idx(file, expected):
    """Read IDX: two zeros, 8 for bytes, number of dimensions; the sizes, big-endian uint32; the data."""
    is_gzipped = file.read(2) == b"\x1f\x8b"  # by content: browsers unpack files and keep their names
    file.seek(0)
    content = _read_bounded(gzip.GzipFile(fileobj=file) if is_gzipped else file, expected)
    if content[:3] != b"\0\0\x08":
        raise ValueError(f"its magic number is {content[:3].hex()}, not 000008")
    start = 4 + 4 * int.from_bytes(content[3:4], "big")
    if len(content) < start:
        raise ValueError("it is truncated in its header")
    shape = np.frombuffer(content[4:start], ">u4").tolist()
    if len(content) - start != prod(shape):
        raise ValueError(f"it has {len(content) - start} bytes of data, not {prod(shape)}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()


def read_npz(file, expected):
    """Read the expected arrays from an open npz file. A damaged file raises an exception of any class."""
    with ZipFile(file) as archive:
        if missing := [name for name in expected if f"{name}.npy" not in archive.namelist()]:
            raise ValueError(f"it lacks the arrays {missing} and holds {archive.namelist()}")
        return {name: verify(name, _read_npy(archive, name, expected[name]), expected) for name in expected}


def _read_npy(archive, name, expected):
    with archive.open(f"{name}.npy") as member:
        return array_from_bytes(_read_bounded(member, expected))


def _read_bounded(stream, expected):
    """Read at most the size of the array and its header, even from a larger compressed file."""
    shape, _ = expected
    limit = prod(shape) + _MAX_HEADER
    content = stream.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"it holds more than the {prod(shape)} bytes of an array")
    return content


def verify(name, array, expected):
    """Return the array if it is the original one.

    Raises
    ------
    ValueError
        If its dtype, shape or checksum differs.
    """
    shape, checksum = expected[name]
    if array.dtype != np.uint8 or array.shape != shape:
        raise ValueError(f"{name} is {array.dtype} {array.shape}, not uint8 {shape}")
    if (found := sha256(np.ascontiguousarray(array)).hexdigest()) != checksum:
        raise ValueError(f"{name} has the SHA-256 {found}, not {checksum}")
    return array
