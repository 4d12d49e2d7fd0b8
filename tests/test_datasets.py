"""Loaders of MNIST. Tests of the complete data set read it from $SK_MNIST_CNN_DATA."""

import copy
import gzip
import os
import pickle
import subprocess
import sys
import tracemalloc
import zipfile
from functools import partial
from hashlib import sha256
from http.client import BadStatusLine
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from threading import Thread
from unittest.mock import Mock

import numpy as np
import pytest
import sklearn.datasets
from numpy.testing import assert_array_equal
from sklearn.utils import Bunch

from sk_mnist_cnn import datasets
from sk_mnist_cnn.datasets import fetch_mnist, load_mnist_sample

PACKAGE = Path(datasets.__file__).parent
SHIPPED = PACKAGE / "data" / "mnist_sample.npz"
NAMES = ["x_train", "y_train", "x_test", "y_test"]
DTYPES = {"x": np.uint8, "y": np.int64}
IDX_NAMES = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
]


@pytest.fixture(scope="module")
def sample():
    return load_mnist_sample()


@pytest.fixture(scope="module")
def full_path():
    path = os.environ.get("SK_MNIST_CNN_DATA")
    if not path:
        pytest.skip("SK_MNIST_CNN_DATA does not name a full mnist.npz")
    return path


@pytest.fixture(scope="module")
def full(full_path):
    return fetch_mnist(full_path)


@pytest.fixture
def sample_for_mnist(monkeypatch, sample):
    """Have `fetch_mnist` accept the sample instead of MNIST, and return the arrays of its file."""
    monkeypatch.setattr(datasets, "MNIST", datasets.SAMPLE)
    return {name: as_stored(sample, name) for name in NAMES}


