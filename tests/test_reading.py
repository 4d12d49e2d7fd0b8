"""`find_digits` on pages composed of the shipped digits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from sk_mnist_cnn import MNISTNormalizer, find_digits, load_mnist_sample, load_pretrained
from tests.benchmarks.pages import compose_page


@pytest.fixture(scope="module")
def sample():
    return load_mnist_sample()


def write(sample, lengths, paper="white", touching=0.0, seed=0):
    """Return a page with lines of these lengths, of the first test digits."""
    ends = np.cumsum(lengths)
    groups = [np.arange(end - length, end) for length, end in zip(lengths, ends, strict=True)]
    images, labels = ([values[group] for group in groups] for values in (sample.x_test, sample.y_test))
    return compose_page(images, labels, touching, paper, np.random.default_rng(seed))


def digits_in_a_row(sample, n=3, distance=40):
    """Return a page of dark ink, with the first test digits in a row."""
    page = np.full((100, n * distance + 60), 255, np.uint8)
    for i, image in enumerate(sample.x_test[:n]):
        page[30:58, 30 + distance * i : 58 + distance * i] -= image
    return page


@pytest.mark.parametrize("paper", ["white", "ruled", "squared", "shaded"])
def test_finds_the_digits_of_a_page_in_reading_order(sample, paper):
    page = write(sample, [5, 3, 7, 1], paper)
    found = find_digits(page.picture)
    assert_array_equal(found.line, page.line)
    assert len(found.images) == len(found.boxes) == 16
    assert np.abs(found.boxes - page.boxes).max() <= 6


def test_images_are_for_the_normalizer(sample):
    page = digits_in_a_row(sample, 8)
    digits = MNISTNormalizer().transform(find_digits(page).images)
    assert_array_equal(load_pretrained().predict(digits), sample.y_test[:8])


def test_bright_ink_on_dark_paper(sample):
    page = digits_in_a_row(sample)
    found, inverted = find_digits(page), find_digits(255 - page)
    assert_array_equal(inverted.boxes, found.boxes)


def test_boxes_are_in_pixels_of_a_large_picture(sample):
    page = digits_in_a_row(sample)
    large = np.kron(page, np.ones((30, 30), np.uint8))
    assert max(large.shape) > 4000
    assert_allclose(find_digits(large).boxes, find_digits(page).boxes * 30, atol=60)


def test_all_kinds_of_pictures(sample, tmp_path):
    page = digits_in_a_row(sample)
    expected = find_digits(page).boxes
    Image.fromarray(page).save(tmp_path / "page.png")
    for picture in (page / 255, Image.fromarray(page), tmp_path / "page.png", np.stack([page] * 3, axis=-1)):
        assert_array_equal(find_digits(picture).boxes, expected)


def test_the_separate_bar_of_a_five_is_joined():
    page = np.full((120, 200), 255, np.uint8)
    page[30:36, 66:90] = 0
    page[40:60, 60:66] = 0
    page[60:66, 60:86] = 0
    page[60:84, 82:88] = 0
    page[80:86, 60:88] = 0
    assert_array_equal(find_digits(page).boxes, [[30, 60, 86, 90]])


def test_halves_above_each_other_are_joined_in_a_line(sample):
    page = digits_in_a_row(sample)
    top, left, bottom, right = find_digits(page).boxes[1]
    middle = (top + bottom) // 2
    page[middle : middle + 2, left:right] = 255
    assert_array_equal(find_digits(page).boxes, find_digits(digits_in_a_row(sample)).boxes)


def test_stains_with_soft_edges_are_no_digits(sample):
    page = digits_in_a_row(sample)
    rows, columns = np.indices((200, page.shape[1]))
    stain = 120 / (1 + np.exp(np.hypot(rows - 100, columns - 90) / 4 - 6))
    below = np.rint(255 - stain).astype(np.uint8)
    assert_allclose(find_digits(np.vstack([page, below])).boxes, find_digits(page).boxes, atol=1)


def test_frames_are_no_digits(sample):
    page = digits_in_a_row(sample)
    framed = np.pad(page, 60, constant_values=255)
    framed[20:200, [20, -20]] = framed[[20, 199], 20:-20] = 0
    assert_array_equal(find_digits(framed).boxes, find_digits(page).boxes + 60)


@pytest.mark.parametrize("picture", [np.full((300, 200), 255, np.uint8), np.zeros((28, 28))])
def test_a_blank_picture_has_no_digits(picture):
    found = find_digits(picture)
    assert found.boxes.shape == (0, 4)
    assert found.line.shape == (0,)
    assert found.images == []


def test_boxes_of_rotated_photos_are_those_of_the_upright_picture(sample, tmp_path):
    page = digits_in_a_row(sample)
    exif = Image.Exif()
    exif[0x0112] = 6  # the upright picture is this one, turned clockwise
    Image.fromarray(np.rot90(page)).save(tmp_path / "page.png", exif=exif)
    assert_array_equal(find_digits(tmp_path / "page.png").boxes, find_digits(page).boxes)


def test_several_pictures_are_refused(sample, tmp_path):
    page = digits_in_a_row(sample)
    for pictures in ([page, page], ["one.png", "two.png"], (Image.fromarray(page),)):
        with pytest.raises(ValueError, match=r"picture must be a single picture, got a (list|tuple) of [12]"):
            find_digits(pictures)
    with pytest.raises(ValueError, match=r"picture must be a picture of shape .* \(5, 100, 180\)"):
        find_digits(np.stack([page] * 5))


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"page.png"):
        find_digits(tmp_path / "page.png")
