"""Loaders of the complete MNIST, of the sample that ships with the package, and of folders with pictures.

The arrays of MNIST are verified and not changed. `preprocessing` reshapes and scales them.
"""

import os
from importlib import resources
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from ._files import as_path, as_value_error
from ._mnist_files import MNIST, SAMPLE, read_mnist, read_npz, verify
from ._packages import pd
from ._pictures.folder import list_pictures

if TYPE_CHECKING:  # scikit-learn has no type hints; its Bunch is a dict
    from pandas import DataFrame, Series

    Bunch = dict[str, Any]
else:
    from sklearn.utils import Bunch

__all__ = ["load_image_folder", "load_mnist", "load_mnist_sample"]

_DATA = resources.files(__package__) / "data"

ImagesT = TypeVar("ImagesT")
LabelsT = TypeVar("LabelsT")


class MNISTBunch(Bunch, Generic[ImagesT, LabelsT]):
    """The arrays or frames of MNIST, as attributes and as keys."""

    x_train: ImagesT
    y_train: LabelsT
    x_test: ImagesT
    y_test: LabelsT
    target_names: NDArray[np.str_]
    DESCR: str


class ImageFolderBunch(Bunch):
    """The pictures in a folder and their labels, as attributes and as keys."""

    filenames: NDArray[np.str_]
    target: NDArray[Any]


Arrays = MNISTBunch[NDArray[np.uint8], NDArray[np.int64]]


@overload
def load_mnist(
    path: str | os.PathLike[str] | None = ...,
    *,
    return_X_y: Literal[False] = ...,
    as_frame: Literal[False] = ...,
) -> Arrays: ...
@overload
def load_mnist(
    path: str | os.PathLike[str] | None = ..., *, return_X_y: Literal[False] = ..., as_frame: Literal[True]
) -> "MNISTBunch[DataFrame, Series]": ...
@overload
def load_mnist(
    path: str | os.PathLike[str] | None = ..., *, return_X_y: Literal[True], as_frame: Literal[False] = ...
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]: ...
@overload
def load_mnist(
    path: str | os.PathLike[str] | None = ..., *, return_X_y: Literal[True], as_frame: Literal[True]
) -> "tuple[DataFrame, Series]": ...
def load_mnist(
    path: str | os.PathLike[str] | None = None, *, return_X_y: bool = False, as_frame: bool = False
) -> MNISTBunch | tuple:
    """Load the 70,000 handwritten digits of MNIST.

    The arrays are checked against the SHA-256 of the original ones, regardless of their source. Read more in
    the :ref:`User Guide <guide-preprocessing>`.

    Parameters
    ----------
    path : str or PathLike, default=None
        The path of an `mnist.npz`, or of a directory with the four original IDX files, gzipped or not. If
        None, Keras downloads `mnist.npz` (11.5 MB) once and stores it in its cache.
    return_X_y : bool, default=False
        Whether to return `(X, y)`, all images and all labels, instead of a Bunch. The first 60,000 rows are
        the training set, the last 10,000 the test set.
    as_frame : bool, default=False
        Whether to return images as DataFrames of flat rows with the columns `pixel1` to `pixel784`, and
        labels as Series with the name `class`, as in OpenML's `mnist_784`.

    Returns
    -------
    data : Bunch or tuple (X, y)
        A :class:`~sklearn.utils.Bunch` with `x_train` of shape (60000, 28, 28), `y_train` of shape (60000,),
        `x_test` of shape (10000, 28, 28) and `y_test` of shape (10000,). Images are uint8, with pixels from 0
        (background) to 255 (ink). Labels are int64. `target_names` holds the ten names, and `DESCR` the
        origin and license of the data.

    Raises
    ------
    FileNotFoundError
        If `path` does not exist, or is a directory that lacks an IDX file.
    ImportError
        If `path` is None and TensorFlow is not installed, or Keras was imported with another backend; or if
        `as_frame` is True and pandas is not installed.
    OSError
        If a file cannot be opened, or `path` is None and Keras can neither find nor download the data.
    TypeError
        If `path` is neither a str nor a PathLike.
    ValueError
        If the data is damaged or is not the original MNIST.

    See Also
    --------
    load_mnist_sample : Load 10,000 of these digits, without a download.

    Examples
    --------
    >>> from sk_mnist_cnn import load_mnist
    >>> mnist = load_mnist()  # doctest: +SKIP
    >>> mnist.x_train.shape, mnist.x_test.shape  # doctest: +SKIP
    ((60000, 28, 28), (10000, 28, 28))
    """
    arrays = _download() if path is None else read_mnist(as_path(path), MNIST)
    return _package(arrays, return_X_y, as_frame)


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
        Whether to return `(X, y)` instead of a Bunch. The first 8,000 rows are the training set.
    as_frame : bool, default=False
        Whether to return DataFrames and Series, as `load_mnist` does.

    Returns
    -------
    data : Bunch or tuple (X, y)
        As `load_mnist` returns, with 8,000 training and 2,000 test images.

    Raises
    ------
    ValueError
        If the installed file is damaged.

    See Also
    --------
    load_mnist : Load all 70,000 digits.

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
        arrays = read_npz(file, SAMPLE)
    return _package(arrays, return_X_y, as_frame)


