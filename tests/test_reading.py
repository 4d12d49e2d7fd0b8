"""`find_digits` and `read_digits` on pages of clearly written digits, and on pages that have none."""

import base64
import io
import re
import tracemalloc
from dataclasses import replace
from html import escape
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image, ImageDraw, ImageFont
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import (
    CNNDigitClassifier,
    MNISTNormalizer,
    find_digits,
    load_mnist_sample,
    load_pretrained,
    read_digits,
)
from tests.benchmarks.pages import compose_clutter, compose_pages
from tests.benchmarks.reading import Baseline, Reader, measure_pages
from tests.draw.strokes import DIGITS, PNG_SIDE, arc, as_png, in_a_row
from tests.pages import draw_digit, write_page


@pytest.fixture(scope="module")
def sample():
    return load_mnist_sample()


@pytest.fixture(scope="module")
def model():
    """The pretrained pipeline, never changed."""
    return load_pretrained()


@pytest.fixture(scope="module")
def page():
    """A page with three digits in a row, never changed."""
    return write_page("352")


@pytest.mark.parametrize("paper", [None, "white", "ruled", "squared", "shaded"])
def test_finds_the_digits_of_a_page_in_reading_order(paper):
    page = write_page("80352", "64", "9725083", "7", paper=paper)
    found = find_digits(page.picture)
    assert_array_equal(found.line_index, page.line)
    assert len(found.images) == len(found.boxes) == 15
    assert_allclose(found.boxes, page.boxes, atol=8)
    assert ((found.scores >= 0.5) & (found.scores <= 1)).all()


def test_images_are_for_the_normalizer(model):
    digits = MNISTNormalizer().transform(find_digits(write_page("305", "47", "982").picture).images)
    assert_array_equal(model.predict(digits), [3, 0, 5, 4, 7, 9, 8, 2])


def test_bright_ink_on_dark_paper(page):
    assert_allclose(find_digits(255 - page.picture).boxes, page.boxes, atol=8)


def test_boxes_are_in_pixels_of_a_large_picture(page):
    large = np.kron(page.picture, np.ones((15, 15), np.uint8))
    assert max(large.shape) > 4000
    assert_allclose(find_digits(large).boxes, page.boxes * 15, atol=8 * 15)


@pytest.mark.parametrize("height", [16, 150, 400])
def test_digits_of_any_size_are_found(height):
    page = write_page("352", height=height)
    assert_allclose(find_digits(page.picture).boxes, page.boxes, atol=0.2 * height)


def test_all_kinds_of_pictures(page, tmp_path):
    picture = page.picture
    expected = find_digits(picture).boxes
    Image.fromarray(picture).save(tmp_path / "page.png")
    color = np.stack([picture] * 3, axis=-1)
    content = (tmp_path / "page.png").read_bytes()
    arrays = picture / 255, picture.astype(np.int16), picture.astype(np.uint16), picture * np.uint16(16)
    files = tmp_path / "page.png", content, io.BytesIO(content), Image.fromarray(picture)
    for same in (*arrays, color, picture.tolist(), color.tolist(), *files):
        assert_array_equal(find_digits(same).boxes, expected)


def test_the_separate_bar_of_a_five_is_joined():
    body = [(0.38, 0.24), (0.36, 0.46), *arc((0.48, 0.62), (0.2, 0.18), -110, 140)]
    five = [body, [(0.48, 0.2), (0.72, 0.18)]]
    row = in_a_row([five, DIGITS[3], DIGITS[2]], gap=0.3)
    found = find_digits(as_png(row))
    assert len(found.boxes) == 3
    points = PNG_SIDE * np.concatenate(row[:2])[:, ::-1]
    assert_allclose(found.boxes[0], [*points.min(axis=0), *points.max(axis=0)], atol=30)


def test_thick_strokes_that_fill_a_loop_are_found():
    page = np.full((600, 600), 255, np.uint8)
    rows, columns = np.indices(page.shape)
    page[np.hypot((rows - 110) / 1.1, columns - 100) < 30] = 0
    page[60:110, 74:94] = 0
    assert_allclose(find_digits(page).boxes, [[60, 71, 144, 130]], atol=15)


def test_thin_strokes_on_noisy_paper_are_found():
    paper = np.random.default_rng(0).normal(200, 8, (640, 640))
    strokes = in_a_row([DIGITS[3], DIGITS[5], DIGITS[2]], height=0.1)
    drawing = Image.new("L", (640, 640), 255)
    for stroke in strokes:
        ImageDraw.Draw(drawing).line([(640 * x, 640 * y) for x, y in stroke], fill=130, width=2)
    picture = np.minimum(paper, np.asarray(drawing)).clip(0, 255).astype(np.uint8)
    assert len(find_digits(picture).boxes) == 3


