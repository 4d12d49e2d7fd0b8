"""Loaders of MNIST. Those that need the whole of it take it from $SK_MNIST_CNN_DATA."""

import gzip
import os
import subprocess
import sys
import zipfile
from functools import partial
from importlib import import_module
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sk_mnist_cnn import datasets
from sk_mnist_cnn.datasets import load_mnist, load_mnist_sample

PACKAGE = Path(datasets.__file__).parent
SHIPPED = PACKAGE / "data" / "mnist_sample.npz"
NAMES = ["x_train", "y_train", "x_test", "y_test"]
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
    return load_mnist(full_path)


@pytest.fixture
def sample_for_mnist(monkeypatch, sample):
    """Have `load_mnist` take the sample for the whole, so that its readers can be tested."""
    monkeypatch.setattr(datasets, "_MNIST", datasets._SAMPLE)
    return sample


@pytest.fixture
def keras_gives(monkeypatch):
    """Replace Keras' own loader, and with it the download, by a function."""
    pytest.importorskip("keras")
    from sk_mnist_cnn._keras.backend import keras

    return lambda load: monkeypatch.setattr(keras.datasets.mnist, "load_data", load)


def as_idx(array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.tobytes()


def dotted(idx_name):
    return idx_name.replace("-idx", ".idx")


def write_idx_folder(folder, data, spell=str, compress=bytes):
    for name, idx_name in zip(NAMES, IDX_NAMES, strict=True):
        (folder / spell(idx_name)).write_bytes(compress(as_idx(data[name])))
    return folder


def assert_same_data(found, expected):
    for name in NAMES:
        assert found[name].dtype == np.uint8
        assert_array_equal(found[name], expected[name], strict=True)


# What the loaders return


def test_sample_holds_balanced_uint8_digits(sample):
    assert sample.x_train.shape == (8000, 28, 28)
    assert sample.x_test.shape == (2000, 28, 28)
    assert {sample[name].dtype for name in NAMES} == {np.dtype(np.uint8)}
    assert_array_equal(np.bincount(sample.y_train), [800] * 10)
    assert_array_equal(np.bincount(sample.y_test), [200] * 10)
    assert (sample.x_train.min(), sample.x_train.max()) == (0, 255)


def test_sample_is_shuffled(sample):
    assert all(len(np.unique(labels)) == 10 for labels in np.split(sample.y_train, 80))
    assert all(len(np.unique(labels)) == 10 for labels in np.split(sample.y_test, 20))


def test_sample_is_small_enough_to_ship():
    assert SHIPPED.stat().st_size <= 2.5e6


def test_bunch_tells_names_and_origin(sample):
    assert set(sample) == {*NAMES, "target_names", "DESCR"}
    assert list(sample.target_names) == [str(digit) for digit in range(10)]
    assert all(author in sample.DESCR for author in ("LeCun", "Cortes", "Burges"))
    assert "CC BY-SA 3.0" in sample.DESCR


def test_every_call_gives_writable_arrays_of_its_own(sample):
    other = load_mnist_sample()
    for name in NAMES:
        assert other[name].flags.writeable
        assert not np.shares_memory(other[name], sample[name])


def test_pair_puts_training_rows_first(sample):
    X, y = load_mnist_sample(return_X_y=True)
    assert_array_equal(X[:8000], sample.x_train, strict=True)
    assert_array_equal(X[8000:], sample.x_test, strict=True)
    assert_array_equal(y, np.append(sample.y_train, sample.y_test), strict=True)


def test_as_frame_names_pixels_and_class_as_openml_does(sample):
    pd = pytest.importorskip("pandas")
    frames = load_mnist_sample(as_frame=True)
    assert list(frames.x_test.columns) == [f"pixel{i}" for i in range(1, 785)]
    assert frames.y_test.name == "class"
    assert_array_equal(frames.x_train.to_numpy(), sample.x_train.reshape(8000, 784), strict=True)
    assert_array_equal(frames.y_train.to_numpy(), sample.y_train, strict=True)

    X, y = load_mnist_sample(return_X_y=True, as_frame=True)
    pd.testing.assert_frame_equal(X, pd.concat([frames.x_train, frames.x_test], ignore_index=True))
    pd.testing.assert_series_equal(y, pd.concat([frames.y_train, frames.y_test], ignore_index=True))


def test_import_brings_nothing_heavy():
    """Nothing beyond what scikit-learn itself imports, which includes pandas where it is there."""
    code = (
        "import sys, sklearn.utils; before = set(sys.modules); import sk_mnist_cnn.datasets; "
        "print(*({'tensorflow', 'keras', 'pandas', 'matplotlib'} & (sys.modules.keys() - before)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == ""


# Where `load_mnist` reads from


@pytest.mark.parametrize("as_path", [str, Path])
def test_reads_npz(sample_for_mnist, tmp_path, as_path):
    np.savez(tmp_path / "mnist.npz", **{name: sample_for_mnist[name] for name in NAMES})
    assert_same_data(load_mnist(as_path(tmp_path / "mnist.npz")), sample_for_mnist)


def test_reads_npz_in_fortran_order_and_with_further_arrays(sample_for_mnist, tmp_path):
    arrays = {name: np.asfortranarray(sample_for_mnist[name]) for name in NAMES}
    np.savez(tmp_path / "mnist.npz", **arrays, note=np.array([{}], dtype=object))
    assert_same_data(load_mnist(tmp_path / "mnist.npz"), sample_for_mnist)


def test_expands_home(sample_for_mnist, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    write_idx_folder(tmp_path, sample_for_mnist)
    assert_same_data(load_mnist("~"), sample_for_mnist)


@pytest.mark.parametrize("spell", [str, dotted])
def test_reads_idx_folder(sample_for_mnist, tmp_path, spell):
    found = load_mnist(write_idx_folder(tmp_path, sample_for_mnist, spell))
    assert_same_data(found, sample_for_mnist)
    assert all(found[name].flags.writeable for name in NAMES)


@pytest.mark.parametrize("spell", [str, dotted])
def test_reads_gzipped_idx_folder(sample_for_mnist, tmp_path, spell):
    fast_gzip = partial(gzip.compress, compresslevel=1)
    write_idx_folder(tmp_path, sample_for_mnist, lambda name: spell(name) + ".gz", fast_gzip)
    assert_same_data(load_mnist(tmp_path), sample_for_mnist)


def test_reads_idx_folder_of_mixed_spellings(sample_for_mnist, tmp_path):
    """As Kaggle unpacks it: a folder of the one spelling beside the file of the other."""
    write_idx_folder(tmp_path, sample_for_mnist)
    for idx_name in IDX_NAMES:
        (tmp_path / idx_name).rename(tmp_path / dotted(idx_name))
        (tmp_path / idx_name).mkdir()
    assert_same_data(load_mnist(tmp_path), sample_for_mnist)


def test_tells_gzip_by_content(sample_for_mnist, tmp_path):
    """Browsers unpack a '.gz' on the way and leave its name."""
    write_idx_folder(tmp_path, sample_for_mnist, spell="{}.gz".format)
    assert_same_data(load_mnist(tmp_path), sample_for_mnist)


def test_takes_the_download_of_keras(sample_for_mnist, keras_gives):
    train, test = [(sample_for_mnist[f"x_{p}"], sample_for_mnist[f"y_{p}"]) for p in ("train", "test")]
    keras_gives(lambda: (train, test))
    assert_same_data(load_mnist(), sample_for_mnist)
    X, y = load_mnist(return_X_y=True)
    assert len(X) == len(y) == 10000


# The whole data set


def test_reads_the_whole_data_set(full, full_path):
    assert full.x_train.shape == (60000, 28, 28)
    assert full.x_test.shape == (10000, 28, 28)
    assert_array_equal(full.y_train[:10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4])
    X, y = load_mnist(full_path, return_X_y=True)
    assert_array_equal(X[60000:], full.x_test, strict=True)
    assert_array_equal(y[:60000], full.y_train, strict=True)


def test_reads_the_whole_data_set_from_idx(full, tmp_path):
    assert_same_data(load_mnist(write_idx_folder(tmp_path, full)), full)


def test_script_reproduces_the_shipped_sample(full_path, tmp_path):
    """Bit for bit, once unpacked: the compressed bytes depend on the zlib of the machine."""
    make_sample = import_module("tests.data.make_sample").make_sample
    make_sample(full_path, tmp_path / "made.npz")
    with zipfile.ZipFile(tmp_path / "made.npz") as made, zipfile.ZipFile(SHIPPED) as shipped:
        assert made.namelist() == shipped.namelist()
        assert all(made.read(name) == shipped.read(name) for name in made.namelist())


# What they refuse


def test_refuses_a_path_of_another_type():
    with pytest.raises(TypeError, match=r"`path` must be a str or a PathLike, got 5"):
        load_mnist(5)


def test_refuses_a_missing_path(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"`path` must exist, got .*nowhere.* pass None"):
        load_mnist(tmp_path / "nowhere.npz")


def test_lists_missing_idx_files(sample, tmp_path):
    write_idx_folder(tmp_path, sample)
    (tmp_path / IDX_NAMES[1]).unlink()
    (tmp_path / IDX_NAMES[2]).unlink()
    lacking = rf"`path` must be .* lacks \['{IDX_NAMES[1]}', '{IDX_NAMES[2]}'\]\. Add "
    with pytest.raises(FileNotFoundError, match=lacking):
        load_mnist(tmp_path)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda content: content[:-1], r"has 7999 bytes of data, not 8000"),
        (lambda content: content + b"\0", r"has 8001 bytes of data, not 8000"),
        (lambda content: content[:6], r"is truncated in its header"),
        (lambda content: b"", r"has the magic number , not 000008"),
        (lambda content: b"\0\0\x0d" + content[3:], r"has the magic number 00000d, not 000008"),
        (lambda content: b"\0\0\x08", r"is truncated in its header"),
        (lambda content: gzip.compress(content)[:-9], r"ended before"),
        (lambda content: b"\x1f\x8b" + content, r"compression method"),
    ],
)
def test_refuses_damaged_idx(sample, tmp_path, damage, complaint):
    write_idx_folder(tmp_path, sample)
    labels = tmp_path / IDX_NAMES[1]
    labels.write_bytes(damage(labels.read_bytes()))
    with pytest.raises(ValueError, match=rf"`path` must lead to .*: .*{complaint}.*\. Pass an intact"):
        load_mnist(tmp_path)


