"""`MNISTNormalizer`: MNIST's format, from all kinds of pictures, and what it is good for."""

import io
import pickle
import subprocess
import sys
from unittest import SkipTest

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from scipy import ndimage
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, load_mnist_sample
from sk_mnist_cnn.normalization import MNISTNormalizer, read_grey

WHITE, GREY_PAPER = 255, 200


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
    """The picture somewhere on a larger black one."""
    rng = np.random.default_rng(seed)
    top, left = (rng.integers(outer - inner + 1) for outer, inner in zip(shape, image.shape, strict=True))
    page = np.zeros(shape, image.dtype)
    page[top : top + image.shape[0], left : left + image.shape[1]] = image
    return page


def on_paper(image, noise=12, shade=0, seed=0):
    """Dark ink on grey paper, with noise, and a shade across the picture."""
    rng = np.random.default_rng(seed)
    down, right = np.indices(image.shape) / np.reshape(image.shape, (2, 1, 1)) - 0.5
    levels = GREY_PAPER + shade * (down - right) / 2 - 140 * (image / 255) + rng.normal(0, noise, image.shape)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def seven(height=120, width=80, stroke=14):
    """A smooth seven, of ink 255 on black, which touches all four sides of the picture."""
    digit = np.zeros((height, width), np.uint8)
    digit[:stroke] = 255
    for row in range(height):
        right = width - (width - 2 * stroke) * row // height
        digit[row, right - stroke : right] = 255
    digit[-stroke:, :stroke] = 255
    return digit


def sides(image):
    """Height and width of the ink's bounding box, in pixels."""
    return tuple(int(np.ptp(np.flatnonzero(image.any(axis=axis)))) + 1 for axis in (1, 0))


def difference(found, expected):
    """Mean absolute difference of pixels, on the scale from 0 to 255."""
    return np.abs(found.astype(float) - expected).mean()


# What comes out


def test_gives_bytes_on_black(originals):
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


def test_centres_by_mass(originals):
    pictures = [padded_anywhere(image, seed=seed) for seed, image in enumerate(originals)]
    digits = [digit for digit in normalize(pictures) if not digit[[0, -1]].any()]
    assert len(digits) > 95
    centres = np.array([ndimage.center_of_mass(digit.astype(float)) for digit in digits])
    assert np.abs(centres - 14).max() <= 0.51


def test_does_not_cut_ink_off_to_centre_it():
    heavy = np.zeros((100, 100), np.uint8)
    heavy[80:, :] = 255
    heavy[:, 97:] = 255
    digit = normalize([np.pad(heavy, 20)], size=22)[0]
    assert sides(digit) == (20, 20)


def test_has_grey_levels_from_anti_aliasing():
    digit = normalize([np.pad(seven(), 30)])[0]
    assert np.count_nonzero((digit > 20) & (digit < 235)) > 20


@pytest.mark.parametrize(("size", "box"), [(32, 24), (20, 20), (8, 6), (1, 1)])
def test_size_and_box_can_be_chosen(originals, size, box):
    digits = normalize(originals, size=size, box=box)
    assert digits.shape == (100, size, size)
    assert all(max(sides(digit)) <= box for digit in digits)
    assert np.median([max(sides(digit)) for digit in digits]) == box


def test_mnists_own_digits_come_through(originals):
    digits = normalize(originals)
    changes = np.abs(digits.astype(int) - originals).max(axis=(1, 2))
    assert np.mean(changes < 30) > 0.8
    assert difference(digits, originals) < 2


def test_is_idempotent(originals):
    digits = normalize([resized(image, (90, 90)) for image in originals])
    assert difference(normalize(digits), digits) < 1.5


def test_leaves_its_input_alone(originals):
    pictures = originals.astype(float)
    before = pictures.copy()
    normalize(pictures)
    assert_array_equal(pictures, before)


