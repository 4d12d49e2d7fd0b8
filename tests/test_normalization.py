"""`MNISTNormalizer`: its output, its input, and how much it improves predictions."""

import io
import pickle
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from unittest import SkipTest
from unittest.mock import Mock, patch

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import EpsImagePlugin, Image, ImageSequence
from scipy import ndimage
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, find_digits, load_mnist_sample
from sk_mnist_cnn._pictures.mnist_format import find_ink, shows_several_marks
from sk_mnist_cnn._pictures.reading import read_gray, read_pages
from sk_mnist_cnn.normalization import MNISTNormalizer
from tests.estimators import sparse_batches

WHITE, GRAY_PAPER = 255, 200

NOT_ALL_HAVE_DIGITS = pytest.mark.filterwarnings(r"ignore:\d+ of \d+ pictures become black")
SOME_HAVE_SEVERAL = pytest.mark.filterwarnings(r"ignore:\d+ of \d+ pictures seem to show several digits")


@pytest.fixture(scope="module")
def sample():
    return load_mnist_sample()


@pytest.fixture(scope="module")
def originals(sample):
    """A hundred of MNIST's digits, read-only."""
    images = sample.x_test[:100].copy()
    images.flags.writeable = False
    return images


def normalize(X, **params):
    return MNISTNormalizer(**params).transform(X)


def resized(image, shape):
    return np.asarray(Image.fromarray(image).resize(shape[::-1], Image.Resampling.BICUBIC))


def padded_anywhere(image, shape=(70, 50), seed=0):
    """Place the picture at random on a larger black one."""
    rng = np.random.default_rng(seed)
    top, left = (rng.integers(outer - inner + 1) for outer, inner in zip(shape, image.shape, strict=True))
    page = np.zeros(shape, image.dtype)
    page[top : top + image.shape[0], left : left + image.shape[1]] = image
    return page


def on_paper(image, noise=12, shade=0, seed=0):
    """Return dark ink on gray paper, with noise and shading."""
    rng = np.random.default_rng(seed)
    down, right = np.indices(image.shape) / np.reshape(image.shape, (2, 1, 1)) - 0.5
    levels = GRAY_PAPER + shade * (down - right) / 2 - 140 * (image / 255) + rng.normal(0, noise, image.shape)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def seven(height=120, width=80, stroke=14):
    """Return a seven in ink of 255 on black, which touches all four sides of the picture."""
    digit = np.zeros((height, width), np.uint8)
    digit[:stroke] = 255
    for row in range(height):
        right = width - (width - 2 * stroke) * row // height
        digit[row, right - stroke : right] = 255
    digit[-stroke:, :stroke] = 255
    return digit


def sides(image):
    """Return height and width of the bounding box of the ink, in pixels."""
    return tuple(int(np.ptp(np.flatnonzero(image.any(axis=axis)))) + 1 for axis in (1, 0))


def difference(found, expected):
    """Return the mean absolute difference of pixels, on the scale from 0 to 255."""
    return np.abs(found.astype(float) - expected).mean()


# Output


def test_returns_uint8_on_black(originals):
    digits = normalize(originals)
    assert digits.shape == (100, 28, 28)
    assert digits.dtype == np.uint8
    assert_array_equal(digits.max(axis=(1, 2)), 255)
    assert not digits[:, 0, 0].any()


@pytest.mark.parametrize("scale", [0.6, 1, 2, 5.5])
def test_fits_the_box(originals, scale):
    pictures = [resized(image, (round(28 * scale),) * 2) for image in originals]
    for digit in normalize(pictures):
        assert max(sides(digit)) == 20


@pytest.mark.parametrize(("shape", "expected"), [((120, 80), (20, 13)), ((60, 160), (8, 20))])
def test_keeps_the_proportions(shape, expected):
    digit = normalize([padded_anywhere(seven(*shape, stroke=18), (200, 300))])[0]
    assert sides(digit) == expected


def test_centers_by_mass(originals):
    pictures = [padded_anywhere(image, seed=seed) for seed, image in enumerate(originals)]
    digits = [digit for digit in normalize(pictures) if not digit[[0, -1]].any()]
    assert len(digits) > 95
    centers = np.array([ndimage.center_of_mass(digit.astype(float)) for digit in digits])
    assert np.abs(centers - 14).max() <= 0.51


def test_centering_does_not_cut_ink_off():
    heavy = np.zeros((100, 100), np.uint8)
    heavy[80:, :] = 255
    heavy[:, 97:] = 255
    digit = normalize([np.pad(heavy, 20)], size=22)[0]
    assert sides(digit) == (20, 20)


def test_has_gray_levels_from_anti_aliasing():
    digit = normalize([np.pad(seven(), 30)])[0]
    assert np.count_nonzero((digit > 20) & (digit < 235)) > 20


