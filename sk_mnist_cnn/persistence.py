"""Save and load models without pickle, in the format of skops.

All names of types and functions in a file are checked before any is imported, including those of functions,
methods, partials and `operator` callers inside an estimator. skops trusts each public scikit-learn estimator
by its name. `_trusted_names` adds classes and functions that only store their arguments or compute with them,
so that even a hostile file can call them. Trusting all of "sklearn." would allow functions that read and
unpickle files.
"""

import copy
import io
import json
import os
from collections.abc import Sequence
from functools import cache, partial
from importlib.metadata import version
from typing import Any

import numpy as np
from sklearn.utils.metadata_routing import MetadataRequest

from ._base import installed_versions, warn
from ._files import (
    as_destination,
    as_source,
    as_value_error,
    check_array,
    read_members,
    replacing,
    write_members,
)
from ._fitted import AnyEstimator
from ._skops import TRUSTED_TYPES, check_parameters, check_schema, checked, is_plain, read_plain, walk

__all__ = ["TRUSTED_TYPES", "load_model", "save_model"]

# Private classes in fitted scikit-learn searches and ensembles, and in estimators with callbacks.
_PRIVATE_TYPES = (
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.callback._progressbar.ProgressBar",
    "sklearn.metrics._scorer._CurveScorer",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.multiclass._ConstantPredictor",
)


def save_model(estimator: AnyEstimator, path: str | os.PathLike[str]) -> None:
    """Save an estimator, fitted or not, to a file that can be loaded without running code.

    Unlike a pickle, such a file can be loaded if its source is not trusted. Later releases of this package
    can load it, too. Read more in the :ref:`User Guide <guide-persistence>`.

    Parameters
    ----------
    estimator : estimator object
        A classifier, a Pipeline, a search, or any other estimator that skops can save.
    path : str or PathLike
        The file, usually named `*.skops`, in an existing directory. An existing file is replaced when the new
        one is complete.

    Raises
    ------
    FileNotFoundError
        If the directory does not exist, or `path` is a directory, a device or a pipe.
    OSError
        If the file cannot be written, for instance on a full disk.
    TypeError
        If `estimator` is not an estimator, or `path` is neither a str nor a PathLike.
    ValueError
        If `estimator` holds something that could not be loaded again: a Keras optimizer or callback, a
        lambda, a sparse matrix. The file at `path`, if any, is not changed.

    See Also
    --------
    load_model : Load the file without running its code.
    export_onnx : Write a fitted classifier to a file that runs without Python.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sk_mnist_cnn import CNNDigitClassifier, load_model, save_model
    >>> with TemporaryDirectory() as folder:
    ...     save_model(CNNDigitClassifier(epochs=3), Path(folder, "model.skops"))
    ...     load_model(Path(folder, "model.skops"))
    CNNDigitClassifier(epochs=3)
    """
    import skops.io

    target = as_destination(path)
    if not hasattr(estimator, "get_params") or isinstance(estimator, type):
        raise TypeError(f"estimator must be a scikit-learn estimator, got {estimator!r}. Pass an instance.")
    check_parameters(estimator)
    with as_value_error(
        f"estimator must hold only what can be loaded again, got {type(estimator).__name__}",
        "Remove it, or replace it by a named function or an estimator.",
    ):
        data = _add_versions(skops.io.dumps(_savable(estimator)))
        schema, members = _read(data)
        if is_plain(schema):
            checked(read_plain(schema, members))
        else:
            checked(skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data)))
    with replacing(target) as file:
        file.write(data)