def test_treats_each_picture_by_itself(originals):
    digits = normalize(originals)
    order = np.random.default_rng(0).permutation(100)
    assert_array_equal(normalize(originals[order]), digits[order])
    assert_array_equal(np.concatenate([normalize([image]) for image in originals]), digits)


# Paper and ink


def test_finds_out_which_is_ink(originals):
    assert_allclose(normalize(255 - originals), normalize(originals), atol=1)


@pytest.mark.parametrize("polarity", [0, 255], ids=["bright ink", "dark ink"])
def test_finds_out_which_is_ink_in_tight_crops(originals, polarity):
    digits = []
    for image in originals:
        rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
        crop = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        digits.append(normalize([np.abs(polarity - crop.astype(int))])[0])
    assert difference(np.array(digits), originals) < 4


def test_invert_can_be_forced(originals):
    digits = normalize(originals)
    assert_array_equal(normalize(originals, invert=False), digits)
    assert_allclose(normalize(255 - originals, invert=True), digits, atol=1)
    assert not np.array_equal(normalize(originals, invert=True), digits)


@pytest.mark.parametrize("shade", [0, 100])
def test_grey_and_shaded_paper_becomes_black(originals, shade):
    digits = normalize([on_paper(np.pad(image, 6), noise=4, shade=shade) for image in originals])
    assert np.median(digits, axis=(1, 2)).max() == 0
    assert difference(digits, originals) < 12


def test_noise_and_specks_do_not_spoil_the_crop():
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


@pytest.mark.parametrize("stroke", [2, 60], ids=["fine pen", "fat brush"])
def test_extreme_strokes_become_more_like_mnists(stroke):
    digit = normalize([np.pad(seven(200, 160, stroke), 50)])[0] / 255
    plain = resized(seven(200, 160, stroke), (20, 16)) / 255
    assert (digit.sum() > 1.2 * plain.sum()) if stroke == 2 else (digit.sum() < 0.9 * plain.sum())


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
def test_empty_pictures_become_black(picture, invert):
    assert_array_equal(normalize([picture], invert=invert), np.zeros((1, 28, 28)), strict=False)


# What goes in

SCALES = {
    "bool": (bool, 1),
    "uint8": (np.uint8, 255),
    "uint16": (np.uint16, 65535),
    "int64": (np.int64, 255),
    "float32 to 1": (np.float32, 1),
    "float64 to 255": (np.float64, 255),
    "float16 to 1": (np.float16, 1),
}


@pytest.mark.parametrize(("dtype", "white"), SCALES.values(), ids=SCALES)
@pytest.mark.parametrize("dark_ink", [False, True])
def test_any_real_dtype_gives_the_same(dtype, white, dark_ink):
    ink = np.pad(seven(), 20) > 0
    picture = ((ink != dark_ink) * white).astype(dtype)
    assert difference(normalize([picture]), normalize([ink])) < 0.5


def test_layouts_agree(originals):
    digits = normalize(originals)
    assert_array_equal(normalize(originals[..., np.newaxis]), digits)
    assert_array_equal(normalize(originals.reshape(100, 784)), digits)
    assert_array_equal(normalize(originals.reshape(100, 784).tolist()), digits)
    assert_array_equal(normalize(list(originals)), digits)
    assert_array_equal(normalize(originals.tolist()), digits)
    assert_array_equal(normalize(tuple(originals)), digits)
    colour = np.repeat(originals[..., np.newaxis], 3, axis=-1)
    assert difference(normalize(colour), digits) < 0.1


def test_takes_frames_of_flat_rows(originals):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(originals.reshape(100, 784)).add_prefix("pixel")
    normalizer = MNISTNormalizer().fit(frame)
    assert_array_equal(normalizer.transform(frame), normalize(originals))
    assert normalizer.n_features_in_ == 784
    assert normalizer.feature_names_in_[0] == "pixel0"