@pytest.mark.parametrize(("size", "box"), [(32, 24), (20, 20), (8, 6), (1, 1)])
def test_size_and_box_set_the_output(originals, size, box):
    digits = normalize(originals, size=size, box=box)
    assert digits.shape == (100, size, size)
    assert all(max(sides(digit)) <= box for digit in digits)
    assert np.median([max(sides(digit)) for digit in digits]) == box


def test_mnist_digits_are_nearly_unchanged(originals):
    digits = normalize(originals)
    changes = np.abs(digits.astype(int) - originals).max(axis=(1, 2))
    assert np.mean(changes < 30) > 0.8
    assert difference(digits, originals) < 2


def test_is_idempotent(originals):
    digits = normalize([resized(image, (90, 90)) for image in originals])
    assert difference(normalize(digits), digits) < 1.5


def test_input_is_not_changed(originals):
    pictures = originals.astype(float)
    before = pictures.copy()
    normalize(pictures)
    assert_array_equal(pictures, before)


def test_pictures_do_not_depend_on_each_other(originals):
    digits = normalize(originals)
    order = np.random.default_rng(0).permutation(100)
    assert_array_equal(normalize(originals[order]), digits[order])
    assert_array_equal(np.concatenate([normalize([image]) for image in originals]), digits)


# Paper and ink


def test_invert_is_detected(originals):
    assert_allclose(normalize(255 - originals), normalize(originals), atol=1)


@pytest.mark.parametrize("polarity", [0, 255], ids=["bright ink", "dark ink"])
def test_invert_is_detected_in_tight_crops(originals, polarity):
    digits = []
    for image in originals:
        rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
        crop = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        digits.append(normalize([np.abs(polarity - crop.astype(int))])[0])
    assert difference(np.array(digits), originals) < 4


@NOT_ALL_HAVE_DIGITS
def test_invert_can_be_set(originals):
    digits = normalize(originals)
    assert_array_equal(normalize(originals, invert=False), digits)
    assert_allclose(normalize(255 - originals, invert=True), digits, atol=1)
    assert not np.array_equal(normalize(originals, invert=True), digits)


@pytest.mark.parametrize("shade", [0, 100])
def test_gray_and_shaded_paper_becomes_black(originals, shade):
    digits = normalize([on_paper(np.pad(image, 6), noise=4, shade=shade) for image in originals])
    assert np.median(digits, axis=(1, 2)).max() == 0
    assert difference(digits, originals) < 12


def test_noise_and_specks_do_not_change_the_crop():
    page = np.pad(seven(), 60)
    noisy = on_paper(page, noise=15)
    specked = noisy.copy()
    for place in [(3, 4), (20, 170), (230, 10), (200, 190)]:
        specked[place] = 0
    for picture in (noisy, specked):
        assert difference(normalize([picture]), normalize([page])) < 6


def test_noise_does_not_widen_strokes():
    page = np.pad(seven(), 60)
    assert normalize([on_paper(page, noise=15)]).mean() < 1.1 * normalize([page]).mean()


def test_broken_strokes_are_kept():
    page = np.pad(seven(), 30)
    page[70:74] = 0
    assert sides(normalize([page])[0]) == (20, 13)


def test_faint_ink_becomes_bright():
    page = np.where(np.pad(seven(), 30) > 0, 170, 200).astype(np.uint8)
    assert difference(normalize([page]), normalize([np.pad(seven(), 30)])) < 1


@pytest.mark.parametrize("stroke", [2, 70], ids=["fine pen", "fat brush"])
def test_thin_strokes_are_widened_and_thick_ones_thinned(stroke):
    digit = normalize([np.pad(seven(200, 160, stroke), 50)])[0] / 255
    plain = resized(seven(200, 160, stroke), (20, 16)) / 255
    assert (digit.sum() > 1.2 * plain.sum()) if stroke == 2 else (digit.sum() < 0.9 * plain.sum())


def stained(page, stain):
    """Return a page of ink on black with a stain of this level in the upper left."""
    page = page.copy()
    page[10:70, 10:70] = np.maximum(page[10:70, 10:70], stain)
    return page


@pytest.mark.parametrize("stain", [10, 25, 60])
def test_faint_stains_beside_the_digit_are_dropped(stain):
    page = np.pad(seven(40, 30, stroke=5), ((90, 30), (90, 30)))
    assert difference(normalize([stained(page, stain)]), normalize([page])) < 1


def test_a_faint_stain_that_outweighs_the_digit_is_not_ink():
    page = np.zeros((150, 150), np.uint8)
    page[120:122, 120:122] = 255
    digit = normalize([stained(page, 20)])[0]
    assert sides(digit) == (20, 20)


