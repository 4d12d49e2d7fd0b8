"""Copies of a zip archive with changes to the values in one JSON member, the same for the same seed."""

import copy
import io
import json
import zipfile

import numpy as np

_VALUES = [None, True, 0, -1, 1.5, 10**9, 10**30, "", "text", "1", [], {}, [1], {"__id__": 1}, [[]] * 100]


def json_mutations(data, member, n, seed):
    """Yield `n` copies of an archive with one to three changes in a JSON member.

    A change replaces a value by an unusual one or by another value of the member, removes it, or renames its
    key. Copy `i` depends on `seed` and `i` alone.

    Parameters
    ----------
    data : bytes
        The archive.
    member : str
        Name of the JSON member.
    n : int
    seed : int

    Yields
    ------
    bytes
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    original = json.loads(members[member])
    for i in range(n):
        rng = np.random.default_rng([seed, i])
        mutant = copy.deepcopy(original)
        for _ in range(rng.integers(1, 4)):
            places = list(_places(mutant))
            if places:
                _change(*places[rng.integers(len(places))], places, rng)
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in {**members, member: json.dumps(mutant)}.items():
                archive.writestr(name, content)
        yield file.getvalue()


def _places(part):
    """Yield (container, key) of every value."""
    keys = part.keys() if isinstance(part, dict) else range(len(part)) if isinstance(part, list) else ()
    for key in keys:
        yield part, key
        yield from _places(part[key])


def _change(container, key, places, rng):
    kind = rng.integers(5)
    if kind == 0:
        del container[key]
    elif kind == 1 and isinstance(container, dict):
        container[f"{key}_"] = container.pop(key)
    elif kind <= 2:
        other_container, other_key = places[rng.integers(len(places))]
        container[key] = copy.deepcopy(other_container[other_key])
    else:
        container[key] = copy.deepcopy(_VALUES[rng.integers(len(_VALUES))])
