"""Checks of paths, atomic replacement of files, and error messages for damaged files."""

import errno
import os
import queue
import stat
import subprocess
import sys
import threading
import tracemalloc
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest

from sk_mnist_cnn._files import (
    array_from_bytes,
    array_to_bytes,
    as_destination,
    as_path,
    as_source,
    as_value_error,
    replacing,
)

KILLED = """
import os, signal, sys
from pathlib import Path
from sk_mnist_cnn._files import replacing
with replacing(Path(sys.argv[1])) as file:
    file.write(b"incomplete")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skops"


def write(path, content):
    with replacing(path) as file:
        file.write(content)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("given", ["a/b.txt", Path("a/b.txt")])
def test_as_path_accepts_str_and_path(given):
    assert as_path(given) == Path("a/b.txt")


def test_as_path_expands_the_home_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))  # on Windows
    assert as_path("~/b.txt") == tmp_path / "b.txt"


def test_as_path_accepts_names_that_start_with_a_tilde():
    assert as_path("~no user.txt") == Path("~no user.txt")


@pytest.mark.parametrize("given", [None, 5, b"a", ["a"]])
@pytest.mark.parametrize("check", [as_path, as_destination])
def test_raises_for_other_types(check, given):
    with pytest.raises(TypeError, match=r"path must be a str or a PathLike, got .* Pass the path"):
        check(given)


@pytest.mark.parametrize("name", ["a\0b", "a\ud800"])
@pytest.mark.parametrize("check", [as_path, as_destination, as_source])
def test_raises_for_names_that_no_file_can_have(check, name):
    with pytest.raises(ValueError, match=r"path must be a name that a file can have, got .* Remove"):
        check(name)


def test_destination_needs_an_existing_directory(tmp_path):
    for path in (tmp_path / "missing" / "a", tmp_path):
        with pytest.raises(FileNotFoundError, match="path must be a file in an existing directory"):
            as_destination(path)
    assert as_destination(tmp_path / "a") == tmp_path / "a"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in directories")
def test_a_pipe_or_device_is_not_a_destination(tmp_path):
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(os.devnull)
    for path in (pipe, link, Path(os.devnull)):
        with pytest.raises(FileNotFoundError, match="which is not a regular file"):
            as_destination(path)


@pytest.mark.skipif(os.name == "nt", reason="Windows limits whole paths")
@pytest.mark.parametrize("name", ["a" * 243, "a" * 255, "\N{GRINNING FACE}" * 60])
def test_names_of_any_length_can_be_replaced(tmp_path, name):
    path = tmp_path / name
    with replacing(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_array_that_claims_more_than_its_data_is_refused_before_memory_is_allocated():
    complete = array_to_bytes(np.zeros(1000, np.uint8))
    forged = complete.replace(b"(1000,), }  ", b"(100000,), }")
    assert len(forged) == len(complete)
    np.testing.assert_array_equal(array_from_bytes(complete), np.zeros(1000, np.uint8))
    for data in (forged, complete[:-1], complete + b"\0"):
        with pytest.raises(ValueError, match=r"has (1000|999|1001) bytes, not (1000|100000)$"):
            array_from_bytes(data)
    tracemalloc.start()
    with pytest.raises(ValueError, match="bytes, not"):
        array_from_bytes(complete.replace(b"(1000,), }      ", b"(1000000000,), }"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_replaces_a_file_when_it_is_complete(path):
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_keeps_the_old_file_when_writing_fails(path, error):
    path.write_bytes(b"old")

    def fail():
        with replacing(path) as file:
            file.write(b"new")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_writers_of_one_path_do_not_share_a_temporary_file(path):
    with replacing(path) as one:
        one.write(b"one")
        with replacing(path) as other:
            other.write(b"the other")
        assert path.read_bytes() == b"the other"
    assert path.read_bytes() == b"one"
    assert list(path.parent.iterdir()) == [path]


def test_threads_write_one_path_at_the_same_time(path):
    barrier, errors = threading.Barrier(8), []

    def write_often(content):
        barrier.wait()
        try:
            for _ in range(20):
                write(path, content)
        except Exception as error:
            errors.append(error)

    contents = [bytes([65 + i]) * 10_000 for i in range(8)]
    threads = [threading.Thread(target=write_often, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert path.read_bytes() in contents
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_permissions_are_those_of_an_ordinary_file(path):
    ordinary = path.with_name("ordinary")
    ordinary.touch()
    write(path, b"new")
    assert mode(path) == mode(ordinary)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
@pytest.mark.parametrize("bits", [0o600, 0o664])
def test_permissions_of_an_existing_file_are_kept(path, bits):
    path.touch()
    path.chmod(bits)
    write(path, b"new")
    assert mode(path) == bits


@pytest.mark.skipif(os.name == "nt", reason="creating links on Windows needs a privilege")
def test_symbolic_links_are_followed(path, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "target"
    path.symlink_to(target)
    write(path, b"new")
    assert path.is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_writer_leaves_the_old_file_and_its_directory(path):
    path.write_bytes(b"old")
    kept = path.with_name(f"{path.name}.bak")
    kept.touch()
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert path.read_bytes() == b"old"
    (leftover,) = set(path.parent.iterdir()) - {path, kept}
    assert leftover.name.startswith("model.skops.")
    assert leftover.name.endswith(".part")


def test_a_directory_that_cannot_be_removed_is_no_error(path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(errno.ENOTEMPTY, "Directory not empty")

    monkeypatch.setattr(os, "rmdir", fail)
    write(path, b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (ValueError("no sizes"), "no sizes"),
        (KeyError("x"), "KeyError: 'x'"),
        (RecursionError("too deep"), "RecursionError: too deep"),
        (OSError("not gzipped"), "OSError: not gzipped"),
        (OSError(errno.EINVAL, "no such offset"), f"OSError: [Errno {errno.EINVAL}] no such offset"),
        (zlib.error("incorrect header check"), "error: incorrect header check"),
        (queue.Empty("mine"), "Empty: mine"),
    ],
)
def test_errors_of_readers_become_value_errors_with_rule_and_remedy(error, detail):
    with (
        pytest.raises(ValueError) as raised,
        as_value_error("path must be whole", "Copy it again.", queue.Empty),
    ):
        raise error
    assert str(raised.value) == f"path must be whole: {detail}. Copy it again."
    assert raised.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        UserWarning("old version"),
        KeyboardInterrupt(),
        SystemExit(),
        MemoryError(),
        OSError(errno.EIO, "Input/output error"),
        PermissionError(errno.EACCES, "Permission denied"),
    ],
)
def test_what_says_nothing_about_the_file_is_raised_as_it_is(error):
    with pytest.raises(type(error)) as raised, as_value_error("rule", "remedy"):
        raise error
    assert raised.value is error


def test_warnings_are_still_only_warnings():
    with warnings.catch_warnings(record=True) as caught, as_value_error("rule", "remedy"):
        warnings.simplefilter("always")
        warnings.warn("old version", stacklevel=1)
    assert len(caught) == 1