def load_model(path: str | os.PathLike[str], *, trusted: Sequence[str | type] | None = None) -> Any:
    """Load a model that was saved by `save_model`, without running code from the file.

    Read more in the :ref:`User Guide <guide-persistence>`, and about :ref:`security <guide-security>`.

    Parameters
    ----------
    path : str or PathLike
        The file.
    trusted : list of (str or type), default=None
        Types and functions to trust, in addition to those of this package, scikit-learn and NumPy, as in
        `skops.io.load`. Name only those that you have reviewed, because they are imported and can be called.

    Returns
    -------
    estimator : estimator object
        An estimator with the same predictions as the saved one, whose training can be continued.

    Raises
    ------
    OSError
        If `path` does not exist, is a directory or cannot be read.
    TypeError
        If `path` is neither a str nor a PathLike, or `trusted` is not a list of names and types.
    ValueError
        If the file holds a type that is not trusted, is damaged, or was not saved by `save_model`; or if the
        weights of a classifier have another shape or dtype than its network, or are not finite.

    Warns
    -----
    UserWarning
        If the file was saved with another version of sk_mnist_cnn or scikit-learn.

    See Also
    --------
    save_model : Save the file.

    Notes
    -----
    Loading a malicious file does not run code: nothing is unpickled, and only trusted types are imported.
    The amount of data that is read is limited by the size of the file: its members must be uncompressed, and
    each one holds one array.

    The file determines all parameters, even paths such as the `memory` of a Pipeline, from which `fit`
    unpickles. Check ``get_params()`` before you train a model from an untrusted source.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sk_mnist_cnn import load_mnist_sample, load_model, load_pretrained, save_model
    >>> with TemporaryDirectory() as folder:
    ...     save_model(load_pretrained()[-1], Path(folder, "model.skops"))
    ...     classifier = load_model(Path(folder, "model.skops"))
    >>> classifier.predict(load_mnist_sample().x_test[:3] / 255)
    array([8, 6, 0])
    """
    names = _names_of(trusted)
    source = as_source(path)
    data = source.read_bytes()
    intact = partial(
        as_value_error,
        f"path must be an intact file saved by save_model, got {str(source)!r}",
        "Use another copy, or save the model again.",
    )
    with intact():
        schema, members = _read(data)
        if is_plain(schema):
            return checked(read_plain(schema, members))
    import skops.io

    names |= _trusted_names()
    with intact():
        untrusted = sorted(set(skops.io.get_untrusted_types(data=data)) - names)
    if untrusted:
        raise ValueError(
            f"trusted must name the types of other packages in the file, which are {untrusted}. "
            "If you have reviewed them and trust the file, pass their names as a list."
        )
    with intact():
        return checked(skops.io.loads(data, trusted=sorted(names)))


def _names_of(trusted):
    """Return the names of the types in the parameter `trusted`."""
    if not isinstance(trusted, list | tuple | set | None) or not all(
        isinstance(item, str | type) for item in trusted or ()
    ):
        raise TypeError(f"trusted must be a list of names or types or None, got {trusted!r}. Pass a list.")
    return {item if isinstance(item, str) else f"{item.__module__}.{item.__name__}" for item in trusted or ()}


def _savable(estimator):
    """Return the estimator, or a copy that skops can save: without memory-mapped arrays and cycles.

    In the copy, arrays are in memory, and metadata requests hold the name of their estimator.
    """
    if not any(isinstance(item, MetadataRequest | np.memmap) for item in walk(estimator)):
        return estimator
    in_memory = {id(item): np.array(item) for item in walk(estimator) if isinstance(item, np.memmap)}
    estimator = copy.deepcopy(estimator, in_memory)
    for item in list(walk(estimator)):
        if isinstance(item, MetadataRequest):
            for part in (item, *vars(item).values()):
                if not isinstance(getattr(part, "owner", ""), str):
                    part.owner = type(part.owner).__name__
    return estimator


def _add_versions(data):
    """Add the versions of packages to a file of skops, and remove the white space from its schema."""
    members = read_members(io.BytesIO(data))
    versions = installed_versions("sk_mnist_cnn", "scikit-learn", "keras", "numpy")
    schema = json.dumps(json.loads(members["schema.json"]), separators=(",", ":"))
    packed = io.BytesIO()
    write_members(packed, {"versions.json": json.dumps(versions), **members, "schema.json": schema})
    return packed.getvalue()


def _read(data):
    """Return the schema and the members of a file, and warn about other versions."""
    members = read_members(io.BytesIO(data))
    for content in members.values():
        if content.startswith(np.lib.format.MAGIC_PREFIX):
            check_array(content)
    versions, schema = (json.loads(members[f"{name}.json"].decode()) for name in ("versions", "schema"))
    check_schema(schema)
    for name in ("sk_mnist_cnn", "scikit-learn"):
        if versions[name] != version(name):
            warn(
                f"This {schema['__class__']} was saved with {name} {versions[name]} and is loaded with "
                f"{version(name)}. It may fail or predict differently: check it, and save it again."
            )
    return schema, members


@cache
def _trusted_names():
    """Return the names to trust in addition to those of skops, see the docstring of the module."""
    from sklearn import metrics, model_selection
    from sklearn.utils import Bunch

    scorers = [metrics.get_scorer(name) for name in metrics.get_scorer_names()]
    requests = MetadataRequest(owner="")
    trusted = [
        *(
            item
            for item in vars(model_selection).values()
            if isinstance(item, type) and hasattr(item, "split")
        ),
        *(scorer._score_func for scorer in scorers),
        *map(type, (scorers[0], requests, requests.fit)),
        *(Bunch, np.dtype),
    ]
    names = {f"{item.__module__}.{item.__qualname__}" for item in trusted}
    return names.union(TRUSTED_TYPES, _PRIVATE_TYPES)