@pytest.mark.parametrize("stain", [8, 20])
def test_thin_strokes_on_a_faint_stain_do_not_vanish(stain):
    page = np.zeros((400, 400), np.uint8)
    page[100:300, 100:300] = stain
    page[199, 100:300] = page[100:300, 199] = 255
    digit = normalize([page])[0]
    assert digit[14, :].max() == 255
    assert np.median(digit[4:24, 4:24]) < 128


def stained_page(seed):
    """Return a digit, or none, on paper with specks, stains of random size and strength, and noise."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(60, 150, 2)
    row, column = np.indices((height, width))
    page = np.full((height, width), rng.uniform(0.6, 1))
    if rng.random() < 0.5:
        page[20:48, 20:46] -= rng.uniform(0.2, 0.6) * seven(28, 26, 4) / 255
    for _ in range(rng.integers(1, 4)):
        radius = np.hypot((row - rng.integers(height)) / height, (column - rng.integers(width)) / width)
        stain = np.clip((rng.uniform(0.05, 0.5) - radius) * rng.integers(2, 50), 0, 1)
        page -= rng.uniform(0.01, 0.1) * stain
    for _ in range(rng.integers(3)):
        top, left, side = rng.integers(height), rng.integers(width), rng.integers(1, 4)
        page[top : top + side, left : left + side] -= rng.uniform(0.2, 1)
    return np.clip(page + rng.normal(0, rng.choice([0, 0.005, 0.03]), page.shape), 0, 1)


@NOT_ALL_HAVE_DIGITS
@pytest.mark.parametrize("invert", ["auto", False, True])
@SOME_HAVE_SEVERAL  # stains
def test_stained_pages_do_not_raise(invert):
    for digit in normalize([stained_page(seed) for seed in range(150)], invert=invert):
        assert digit.max() in (0, 255)


BLANK = {
    "white": np.full((40, 30), WHITE, np.uint8),
    "black": np.zeros((40, 30)),
    "one pixel": np.ones((1, 1), bool),
    "shaded": np.add.outer(np.arange(60), np.arange(80)).astype(np.uint8),
    "noisy": on_paper(np.zeros((90, 70)), noise=12),
    "transparent": np.zeros((20, 20, 4), np.uint8),
}


@pytest.mark.parametrize("picture", BLANK.values(), ids=BLANK)
@pytest.mark.parametrize("invert", ["auto", False, True])
@NOT_ALL_HAVE_DIGITS
def test_empty_pictures_become_black(picture, invert):
    assert_array_equal(normalize([picture], invert=invert), np.zeros((1, 28, 28)), strict=False)


def test_warns_of_pictures_with_too_little_contrast():
    scan = (seven() > 0) * np.uint8(15)
    blank = np.full_like(scan, 7)
    rule = r"^2 of 3 pictures become black.* X\[0\], with pixels from 0 to 0\.059 of .*scale its pixels"
    with pytest.warns(UserWarning, match=rule) as caught:
        digits = normalize([scan, scan * 16, scan])
    assert [digit.any() for digit in digits] == [False, True, False]
    with pytest.warns(UserWarning, match=r"^1 of 2 pictures become black, because they are blank.* X\[1\]"):
        normalize([scan * 16, blank])
    assert caught[0].filename == __file__


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64, np.float32])
def test_masks_of_0_and_1_are_read_as_masks(dtype):
    mask = np.pad(seven(), 20) > 0
    assert_array_equal(normalize([mask.astype(dtype)]), normalize([mask]))


# Input

SCALES = {
    "bool": (bool, 1),
    "uint8": (np.uint8, 255),
    "uint16": (np.uint16, 65535),
    "12 bits in uint16": (np.uint16, 4095),
    "8 bits in uint16": (np.uint16, 255),
    "8 bits in int16": (np.int16, 255),
    "16 bits in int32": (np.int32, 65535),
    "float32 to 0.05": (np.float32, 0.05),
    "int64": (np.int64, 255),
    "float32 to 1": (np.float32, 1),
    "float64 to 255": (np.float64, 255),
    "float16 to 1": (np.float16, 1),
}


@pytest.mark.parametrize(("dtype", "white"), SCALES.values(), ids=SCALES)
@pytest.mark.parametrize("dark_ink", [False, True])
def test_dtype_does_not_matter(dtype, white, dark_ink):
    ink = np.pad(seven(), 20) > 0
    picture = ((ink != dark_ink) * white).astype(dtype)
    assert difference(normalize([picture]), normalize([ink])) < 0.5


def test_layout_does_not_matter(originals):
    digits = normalize(originals)
    assert_array_equal(normalize(originals[..., np.newaxis]), digits)
    assert_array_equal(normalize(originals.reshape(100, 784)), digits)
    assert_array_equal(normalize(originals.reshape(100, 784).tolist()), digits)
    assert_array_equal(normalize(list(originals)), digits)
    assert_array_equal(normalize(originals.tolist()), digits)
    assert_array_equal(normalize(tuple(originals)), digits)
    color = np.repeat(originals[..., np.newaxis], 3, axis=-1)
    assert difference(normalize(color), digits) < 0.1


def test_accepts_frames_of_flat_rows(originals):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(originals.reshape(100, 784)).add_prefix("pixel")
    normalizer = MNISTNormalizer().fit(frame)
    assert_array_equal(normalizer.transform(frame), normalize(originals))
    assert normalizer.n_features_in_ == 784
    assert normalizer.feature_names_in_[0] == "pixel0"


def test_refit_on_pictures_removes_n_features_in(originals):
    normalizer = MNISTNormalizer().fit(originals.reshape(100, 784)).fit(originals)
    assert not hasattr(normalizer, "n_features_in_")


def test_gray_is_luminance():
    picture = np.array([[[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1], [0, 1, 0, 0.5], [1, 0, 0, 0]]])
    assert_allclose(read_gray(picture, "X[0]"), [[0.299, 0.587, 0.114, 0.7935, 1]], rtol=1e-6)
    assert_allclose(read_gray(picture[..., :3], "X[0]"), [[0.299, 0.587, 0.114, 0.587, 0.299]], rtol=1e-6)


def test_transparent_pixels_are_white_paper():
    ink = np.pad(seven(), 20)
    drawing = np.zeros((*ink.shape, 4), np.uint8)
    drawing[..., 3] = ink
    for picture in (drawing, drawing / 255, Image.fromarray(drawing)):
        assert_array_equal(normalize([picture]), normalize([ink]))


def test_accepts_pictures_of_different_sizes():
    pages = [np.pad(resized(seven(), shape), 9) for shape in [(60, 40), (120, 80), (600, 400), (30, 20)]]
    digits = normalize(pages)
    assert digits.shape == (4, 28, 28)
    assert max(difference(digit, digits[1]) for digit in digits) < 6


def in_mode(levels, mode):
    """Return levels from 0 to 255 as a Pillow image of a mode, via modes that Pillow can convert to it."""
    if mode.startswith("I;16"):
        return Image.fromarray((levels.astype(np.uint16) * 257).astype(">u2" if mode == "I;16B" else "<u2"))
    image = Image.fromarray(levels)
    for between in {"La": ["LA"], "PA": ["P"], "LAB": ["RGB"], "HSV": ["RGB"], "RGBa": ["RGBA"]}.get(
        mode, []
    ):
        image = image.convert(between)
    return image.convert(mode)


MODES = ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV"]
MODES += ["I", "F", "I;16", "I;16B"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(120, 80), (1300, 900)], ids=["small", "reduced"])
def test_accepts_pictures_images_of_any_mode(mode, size):
    ink = np.pad(seven(*size, stroke=size[0] // 8), 20)
    image = in_mode(255 - ink, mode)
    assert image.mode == mode
    assert difference(normalize([image]), normalize([ink])) < 0.5


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "I", "F", "I;16"])
def test_large_pictures_images_are_reduced_like_arrays(mode):
    page = np.pad(seven(1300, 900, stroke=150), 40)
    image = in_mode(255 - ndimage.gaussian_filter(page, 5), mode)
    gray = read_gray(image, "X[0]")
    assert max(gray.shape) <= 400
    assert gray.dtype == np.float32
    assert_allclose(
        gray, read_gray(np.asarray(image.convert("RGB") if mode == "P" else image), "X[0]"), atol=0.01
    )


@pytest.mark.parametrize("as_path", [str, lambda path: path], ids=["str", "Path"])
@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif"])
def test_accepts_files(tmp_path, suffix, as_path):
    ink = np.pad(seven(), 20)
    path = tmp_path / f"seven.{suffix}"
    Image.fromarray(255 - ink).save(path)
    assert difference(normalize([as_path(path)]), normalize([ink])) < 2


def test_accepts_bytes_and_file_objects(tmp_path):
    expected = normalize([np.pad(seven(), 20)])
    file = io.BytesIO()
    Image.fromarray(np.pad(seven(), 20)).save(file, "png")
    path = tmp_path / "seven.png"
    path.write_bytes(file.getvalue())
    with path.open("rb") as opened, zipfile.ZipFile(tmp_path / "sevens.zip", "w") as archive:
        archive.write(path, "seven.png")
        with archive.open("seven.png") as member:
            pictures = [file.getvalue(), bytearray(file.getvalue()), file, opened, opened, member]
            for digit in normalize(pictures):
                assert_array_equal(digit, expected[0])
        assert not opened.closed


def test_raises_for_files_opened_as_text(tmp_path):
    (tmp_path / "seven.txt").write_text("7")
    with (tmp_path / "seven.txt").open() as file, pytest.raises(ValueError, match=r'X\[0\] .*binary.*"rb"'):
        normalize([file])


def test_accepts_a_series_of_paths(tmp_path):
    pd = pytest.importorskip("pandas")
    Image.fromarray(np.pad(seven(), 20)).save(tmp_path / "seven.png")
    paths = pd.Series([str(tmp_path / "seven.png")] * 2, index=[5, 7])
    assert_array_equal(normalize(paths), normalize([np.pad(seven(), 20)] * 2))


def test_exif_orientation_is_applied():
    ink = np.pad(seven(), 20)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show the picture a quarter clockwise
    file = io.BytesIO()
    Image.fromarray(np.rot90(ink)).save(file, "png", exif=exif)
    assert_array_equal(normalize([Image.open(file)]), normalize([ink]))


# Errors


def broken(value):
    picture = np.ones((5, 5))
    picture[2, 3] = value
    return picture


BAD = {
    "negative": (broken(-1), r"Negative values in data: X\[1\] must be >= 0, got -1"),
    "NaN": (broken(np.nan), r"X\[1\] must hold finite numbers, got NaN"),
    "infinite": (broken(np.inf), r"X\[1\] must hold finite"),
    "rank 1": (np.ones(5), r"X\[1\] must be a picture of shape .* got an array of shape \(5,\)"),
    "rank 4": (np.ones((1, 5, 5, 3)), r"X\[1\] must be a picture of shape"),
    "channels first": (np.ones((3, 5, 5)), r"X\[1\] must be .* Move its channels last"),
    "no pixels": (np.ones((0, 5)), r"X\[1\] must be a picture of shape"),
    "complex": (np.ones((5, 5), complex), r"X\[1\] must hold real numbers, got dtype complex128"),
    "text": (np.full((5, 5), "ink"), r"X\[1\] must hold real numbers"),
}


@pytest.mark.parametrize(("picture", "message"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("method", ["fit", "transform", "fit_transform"])
def test_raises_for_invalid_pictures_and_names_them(picture, message, method):
    with pytest.raises(ValueError, match=message):
        getattr(MNISTNormalizer(), method)([np.ones((5, 5)), picture])


@pytest.mark.parametrize("X", [[], (), np.ones((0, 28, 28)), np.ones((0, 784)), np.ones(5), 3, [1, 2]])
def test_raises_without_pictures(X):
    with pytest.raises(ValueError):
        normalize(X)


@pytest.mark.parametrize("X", ["seven.png", Image.new("L", (9, 9))], ids=["path", "Pillow"])
def test_raises_for_a_single_picture_outside_a_list(X):
    with pytest.raises(ValueError, match=r"X must hold pictures, got a single one: .* Pass it in a list"):
        normalize(X)


@pytest.mark.parametrize("shape", [(40, 60, 3), (40, 60)])
def test_raises_for_a_single_nested_list(shape):
    with pytest.raises(ValueError, match="seems to be a single image"):
        normalize(np.full(shape, 255).tolist())


def test_nested_lists_are_read_as_arrays():
    picture = np.stack([255 - np.pad(seven(), 20)] * 3, axis=-1)
    other = picture[2:, 3:]
    assert_array_equal(normalize([picture.tolist()]), normalize([picture]))
    assert_array_equal(normalize([picture.tolist(), other.tolist()]), normalize([picture, other]))


def test_raises_for_rows_of_different_lengths():
    with pytest.raises(ValueError, match=r"X\[1\] must be a picture with rows of equal length, got a list"):
        normalize([np.ones((5, 5)), [[1, 2], [3]]])


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 1), (200, 120), (60, 90, 3), (60, 90, 4)])
def test_raises_for_a_single_array(shape):
    with pytest.raises(
        ValueError, match=r"which seems to be a single image.* Pass X\[np\.newaxis\]"
    ) as error:
        normalize(np.zeros(shape, np.uint8))
    if len(shape) == 2:
        preprocessor = ImagePreprocessor().fit(np.zeros((3, *shape), np.uint8))
        with pytest.raises(ValueError) as expected:
            preprocessor.transform(np.zeros(shape, np.uint8))
        assert str(error.value) == str(expected.value)


@NOT_ALL_HAVE_DIGITS
@SOME_HAVE_SEVERAL
def test_rows_that_are_not_square_are_read_with_a_warning(originals):
    with pytest.warns(UserWarning, match="28 features are not a square .* a single one as X") as record:
        assert normalize(originals[0][:5]).shape == (5, 28, 28)
    assert record[0].filename == __file__


def beside(left, right, gap=4):
    """Return a picture of two images in MNIST's format side by side, in dark ink."""
    left, right = (image[:, image.any(axis=0)] for image in (left, right))
    return 255 - np.pad(np.concatenate([left, np.zeros((28, gap), np.uint8), right], axis=1), 6)