def load_image_folder(path: str | os.PathLike[str]) -> ImageFolderBunch:
    """List the pictures in a folder that has one subfolder for each label.

    The pictures are not opened. `MNISTNormalizer` accepts their file names as `X`, so a pipeline that starts
    with a `MNISTNormalizer` can be fitted on them. Read more in the :ref:`User Guide <guide-own_digits>`.

    Parameters
    ----------
    path : str or PathLike
        The folder. The names of its subfolders are the labels. All files in a subfolder and in its nested
        folders are listed as pictures, except for files and folders whose names start with a dot, and for the
        Windows files Thumbs.db and desktop.ini.

    Returns
    -------
    data : Bunch
        A :class:`~sklearn.utils.Bunch` with `filenames` of shape (n_pictures,), str, and `target` of shape
        (n_pictures,). The labels are integers if all names of subfolders are integers without leading zeros,
        otherwise str. Pictures are sorted by label, then by name.

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
    filenames, target = list_pictures(as_path(path))
    return ImageFolderBunch(filenames=filenames, target=target)


def _download():
    from ._keras.backend import keras

    try:
        (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    except MemoryError:
        raise
    except Exception as error:  # a failed download is a bare Exception in Keras
        raise OSError(
            f"With path=None, Keras must download MNIST, but it failed: {error}. Pass the `path` of a copy, "
            "or use load_mnist_sample(), which needs no download."
        ) from error
    arrays = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
    with as_value_error(
        "With path=None, Keras must download the original MNIST",
        "Delete mnist.npz from Keras' cache, ~/.keras/datasets, and call load_mnist() again.",
    ):
        return {name: verify(name, array, MNIST) for name, array in arrays.items()}


def _package(arrays, return_X_y, as_frame):
    arrays = {
        name: array if name.startswith("x") else array.astype(np.int64) for name, array in arrays.items()
    }
    if return_X_y:
        arrays = {axis: np.concatenate([arrays[f"{axis}_train"], arrays[f"{axis}_test"]]) for axis in "xy"}
    if as_frame:
        arrays = {name: _to_pandas(array) for name, array in arrays.items()}
    if return_X_y:
        return arrays["x"], arrays["y"]
    description = (_DATA / "README.md").read_text(encoding="utf-8")
    return MNISTBunch(**arrays, target_names=np.array(list("0123456789")), DESCR=description)


def _to_pandas(array):
    if array.ndim == 1:
        return pd.Series(array, name="class")
    return pd.DataFrame(array.reshape(-1, 784), columns=[f"pixel{i}" for i in range(1, 785)])
