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

from sk_mnist_cnn._architecture import Architecture
from sk_mnist_cnn._keras.input_pipeline import InputPipeline
from sk_mnist_cnn._targets import ImageDataset
from tests.estimators import small_classifier

SIZES = {"filters": (2,), "kernel_size": 3, "pool_size": 2, "dense_units": (4,)}


def test_pipelines_of_dropped_trainers_are_freed(digits):
    X, y = digits[0][:10].reshape(10, -1), digits[1][:10].astype(np.int32)
    pipeline = InputPipeline(Architecture.resolve((8, 8, 1), 10, **SIZES, activation="relu", dtype="float32"))
    images = ImageDataset(X, y, np.ones(10, np.float32), np.arange(10))
    assert [len(labels) for _, labels, _ in pipeline.load(images, 4, seed=0)] == [4, 4, 2]
    reference = weakref.ref(pipeline)
    del pipeline
    gc.collect()
    assert reference() is None


def test_memory_mapped_images_are_cast_batch_by_batch(tmp_path, digits, monkeypatch):
    n_images, X, y = 20_000, *digits
    mapped = np.memmap(tmp_path / "images", dtype=np.uint8, mode="w+", shape=(n_images, 64))
    mapped[:] = np.resize(X.reshape(-1, 64) > 0.5, mapped.shape)
    labels = np.resize(y, n_images)
    batches = ImageDataset.batches
    sizes = []

    def watched(self, *args):
        assert np.shares_memory(self.rows, mapped)
        for batch in batches(self, *args):
            sizes.append(batch[0].nbytes)
            yield batch

    monkeypatch.setattr(ImageDataset, "batches", watched)
    clf = small_classifier(epochs=1, batch_size=128).fit(mapped[:500], labels[:500])
    tracemalloc.start()
    clf.fit(mapped, labels)
    clf.predict_proba(mapped)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert max(sizes) == 128 * 64 * 4
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