def test_warns_of_pictures_with_several_digits(originals, tmp_path):
    file = tmp_path / "number.png"
    Image.fromarray(beside(originals[0], originals[1])).save(file)
    rule = r"^1 of 2 pictures seem to show several digits.* is X\[1\], the file '.*number\.png'.*find_digits"
    with pytest.warns(UserWarning, match=rule) as caught:
        digits = normalize([255 - originals[0], file])
    assert len(digits) == 2
    assert caught[0].filename == __file__


def test_a_broken_digit_is_one_digit():
    five = np.zeros((60, 60), np.uint8)
    five[20:26, 15:20] = five[25:31, 15:35] = five[30:50, 32:37] = five[46:50, 12:34] = 255
    bar = five.copy()
    bar[10:15, 38:52] = 255  # apart, to the upper right
    zero = np.zeros((60, 60), np.uint8)
    zero[10:50, 15:21] = zero[10:50, 39:45] = zero[10:15, 20:41] = zero[46:50, 15:30] = 255
    normalize([bar, zero], invert=False)  # warnings are errors


@pytest.mark.slow
def test_warns_of_few_single_digits_and_of_most_pairs(mnist):
    ink = [find_ink(image / np.float32(255), False) for image in mnist.x_test]
    assert not any(shows_several_marks(digit) for digit in ink)
    others = [find_ink(image / np.float32(16), False) for image in load_digits().images]
    assert not any(shows_several_marks(digit) for digit in others)
    pairs = [beside(*pair) for pair in zip(mnist.x_test[:500], mnist.x_test[500:1000], strict=True)]
    found = [shows_several_marks(find_ink(pair / np.float32(255), True)) for pair in pairs]
    assert np.mean(found) > 0.98


