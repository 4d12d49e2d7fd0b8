"""Random shifts, rotations, zooms and elastic displacements of batches of images."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sk_mnist_cnn._keras.distortion import distort, random_affine, random_elastic


def test_shifts_are_whole_pixels_with_uniform_distribution():
    images = np.zeros((4000, 7, 13, 1), np.float32)
    images[:, 3, 6] = 1
    moved = random_affine(images, 0.15, 0, 0.0, (1, 2)).numpy()
    assert set(np.unique(moved)) == {0, 1}
    _, rows, columns, _ = np.nonzero(moved)
    assert len(rows) == 4000
    for positions, expected in ((rows - 3, [-1, 0, 1]), (columns - 6, [-2, -1, 0, 1, 2])):
        offsets, counts = np.unique(positions, return_counts=True)
        assert offsets.tolist() == expected
        assert counts.min() > 0.8 * 4000 / len(expected)
    assert abs(np.corrcoef(rows, columns)[0, 1]) < 0.1


def test_images_of_one_row_are_shifted_along_the_row_only():
    images = np.zeros((100, 1, 30, 1), np.float32)
    images[:, 0, 15] = 1
    moved = random_affine(images, 2 / 28, 0, 0.0, (1, 2)).numpy()
    assert moved.sum() == 100
    assert set(np.nonzero(moved)[2]) == {13, 14, 15, 16, 17}


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


def displacements(n_images, height, width):
    """Return elastic displacements along x and y, in pixels, away from the edges."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    coordinates = np.broadcast_to(np.stack([x, y], axis=-1), (n_images, height, width, 2))
    changed = random_elastic(coordinates, 0, 0, 0.0, 0.02, (1, 2)).numpy()
    inside = slice(None), slice(height // 4, -height // 4), slice(width // 4, -width // 4)
    return np.moveaxis((changed - coordinates)[inside], -1, 0)


@pytest.mark.parametrize(("height", "width"), [(28, 28), (24, 48)])
def test_root_mean_square_of_elastic_displacement(height, width):
    along_x, along_y = displacements(1000, height, width)
    # The same at every pixel, in the center and near the edges.
    assert_allclose(np.sqrt((along_x**2).mean(axis=0)), 0.02 * width, rtol=0.15)
    assert_allclose(np.sqrt((along_y**2).mean(axis=0)), 0.02 * height, rtol=0.15)
    assert np.sqrt((along_x**2).mean()) == pytest.approx(0.02 * width, rel=0.02)
    assert np.sqrt((along_y**2).mean()) == pytest.approx(0.02 * height, rel=0.02)
    assert abs(along_x.mean()) < 0.002 * width
    assert abs(np.corrcoef(along_x.ravel(), along_y.ravel())[0, 1]) < 0.05


def test_elastic_displacement_is_smooth():
    along_x, _ = displacements(500, 28, 28)
    first, second, last = (along_x[:, :, column].ravel() for column in (0, 1, -1))
    assert np.corrcoef(first, second)[0, 1] > 0.95
    assert abs(np.corrcoef(first, last)[0, 1]) < 0.2


def test_elastic_with_zero_strength_is_affine():
    images = np.random.default_rng(0).random((16, 12, 20, 3), dtype=np.float32)
    affine = random_affine(images, 0.1, 10, 0.1, (3, 4)).numpy()
    assert_allclose(random_elastic(images, 0.1, 10, 0.1, 0.0, (3, 4)), affine, atol=1e-5)


def test_elastic_fills_with_zeros():
    images = np.ones((64, 28, 28, 1), np.float32)
    changed = random_elastic(images, 0.1, 10, 0.1, 0.02, (1, 2)).numpy()
    assert changed.min() == 0
    assert changed[:, 10:18, 10:18].min() == pytest.approx(1)
    far = random_elastic(images, 20, 0, 0.0, 0.02, (1, 2)).numpy()
    assert np.mean(far.max(axis=(1, 2, 3)) == 0) > 0.9


def test_horizontal_flips_mirror_the_fraction_of_the_images():
    images = np.random.default_rng(0).random((1000, 6, 8, 2), dtype=np.float32)
    changed = distort(images, (1, 2), horizontal_flip=0.3).numpy()
    is_flipped = (changed == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert_allclose(changed[~is_flipped], images[~is_flipped])
    assert 250 < is_flipped.sum() < 350


def test_a_square_is_erased_in_half_of_the_images():
    images = np.ones((2000, 14, 14, 1), np.float32)
    erased = distort(images, (1, 2), erasing=0.3).numpy()[..., 0] == 0
    is_erased = erased.any(axis=(1, 2))
    assert 900 < is_erased.sum() < 1100
    assert (erased[is_erased].sum(axis=(1, 2)) == 4 * 4).all()
    assert (erased[is_erased].any(axis=1).sum(axis=1) == 4).all()
    assert erased[:, 0, 0].any()
    assert erased[:, -1, -1].any()


def test_shear_slants_vertical_lines_only():
    images = np.zeros((300, 41, 41, 1), np.float32)
    images[:, :, 20] = 1
    changed = distort(images, (1, 2), shear=10).numpy()[..., 0]
    positions = (changed * np.arange(41)).sum(axis=2) / changed.sum(axis=2)
    slants = np.degrees(np.arctan((positions[:, 35] - positions[:, 5]) / 30))
    assert 9 < np.abs(slants).max() < 10.1
    assert_allclose(positions[:, 20], 20, atol=0.01)
    assert_allclose(changed.sum(axis=2), 1, atol=0.01)


def test_operations_are_combined():
    images = np.random.default_rng(0).random((20, 12, 12, 1), dtype=np.float32)
    affine = {"shift": 0.1, "rotation": 5, "zoom": 0.1, "shear": 5}
    for elastic in (0.0, 0.02):
        others = {"elastic": elastic, "horizontal_flip": 0.5, "erasing": 0.3}
        changed = distort(images, (1, 2), **affine, **others).numpy()
        assert changed.shape == images.shape
        assert 0 <= changed.min() <= changed.max() <= 1
