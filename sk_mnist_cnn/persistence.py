"""Saving and loading models without pickle, by skops. How an estimator holds its state is its own matter.

What a file can make happen is settled by names. skops audits all names in a file before it imports any, and
trusts scikit-learn's public estimators one by one; a function, method, partial or `operator` caller inside of
one is audited by its own name. `_trusted_names` adds what only keeps or computes with what it is given, in
whatever way a hostile file calls it. All of "sklearn." would let in functions that read files and unpickle.
"""

import copy
import io
import json
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from types import FunctionType, ModuleType
from zipfile import ZIP_STORED, ZipFile

import numpy as np
from sklearn import metrics, model_selection
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch
from sklearn.utils.metadata_routing import MetadataRequest

from . import classifier, normalization, preprocessing
from ._files import as_destination, as_path, replacing

# What fitted searches, ensembles and watched estimators keep, beside estimators.
_SCIKIT_LEARN_PARTS = (
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.callback._progressbar.ProgressBar",
    "sklearn.metrics._scorer._CurveScorer",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.multiclass._ConstantPredictor",
)


def save_model(estimator: BaseEstimator, path: str | os.PathLike) -> None:
    """Save an estimator, fitted or not, to a file that can be loaded without running code.

    Parameters
    ----------
    estimator : estimator object
        A classifier, a Pipeline, a search, or anything else that skops can write.
    path : str or PathLike
        The file, by custom `*.skops`, in a folder that exists. It takes the place of an older one when it is
        complete.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist, or `path` is one.
    ImportError
        If skops is not installed.
    TypeError
        If `estimator` or `path` is something else.
    ValueError
        If `estimator` holds what could not be loaded again: a Keras optimizer or callback, a lambda, a
        sparse matrix. The file at `path`, if any, stays as it was.

    See Also
    --------
    load_model : Loads the file, and says what it is safe from.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sk_mnist_cnn import CNNDigitClassifier
    >>> from sk_mnist_cnn import load_model, save_model
    >>> with TemporaryDirectory() as folder:
    ...     save_model(CNNDigitClassifier(epochs=3), Path(folder, "model.skops"))
    ...     load_model(Path(folder, "model.skops"))
    CNNDigitClassifier(epochs=3)
    """
    skops_io, target = _skops_io(), as_destination(path)
    if not hasattr(estimator, "get_params") or isinstance(estimator, type):
        raise TypeError(f"`estimator` must be a scikit-learn estimator, got {estimator!r}. Pass an instance.")
    _refuse_keras_objects(estimator)
    with _explained(
        f"`estimator` must hold only what can be loaded again; got {type(estimator).__name__}",
        "Leave out what is named here, or put a named function or an estimator in its place.",
    ):
        data = _pack(skops_io.dumps(_without_cycles(estimator)))
        _load(io.BytesIO(data), skops_io.get_untrusted_types(data=data))
    with replacing(target) as file:
        file.write(data)


def load_model(path: str | os.PathLike, *, trusted: Sequence[str | type] | None = None) -> BaseEstimator:
    """Load a model that `save_model` has written.

    Another version of sk_mnist_cnn or scikit-learn than the one it was saved with gives a UserWarning.

    Parameters
    ----------
    path : str or PathLike
        The file.
    trusted : list of (str or type), default=None
        Names of types and functions to take besides this package's, scikit-learn's and NumPy's, as
        `skops.io.load` has it. Name only what you have reviewed: it is imported, and may be called.

    Returns
    -------
    estimator : estimator object
        Predicts what the saved one did, and can be trained on.

    Raises
    ------
    FileNotFoundError
        If `path` does not exist.
    ImportError
        If skops is not installed.
    TypeError
        If `path` or `trusted` is something else.
    ValueError
        If the file holds a type that is not trusted, is damaged, or was not written by `save_model`.

    See Also
    --------
    save_model : Writes the file.

    Notes
    -----
    A stranger's file runs no code: nothing is unpickled, and no type that is not trusted is imported. What is
    read is never larger than the file, whose members must be uncompressed and belong to one array each.

    What you get is what the file says, down to paths among the parameters, such as a Pipeline's `memory`,
    from which `fit` unpickles. Look at ``get_params()`` before you train a stranger's model.

    Examples
    --------
    >>> from sk_mnist_cnn import load_model
    >>> load_model("model.skops").predict(images)  # doctest: +SKIP
    """
    _skops_io()
    source = as_path(path)
    if not isinstance(trusted, list | tuple | set | None):
        raise TypeError(f"`trusted` must be a list of names or None, got {trusted!r}. Pass a list.")
    with (
        source.open("rb") as file,
        _explained(
            f"`path` must be an intact file written by save_model, got {str(source)!r}",
            "Use another copy, or save the model again.",
        ),
    ):
        return _load(file, trusted or ())


def _skops_io():
    try:
        import skops.io
    except ImportError as error:
        raise ImportError(
            'Saving and loading models needs skops. Install it: pip install "sk_mnist_cnn[persistence]"'
        ) from error
    return skops.io


@contextmanager
def _explained(rule, remedy):
    """Turn whatever skops raises into one kind of error, with its rule and its remedy."""
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        yield
    except Warning:
        raise
    except UntrustedTypesFoundException as error:
        raise ValueError(
            "`trusted` must name what a file holds besides types of this package, scikit-learn and NumPy. "
            f"{error}\nIf you have reviewed these types and trust the file, pass their names as a list."
        ) from error
    except Exception as error:  # anything at all, where a schema is damaged
        raise ValueError(f"{rule}: {type(error).__name__}: {error}. {remedy}") from error