def png(width, height, *chunks):
    """Return a PNG file of these sizes, gray unless there is a palette."""
    has_palette = any(name == b"PLTE" for name, _ in chunks)
    header = struct.pack(">2I5B", width, height, 8, 3 if has_palette else 0, 0, 0, 0)
    parts = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in [(b"IHDR", header), *chunks, (b"IEND", b"")]
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def palette_png(side):
    rows = zlib.compress(bytes(side * (side + 1)), 9)
    return png(side, side, (b"PLTE", bytes(768)), (b"tRNS", bytes(256)), (b"IDAT", rows))


SAVED_WITH_PAGES = ("GIF", "PNG", "TIFF", "WEBP")


def pages(file_format, n_pages=3):
    """Return the content of a file with several pages, each a 7 at another place."""
    images = [Image.fromarray(np.pad(seven(), [(20 + 5 * i, 30), (20, 20)])[:80]) for i in range(n_pages)]
    file = io.BytesIO()
    images[0].save(file, file_format, save_all=True, append_images=images[1:])
    return file.getvalue()


@pytest.mark.parametrize("file_format", SAVED_WITH_PAGES)
def test_raises_for_files_of_several_pages_and_reads_their_pages(file_format):
    content = pages(file_format)
    image = Image.open(io.BytesIO(content))
    for read in (find_digits, lambda picture: normalize([picture])):
        for picture in (content, image):
            with pytest.raises(ValueError, match=r"several pages or frames.*ImageSequence\.all_frames"):
                read(picture)
        for page in ImageSequence.all_frames(image):
            read(page)
        read(pages(file_format, n_pages=1))