def test_digits_on_very_noisy_paper_are_found(page):
    noise = np.random.default_rng(0).normal(0, 25, page.picture.shape)
    found = find_digits((60 + 0.6 * page.picture + noise).clip(0, 255).astype(np.uint8))
    assert_allclose(found.boxes, page.boxes, atol=8)


@pytest.mark.parametrize(("darkness", "radius", "softness"), [(120, 24, 4), (120, 70, 10)])
def test_stains_with_soft_edges_are_no_digits(page, darkness, radius, softness):
    rows, columns = np.indices((200, page.picture.shape[1]))
    stain = darkness / (1 + np.exp((np.hypot(rows - 100, columns - 90) - radius) / softness))
    below = np.rint(255 - stain).astype(np.uint8)
    assert_allclose(find_digits(np.vstack([page.picture, below])).boxes, page.boxes, atol=8)


def test_many_dots_take_little_memory():
    page = np.full((600, 600), 255, np.uint8)
    for row, column in np.ndindex(3, 3):
        page[9 + row :: 15, 9 + column :: 15] = 0
    tracemalloc.start()
    try:
        found = find_digits(page)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found.boxes) == 0
    assert peak < 200 * page.size


def test_frames_are_no_digits(page):
    framed = np.pad(page.picture, 60, constant_values=255)
    framed[20:-20, [20, -20]] = framed[[20, -20], 20:-20] = 0
    assert_allclose(find_digits(framed).boxes, page.boxes + 60, atol=8)


def with_cells(picture, thickness, slope):
    """Return a picture with a row of cells below, between ruled lines."""
    picture = np.pad(picture, [(0, 100), (0, 0)], constant_values=255)
    top = len(picture) - 80
    picture[[top, top + 1, top + 40, top + 41]] = 0
    for row, left in product(range(40), range(40, 160, 30)):
        shift = round(slope * (row - 20))
        picture[top + row, left + shift : left + shift + thickness] = 0
    return picture


@pytest.mark.parametrize(("thickness", "slope"), [(3, 0), (8, 0), (4, 0.4)])
def test_sides_of_cells_between_ruled_lines_are_no_digits(page, thickness, slope):
    picture = with_cells(page.picture, thickness, slope)
    assert_allclose(find_digits(picture).boxes, page.boxes, atol=8)


def test_sides_of_cells_on_noisy_paper_are_no_digits(page):
    cells = 30 + 0.75 * with_cells(page.picture, 4, 0)
    noise = np.random.default_rng(0).normal(0, 5, cells.shape)
    assert_allclose(find_digits(cells + noise).boxes, page.boxes, atol=8)


def test_parts_at_the_edge_of_a_page_are_inside():
    page = np.full((200, 300), 255, np.uint8)
    page[100:102] = 0
    for row, width in enumerate([8, 7, 6, 5, 2, 1], start=104):
        page[row, -width:] = 0  # next to a ruled line
    assert find_digits(page).boxes.shape == (0, 4)
    assert (find_digits(page.T).boxes <= [300, 200, 300, 200]).all()


@pytest.mark.parametrize("picture", [np.full((300, 200), 255, np.uint8), np.zeros((28, 28))])
def test_a_blank_picture_has_no_digits(picture):
    found = find_digits(picture)
    assert found.boxes.shape == (0, 4)
    assert found.line_index.shape == (0,)
    assert found.images == []
    digits = read_digits(load_pretrained(), picture)
    assert digits.lines == []
    assert digits.labels.shape == (0,)
    assert digits.probabilities.shape == (0, 10)
    assert digits.rejected_boxes.shape == (0, 4)


def test_boxes_of_rotated_photos_are_those_of_the_upright_picture(page, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the upright picture is this one, turned clockwise
    Image.fromarray(np.rot90(page.picture)).save(tmp_path / "page.png", exif=exif)
    assert_array_equal(find_digits(tmp_path / "page.png").boxes, find_digits(page.picture).boxes)


def test_several_pictures_are_refused(page):
    for pictures in ([page.picture] * 2, ["one.png", "two.png"], (Image.fromarray(page.picture),)):
        for function in (find_digits, lambda picture: read_digits(load_pretrained(), picture)):
            with pytest.raises(ValueError, match=r"must be a single picture, got a (list|tuple) of [12]"):
                function(pictures)
    with pytest.raises(ValueError, match=r"picture must be a picture of shape .* \(5, 100, 180\)"):
        find_digits(np.zeros((5, 100, 180)))


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"picture must be an existing file, got .*page.png"):
        find_digits(tmp_path / "page.png")


