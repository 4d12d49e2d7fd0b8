"""Batches of images for the network."""

import tracemalloc

import numpy as np

from sk_mnist_cnn._targets import ImageDataset
from tests.estimators import small_classifier


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
