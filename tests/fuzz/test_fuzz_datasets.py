"""Damaged and forged files of MNIST: the original arrays are returned, or a ValueError names the file."""

import gzip
import io
import re
from functools import partial
from hashlib import sha256

import numpy as np
import pytest

from sk_mnist_cnn import datasets
from sk_mnist_cnn.datasets import fetch_mnist
from tests.fuzz import n_examples
from tests.fuzz.guard import linux_only, run_guarded
from tests.fuzz.mutations import mutations, zip_mutations

pytestmark = [
    pytest.mark.slow,
    linux_only,
    pytest.mark.filterwarnings("ignore"),  # NumPy warns of some headers before it raises an error
]

N_WARM_UP = 100  # errors import modules when they are raised for the first time
SHAPES = {"x_train": (20, 28, 28), "y_train": (20,), "x_test": (5, 28, 28), "y_test": (5,)}


@pytest.fixture
def arrays(monkeypatch):
    """Have `fetch_mnist` accept these few images instead of MNIST."""
    rng = np.random.default_rng(0)
    arrays = {name: rng.integers(0, 10, shape, dtype=np.uint8) for name, shape in SHAPES.items()}
    expected = {name: (array.shape, sha256(array).hexdigest()) for name, array in arrays.items()}
    monkeypatch.setattr(datasets, "MNIST", expected)
    return arrays


def as_npz(save, arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def as_idx(array):
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def check(path, mutant, arrays, argument):
    """Load a mutant; return whether it was accepted."""
    path.write_bytes(mutant)
    try:
        loaded = fetch_mnist(argument)
    except ValueError as error:
        assert re.match(rf"path must be the original MNIST, got '{path}'", str(error))  # noqa: PT017
        return False
    assert all(np.array_equal(loaded[name], array) for name, array in arrays.items())
    return True


def check_all(path, mutants, arrays, argument):
    accepted = [check(path, mutant, arrays, argument) for mutant in mutants[:N_WARM_UP]]
    for mutant in mutants:
        check_mutant = partial(check, path, mutant, arrays, argument)
        accepted.append(run_guarded(check_mutant, seconds=1, megabytes=8))
    assert 0 < sum(accepted) < len(accepted) / 2


@pytest.mark.parametrize("mutate", [mutations, zip_mutations])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_mutations_of_npz(arrays, tmp_path, save, mutate):
    path = tmp_path / "mnist.npz"
    check_all(path, list(mutate(as_npz(save, arrays), n_examples(1000), seed=0)), arrays, path)


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
@pytest.mark.parametrize("name", ["x_train", "y_test"])
def test_mutations_of_idx(arrays, tmp_path, compress, name):
    for other, array in arrays.items():
        (tmp_path / datasets._IDX_NAMES[other]).write_bytes(as_idx(array))
    path = tmp_path / datasets._IDX_NAMES[name]
    mutants = list(mutations(compress(as_idx(arrays[name])), n_examples(500), seed=1))
    check_all(path, [*mutants, compress(as_idx(arrays[name]))], arrays, tmp_path)