def test_reads_lines(model):
    lines = ["80352", "64", "9725083", "7"]
    page = write_page(*lines)
    digits = read_digits(model, page.picture)
    assert digits.lines == lines
    assert "".join(map(str, digits.labels)) == "".join(lines)
    assert_array_equal(digits.line_index, page.line)
    assert_allclose(digits.boxes, page.boxes, atol=8)
    assert_allclose(digits.probabilities.sum(axis=1), 1, atol=1e-5)
    assert_array_equal(digits.labels, digits.probabilities.argmax(axis=1))
    assert digits.rejected_boxes.shape == (0, 4)
    assert repr(digits) == f"ReadDigits(lines={lines})"


@pytest.mark.parametrize("overlap", [1, 4])
@pytest.mark.parametrize("text", ["35", "48", "57", "82"])
def test_separates_digits_that_touch(model, text, overlap):
    left, right = (draw_digit(int(character)) for character in text)
    end, start = np.flatnonzero((left > 100).any(axis=0))[-1], np.flatnonzero((right > 100).any(axis=0))[0]
    width = end + 1 - start - overlap
    ink = np.maximum(np.pad(left, [(0, 0), (0, width)]), np.pad(right, [(0, 0), (width, 0)]))
    page = np.pad(255 - ink, 40, constant_values=255)
    assert read_digits(model, page).lines == [text]


@pytest.mark.parametrize(("digit", "cut"), [(2, "down"), (3, "down"), (2, "across"), (4, "across")])
def test_joins_the_parts_of_broken_digits(model, digit, cut):
    page = write_page(f"3{digit}7")
    picture, (top, left, bottom, right) = page.picture.copy(), page.boxes[1]
    middle = (left + right if cut == "down" else top + bottom) // 2
    gap = slice(middle - 1, middle + 2)
    picture[(slice(top, bottom), gap) if cut == "down" else (gap, slice(left, right))] = 255
    digits = read_digits(model, picture)
    assert digits.lines == [f"3{digit}7"]
    assert_allclose(digits.boxes, page.boxes, atol=8)
    assert digits.rejected_boxes.shape == (0, 4)


def test_predicts_once_if_the_orientation_is_known(model, monkeypatch):
    calls = []
    original = CNNDigitClassifier.predict_proba
    monkeypatch.setattr(
        CNNDigitClassifier, "predict_proba", lambda self, X: calls.append(self) or original(self, X)
    )
    read_digits(model, write_page("352", "97").picture, orientation=0)
    assert calls.count(model[-1]) == 1


def with_sharp_sign(page):
    """Return a page with # on the right."""
    sign = np.full((len(page), 60), 255, np.uint8)
    sign[30:60, 12:15] = sign[30:60, 24:27] = sign[38:41, 5:35] = sign[50:53, 5:35] = 0
    return np.hstack([page, sign])


def with_letter(page):
    """Return a page with S on the right, which looks like a 5."""
    letter = Image.new("L", (70, len(page)), 255)
    ImageDraw.Draw(letter).text((12, 25), "S", fill=0, font=ImageFont.load_default(34))
    return np.hstack([page, letter])


def test_digits_between_ruled_lines_are_found():
    page = write_page("3592", "743")
    ruled = page.picture.copy()
    top, bottom = page.boxes[:, 0].min(), page.boxes[:, 2].max()
    for row in np.linspace(top, bottom, 4).astype(int):  # the digits touch them
        ruled[row] = np.minimum(ruled[row], 170)
    assert_allclose(find_digits(ruled).boxes, page.boxes, atol=8)


def test_ruled_lines_of_varying_darkness_are_no_digits():
    page = write_page("35927")
    picture = np.pad(page.picture, [(0, 300), (0, 300)], constant_values=255)
    lines = np.rint(150 + 70 * np.sin(np.linspace(0, 300, picture.shape[1]))).astype(np.uint8)
    picture[12::36] = np.minimum(picture[12::36], lines)
    assert_allclose(find_digits(picture).boxes, page.boxes, atol=8)


def test_strokes_along_ruled_lines_are_found():
    page = np.full((400, 700), 255, np.uint8)
    page[:, 25::50] = page[25::50] = 190
    page[150:230, 320:330] = page[150:160, 270:330] = 0  # a 7, whose stem covers a ruled line
    assert_allclose(find_digits(page).boxes, [[150, 270, 230, 330]], atol=15)


