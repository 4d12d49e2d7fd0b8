"""Loaders of the complete MNIST, of the sample that ships with the package, and of folders with pictures.

MNIST is read from its original files only, and is not changed. `preprocessing` reshapes and scales them.
"""

import gzip
import os
import re
from hashlib import sha256
from http.client import HTTPException
from importlib import resources
from math import prod
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from ._files import array_from_bytes, as_path, as_value_error
from ._packages import pd

if TYPE_CHECKING:  # scikit-learn has no type hints; its Bunch is a dict
    from pandas import DataFrame, Series

    Bunch = dict[str, Any]
else:
    from sklearn.utils import Bunch

__all__ = ["fetch_mnist", "load_image_folder", "load_mnist_sample"]

_DATA = resources.files(__package__) / "data"
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
# What is downloaded: the SHA-256 of each gzipped IDX file, and the folders that have them.
DOWNLOADS = {
    "x_train": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "y_train": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "x_test": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "y_test": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist",
    "https://ossci-datasets.s3.amazonaws.com/mnist",
)
_MAX_HEADER = 10_000  # bytes; NumPy has the same limit
_HIDDEN = {"desktop.ini", "thumbs.db"}  # files without a dot that Windows adds to folders

ImagesT = TypeVar("ImagesT")
LabelsT = TypeVar("LabelsT")


class MNISTBunch(Bunch, Generic[ImagesT, LabelsT]):
    """The arrays or frames of MNIST, as attributes and as keys."""

    data: ImagesT
    target: LabelsT
    x_train: ImagesT
    y_train: LabelsT
    x_test: ImagesT
    y_test: LabelsT
    target_names: NDArray[np.str_]
    DESCR: str


class ImageFolderBunch(Bunch):
    """The pictures in a folder and their labels, as attributes and as keys."""

    data: NDArray[np.str_]
    target: NDArray[Any]
    filenames: NDArray[np.str_]
    target_names: NDArray[np.str_]
    DESCR: str


_Path = str | os.PathLike[str]
Arrays = MNISTBunch[NDArray[np.uint8], NDArray[np.int64]]


@overload
def fetch_mnist(
    path: _Path | None = ..., *, return_X_y: Literal[False] = ..., as_frame: Literal[False] = ...
) -> Arrays: ...
@overload
def fetch_mnist(
    path: _Path | None = ..., *, return_X_y: Literal[False] = ..., as_frame: Literal[True]
) -> "MNISTBunch[DataFrame, Series]": ...
@overload
def fetch_mnist(
    path: _Path | None = ..., *, return_X_y: Literal[True], as_frame: Literal[False] = ...
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]: ...
@overload
def fetch_mnist(
    path: _Path | None = ..., *, return_X_y: Literal[True], as_frame: Literal[True]
) -> "tuple[DataFrame, Series]": ...
def fetch_mnist(
    path: _Path | None = None, *, return_X_y: bool = False, as_frame: bool = False
) -> MNISTBunch | tuple:
    """Load the 70,000 handwritten digits of MNIST, and download them if necessary.

    The arrays are checked against the SHA-256 of the original ones, regardless of their source. Read more in
    the :ref:`User Guide <guide-preprocessing>`.

    Parameters
    ----------
    path : str or PathLike, default=None
        The path of an `mnist.npz`, or of a directory with the four original IDX files, gzipped or not. If
        None, the IDX files (11.6 MB) are downloaded once, from the first of two mirrors that has them, and
        stored in the folder `mnist` of scikit-learn's data home: `~/scikit_learn_data`, or the folder in the
        environment variable `SCIKIT_LEARN_DATA`. A call after an interrupted download keeps the files that
        are complete, and downloads the others.
    return_X_y : bool, default=False
        Whether to return `(data, target)` instead of a Bunch.
    as_frame : bool, default=False
        Whether to return images as DataFrames of flat rows with the columns `pixel1` to `pixel784`, and
        labels as Series with the name `class`, as in OpenML's `mnist_784`.

    Returns
    -------
    mnist : Bunch or tuple (data, target)
        A :class:`~sklearn.utils.Bunch` with these attributes:

        - `data` of shape (70000, 28, 28), uint8: The images, with pixels from 0 (background) to 255 (ink).
          The first 60,000 are the training set, the last 10,000 the test set.
        - `target` of shape (70000,), int64: The labels.
        - `x_train` and `y_train`, `x_test` and `y_test`: The training set and the test set. The arrays are
          views of `data` and `target`.
        - `target_names` of shape (10,), str: The names of the labels.
        - `DESCR`, str: The origin and license of the data.

    Raises
    ------
    FileNotFoundError
        If `path` does not exist, or is a directory that lacks an IDX file.
    ImportError
        If `as_frame` is True and pandas is not installed.
    OSError
        If a file cannot be opened, or `path` is None and the data cannot be downloaded.
    TypeError
        If `path` is neither a str nor a PathLike.
    ValueError
        If the data is damaged or is not the original MNIST.

    See Also
    --------
    load_mnist_sample : Load 10,000 of these digits, without a download.
    sklearn.datasets.get_data_home : The folder for downloads.

    Examples
    --------
    >>> from sk_mnist_cnn import fetch_mnist
    >>> mnist = fetch_mnist()  # doctest: +SKIP
    >>> mnist.x_train.shape, mnist.x_test.shape  # doctest: +SKIP
    ((60000, 28, 28), (10000, 28, 28))
    """
    source = _download() if path is None else as_path(path)
    return _package(_read_mnist(source, MNIST), return_X_y, as_frame)