def test_forgets_flat_rows_when_fitted_on_pictures(originals):
    normalizer = MNISTNormalizer().fit(originals.reshape(100, 784)).fit(originals)
    assert not hasattr(normalizer, "n_features_in_")


def test_grey_is_luminance():
    picture = np.array([[[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1], [0, 1, 0, 0.5], [1, 0, 0, 0]]])
    assert_allclose(read_grey(picture, "X[0]"), [[0.299, 0.587, 0.114, 0.7935, 1]], rtol=1e-6)
    assert_allclose(read_grey(picture[..., :3], "X[0]"), [[0.299, 0.587, 0.114, 0.587, 0.299]], rtol=1e-6)


def test_transparency_is_white_paper():
    ink = np.pad(seven(), 20)
    drawing = np.zeros((*ink.shape, 4), np.uint8)
    drawing[..., 3] = ink
    for picture in (drawing, drawing / 255, Image.fromarray(drawing)):
        assert_array_equal(normalize([picture]), normalize([ink]))


def test_takes_pictures_of_many_sizes():
    pages = [np.pad(resized(seven(), shape), 9) for shape in [(60, 40), (120, 80), (600, 400), (30, 20)]]
    digits = normalize(pages)
    assert digits.shape == (4, 28, 28)
    assert max(difference(digit, digits[1]) for digit in digits) < 6


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "F", "I;16"])
def test_takes_pillow_images_of_any_mode(mode):
    ink = np.pad(seven(), 20)
    picture = Image.fromarray(255 - ink)
    if mode == "I;16":
        picture = Image.fromarray((255 - ink).astype(np.uint16) * 257)
    assert difference(normalize([picture.convert(mode)]), normalize([ink])) < 0.5


@pytest.mark.parametrize("as_path", [str, lambda path: path], ids=["str", "Path"])
@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif"])
def test_takes_files(tmp_path, suffix, as_path):
    ink = np.pad(seven(), 20)
    path = tmp_path / f"seven.{suffix}"
    Image.fromarray(255 - ink).save(path)
    assert difference(normalize([as_path(path)]), normalize([ink])) < 2


def test_takes_a_series_of_paths(tmp_path):
    pd = pytest.importorskip("pandas")
    Image.fromarray(np.pad(seven(), 20)).save(tmp_path / "seven.png")
    paths = pd.Series([str(tmp_path / "seven.png")] * 2, index=[5, 7])
    assert_array_equal(normalize(paths), normalize([np.pad(seven(), 20)] * 2))


def test_turns_photos_upright():
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
    "negative": (broken(-1), r"Negative values in data: X\[1\] must be 0 or more, got -1"),
    "NaN": (broken(np.nan), r"X\[1\] must be finite, but contains NaN"),
    "infinite": (broken(np.inf), r"X\[1\] must be finite"),
    "rank 1": (np.ones(5), r"X\[1\] must be a picture of shape .* got an array of shape \(5,\)"),
    "rank 4": (np.ones((1, 5, 5, 3)), r"X\[1\] must be a picture of shape"),
    "channels first": (np.ones((3, 5, 5)), r"X\[1\] must be .* Move its channels last"),
    "no pixels": (np.ones((0, 5)), r"X\[1\] must be a picture of shape"),
    "complex": (np.ones((5, 5), complex), r"X\[1\] must hold real numbers, got dtype complex128"),
    "text": (np.full((5, 5), "ink"), r"X\[1\] must hold real numbers"),
}


