"""Random shifts, rotations and zooms, and Keras layers as `augmentation`."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sk_mnist_cnn._keras.backend import keras
from sk_mnist_cnn._keras.distortion import random_affine
from tests.estimators import small_classifier


def one_pixel(n_images, size=13):
    """Return images that are 1 in the center pixel and 0 elsewhere."""
    images = np.zeros((n_images, size, size, 1), np.float32)
    images[:, size // 2, size // 2] = 1
    return images


def test_shifts_are_integers_with_uniform_distribution():
    moved = random_affine(one_pixel(4000), 2, 0, 0.0, (1, 2)).numpy()
    assert set(np.unique(moved)) == {0, 1}
    _, rows, columns, _ = np.nonzero(moved)
    assert len(rows) == 4000
    for positions in (rows, columns):
        offsets, counts = np.unique(positions - 6, return_counts=True)
        assert offsets.tolist() == [-2, -1, 0, 1, 2]
        assert counts.min() > 650
    assert abs(np.corrcoef(rows, columns)[0, 1]) < 0.1


def test_rotation_and_zoom_are_bounded_and_about_the_center():
    images = np.zeros((500, 41, 41, 1), np.float32)
    images[:, 20, 35] = 1
    changed = random_affine(images, 0, 10, 0.1, (3, 4)).numpy()[..., 0]
    total = changed.sum(axis=(1, 2))
    y = (changed * np.arange(-20, 21)[:, None]).sum(axis=(1, 2)) / total
    x = (changed * np.arange(-20, 21)).sum(axis=(1, 2)) / total
    angles, radii = np.degrees(np.arctan2(y, x)), np.hypot(x, y)
    assert 8 < np.abs(angles).max() < 11.5
    assert 15 * 0.88 < radii.min() < 15 * 0.93
    assert 15 * 1.07 < radii.max() < 15 * 1.12


def test_seed_determines_changes():
    images = np.random.default_rng(0).random((8, 10, 10, 2), dtype=np.float32)
    one, same = (random_affine(images, 2, 10, 0.1, (5, 6)).numpy() for _ in range(2))
    assert_array_equal(one, same)
    assert not np.array_equal(one, random_affine(images, 2, 10, 0.1, (5, 7)).numpy())


@pytest.mark.parametrize(
    "augmentation",
    ["shift", "affine", keras.layers.RandomRotation(0.05), [keras.layers.RandomTranslation(0.1, 0.1)]],
    ids=["shift", "affine", "layer", "layers"],
)
def test_augmented_training_is_reproducible(digits, augmentation):
    X, y = digits[0][:400], digits[1][:400]
    one, same = (small_classifier(augmentation=augmentation).fit(X, y) for _ in range(2))
    assert_array_equal(one.predict_proba(X), same.predict_proba(X))
    assert one.history_["loss"] != small_classifier().fit(X, y).history_["loss"]


def test_raises_for_layer_that_cannot_be_copied(digits):
    class Uncopied(keras.Layer):
        def __init__(self, value):
            super().__init__()

        def get_config(self):
            return {}

    with pytest.raises(ValueError, match=r"augmentation must hold layers that can be copied .* <Uncopied"):
        small_classifier(augmentation=Uncopied(1)).fit(*digits)


@pytest.mark.parametrize("augmentation", ["turn", [1], 3])
def test_raises_for_invalid_augmentation(digits, augmentation):
    with pytest.raises((ValueError, TypeError), match="augmentation"):
        small_classifier(augmentation=augmentation).fit(*digits)
