"""Loaders of MNIST: the whole data set, and the sample that ships with the package.

They verify the data and hand it out as it is; reshaping and scaling live in `preprocessing`.
"""

import gzip
import os
import zipfile
import zlib
from contextlib import contextmanager
from hashlib import sha256
from importlib import resources
from math import prod

import numpy as np
from sklearn.utils import Bunch

from ._files import as_path

_DATA = resources.files(__package__) / "data"

# Of each array its number of rows, and the SHA-256 of its bytes.
_MNIST = {
    "x_train": (60000, "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757"),
    "y_train": (60000, "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13"),
    "x_test": (10000, "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161"),
    "y_test": (10000, "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5"),
}
_SAMPLE = {
    "x_train": (8000, "a39870e06ba3bec258a4c40e79cb8e1364b876df4f4f78a7b9999021c83b6af4"),
    "y_train": (8000, "db8fc3304ee5788ed256b043005e275d7f635204797eec076d30358abdab81d3"),
    "x_test": (2000, "a7afb908de6de257dc5df05dce91afd8d9c569cc12762511e072228099b64509"),
    "y_test": (2000, "a0e1a694d86a734ee812a1aa89dd0a367d920b4f67f70fe11b7f72e85120ce05"),
}
_IDX_NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
_DAMAGE = (ValueError, EOFError, RuntimeError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error)


def load_mnist(
    path: str | os.PathLike | None = None, *, return_X_y: bool = False, as_frame: bool = False
) -> Bunch | tuple:
    """Load the 70,000 handwritten digits of MNIST.

    Wherever they come from, the arrays are checked against the SHA-256 of the original ones.

    Parameters
    ----------
    path : str or PathLike, default=None
        An `mnist.npz`, or a folder with the four original IDX files, gzipped or not. None has
        Keras download `mnist.npz` once and keep it in its own cache.
    return_X_y : bool, default=False
        Return `(X, y)`, all images and all labels, instead of a Bunch. The first 60,000 rows are
        the training set, the last 10,000 the test set.
    as_frame : bool, default=False
        Return images as DataFrames of flat rows with the columns `pixel1` to `pixel784`, as
        OpenML's `mnist_784` names them, and labels as Series named `class`. Needs pandas.

    Returns
    -------
    data : Bunch or tuple (X, y)
        `x_train` of shape (60000, 28, 28), `y_train` of shape (60000,), `x_test` of shape
        (10000, 28, 28) and `y_test` of shape (10000,), all uint8, with pixels from 0 (background)
        to 255 (ink); `target_names`, the ten names; `DESCR`, origin and licence of the data.

    Raises
    ------
    FileNotFoundError
        If `path` does not exist, or is a folder that lacks an IDX file.
    OSError
        If `path` is None and Keras can neither find nor download the data.
    ValueError
        If the data is damaged or is not the original MNIST.

    See Also
    --------
    load_mnist_sample : 10,000 of these digits, without a download.

    Examples
    --------
    >>> from sk_mnist_cnn import load_mnist
    >>> load_mnist().x_train.shape  # doctest: +SKIP
    (60000, 28, 28)
    """
    if path is None:
        arrays = _download()
        with _explained(
            "With path=None Keras must supply the original MNIST",
            "Delete mnist.npz from Keras' cache, ~/.keras/datasets, and call load_mnist() again.",
        ):
            _verify(arrays, _MNIST)
    else:
        source = _existing(path)
        with _explained(
            f"`path` must lead to the original MNIST, got {str(source)!r}",
            "Pass an intact mnist.npz or folder of IDX files, or None for a download.",
        ):
            arrays = _read_idx_folder(source) if source.is_dir() else _read_npz(source)
            _verify(arrays, _MNIST)
    return _package(arrays, return_X_y, as_frame)


def load_mnist_sample(*, return_X_y: bool = False, as_frame: bool = False) -> Bunch | tuple:
    """Load the 10,000 MNIST digits that ship with the package.

    They are 800 training and 200 test images of each digit, drawn at random from MNIST's training
    and test sets, in shuffled order. No network is needed.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return `(X, y)` instead of a Bunch. The first 8,000 rows are the training set.
    as_frame : bool, default=False
        Return DataFrames and Series, as `load_mnist` does. Needs pandas.

    Returns
    -------
    data : Bunch or tuple (X, y)
        The same as `load_mnist` returns, with 8,000 training and 2,000 test images.

    Raises
    ------
    ValueError
        If the installed file is damaged.

    See Also
    --------
    load_mnist : All 70,000 digits.

    Examples
    --------
    >>> from sk_mnist_cnn import load_mnist_sample
    >>> digits = load_mnist_sample()
    >>> digits.x_train.shape, digits.x_test.shape
    ((8000, 28, 28), (2000, 28, 28))
    """
    with _explained("The sample in sk_mnist_cnn must be intact", "Install the package again."):
        arrays = _read_npz(_DATA / "mnist_sample.npz")
        _verify(arrays, _SAMPLE)
    return _package(arrays, return_X_y, as_frame)


