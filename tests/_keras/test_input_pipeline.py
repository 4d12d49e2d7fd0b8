"""Batches of images for the network."""

import gc
import subprocess
import sys
import textwrap
import tracemalloc
import weakref
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sk_mnist_cnn._architecture import Architecture
from sk_mnist_cnn._keras.backend import tf
from sk_mnist_cnn._keras.input_pipeline import InputPipeline
from sk_mnist_cnn._training.targets import ImageDataset
from tests.estimators import small_classifier

SIZES = {"filters": (2,), "kernel_size": 3, "pool_size": 2, "dense_units": (4,)}


@pytest.fixture
def pipeline():
    return InputPipeline(Architecture.resolve((8, 8, 1), 10, **SIZES, activation="relu", dtype="float32"))


def images(n_images):
    """Return a data set of images of 8x8, whose labels are their positions."""
    rows = np.zeros((n_images, 64), np.float32)
    return ImageDataset(rows, np.arange(n_images, dtype=np.int32), rows[:, 0], np.arange(n_images))


def test_pipelines_of_dropped_trainers_are_freed():
    pipeline = InputPipeline(Architecture.resolve((8, 8, 1), 10, **SIZES, activation="relu", dtype="float32"))
    data, _ = pipeline.load(images(10), 4, by_batch=True, seed=0)
    assert sum(len(labels) for _, labels, _ in data.take(3)) == 10
    reference = weakref.ref(pipeline)
    del pipeline
    gc.collect()
    assert reference() is None


@pytest.mark.parametrize(
    ("n_images", "batch_size", "by_batch", "sizes"),
    [
        (10, 4, True, [4, 4, 2]),
        (10, 4, False, [10]),
        (40, 2, False, [32, 8]),  # 16 batches
        (40_000, 5_000, False, [15_000, 15_000, 10_000]),  # 4 MB
        (40_000, 30_000, False, [30_000, 10_000]),
    ],
)
def test_chunks_have_several_batches_within_limits(pipeline, n_images, batch_size, by_batch, sizes):
    data, n_chunks = pipeline.load(images(n_images), batch_size, by_batch=by_batch)
    assert [len(labels) for _, labels, _ in data.take(n_chunks)] == sizes


def test_each_epoch_has_its_own_order_whatever_the_size_of_a_chunk(pipeline):
    def orders(first_epoch, **options):
        data, n_chunks = pipeline.load(images(50), 2, n_epochs=2, seed=7, **options)
        pipeline.start(first_epoch)
        labels = np.concatenate([labels for _, labels, _ in data.take(2 * n_chunks)])
        return np.split(labels, 2)

    first, second = orders(3)
    assert sorted(first) == sorted(second) == list(range(50))
    assert_array_equal(first, np.random.default_rng([7, 3]).permutation(50))
    assert_array_equal(second, np.random.default_rng([7, 4]).permutation(50))
    assert_array_equal(orders(4, by_batch=True)[0], second)


def test_one_iterator_reads_all_epochs(digits, monkeypatch):
    created, create = [], tf.data.Dataset.__iter__
    monkeypatch.setattr(tf.data.Dataset, "__iter__", lambda self: created.append(self) or create(self))
    small_classifier(epochs=4).fit(digits[0][:100], digits[1][:100])
    assert len(created) == 1


def test_memory_mapped_images_are_cast_chunk_by_chunk(tmp_path, digits, monkeypatch):
    n_images, X, y = 20_000, *digits
    mapped = np.memmap(tmp_path / "images", dtype=np.uint8, mode="w+", shape=(n_images, 64))
    mapped[:] = np.resize(X.reshape(-1, 64) > 0.5, mapped.shape)
    labels = np.resize(y, n_images)
    read = ImageDataset.read
    sizes = []

    def watched(self, *args):
        assert np.shares_memory(self.rows, mapped)
        chunk = read(self, *args)
        sizes.append(chunk[0].nbytes)
        return chunk

    monkeypatch.setattr(ImageDataset, "read", watched)
    clf = small_classifier(epochs=1, batch_size=128).fit(mapped[:500], labels[:500])
    tracemalloc.start()
    clf.fit(mapped, labels)
    clf.predict_proba(mapped)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert max(sizes) == 16 * 128 * 64 * 4
    assert peak < mapped.size * 4 / 2


ASYNCHRONOUS = """
    import numpy as np
    from tests.estimators import same_training, small_classifier
    from sk_mnist_cnn._keras.backend import tf

    X, y = np.random.default_rng(0).random((100, 8, 8)), np.arange(100) % 2
    clf = small_classifier(epochs=1, augmentation="shift").fit(X, y)
    tf.config.experimental.set_synchronous_execution(False)
    print(same_training(small_classifier(epochs=1, augmentation="shift").fit(X, y), clf))
    print(tf.config.experimental.get_synchronous_execution())
"""


@pytest.mark.slow
def test_augmentation_works_if_tensorflow_is_asynchronous():
    command = [sys.executable, "-c", textwrap.dedent(ASYNCHRONOUS)]
    root = Path(__file__).parents[2]
    shown = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=300, cwd=root)
    assert shown.stdout.split() == ["True", "False"]