@overload
def load_mnist_sample(*, return_X_y: Literal[False] = ..., as_frame: Literal[False] = ...) -> Arrays: ...
@overload
def load_mnist_sample(
    *, return_X_y: Literal[False] = ..., as_frame: Literal[True]
) -> "MNISTBunch[DataFrame, Series]": ...
@overload
def load_mnist_sample(
    *, return_X_y: Literal[True], as_frame: Literal[False] = ...
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]: ...
@overload
def load_mnist_sample(
    *, return_X_y: Literal[True], as_frame: Literal[True]
) -> "tuple[DataFrame, Series]": ...
def load_mnist_sample(*, return_X_y: bool = False, as_frame: bool = False) -> MNISTBunch | tuple:
    """Load the 10,000 MNIST digits that ship with the package.

    They are 800 training and 200 test images of each digit, drawn at random from the training and test sets
    of MNIST, in shuffled order. No network connection is needed. Read more in the
    :ref:`User Guide <guide-preprocessing>`.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return `(data, target)` instead of a Bunch.
    as_frame : bool, default=False
        Whether to return DataFrames and Series, as `fetch_mnist` does.

    Returns
    -------
    digits : Bunch or tuple (data, target)
        As `fetch_mnist` returns. In `data` and `target`, the first 8,000 digits are the training set, the
        last 2,000 the test set.

    Raises
    ------
    ValueError
        If the installed file is damaged.

    See Also
    --------
    fetch_mnist : Load all 70,000 digits.

    Examples
    --------
    >>> from sk_mnist_cnn import load_mnist_sample
    >>> digits = load_mnist_sample()
    >>> digits.x_train.shape, digits.x_test.shape
    ((8000, 28, 28), (2000, 28, 28))
    """
    with (
        (_DATA / "mnist_sample.npz").open("rb") as file,
        as_value_error("The sample in sk_mnist_cnn must be intact", "Install the package again."),
    ):
        arrays = _read_npz(file, SAMPLE)
    return _package(arrays, return_X_y, as_frame)


@overload
def load_image_folder(path: _Path, *, return_X_y: Literal[False] = ...) -> ImageFolderBunch: ...
@overload
def load_image_folder(path: _Path, *, return_X_y: Literal[True]) -> tuple[NDArray[np.str_], NDArray[Any]]: ...
def load_image_folder(path: _Path, *, return_X_y: bool = False) -> ImageFolderBunch | tuple:
    """List the pictures in a folder that has one subfolder for each label.

    The pictures are not opened. `MNISTNormalizer` accepts their file names as `X`, so a pipeline that starts
    with a `MNISTNormalizer` can be fitted on them. Read more in the :ref:`User Guide <guide-own_digits>`.

    Parameters
    ----------
    path : str or PathLike
        The folder. The names of its subfolders are the labels. All files in a subfolder and in its nested
        folders are listed as pictures, except for files and folders whose names start with a dot, and for the
        Windows files Thumbs.db and desktop.ini.
    return_X_y : bool, default=False
        Whether to return `(data, target)` instead of a Bunch.

    Returns
    -------
    pictures : Bunch or tuple (data, target)
        A :class:`~sklearn.utils.Bunch` with these attributes:

        - `data` of shape (n_pictures,), str: The file names, sorted by label, then by name. `filenames` is
          the same array, as in :func:`~sklearn.datasets.load_files`.
        - `target` of shape (n_pictures,): The labels. They are integers if all names of subfolders are
          integers without leading zeros, otherwise str.
        - `target_names` of shape (n_classes,), str: The names of the subfolders, sorted by label.
        - `DESCR`, str: The folder.

    Raises
    ------
    FileNotFoundError
        If `path` does not exist or is not a folder.
    TypeError
        If `path` is neither a str nor a PathLike.
    ValueError
        If `path` has no subfolders, or a subfolder is empty.

    See Also
    --------
    MNISTNormalizer : Opens the pictures, and converts them to MNIST's format.
    load_pretrained : A network that recognizes digits without training.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> from sk_mnist_cnn import load_image_folder
    >>> with TemporaryDirectory() as folder:
    ...     for label in ("0", "1"):
    ...         Path(folder, label).mkdir()
    ...         Image.new("L", (28, 28)).save(Path(folder, label, "picture.png"))
    ...     load_image_folder(folder).target
    array([0, 1])
    """
    root = as_path(path)
    filenames, target = _list_pictures(root)
    if return_X_y:
        return filenames, target
    names = np.array([str(label) for label in np.unique(target)])
    description = f"Pictures in {root}. The names of its subfolders are the labels."
    return ImageFolderBunch(
        data=filenames, target=target, filenames=filenames, target_names=names, DESCR=description
    )


