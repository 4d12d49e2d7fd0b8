"""Check model files in the format of skops and the models in them, and read plain files without skops.

Importing skops takes seconds, because it imports all of scikit-learn, and PyTorch, Dask and CuPy where they
are installed. A file that holds only this package's estimators, Pipelines, plain values and arrays is read
here instead; the result is the same. A file, and a model that was loaded from it, may be hostile.
"""

import io
import json
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from types import FunctionType, ModuleType

import numpy as np

from ._architecture import Architecture
from ._files import array_from_bytes, read_members
from .classifier import CNNDigitClassifier

# Names of this package's types in a model file, for tools that load such files themselves, such as skops
# (`skops.io.load(file, trusted=TRUSTED_TYPES)`) and MLflow (`skops_trusted_types`).
TRUSTED_TYPES = (
    "sk_mnist_cnn.classifier.CNNDigitClassifier",
    "sk_mnist_cnn.normalization.MNISTNormalizer",
    "sk_mnist_cnn.novelty.ImageNoveltyDetector",
    "sk_mnist_cnn.preprocessing.ImagePreprocessor",
)

# The version of the format that is read here; skops reads files in older ones.
_PROTOCOL = 2

_SCALARS = {kind for kind in np.sctypeDict.values() if issubclass(kind, np.number | np.bool_ | np.str_)}

# Kinds of nodes that are read here, with the names of their types.
_PLAIN = {
    "DictNode": {"builtins.dict"},
    "JsonNode": {"builtins.str"},
    "ListNode": {"builtins.list"},
    "NdArrayNode": {"numpy.ndarray", *(f"numpy.{kind.__name__}" for kind in _SCALARS)},
    "ObjectNode": {*TRUSTED_TYPES, "sklearn.pipeline.Pipeline"},
    "TupleNode": {"builtins.tuple"},
    "TypeNode": {"builtins.float", "builtins.int", "builtins.str"},
}


def check_schema(schema):
    """Check that reading and auditing the file take a limited time.

    skops writes an object in full wherever it is used, and loads it once by its `__id__`, but audits it each
    time. So an id with two sizes is forged: it could make the time of the audit grow exponentially.

    Raises
    ------
    ValueError
        If an object is described twice with different sizes, two objects share a member of the archive, or
        there is a sparse matrix, which is compressed.
    """
    _count_parts(schema, {}, {})


def _count_parts(state, sizes, readers):
    parts = state.values() if isinstance(state, dict) else state if isinstance(state, list) else ()
    size = 1 + sum(_count_parts(part, sizes, readers) for part in parts)
    if _is_node(state):
        identity = state["__id__"]
        if not identity or sizes.setdefault(identity, size) != size:
            raise ValueError(f"it describes the object {identity} in more than one way")
        if readers.setdefault(state.get("file"), identity) != identity and "file" in state:
            raise ValueError(f"its member {state['file']} belongs to more than one object")
        if state["__loader__"] == "SparseMatrixNode":
            raise ValueError("it holds a sparse matrix, which is compressed")
    return size


def is_plain(schema):
    """Return whether a checked schema can be read here."""
    return schema["protocol"] == _PROTOCOL and all(
        f"{node['__module__']}.{node['__class__']}" in _PLAIN.get(node["__loader__"], ())
        for node in _nodes(schema)
    )


def read_plain(schema, members):
    """Return the object that a plain schema describes; `members` are the contents of the archive."""
    objects = {}

    def read(node):
        identity = node["__id__"]
        if identity not in objects:
            objects[identity] = _READERS[node["__loader__"]](node, read, members)
        return objects[identity]

    return read(schema)


def read_trusted(content):
    """Return the object in the content of a plain model file of this package, saved by any version."""
    members = read_members(io.BytesIO(content))
    return read_plain(json.loads(members["schema.json"]), members)


def _is_node(part):
    return isinstance(part, dict) and "__loader__" in part