@pytest.fixture
def mirror(sample_for_mnist, tmp_path, monkeypatch):
    """Serve the sample as the files of MNIST. Yields the folder that is served, and the paths requested."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    fast_gzip = partial(gzip.compress, compresslevel=1)
    write_idx_folder(folder, sample_for_mnist, "{}.gz".format, fast_gzip)
    contents = [(folder / f"{idx_name}.gz").read_bytes() for idx_name in IDX_NAMES]
    checksums = [sha256(content).hexdigest() for content in contents]
    requested = []

    class Handler(SimpleHTTPRequestHandler):
        def log_request(self, *arguments):
            requested.append(self.path)

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as server:
        Thread(target=server.serve_forever).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(datasets, "MIRRORS", (f"{address}/missing", address))
        monkeypatch.setattr(datasets, "DOWNLOADS", dict(zip(NAMES, checksums, strict=True)))
        monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "home"))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield folder, requested
        server.shutdown()


def as_stored(data, name):
    """Return an array as files of MNIST hold it: labels are uint8 there."""
    return data[name].astype(np.uint8)


def as_idx(array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.tobytes()


def dotted(idx_name):
    return idx_name.replace("-idx", ".idx")


def write_idx_folder(folder, data, spell=str, compress=bytes):
    for name, idx_name in zip(NAMES, IDX_NAMES, strict=True):
        (folder / spell(idx_name)).write_bytes(compress(as_idx(as_stored(data, name))))
    return folder


def assert_same_data(found, expected):
    for name in NAMES:
        assert found[name].dtype == DTYPES[name[0]]
        assert_array_equal(found[name], expected[name])


# Results


def test_sample_has_balanced_classes(sample):
    assert sample.x_train.shape == (8000, 28, 28)
    assert sample.x_test.shape == (2000, 28, 28)
    assert [sample[name].dtype for name in NAMES] == [np.uint8, np.int64, np.uint8, np.int64]
    assert_array_equal(np.bincount(sample.y_train), [800] * 10)
    assert_array_equal(np.bincount(sample.y_test), [200] * 10)
    assert (sample.x_train.min(), sample.x_train.max()) == (0, 255)


def test_sample_is_shuffled(sample):
    assert all(len(np.unique(labels)) == 10 for labels in np.split(sample.y_train, 80))
    assert all(len(np.unique(labels)) == 10 for labels in np.split(sample.y_test, 20))


def test_sample_is_small_enough_to_ship():
    assert SHIPPED.stat().st_size <= 2.5e6


def test_bunch_has_target_names_and_description(sample):
    assert set(sample) == {"data", "target", *NAMES, "target_names", "DESCR"}
    assert list(sample.target_names) == [str(digit) for digit in range(10)]
    assert all(author in sample.DESCR for author in ("LeCun", "Cortes", "Burges"))
    assert "CC BY-SA 3.0" in sample.DESCR


def test_every_call_returns_new_writable_arrays(sample):
    other = load_mnist_sample()
    for name in NAMES:
        assert other[name].flags.writeable
        assert not np.shares_memory(other[name], sample[name])


def test_labels_can_be_set_to_minus_one():
    y = load_mnist_sample().y_train
    y[200:] = -1  # unlabeled, as in sklearn.semi_supervised
    assert y.min() == -1


@pytest.mark.parametrize("copied", [lambda data: pickle.loads(pickle.dumps(data)), copy.deepcopy])
def test_result_is_a_bunch_that_can_be_copied(sample, copied):
    assert isinstance(sample, Bunch)
    again = copied(sample)
    assert_same_data(again, sample)
    assert again.y_test is again["y_test"]


def test_data_and_target_are_the_training_set_and_the_test_set(sample):
    assert sample.data.shape == (10000, 28, 28)
    assert_array_equal(sample.data[:8000], sample.x_train, strict=True)
    assert_array_equal(sample.data[8000:], sample.x_test, strict=True)
    assert_array_equal(sample.target, np.append(sample.y_train, sample.y_test), strict=True)


def test_images_and_labels_are_stored_once(sample):
    for name in NAMES:
        assert np.shares_memory(sample[name], sample.data if name.startswith("x") else sample.target)


def test_return_x_y_returns_data_and_target(sample):
    X, y = load_mnist_sample(return_X_y=True)
    assert_array_equal(X, sample.data, strict=True)
    assert_array_equal(y, sample.target, strict=True)


def test_as_frame_has_the_column_names_of_openml(sample):
    pd = pytest.importorskip("pandas")
    frames = load_mnist_sample(as_frame=True)
    assert list(frames.x_test.columns) == [f"pixel{i}" for i in range(1, 785)]
    assert frames.y_test.name == "class"
    assert_array_equal(frames.x_train.to_numpy(), sample.x_train.reshape(8000, 784), strict=True)
    assert_array_equal(frames.y_train.to_numpy(), sample.y_train, strict=True)

    X, y = load_mnist_sample(return_X_y=True, as_frame=True)
    pd.testing.assert_frame_equal(X, frames.data)
    pd.testing.assert_series_equal(y, frames.target)
    pd.testing.assert_frame_equal(X, pd.concat([frames.x_train, frames.x_test], ignore_index=True))
    pd.testing.assert_series_equal(y, pd.concat([frames.y_train, frames.y_test], ignore_index=True))


# Sources


@pytest.mark.parametrize("as_path", [str, Path])
def test_reads_npz(sample_for_mnist, tmp_path, as_path):
    np.savez(tmp_path / "mnist.npz", **{name: sample_for_mnist[name] for name in NAMES})
    assert_same_data(fetch_mnist(as_path(tmp_path / "mnist.npz")), sample_for_mnist)


def test_reads_npz_in_fortran_order_and_with_further_arrays(sample_for_mnist, tmp_path):
    arrays = {name: np.asfortranarray(sample_for_mnist[name]) for name in NAMES}
    np.savez(tmp_path / "mnist.npz", **arrays, note=np.array([{}], dtype=object))
    assert_same_data(fetch_mnist(tmp_path / "mnist.npz"), sample_for_mnist)


def test_expands_home(sample_for_mnist, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    write_idx_folder(tmp_path, sample_for_mnist)
    assert_same_data(fetch_mnist("~"), sample_for_mnist)


@pytest.mark.parametrize("spell", [str, dotted])
def test_reads_idx_directory(sample_for_mnist, tmp_path, spell):
    found = fetch_mnist(write_idx_folder(tmp_path, sample_for_mnist, spell))
    assert_same_data(found, sample_for_mnist)
    assert all(found[name].flags.writeable for name in NAMES)


@pytest.mark.parametrize("spell", [str, dotted])
def test_reads_gzipped_idx_directory(sample_for_mnist, tmp_path, spell):
    fast_gzip = partial(gzip.compress, compresslevel=1)
    write_idx_folder(tmp_path, sample_for_mnist, lambda name: spell(name) + ".gz", fast_gzip)
    assert_same_data(fetch_mnist(tmp_path), sample_for_mnist)


def test_reads_idx_directory_as_unpacked_by_kaggle(sample_for_mnist, tmp_path):
    """Each file has a directory of a similar name beside it."""
    write_idx_folder(tmp_path, sample_for_mnist)
    for idx_name in IDX_NAMES:
        (tmp_path / idx_name).rename(tmp_path / dotted(idx_name))
        (tmp_path / idx_name).mkdir()
    assert_same_data(fetch_mnist(tmp_path), sample_for_mnist)


def test_recognizes_gzip_by_content(sample_for_mnist, tmp_path):
    """Browsers unpack '.gz' files and keep their names."""
    write_idx_folder(tmp_path, sample_for_mnist, spell="{}.gz".format)
    assert_same_data(fetch_mnist(tmp_path), sample_for_mnist)


# Downloads


def test_downloads_once_from_the_first_mirror_that_has_the_files(mirror, sample_for_mnist, tmp_path):
    _, requested = mirror
    assert_same_data(fetch_mnist(), sample_for_mnist)
    served = [f"/{prefix}{name}.gz" for name in IDX_NAMES for prefix in ("missing/", "")]
    assert requested == served
    assert {path.name for path in (tmp_path / "home" / "mnist").iterdir()} == {
        f"{name}.gz" for name in IDX_NAMES
    }
    requested.clear()
    X, y = fetch_mnist(return_X_y=True)
    assert len(X) == len(y) == 10000
    assert not requested


def test_an_interrupted_download_is_resumed(mirror, sample_for_mnist):
    folder, requested = mirror
    (folder / f"{IDX_NAMES[2]}.gz").rename(folder / "hidden")
    with pytest.raises(OSError, match=rf"must download {IDX_NAMES[2]}\.gz.*404.*; .*404.*Try again"):
        fetch_mnist()
    (folder / "hidden").rename(folder / f"{IDX_NAMES[2]}.gz")
    requested.clear()
    assert_same_data(fetch_mnist(), sample_for_mnist)
    assert not any(name in path for name in IDX_NAMES[:2] for path in requested)


@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: b"Please log in."])
def test_a_damaged_download_is_not_kept(mirror, tmp_path, damage):
    folder, _ = mirror
    file = folder / f"{IDX_NAMES[0]}.gz"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(OSError, match=rf"must download {file.name}.* The SHA256 checksum .*_sample\(\)"):
        fetch_mnist()
    assert not any((tmp_path / "home" / "mnist").iterdir())


def test_a_truncated_download_is_not_kept(mirror, tmp_path, monkeypatch):
    monkeypatch.setattr(SimpleHTTPRequestHandler, "copyfile", lambda self, source, out: out.write(b"\x1f"))
    with pytest.raises(OSError, match="retrieval incomplete"):
        fetch_mnist()
    assert not any((tmp_path / "home" / "mnist").iterdir())


def test_a_damaged_file_is_downloaded_again(mirror, sample_for_mnist, tmp_path):
    fetch_mnist()
    (tmp_path / "home" / "mnist" / f"{IDX_NAMES[1]}.gz").write_bytes(b"damaged")
    with pytest.warns(UserWarning, match=f"existing local file {IDX_NAMES[1]}.gz .* re-downloading"):
        assert_same_data(fetch_mnist(), sample_for_mnist)


@pytest.mark.parametrize("error", [ConnectionResetError, TimeoutError, BadStatusLine])
def test_the_next_mirror_is_tried_after_other_errors(mirror, sample_for_mnist, error, monkeypatch):
    fetch_file = sklearn.datasets.fetch_file

    def fail_first(url, *arguments, **options):
        if "missing" in url:
            raise error("no answer")
        return fetch_file(url, *arguments, **options)

    monkeypatch.setattr(sklearn.datasets, "fetch_file", fail_first)
    assert_same_data(fetch_mnist(), sample_for_mnist)


def test_download_does_not_import_tensorflow(mirror):
    """`_restore_environment` imports it in this process."""
    _, requested = mirror
    code = """
