"""Damaged copies of valid files, the same for the same seed."""

import io
import zipfile

import numpy as np

# Bytes at which parsers often fail: limits of integers, delimiters, numbers, names.
_TOKENS = [b"\0", b"\xff", b"\x7f", b"\x80", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"]
_TOKENS += [b"\n", b"'", b'"', b"(", b")", b"[", b"{", b",", b":"]
_TOKENS += [b"-1", b"999999999999", b"1e999", b"NaN", b"None", b"True"]


def mutations(data, n, seed):
    """Yield `n` copies of `data`, each with one to four random changes.

    Parameters
    ----------
    data : bytes
        A valid file, or a part of one.
    n : int
        Number of copies.
    seed : int
        Copy `i` depends on `seed` and `i` alone.

    Yields
    ------
    bytes
    """
    for i in range(n):
        rng = np.random.default_rng([seed, i])
        mutant = bytearray(data)
        for _ in range(rng.integers(1, 5)):
            mutate = _CHANGES[rng.integers(len(_CHANGES))]
            mutate(mutant, rng)
        yield bytes(mutant)


def zip_mutations(data, n, seed):
    """Yield `n` copies of a zip archive with changes inside one member, so that all checksums are right.

    Parameters and yields are those of `mutations`. Every fourth copy leaves out a member, or gives one the
    content of another.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {info: archive.read(info) for info in archive.infolist()}
    for i in range(n):
        rng = np.random.default_rng([seed, i])
        changed = dict(members)
        one, other = (list(members)[k] for k in rng.integers(len(members), size=2))
        if i % 4:
            changed[one] = next(mutations(members[one], 1, rng.integers(2**32)))
        elif one is other:
            del changed[one]
        else:
            changed[one] = members[other]
        yield _zip(changed)


def _zip(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for info, content in members.items():
            archive.writestr(info.filename, content, info.compress_type)
    return file.getvalue()


def _flip_bit(data, rng):
    if data:
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)


def _replace_byte(data, rng):
    if data:
        data[rng.integers(len(data))] = rng.integers(256)


def _replace_header_byte(data, rng):
    """Change a byte near the start, where sizes and types are."""
    if data:
        data[rng.integers(min(len(data), 64))] = rng.integers(256)


def _overwrite(data, rng):
    token = _TOKENS[rng.integers(len(_TOKENS))]
    start = rng.integers(len(data) + 1)
    data[start : start + len(token)] = token


def _insert(data, rng):
    start = rng.integers(len(data) + 1)
    data[start:start] = _TOKENS[rng.integers(len(_TOKENS))] * rng.integers(1, 5)


def _truncate(data, rng):
    del data[rng.integers(len(data) + 1) :]


def _delete_block(data, rng):
    start, stop = _block(data, rng)
    del data[start:stop]


def _repeat_block(data, rng):
    start, stop = _block(data, rng)
    data[start:start] = data[start:stop] * rng.integers(1, 20)


def _splice(data, rng):
    """Copy a block over another place."""
    start, stop = _block(data, rng)
    target = rng.integers(len(data) + 1)
    data[target : target + stop - start] = data[start:stop]


def _block(data, rng):
    """Return the bounds of a random block of at most 256 bytes."""
    start = rng.integers(len(data) + 1)
    return start, min(start + rng.integers(1, 257), len(data))


_CHANGES = [
    _flip_bit,
    _replace_byte,
    _replace_header_byte,
    _overwrite,
    _insert,
    _truncate,
    _delete_block,
    _repeat_block,
    _splice,
]
