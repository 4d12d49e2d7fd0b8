"""Hash the content of parameter values and arrays, with the same result in every process, without Keras.

`joblib.hash` is not used, because it depends on the memory layout of arrays and on the pickle format of
NumPy, returns different hashes for 5 and 5.0, and pickles Keras objects.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence, Set
from numbers import Integral, Real

import numpy as np

_CHUNK_ROWS = 4096


def fingerprint(value):
    """Return a hash of the content of a parameter's value.

    Values with the same content have the same fingerprint: numbers by their value (5, 5.0 and
    ``np.int64(5)``), lists, tuples and arrays by their items, dictionaries and sets in any order, and Keras
    objects by their class and `get_config`. The `name` of a Keras object is ignored, unless it is the whole
    configuration, as in a dtype policy.

    Parameters
    ----------
    value : object
        None, a bool, number, str, bytes or Keras object, or a sequence, mapping, set or array of these.

    Returns
    -------
    str or None
        None if the content cannot be determined: for functions, since a function depends on its code and on
        global variables, and for objects without `get_config`, or whose `get_config` is not implemented.
    """
    try:
        text = json.dumps(_canonical(value))
    except (_UndeterminedError, NotImplementedError, RecursionError):
        return None
    return hashlib.sha256(text.encode()).hexdigest()


def digest(*arrays):
    """Return the SHA-256 of the content, shapes and dtypes of arrays, which are read in chunks."""
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(f"{array.dtype.str} {array.shape}".encode())
        array = np.atleast_1d(array)
        for start in range(0, len(array), _CHUNK_ROWS):
            sha.update(np.ascontiguousarray(array[start : start + _CHUNK_ROWS]).data)
    return sha.hexdigest()


class _UndeterminedError(Exception):
    """Raised for a value whose content cannot be determined."""


def _canonical(value):
    """Return JSON values that are equal if the contents are: lists, and objects with a key for the kind."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        return int(number) if number.is_integer() else number
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, Mapping):
        return _canonical_mapping(value)
    if isinstance(value, Set):
        return {"set": sorted(map(_canonical, value), key=json.dumps)}
    if isinstance(value, Sequence):
        return list(map(_canonical, value))
    if hasattr(value, "get_config") and not isinstance(value, type):
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        return {"class": kind, "config": _canonical(_without_name(value.get_config()))}
    if hasattr(value, "__array__"):
        return _canonical(np.asarray(value).tolist())
    raise _UndeterminedError


def _canonical_mapping(mapping):
    if {"class_name", "config"} <= mapping.keys():  # an object that Keras has serialized
        config = mapping["config"]
        if not isinstance(config, Mapping) or mapping["class_name"] == "__lambda__":
            raise _UndeterminedError  # a function
        mapping = {**mapping, "config": _without_name(config)}
        mapping.pop("build_config", None)  # only in layers that were used before
    items = [[_canonical(key), _canonical(item)] for key, item in mapping.items()]
    return {"items": sorted(items, key=json.dumps)}


def _without_name(config):
    """Return a Keras object's configuration without its name, unless it has only a name."""
    if isinstance(config, Mapping) and len(config) > 1:
        return {key: item for key, item in config.items() if key != "name"}
    return config
