"""Random changes of batches of images: how large they are, and where the draws come from."""

import numpy as np
import pytest

from sk_mnist_cnn._keras.augmentation import Augmentation
from sk_mnist_cnn._keras.backend import tf
from sk_mnist_cnn._keras.distortion import random_affine, random_elastic
from sk_mnist_cnn._training import AUGMENTATIONS
from tests.estimators import small_classifier

SHAPES = [(28, 28, 1), (8, 8, 1), (12, 20, 3), (1, 9, 1)]


def coordinates(n_images, height, width):
    """Images with two channels, the x and the y of each pixel."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.broadcast_to(np.stack([x, y], axis=-1), (n_images, height, width, 2))


def displacements(n_images, height, width, strength, seed=(1, 2)):
    """Displacement in pixels, of shape (n_images, rows, columns, 2), away from the edges."""
    before = coordinates(n_images, height, width)
    after = random_elastic(before, 0, 0, 0.0, strength, seed).numpy()
    inside = slice(None), slice(height // 4, -height // 4), slice(width // 4, -width // 4)
    return (after - before)[inside]


@pytest.mark.parametrize(("height", "width"), [(28, 28), (24, 48)])
def test_elastic_displacement_has_the_documented_root_mean_square(height, width):
    along_x, along_y = np.moveaxis(displacements(1000, height, width, strength=0.02), -1, 0)
    # The same at every pixel, in the middle and near the edges.
    np.testing.assert_allclose(np.sqrt((along_x**2).mean(axis=0)), 0.02 * width, rtol=0.15)
    np.testing.assert_allclose(np.sqrt((along_y**2).mean(axis=0)), 0.02 * height, rtol=0.15)
    assert np.sqrt((along_x**2).mean()) == pytest.approx(0.02 * width, rel=0.02)
    assert np.sqrt((along_y**2).mean()) == pytest.approx(0.02 * height, rel=0.02)
    assert abs(along_x.mean()) < 0.002 * width
    assert abs(np.corrcoef(along_x.ravel(), along_y.ravel())[0, 1]) < 0.05


def test_elastic_displacement_is_smooth():
    along_x = displacements(500, 28, 28, strength=0.02)[..., 0]
    first, second, last = (along_x[:, :, column].ravel() for column in (0, 1, -1))
    assert np.corrcoef(first, second)[0, 1] > 0.95
    assert abs(np.corrcoef(first, last)[0, 1]) < 0.2


def test_elastic_is_affine_for_no_displacement():
    images = np.random.default_rng(0).random((16, 12, 20, 3), dtype=np.float32)
    affine = random_affine(images, 2, 10, 0.1, (3, 4)).numpy()
    np.testing.assert_allclose(random_elastic(images, 2, 10, 0.1, 0.0, (3, 4)), affine, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmented_images_keep_shape_dtype_and_range(name, shape, dtype):
    images = np.random.default_rng(0).random((5, *shape)).astype(dtype)
    changed = Augmentation(name, (8, 8, 1))(images, (1, 2)).numpy()
    assert changed.shape == images.shape
    assert changed.dtype == dtype
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert not np.array_equal(changed, images)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentation_changes_each_image_by_a_draw_of_its_own(name):
    images = np.repeat(np.random.default_rng(0).random((1, 16, 16, 1), dtype=np.float32), 8, axis=0)
    changed = Augmentation(name, (8, 8, 1))(images, (1, 2)).numpy()
    assert len(np.unique(changed.reshape(8, -1), axis=0)) > 5


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentation_is_determined_by_the_seed(name):
    images = np.random.default_rng(0).random((8, 10, 10, 2), dtype=np.float32)
    change = Augmentation(name, (8, 8, 1))
    once, again = (change(images, (5, 6)).numpy() for _ in range(2))
    np.testing.assert_array_equal(once, again)
    in_a_graph = tf.function(change, autograph=False)(tf.constant(images), tf.constant([5, 6]))
    np.testing.assert_allclose(in_a_graph, once, atol=1e-5)
    assert not np.array_equal(once, change(images, (5, 7)).numpy())


def test_elastic_fills_with_0():
    images = np.ones((64, 28, 28, 1), np.float32)
    changed = random_elastic(images, 2, 10, 0.1, 0.02, (1, 2)).numpy()
    assert changed.min() == 0
    assert changed[:, 10:18, 10:18].min() == pytest.approx(1)
    far = random_elastic(images, 500, 0, 0.0, 0.02, (1, 2)).numpy()
    assert np.mean(far.max(axis=(1, 2, 3)) == 0) > 0.9


def test_training_with_elastic_is_reproducible(digits):
    X, y = digits[0][:400], digits[1][:400]
    one, other = (small_classifier(augmentation="elastic").fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    assert one.history_["loss"] != small_classifier(augmentation="affine").fit(X, y).history_["loss"]