def test_refuses_labels_in_place_of_images(sample_for_mnist, tmp_path):
    write_idx_folder(tmp_path, sample_for_mnist | {"x_train": sample_for_mnist.y_train})
    with pytest.raises(ValueError, match=r"x_train is uint8 \(8000,\), not uint8 \(8000, 28, 28\)"):
        load_mnist(tmp_path)


def test_refuses_npz_of_other_keys(tmp_path):
    np.savez(tmp_path / "other.npz", x_train=np.zeros(3), labels=np.zeros(3))
    lacking = r"lacks \['x_test', 'y_test', 'y_train'\] and holds \['x_train', 'labels'\]"
    with pytest.raises(ValueError, match=rf"`path` must lead to .*other\.npz.*{lacking}.*Pass an "):
        load_mnist(tmp_path / "other.npz")


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        (
            {"x_test": np.zeros((3, 28, 28), np.uint8)},
            r"x_test is uint8 \(3, 28, 28\), not uint8 \(2",
        ),
        ({"y_test": np.zeros(2000, np.int64)}, r"y_test is int64 \(2000,\), not uint8 \(2000,\)"),
        (
            {"y_test": np.zeros(2000, np.uint8)},
            r"y_test has the SHA-256 \w{64}, not a0e1a694\w{56}",
        ),
        ({"y_test": np.array([{}], dtype=object)}, r"Object arrays cannot be loaded"),
    ],
)
def test_refuses_npz_of_other_arrays(sample_for_mnist, tmp_path, changed, complaint):
    arrays = {name: sample_for_mnist[name] for name in NAMES} | changed
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(ValueError, match=rf"`path` must lead to .*{complaint}.*Pass an intact"):
        load_mnist(tmp_path / "other.npz")