def _refuse_keras_objects(estimator):
    parameters = estimator.get_params(deep=True)
    found = [name for name, value in parameters.items() if any(map(_is_of_keras, _walk(value)))]
    if found:
        name = max(found, key=lambda name: name.count("__"))
        raise ValueError(
            f"{name} must hold no Keras object for the model to be saved, got {parameters[name]!r}. Put a "
            f"name or None in its place with set_params({name}=...), and pass it again after loading."
        )


def _is_of_keras(item):
    return any(base.__module__.partition(".")[0] in {"keras", "tensorflow"} for base in type(item).__mro__)


def _walk(root):
    """Yield all that an object holds, itself first, each thing once."""
    seen, waiting = {}, [root]
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen[id(item)] = item
        yield item
        if isinstance(item, Mapping):
            waiting.extend(item.values())
        elif isinstance(item, np.ndarray):
            waiting.extend(item.flat if item.dtype == object else ())
        elif isinstance(item, list | tuple | set):
            waiting.extend(item)
        elif hasattr(item, "__dict__") and not isinstance(item, type | FunctionType | ModuleType):
            waiting.extend(vars(item).values())


def _without_cycles(estimator):
    """Have metadata requests, in a copy, name their estimator and not hold it: skops writes no cycles."""
    if not any(isinstance(item, MetadataRequest) for item in _walk(estimator)):
        return estimator
    estimator = copy.deepcopy(estimator)
    for item in list(_walk(estimator)):
        if isinstance(item, MetadataRequest):
            for part in (item, *vars(item).values()):
                if not isinstance(getattr(part, "owner", ""), str):
                    part.owner = type(part.owner).__name__
    return estimator


def _pack(data):
    """Add the versions to what skops wrote, and take the blanks out of its schema."""
    versions = {name: version(name) for name in ("sk_mnist_cnn", "scikit-learn", "keras", "numpy")}
    packed = io.BytesIO()
    with ZipFile(io.BytesIO(data)) as old, ZipFile(packed, "w", ZIP_STORED) as new:
        new.writestr("versions.json", json.dumps(versions))
        for name in old.namelist():
            content = old.read(name)
            if name == "schema.json":
                content = json.dumps(json.loads(content), separators=(",", ":"))
            new.writestr(name, content)
    return packed.getvalue()


def _load(file, trusted):
    """Have skops load an archive, after what skops does not check itself."""
    with ZipFile(file) as archive:
        _check_members(archive.infolist(), file.seek(0, os.SEEK_END))
        versions, schema = (json.loads(archive.read(f"{name}.json")) for name in ("versions", "schema"))
    _check_schema(schema, {}, {})
    for name in ("sk_mnist_cnn", "scikit-learn"):
        if versions[name] != version(name):
            warnings.warn(
                f"This {schema['__class__']} was saved with {name} {versions[name]} and is loaded with "
                f"{version(name)}. It may break, or predict something else: check it, then save it again.",
                UserWarning,
                stacklevel=3,
            )
    estimator = _skops_io().load(file, trusted=[*_trusted_names(), *trusted])
    if not hasattr(estimator, "get_params"):
        raise ValueError(f"it holds a {type(estimator).__name__}, not an estimator")
    return estimator


def _check_members(members, size):
    """Refuse what could swell when it is read, by the archive's table of contents alone."""
    names = [member.filename for member in members]
    odd = [name for name in names if not re.fullmatch(r"[\w-]+\.\w+", name)]
    if odd or len(set(names)) < len(names):
        raise ValueError(f"its members must have plain names, each its own, not {odd[:3] or 'one twice'}")
    if any(member.compress_type != ZIP_STORED for member in members):
        raise ValueError("its members must be stored uncompressed")
    if sum(member.file_size for member in members) > size:
        raise ValueError("its members must not claim to be larger than the file")


def _check_schema(state, sizes, readers):
    """Refuse what could keep skops reading or auditing without end, and count what is in `state`.

    skops writes an object in full wherever it is named, and loads it once by its `__id__`, but audits it each
    time. So an id with two sizes is forged: short stand-ins for long objects could double the audit again and
    again.
    """
    parts = state.values() if isinstance(state, dict) else state if isinstance(state, list) else ()
    size = 1 + sum(_check_schema(part, sizes, readers) for part in parts)
    if isinstance(state, dict) and "__loader__" in state:
        identity = state["__id__"]
        if not identity or sizes.setdefault(identity, size) != size:
            raise ValueError(f"it describes the object {identity} in more than one way")
        if readers.setdefault(state.get("file"), identity) != identity and "file" in state:
            raise ValueError(f"its member {state['file']} belongs to more than one object")
        if state["__loader__"] == "SparseMatrixNode":
            raise ValueError("it holds a sparse matrix, which is compressed")
    return size


@cache
def _trusted_names():
    """Names of what is trusted besides skops' own choice, see the module's docstring."""
    modules = classifier, normalization, preprocessing, model_selection
    classes = [item for module in modules for item in vars(module).values() if isinstance(item, type)]
    scorers = [metrics.get_scorer(name) for name in metrics.get_scorer_names()]
    requests = MetadataRequest(owner="")
    trusted = [
        *(item for item in classes if issubclass(item, BaseEstimator) or hasattr(item, "split")),
        *(scorer._score_func for scorer in scorers),
        *map(type, (scorers[0], requests, requests.fit)),
        *(Bunch, np.dtype),
    ]
    names = {f"{item.__module__}.{item.__qualname__}" for item in trusted}
    return names.union(_SCIKIT_LEARN_PARTS)