def _download():
    """Return the folder of the gzipped files. Those that it lacks are downloaded."""
    from sklearn.datasets import fetch_file, get_data_home

    folder = as_path(get_data_home()) / "mnist"
    folder.mkdir(exist_ok=True)
    for name, checksum in DOWNLOADS.items():
        file, errors = f"{_IDX_NAMES[name]}.gz", []
        for mirror in MIRRORS:
            try:
                fetch_file(f"{mirror}/{file}", folder, sha256=checksum, n_retries=0)
                break
            except (OSError, HTTPException) as error:
                errors.append(f"{mirror}: {error}")
        else:
            raise OSError(
                f"With path=None, fetch_mnist must download {file}, but it failed ({'; '.join(errors)}). "
                "Try again, pass the `path` of a copy, or use load_mnist_sample(), which needs no download."
            )
    return folder


def _package(arrays, return_X_y, as_frame):
    convert = _to_pandas if as_frame else np.asarray
    data = np.concatenate([arrays["x_train"], arrays["x_test"]])
    target = np.concatenate([arrays["y_train"], arrays["y_test"]], dtype=np.int64)
    if return_X_y:
        return convert(data), convert(target)
    n_train = len(arrays["x_train"])
    return MNISTBunch(
        data=convert(data),
        target=convert(target),
        x_train=convert(data[:n_train]),
        y_train=convert(target[:n_train]),
        x_test=convert(data[n_train:]),
        y_test=convert(target[n_train:]),
        target_names=np.array(list("0123456789")),
        DESCR=(_DATA / "README.md").read_text(encoding="utf-8"),
    )


def _to_pandas(array):
    if array.ndim == 1:
        return pd.Series(array, name="class")
    return pd.DataFrame(array.reshape(-1, 784), columns=[f"pixel{i}" for i in range(1, 785)])


def _read_mnist(path, expected):
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
        return _read_npz(file, expected)


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
            arrays[name] = _verify(name, _read_idx(file, expected[name]), expected)
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
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _read_npz(file, expected):
    """Read the expected arrays from an open npz file. A damaged file raises an exception of any class."""
    with ZipFile(file) as archive:
        if missing := [name for name in expected if f"{name}.npy" not in archive.namelist()]:
            raise ValueError(f"it lacks the arrays {missing} and holds {archive.namelist()}")
        return {name: _verify(name, _read_npy(archive, name, expected[name]), expected) for name in expected}


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


def _verify(name, array, expected):
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


def _list_pictures(root):
    """Return the names and the labels of the files in the subfolders of a folder.

    Parameters
    ----------
    root : Path

    Returns
    -------
    filenames : ndarray of shape (n_pictures,), str
        Sorted by label, then by name.
    labels : ndarray of shape (n_pictures,), int or str
        The names of the subfolders.

    Raises
    ------
    FileNotFoundError
        If `root` does not exist, or is not a folder.
    ValueError
        If `root` has no subfolders, or a subfolder is empty.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"path must be an existing folder, got {str(root)!r}. Pass the right path.")
    folders = [folder for folder in root.iterdir() if folder.is_dir() and not _is_hidden(folder, root)]
    if not folders:
        raise ValueError(
            f"path must be a folder with one subfolder for each label, got {str(root)!r}, which has no "
            "subfolders. Move the pictures to subfolders that are named after their labels."
        )
    by_label = sorted(zip(_as_labels(folders), folders, strict=True))
    files = [_find_files(folder) for _, folder in by_label]
    if empty := [folder.name for (_, folder), found in zip(by_label, files, strict=True) if not found]:
        raise ValueError(
            f"path must be a folder whose subfolders hold pictures, got {str(root)!r} with empty subfolders "
            f"{empty}. Add pictures to them, or remove them."
        )
    labels = np.repeat([label for label, _ in by_label], [len(found) for found in files])
    return np.array([str(file) for found in files for file in found]), labels


def _as_labels(folders):
    """Return the names of folders, as integers if all of them are integers without leading zeros."""
    names = [folder.name for folder in folders]
    if all(re.fullmatch("0|-?[1-9][0-9]*", name) for name in names):
        return [int(name) for name in names]
    return names


def _find_files(folder):
    return sorted(file for file in folder.rglob("*") if file.is_file() and not _is_hidden(file, folder))


def _is_hidden(path, root):
    parts = path.relative_to(root).parts
    return any(part.startswith(".") or part.lower() in _HIDDEN for part in parts)