@contextmanager
def _explained(rule, remedy):
    """Turn whatever damaged data raises into one kind of error, with its rule and its remedy."""
    try:
        yield
    except _DAMAGE as error:
        raise ValueError(f"{rule}: {error}. {remedy}") from error


def _existing(path):
    path = as_path(path)
    if not path.exists():
        raise FileNotFoundError(
            f"`path` must exist, got {str(path)!r}. Correct it, or pass None for a download."
        )
    return path


def _download():
    from ._keras.backend import keras

    try:
        (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    except Exception as error:  # a failed download is a bare Exception in Keras
        raise OSError(
            f"With path=None Keras must supply MNIST, and it could not: {error}. Pass the `path` "
            "of a copy, or use load_mnist_sample(), which needs no network."
        ) from error
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def _read_npz(path):
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":  # np.load would suggest to unpickle anything else
            raise ValueError("it is not an .npz archive")
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            if missing := _MNIST.keys() - archive.keys():
                raise ValueError(f"it lacks {sorted(missing)} and holds {archive.files}")
            return {name: np.asarray(archive[name]) for name in _MNIST}


def _read_idx_folder(folder):
    files = {name: _find_idx(folder, idx_name) for name, idx_name in _IDX_NAMES.items()}
    if missing := [_IDX_NAMES[name] for name, file in files.items() if file is None]:
        raise FileNotFoundError(
            "`path` must be an mnist.npz or a folder of MNIST's four IDX files, got "
            f"{str(folder)!r}, which lacks {missing}. Add what is missing, gzipped ('.gz') or not."
        )
    return {name: _read_idx(file) for name, file in files.items()}


def _find_idx(folder, name):
    """Find a file under either of its usual spellings, gzipped or not."""
    spellings = [name, name.replace("-idx", ".idx")]
    candidates = [folder / (spelling + suffix) for spelling in spellings for suffix in ("", ".gz")]
    return next((file for file in candidates if file.is_file()), None)


def _read_idx(file):
    """Read IDX: two zeros, 8 for bytes, number of sizes; the sizes, big-endian uint32; the data."""
    content = file.read_bytes()
    if content.startswith(b"\x1f\x8b"):  # gzip, whatever the file is called
        content = gzip.decompress(content)
    if content[:3] != b"\0\0\x08":
        raise ValueError(f"{file.name} has the magic number {content[:3].hex()}, not 000008")
    start = 4 + 4 * int.from_bytes(content[3:4], "big")
    if len(content) < start:
        raise ValueError(f"{file.name} is truncated in its header")
    shape = np.frombuffer(content[4:start], ">u4").tolist()
    if len(content) - start != prod(shape):
        raise ValueError(f"{file.name} has {len(content) - start} bytes of data, not {prod(shape)}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()


def _verify(arrays, expected):
    for name, (n_rows, checksum) in expected.items():
        array = arrays[name]
        shape = (n_rows, 28, 28) if name.startswith("x") else (n_rows,)
        if array.dtype != np.uint8 or array.shape != shape:
            raise ValueError(f"{name} is {array.dtype} {array.shape}, not uint8 {shape}")
        if (found := sha256(np.ascontiguousarray(array)).hexdigest()) != checksum:
            raise ValueError(f"{name} has the SHA-256 {found}, not {checksum}")


def _package(arrays, return_X_y, as_frame):
    if return_X_y:
        arrays = {axis: np.concatenate([arrays[f"{axis}_train"], arrays[f"{axis}_test"]]) for axis in "xy"}
    if as_frame:
        arrays = {name: _to_pandas(array) for name, array in arrays.items()}
    if return_X_y:
        return arrays["x"], arrays["y"]
    description = (_DATA / "README.md").read_text(encoding="utf-8")
    return Bunch(**arrays, target_names=np.array(list("0123456789")), DESCR=description)


def _to_pandas(array):
    import pandas as pd

    if array.ndim == 1:
        return pd.Series(array, name="class")
    return pd.DataFrame(array.reshape(-1, 784), columns=[f"pixel{i}" for i in range(1, 785)])