@pytest.mark.parametrize(("picture", "message"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("method", ["fit", "transform", "fit_transform"])
def test_bad_pictures_are_named(picture, message, method):
    with pytest.raises(ValueError, match=message):
        getattr(MNISTNormalizer(), method)([np.ones((5, 5)), picture])


@pytest.mark.parametrize("X", [[], (), np.ones((0, 28, 28)), np.ones((0, 784)), np.ones(5), 3, [1, 2]])
def test_refuses_what_holds_no_pictures(X):
    with pytest.raises(ValueError):
        normalize(X)


@pytest.mark.parametrize("X", ["seven.png", Image.new("L", (9, 9))], ids=["path", "Pillow"])
def test_a_single_picture_belongs_in_a_list(X):
    with pytest.raises(ValueError, match=r"X must hold pictures, got a single one: .* Pass it in a list"):
        normalize(X)


def test_a_single_array_is_read_as_rows_with_a_warning(originals):
    with pytest.warns(UserWarning, match="28 features are not a square .* a single one as X") as record:
        assert normalize(originals[0]).shape == (28, 28, 28)
    assert record[0].filename == __file__


def test_files_must_be_pictures(tmp_path):
    (tmp_path / "seven.png").write_text("7")
    with pytest.raises(OSError, match=r"seven\.png"):
        normalize([tmp_path / "seven.png"])
    with pytest.raises(FileNotFoundError, match=r"eight\.png"):
        normalize([tmp_path / "eight.png"])


@pytest.mark.parametrize("params", [{"size": 0}, {"box": 2.5}, {"invert": "maybe"}, {"size": 10}])
@pytest.mark.parametrize("method", ["fit", "transform"])
def test_bad_parameters_are_named(originals, params, method):
    with pytest.raises(ValueError, match=f"{next(iter(params))}"):
        getattr(MNISTNormalizer(**params), method)(originals)


# The scikit-learn contract


@pytest.mark.filterwarnings("ignore:.* features are not a square grey image:UserWarning")
@parametrize_with_checks([MNISTNormalizer()])
def test_scikit_learns_checks_pass(estimator, check):
    try:
        check(estimator)
    except SkipTest:
        assert check.func.__name__ == "check_array_api_input"
        raise


def test_can_be_cloned_and_pickled(originals):
    normalizer = MNISTNormalizer(size=20, box=16, invert=False)
    assert clone(normalizer).get_params() == normalizer.get_params()
    copy = pickle.loads(pickle.dumps(normalizer))
    assert_array_equal(copy.transform(originals), normalizer.transform(originals))


def test_gives_arrays_in_a_pipeline_that_asks_for_frames(originals):
    steps = make_pipeline(MNISTNormalizer(), ImagePreprocessor()).set_output(transform="pandas")
    images = steps.fit_transform(originals)
    assert isinstance(images, np.ndarray)
    assert images.shape == (100, 28, 28, 1)


def test_import_does_not_bring_pillow():
    code = (
        "import sys, sklearn.utils; before = set(sys.modules); import sk_mnist_cnn.normalization; "
        "print(*({'tensorflow', 'PIL', 'matplotlib'} & (sys.modules.keys() - before)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


# What it is good for


@pytest.fixture(scope="module")
def pipeline(sample):
    """The whole pipeline, fitted on 2,000 of MNIST's digits in flat rows, never refitted."""
    classifier = CNNDigitClassifier(
        filters=(16, 32), optimizer="adam", epochs=5, batch_size=64, random_state=0
    )
    steps = make_pipeline(MNISTNormalizer(), ImagePreprocessor(), classifier)
    return steps.fit(sample.x_train[:2000].reshape(2000, 784), sample.y_train[:2000])


# Each change, and the points of accuracy that it may cost.
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
def test_changed_digits_are_recognised(pipeline, sample, change, loss):
    X, y = sample.x_test[:300], sample.y_test[:300]
    accuracy = pipeline.score(X, y)
    assert accuracy > 0.88
    assert pipeline.score([change(image) for image in X], y) >= accuracy - loss / 100


def test_without_it_they_are_not(pipeline, sample):
    X, y = sample.x_test[:300], sample.y_test[:300]
    without = pipeline[1:]
    assert without.score(255 - X, y) < 0.3
    assert without.score(ndimage.shift(X, (0, 3, -3)), y) < 0.7
    assert without.score(np.array([on_paper(image) for image in X]), y) < 0.3