@pytest.mark.parametrize("file_format", SAVED_WITH_PAGES)
def test_each_page_is_read_in_turn(file_format):
    content = pages(file_format)
    for picture in (content, Image.open(io.BytesIO(content))):
        tops = [np.flatnonzero(page.gray.max(axis=1) > 0.5)[0] for page in read_pages(picture, "picture")]
        assert_array_equal(np.diff(tops), [5, 5])
    for picture in (pages("MPO"), np.pad(seven(), 20)):
        assert len(list(read_pages(picture, "picture"))) == 1


@pytest.mark.parametrize("white", [255, 65535])
@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_raises_for_netpbm_files_of_several_pictures(mode, white):
    file = io.BytesIO()
    image = Image.fromarray(np.pad(seven(), 21)).convert(mode)  # its width is no multiple of 8
    if white > 255:
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    image.save(file, "PPM")
    content = file.getvalue().replace(b"\n", b" # comment P5 \n", 1)
    assert normalize([content]).any()
    for further in (content, b"\n" + content):
        for read in (find_digits, lambda picture: list(read_pages(picture, "picture"))):
            with pytest.raises(ValueError, match=r"several pictures in a row\. Split it"):
                read(content + further)


def test_photos_with_previews_are_single_pictures():
    content = pages("MPO")
    assert Image.open(io.BytesIO(content)).n_frames == 3
    assert normalize([content]).any()


OTHER_FORMATS = {
    "PDF": (b"%PDF-1.7\n%\xe2\xe3", "PDF document. Run pip install pypdfium2"),
    "HEIC": (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "HEIC or AVIF.*pip install pillow-heif"),
}