def test_refuses_npz_of_other_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.npz", "w") as archive:
        for name in NAMES:
            archive.writestr(f"{name}.npy", "not an array")
    with pytest.raises(ValueError, match=r"`path` must lead to .*x_train is \|?S12 \(\), not uint8"):
        load_mnist(tmp_path / "other.npz")


@pytest.mark.parametrize("content", [b"", b"neither zip nor pickle", np.zeros(3).tobytes()])
def test_refuses_what_is_no_npz(tmp_path, content):
    (tmp_path / "mnist.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"`path` must lead to .*is not an \.npz archive.*Pass an "):
        load_mnist(tmp_path / "mnist.npz")


def test_refuses_truncated_and_corrupt_npz(tmp_path):
    shipped = SHIPPED.read_bytes()
    truncated, corrupt = tmp_path / "truncated.npz", tmp_path / "corrupt.npz"
    truncated.write_bytes(shipped[: len(shipped) // 2])
    corrupt.write_bytes(shipped[:5000] + bytes(5000) + shipped[10000:])
    for path in (truncated, corrupt):
        with pytest.raises(ValueError, match=rf"`path` must lead to .*{path.name}.*Pass an intact"):
            load_mnist(path)


def test_refuses_a_damaged_sample(monkeypatch):
    damaged = datasets._SAMPLE | {"y_test": (2000, "0" * 64)}
    monkeypatch.setattr(datasets, "_SAMPLE", damaged)
    with pytest.raises(ValueError, match=r"sample .* must be intact: y_test .*Install the package"):
        load_mnist_sample()


def test_refuses_other_data_from_keras(keras_gives, sample):
    train, test = (sample.x_train, sample.y_train), (sample.x_test, sample.y_test)
    keras_gives(lambda: (train, test))
    with pytest.raises(ValueError, match=r"path=None Keras must supply .*: x_train is .*Delete mnist"):
        load_mnist()


def test_says_what_to_do_when_keras_cannot_download(keras_gives):
    keras_gives(Mock(side_effect=Exception("URL fetch failure")))
    with pytest.raises(OSError, match=r"could not: URL fetch failure\. Pass the `path` .*_sample\(\)"):
        load_mnist()
