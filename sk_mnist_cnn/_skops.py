"""Read plain model files without skops, and check the schema of all model files.

Importing skops takes seconds, because it imports all of scikit-learn, and PyTorch, Dask and CuPy where they
are installed. A file that holds only this package's estimators, Pipelines, plain values and arrays is read
here instead; the result is the same.
"""

import io
import json
from importlib import import_module

import numpy as np

from .._files import array_from_bytes, read_members

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