@pytest.mark.parametrize(("content", "message"), OTHER_FORMATS.values(), ids=OTHER_FORMATS)
def test_names_the_way_to_read_other_formats(tmp_path, content, message):
    (tmp_path / "scan").write_bytes(content)
    for picture in (content, tmp_path / "scan"):
        with pytest.raises(ValueError, match=message):
            normalize([picture])


def tiled_tiff(width, length):
    """Return a TIFF file of 64x64 pixels that declares one tile."""
    content = zlib.compress(bytes(64 * 64))
    content += bytes(len(content) % 2)
    tags = [(256, 64), (257, 64), (258, 8), (259, 8), (262, 1), (277, 1)]
    tags += [(322, width), (323, length), (324, 8), (325, len(content))]
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    header = struct.pack("<2sHI", b"II", 42, 8 + len(content))
    return header + content + struct.pack("<H", len(tags)) + directory + bytes(4)


@NOT_ALL_HAVE_DIGITS
def test_raises_for_huge_tiles_before_they_are_allocated(capfd):
    assert not normalize([tiled_tiff(64, 64)]).any()
    with pytest.raises(ValueError, match=r"its tiles of 65536x8192 pixels are too large"):
        normalize([tiled_tiff(65536, 8192)])
    assert "Uncompressed tile size" not in capfd.readouterr().err  # the decoder was not called


def test_missing_files_raise():
    for path in ("eight.png", Path("eight.png")):
        with pytest.raises(FileNotFoundError, match=r"eight\.png"):
            normalize([path])


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"
DAMAGED = {
    "text": b"7",
    "empty": b"",
    "EPS": EPS,
    "truncated": png(9, 9, (b"IDAT", zlib.compress(bytes(range(90)))))[:-30],
    "without data": png(9, 9),
    "huge": png(30_000, 30_000, (b"IDAT", zlib.compress(bytes(9)))),
    "too large": png(8000, 8000, (b"IDAT", zlib.compress(bytes(9)))),
}


def jpeg(n_scans):
    """Return a progressive JPEG file whose last scan is repeated."""
    file = io.BytesIO()
    Image.new("L", (9, 9)).save(file, "JPEG", progressive=True)
    content = file.getvalue()
    start = content.rindex(b"\xff\xda")
    return content[:start] + content[start:-2] * n_scans + content[-2:]


@NOT_ALL_HAVE_DIGITS
def test_raises_for_jpeg_files_of_many_scans(tmp_path):
    (tmp_path / "few.jpg").write_bytes(jpeg(50))
    assert not normalize([tmp_path / "few.jpg"]).any()
    (tmp_path / "many.jpg").write_bytes(jpeg(200))
    with pytest.raises(ValueError, match=r"many\.jpg': its \d+ scans are too many"):
        normalize([tmp_path / "many.jpg"])


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_raises_for_files_that_are_not_intact_pictures(tmp_path, content):
    (tmp_path / "seven.png").write_bytes(content)
    message = (
        r"X\[1\] must be an intact picture, got the file .*seven\.png'.* Save it as BMP, .* or WEBP with"
    )
    with pytest.raises(ValueError, match=message):
        normalize([np.ones((5, 5)), tmp_path / "seven.png"])


def test_raises_for_damaged_pictures_images():
    image = Image.open(io.BytesIO(DAMAGED["truncated"]))
    with pytest.raises(
        ValueError, match=r"X\[0\] must be an intact picture, got <PIL.*PngImageFile.* pass an arr"
    ):
        normalize([image])


def test_ghostscript_is_not_run(tmp_path, monkeypatch):
    run = Mock()
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", run)
    (tmp_path / "seven.eps").write_bytes(EPS)
    with Image.open(tmp_path / "seven.eps") as image:
        assert image.format == "EPS"
    with pytest.raises(ValueError, match="cannot identify image file"):
        normalize([tmp_path / "seven.eps"])
    run.assert_not_called()


@NOT_ALL_HAVE_DIGITS
def test_a_small_file_of_many_pixels_needs_little_memory(tmp_path):
    content = palette_png(side=3000)
    assert len(content) < 12_000
    (tmp_path / "bomb.png").write_bytes(content)
    tracemalloc.start()
    try:
        assert not normalize([tmp_path / "bomb.png"]).any()
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("method", ["fit", "transform", "fit_transform"])
def test_raises_for_sparse_data(method):
    for X in sparse_batches(5):
        with pytest.raises(TypeError, match="Sparse data was passed"):
            getattr(MNISTNormalizer(), method)(X)


@pytest.mark.parametrize("params", [{"size": 0}, {"box": 2.5}, {"invert": "maybe"}, {"size": 10}])
@pytest.mark.parametrize("method", ["fit", "transform"])
def test_raises_for_invalid_parameters(originals, params, method):
    with pytest.raises(ValueError, match=f"{next(iter(params))}"):
        getattr(MNISTNormalizer(**params), method)(originals)