def test_marks_that_are_no_digits_are_listed_apart(page, model):
    digits = read_digits(model, with_letter(page.picture))
    assert digits.lines == ["352"]
    assert len(digits.rejected_boxes) > 0
    assert (digits.rejected_boxes[:, 1] >= page.picture.shape[1] - 5).all()


def test_signs_are_not_read(page, model):
    assert read_digits(model, with_sharp_sign(page.picture)).lines == ["352"]


def test_few_false_digits_in_clutter(model):
    assert sum(len(read_digits(model, picture).labels) for picture in compose_clutter(2)) <= 4


def test_normalizer_before_the_model_changes_nothing(page, model):
    expected = read_digits(model, page.picture)
    for invert in ("auto", True, False):
        digits = read_digits(make_pipeline(MNISTNormalizer(invert=invert), *model), page.picture)
        assert_allclose(digits.probabilities, expected.probabilities, atol=1e-6)


def test_classifiers_of_sklearn_on_flat_rows(sample, page):
    rows = sample.x_train[:2000].reshape(-1, 784)
    neighbors = KNeighborsClassifier(3).fit(rows, sample.y_train[:2000])
    assert read_digits(neighbors, page.picture).lines == ["352"]


def test_models_fitted_on_8x8_digits(fitted, fitted_pipeline):
    picture = write_page("35927").picture
    for model in (fitted, fitted_pipeline):
        assert len(read_digits(model, picture, orientation=0).labels) == 5


def test_with_other_classes(sample, page):
    rows, letters = sample.x_train[:500].reshape(-1, 784), np.array(list("abcdefghij"))[sample.y_train[:500]]
    digits = read_digits(KNeighborsClassifier(1).fit(rows, letters), page.picture)
    assert len(digits.lines[0]) == 3
    assert set(digits.lines[0]) < set("abcdefghij")


def test_errors_of_the_model(sample, page):
    with pytest.raises(NotFittedError):
        read_digits(KNeighborsClassifier(), page.picture)
    with pytest.raises(TypeError, match=r"not an estimator"):
        read_digits("mnist", page.picture)
    rows = sample.x_train[:100].reshape(100, -1)
    with pytest.raises(ValueError, match=r"classifier with predict_proba, got RidgeClassifier"):
        read_digits(RidgeClassifier().fit(rows, sample.y_train[:100]), page.picture)
    with pytest.raises(ValueError, match=r"fitted on square gray images, got .* 99 features"):
        read_digits(KNeighborsClassifier().fit(rows[:, :99], sample.y_train[:100]), page.picture)


@pytest.mark.slow
def test_pages_of_the_benchmark(sample, model):
    pages = list(compose_pages(sample.x_test[:300], sample.y_test[:300], touching=0.15, length=(5, 5)))
    found, read, numbers, _ = measure_pages(Reader(model), pages)
    _, _, numbers_of_baseline, _ = measure_pages(Baseline(model), pages)
    assert found > 0.98
    assert read > 0.97
    assert numbers > max(0.75, numbers_of_baseline)


def test_notebooks_show_the_picture_with_the_digits(model):
    page = write_page("35927", "384")
    digits = read_digits(model, page.picture)
    assert digits.picture is page.picture
    html = digits._repr_html_()
    assert f"<pre>{escape(repr(digits))}</pre>" in html
    assert "numbers in 2 lines" in html
    (source,) = re.findall('src="data:image/png;base64,([^"]+)"', html)
    with Image.open(io.BytesIO(base64.b64decode(source))) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    is_colored = np.ptp(pixels, axis=-1) > 100
    height, width = page.picture.shape
    rows, columns = np.nonzero(is_colored)
    top, left = rows.min() / len(pixels) * height, columns.min() / pixels.shape[1] * width
    assert 0 <= page.boxes[:, 0].min() - top < 40  # the label is above the box
    assert abs(page.boxes[:, 1].min() - left) < 10
    assert not plt.get_fignums()


def test_notebooks_show_the_text_if_the_picture_is_gone(page, model, tmp_path):
    Image.fromarray(page.picture).save(tmp_path / "page.png")
    digits = read_digits(model, tmp_path / "page.png")
    assert "in 1 line" in digits._repr_html_()
    (tmp_path / "page.png").unlink()
    assert digits._repr_html_() is None
    assert replace(digits, picture=None)._repr_html_() is None