def _nodes(part):
    """Yield the nodes of a schema."""
    if _is_node(part):
        yield part
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _nodes(inner)


def _read_array(node, read, members):
    if node["type"] == "numpy":
        array = array_from_bytes(members[node["file"]])
        return array if node["__class__"] == "ndarray" else getattr(np, node["__class__"])(array)
    items = list(map(read, node["content"]))
    if len(read(node["shape"])) > 1:
        return np.array(items, dtype=object)
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):  # one by one, since an item may be a sequence
        array[i] = item
    return array


def _read_dict(node, read, members):
    keys, items = read(node["key_types"]), node["content"].items()
    return {kind(key): read(item) for kind, (key, item) in zip(keys, items, strict=True)}


def _read_estimator(node, read, members):
    kind = _read_type(node, read, members)
    estimator = kind.__new__(kind)
    estimator.__setstate__(read(node["content"]))
    return estimator


def _read_json(node, read, members):
    return json.loads(node["content"])


def _read_list(node, read, members):
    return list(map(read, node["content"]))


def _read_tuple(node, read, members):
    return tuple(map(read, node["content"]))


def _read_type(node, read, members):
    return getattr(import_module(node["__module__"]), node["__class__"])


_READERS = {
    "DictNode": _read_dict,
    "JsonNode": _read_json,
    "ListNode": _read_list,
    "NdArrayNode": _read_array,
    "ObjectNode": _read_estimator,
    "TupleNode": _read_tuple,
    "TypeNode": _read_type,
}


def check_parameters(estimator):
    """Raise a ValueError for a parameter that holds a Keras object, or a function that cannot be imported."""
    parameters = estimator.get_params(deep=True)
    for is_refused, kind, remedy in (
        (_is_of_keras, "Keras object", "Use a name or None instead, and set the parameter after loading"),
        (_is_local, "lambda or local function", "Use a function that can be imported instead"),
    ):
        found = [name for name, value in parameters.items() if any(map(is_refused, walk(value)))]
        if found:
            name = max(found, key=lambda name: name.count("__"))
            raise ValueError(
                f"{name} must hold no {kind} for the model to be saved, got {parameters[name]!r}. "
                f"{remedy}: set_params({name}=...)."
            )


def _is_of_keras(item):
    return any(base.__module__.partition(".")[0] in {"keras", "tensorflow"} for base in type(item).__mro__)


def _is_local(item):
    """Return whether an object is a lambda, or a function defined inside another one."""
    return isinstance(item, FunctionType) and "<" in item.__qualname__


def walk(root):
    """Yield an object and all objects that it holds, once each."""
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
        elif isinstance(item, partial):
            waiting.extend((item.func, item.args, item.keywords))
        elif hasattr(item, "__dict__") and not isinstance(item, type | FunctionType | ModuleType):
            waiting.extend(vars(item).values())


def checked(estimator):
    """Return a loaded estimator after checking its parameters and its fitted classifiers."""
    if not hasattr(estimator, "get_params"):
        raise ValueError(f"it holds a {type(estimator).__name__}, not an estimator")
    estimator.get_params()
    for item in walk(estimator):
        if isinstance(item, CNNDigitClassifier) and vars(item).keys() & {"classes_", "_weights"}:
            _check_fitted(item)
    return estimator


def _check_fitted(classifier):
    """Raise a ValueError if the arrays of a fitted classifier do not fit its network."""
    architecture = classifier._fitted_architecture
    resolved = Architecture.resolve(
        architecture.image_shape, architecture.n_classes, **architecture.parameters
    )
    if resolved != architecture:
        raise ValueError(f"it holds an impossible network, {architecture}")
    classifier._training_state.check(architecture)
    if classifier.classes_.shape != (architecture.n_classes,):
        raise ValueError(f"there must be {architecture.n_classes} classes, got {classifier.classes_}")
    if classifier.image_shape_ != architecture.image_shape:
        raise ValueError(f"image_shape_ must be {architecture.image_shape}, got {classifier.image_shape_}")