# The scikit-learn contract


@NOT_ALL_HAVE_DIGITS
@SOME_HAVE_SEVERAL
@pytest.mark.filterwarnings("ignore:.* features are not a square gray image:UserWarning")
@parametrize_with_checks([MNISTNormalizer()])
def test_estimator_checks_pass(estimator, check):
    try:
        check(estimator)
    except SkipTest:
        assert check.func.__name__ == "check_array_api_input"
        raise


@pytest.mark.parametrize(
    "fit",
    [
        lambda X: MNISTNormalizer().fit_transform(X),
        lambda X: make_pipeline(MNISTNormalizer(), ImagePreprocessor()).fit(X),
    ],
    ids=["fit_transform", "Pipeline"],
)
def test_every_file_is_read_once(tmp_path, fit):
    paths = [tmp_path / "one.png", tmp_path / "two.png"]
    for path in paths:
        Image.fromarray(np.pad(seven(), 20)).save(path)
    with patch.object(Image, "open", wraps=Image.open) as opened:
        fit(paths)
    assert opened.call_count == 2


def test_fit_transform_is_fit_and_transform(originals):
    assert_array_equal(MNISTNormalizer().fit_transform(originals), normalize(originals))
    frame = originals.reshape(100, 784)
    assert MNISTNormalizer().fit(frame).n_features_in_ == 784
    normalizer = MNISTNormalizer()
    normalizer.fit_transform(frame)
    assert normalizer.n_features_in_ == 784


def test_only_the_first_parameter_is_positional():
    assert MNISTNormalizer(32).size == 32
    with pytest.raises(TypeError, match="positional"):
        MNISTNormalizer(32, 24)


def test_can_be_cloned_and_pickled(originals):
    normalizer = MNISTNormalizer(size=20, box=16, invert=False)
    assert clone(normalizer).get_params() == normalizer.get_params()
    copy = pickle.loads(pickle.dumps(normalizer))
    assert_array_equal(copy.transform(originals), normalizer.transform(originals))


def test_returns_arrays_in_a_pipeline_with_pandas_output(originals):
    steps = make_pipeline(MNISTNormalizer(), ImagePreprocessor()).set_output(transform="pandas")
    images = steps.fit_transform(originals)
    assert isinstance(images, np.ndarray)
    assert images.shape == (100, 28, 28, 1)


# Predictions


@pytest.fixture(scope="module")
def pipeline(sample):
    """A pipeline fitted on 2,000 digits in flat rows, never refitted."""
    classifier = CNNDigitClassifier(
        filters=(16, 32), optimizer="adam", epochs=5, batch_size=64, random_state=0
    )
    steps = make_pipeline(MNISTNormalizer(), ImagePreprocessor(), classifier)
    return steps.fit(sample.x_train[:2000].reshape(2000, 784), sample.y_train[:2000])


@pytest.fixture(scope="module")
def unseen_digits(sample):
    """300 test digits and their labels."""
    return sample.x_test[:300], sample.y_test[:300]


@pytest.fixture(scope="module")
def accuracy(pipeline, unseen_digits):
    return pipeline.score(*unseen_digits)


# Changes of the digits, and how much lower the accuracy may become, in percentage points.
CHANGES = {
    "inverted": (lambda image: 255 - image, 1),
    "twice as large": (lambda image: resized(image, (56, 56)), 3),
    "smaller": (lambda image: np.pad(resized(image, (17, 17)), ((5, 6), (5, 6))), 3),
    "shifted": (lambda image: ndimage.shift(image, (3, -3)), 3),
    "on a large sheet": (lambda image: padded_anywhere(image, (120, 90)), 2),
    "thick": (lambda image: ndimage.grey_dilation(image, (3, 3)), 6),
    "thin": (lambda image: ndimage.grey_erosion(image, (2, 2)), 6),
    "on noisy paper": (on_paper, 3),
    "on shaded paper": (lambda image: on_paper(image, noise=4, shade=100), 3),
}


@pytest.mark.parametrize(("change", "loss"), CHANGES.values(), ids=CHANGES)
def test_changed_digits_are_recognized(pipeline, unseen_digits, accuracy, change, loss):
    X, y = unseen_digits
    assert accuracy > 0.88
    assert pipeline.score([change(image) for image in X], y) >= accuracy - loss / 100


def test_changed_digits_are_not_recognized_without_normalizer(pipeline, unseen_digits):
    X, y = unseen_digits
    without = pipeline[1:]
    assert without.score(255 - X, y) < 0.3
    assert without.score(ndimage.shift(X, (0, 3, -3)), y) < 0.7
    assert without.score(np.array([on_paper(image) for image in X]), y) < 0.3