import sys
from sk_mnist_cnn import datasets
datasets.MIRRORS, datasets.DOWNLOADS, datasets.MNIST = eval(sys.argv[1])
assert len(datasets.fetch_mnist().data) == 10000
assert "tensorflow" not in sys.modules
"""
    settings = repr((datasets.MIRRORS, datasets.DOWNLOADS, datasets.MNIST))
    subprocess.run([sys.executable, "-c", code, settings], check=True)
    assert requested


# The complete data set


def test_reads_the_complete_data_set(full, full_path):
    assert full.x_train.shape == (60000, 28, 28)
    assert full.x_test.shape == (10000, 28, 28)
    assert_array_equal(full.y_train[:10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4])
    X, y = fetch_mnist(full_path, return_X_y=True)
    assert_array_equal(X[60000:], full.x_test, strict=True)
    assert_array_equal(y[:60000], full.y_train, strict=True)


def test_reads_the_complete_data_set_from_idx(full, tmp_path):
    assert_same_data(fetch_mnist(write_idx_folder(tmp_path, full)), full)


def test_script_reproduces_the_shipped_sample(full_path, tmp_path):
    """The members are equal; their compressed bytes depend on the version of zlib."""
    make_sample = import_module("tests.data.make_sample").make_sample
    make_sample(full_path, tmp_path / "made.npz")
    with zipfile.ZipFile(tmp_path / "made.npz") as made, zipfile.ZipFile(SHIPPED) as shipped:
        assert made.namelist() == shipped.namelist()
        assert all(made.read(name) == shipped.read(name) for name in made.namelist())


# Errors


def test_raises_for_a_path_of_another_type():
    with pytest.raises(TypeError, match=r"path must be a str or a PathLike, got 5"):
        fetch_mnist(5)


def test_raises_for_a_missing_path(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"path must exist, got .*nowhere.* pass None"):
        fetch_mnist(tmp_path / "nowhere.npz")


def test_raises_for_missing_idx_files_and_lists_them(sample, tmp_path):
    write_idx_folder(tmp_path, sample)
    (tmp_path / IDX_NAMES[1]).unlink()
    (tmp_path / IDX_NAMES[2]).unlink()
    lacking = rf"path must be .* lacks \['{IDX_NAMES[1]}', '{IDX_NAMES[2]}'\]\. Add "
    with pytest.raises(FileNotFoundError, match=lacking):
        fetch_mnist(tmp_path)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda content: content[:-1], r"has 7999 bytes of data, not 8000"),
        (lambda content: content + b"\0", r"has 8001 bytes of data, not 8000"),
        (lambda content: content[:6], r"is truncated in its header"),
        (lambda content: b"", r"magic number is , not 000008"),
        (lambda content: b"\0\0\x0d" + content[3:], r"magic number is 00000d, not 000008"),
        (lambda content: b"\0\0\x08", r"is truncated in its header"),
        (lambda content: gzip.compress(content)[:-9], r"ended before"),
        (lambda content: b"\x1f\x8b" + content, r"compression method"),
    ],
)
def test_raises_for_damaged_idx(sample_for_mnist, tmp_path, damage, complaint):
    write_idx_folder(tmp_path, sample_for_mnist)
    labels = tmp_path / IDX_NAMES[1]
    labels.write_bytes(damage(labels.read_bytes()))
    with pytest.raises(ValueError, match=rf"path must be .*{labels.name}': .*{complaint}.*\. Pass an intact"):
        fetch_mnist(tmp_path)


def test_raises_for_labels_instead_of_images(sample_for_mnist, tmp_path):
    write_idx_folder(tmp_path, sample_for_mnist | {"x_train": sample_for_mnist["y_train"]})
    with pytest.raises(ValueError, match=r"x_train is uint8 \(8000,\), not uint8 \(8000, 28, 28\)"):
        fetch_mnist(tmp_path)


def test_raises_for_npz_with_other_names(tmp_path):
    np.savez(tmp_path / "other.npz", x_train=np.zeros(3), labels=np.zeros(3))
    lacking = r"lacks the arrays \['y_train', 'x_test', 'y_test'\] and holds \['x_train.npy', 'labels.npy'\]"
    with pytest.raises(ValueError, match=rf"path must be .*other\.npz.*{lacking}.*Pass an "):
        fetch_mnist(tmp_path / "other.npz")


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        (
            {"x_test": np.zeros((3, 28, 28), np.uint8)},
            r"x_test is uint8 \(3, 28, 28\), not uint8 \(2",
        ),
        ({"y_test": np.zeros(2000, np.int16)}, r"y_test is int16 \(2000,\), not uint8 \(2000,\)"),
        ({"y_test": np.zeros(20_000, np.uint8)}, r"it holds more than the 2000 bytes of an array"),
        (
            {"y_test": np.zeros(2000, np.uint8)},
            r"y_test has the SHA-256 \w{64}, not a0e1a694\w{56}",
        ),
        ({"y_test": np.array([{}], dtype=object)}, r"Object arrays cannot be loaded"),
    ],
)
def test_raises_for_npz_with_other_arrays(sample_for_mnist, tmp_path, changed, complaint):
    arrays = {name: sample_for_mnist[name] for name in NAMES} | changed
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(ValueError, match=rf"path must be .*{complaint}.*Pass an intact"):
        fetch_mnist(tmp_path / "other.npz")


def test_raises_for_npz_without_arrays(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.npz", "w") as archive:
        for name in NAMES:
            archive.writestr(f"{name}.npy", "not an array")
    with pytest.raises(ValueError, match=r"path must be .*the magic string is not correct"):
        fetch_mnist(tmp_path / "other.npz")


@pytest.mark.parametrize("content", [b"", b"neither zip nor pickle", np.zeros(3).tobytes()])
def test_raises_for_files_that_are_not_npz(tmp_path, content):
    (tmp_path / "mnist.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"path must be .*BadZipFile: File is not a zip file.*Pass an "):
        fetch_mnist(tmp_path / "mnist.npz")


def test_raises_for_truncated_and_corrupt_npz(tmp_path):
    shipped = SHIPPED.read_bytes()
    truncated, corrupt = tmp_path / "truncated.npz", tmp_path / "corrupt.npz"
    truncated.write_bytes(shipped[: len(shipped) // 2])
    corrupt.write_bytes(shipped[:5000] + bytes(5000) + shipped[10000:])
    for path in (truncated, corrupt):
        with pytest.raises(ValueError, match=rf"path must be .*{path.name}.*Pass an intact"):
            fetch_mnist(path)


def npy(header):
    """Return an array file with this header and no data."""
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


FLAT = b"'fortran_order': False, 'shape': (2000,)"
HEADERS = {
    "empty": b"",
    "not closed": b"{'descr': '|u1', " + FLAT,
    "deep": b"(" * 5000,
    "deep operators": b"-" * 9000 + b"1",
    "no dict": b"5\n",
    "no dtype": b"{'descr': 5, " + FLAT + b"}",
    "unknown dtype": b"{'descr': '|x9', " + FLAT + b"}",
    "damaged fields": b"{'descr': [(1, 2, 3)], " + FLAT + b"}",
    "huge": b"{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999,)}",
    "huge number": b"{'descr': '|u1', 'fortran_order': False, 'shape': (" + b"9" * 5000 + b",)}",
    "negative": b"{'descr': '|u1', 'fortran_order': False, 'shape': (-5,)}",
    "unhashable": b"{[]: 1}",
    "Python 2": b"{'descr': '|u1', 'fortran_order': False, 'shape': (L,)}",
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_raises_for_damaged_array_headers(sample_for_mnist, tmp_path, header):
    with zipfile.ZipFile(tmp_path / "mnist.npz", "w") as archive:
        for name in NAMES:
            archive.writestr(f"{name}.npy", npy(header))
    with pytest.raises(ValueError, match=r"path must be .*mnist\.npz': (?s:.*)\. Pass an intact"):
        fetch_mnist(tmp_path / "mnist.npz")


@pytest.mark.parametrize(
    ("field", "value", "error"), [(8, 1, "RuntimeError"), (10, 99, "NotImplementedError")]
)
def test_raises_for_encrypted_and_unknown_zip_members(sample_for_mnist, tmp_path, field, value, error):
    """The fields of a member in the table of contents are its flags and its compression method."""
    np.savez(tmp_path / "mnist.npz", **sample_for_mnist)
    content = bytearray((tmp_path / "mnist.npz").read_bytes())
    content[content.index(b"PK\1\2") + field] = value
    (tmp_path / "mnist.npz").write_bytes(content)
    with pytest.raises(ValueError, match=rf"path must be .*mnist\.npz': {error}: "):
        fetch_mnist(tmp_path / "mnist.npz")


def test_compressed_file_of_zeros_needs_little_memory(sample_for_mnist, tmp_path):
    zeros = bytes(100_000_000)
    with zipfile.ZipFile(tmp_path / "mnist.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in ["y_train", "x_train", "x_test", "y_test"]:
            archive.writestr(f"{name}.npy", zeros)
    write_idx_folder(tmp_path, sample_for_mnist)
    (tmp_path / IDX_NAMES[0]).write_bytes(gzip.compress(zeros, compresslevel=1))
    for path in (tmp_path / "mnist.npz", tmp_path):
        tracemalloc.start()
        try:
            with pytest.raises(ValueError, match=r"it holds more than the 6272000 bytes of an array"):
                fetch_mnist(path)
            assert tracemalloc.get_traced_memory()[1] < 30e6
        finally:
            tracemalloc.stop()


def test_files_that_cannot_be_opened_raise_os_error(tmp_path, monkeypatch):
    (tmp_path / "mnist.npz").touch()
    monkeypatch.setattr(Path, "open", Mock(side_effect=PermissionError))
    with pytest.raises(PermissionError):
        fetch_mnist(tmp_path / "mnist.npz")


def test_too_little_memory_is_not_a_damaged_file(tmp_path, monkeypatch):
    path = tmp_path / "mnist.npz"
    path.write_bytes(SHIPPED.read_bytes())
    monkeypatch.setattr(datasets, "_read_npz", Mock(side_effect=MemoryError))
    with pytest.raises(MemoryError):
        fetch_mnist(path)
    with pytest.raises(MemoryError):
        load_mnist_sample()


def test_raises_for_a_damaged_sample(monkeypatch):
    damaged = datasets.SAMPLE | {"y_test": ((2000,), "0" * 64)}
    monkeypatch.setattr(datasets, "SAMPLE", damaged)
    with pytest.raises(ValueError, match=r"sample .* must be intact: y_test .*Install the package"):
        load_mnist_sample()
