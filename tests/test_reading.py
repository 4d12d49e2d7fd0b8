"""`find_digits` and `read_digits` on pages composed of the shipped digits."""

import base64
import io
import re
import tracemalloc
from dataclasses import replace
from difflib import SequenceMatcher
from html import escape
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
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
from tests.benchmarks.pages import compose_clutter, compose_page, compose_pages
from tests.benchmarks.reading import Baseline, Reader, measure_pages


@pytest.fixture(scope="module")
def sample():
    return load_mnist_sample()


@pytest.fixture(scope="module")
def model():
    """The pretrained pipeline, never changed."""
    return load_pretrained()


def write(sample, lengths, paper="white", touching=0.0, seed=0, start=0):
    """Return a page with lines of these lengths, of consecutive test digits."""
    ends = start + np.cumsum(lengths)
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
    assert_array_equal(found.line_index, page.line)
    assert len(found.images) == len(found.boxes) == 16
    assert np.abs(found.boxes - page.boxes).max() <= 6


def test_images_are_for_the_normalizer(sample, model):
    page = digits_in_a_row(sample, 8)
    digits = MNISTNormalizer().transform(find_digits(page).images)
    assert_array_equal(model.predict(digits), sample.y_test[:8])


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
    color = np.stack([page] * 3, axis=-1)
    content = (tmp_path / "page.png").read_bytes()
    arrays = page / 255, page.astype(np.int16), page.astype(np.uint16), page * np.uint16(16), color
    files = tmp_path / "page.png", content, io.BytesIO(content), Image.fromarray(page)
    for picture in (*arrays, page.tolist(), color.tolist(), *files):
        assert_array_equal(find_digits(picture).boxes, expected)


def test_the_separate_bar_of_a_five_is_joined():
    page = np.full((120, 200), 255, np.uint8)
    page[30:36, 66:90] = 0
    page[40:60, 60:66] = 0
    page[60:66, 60:86] = 0
    page[60:84, 82:88] = 0
    page[80:86, 60:88] = 0
    assert_array_equal(find_digits(page).boxes, [[30, 60, 86, 90]])


def test_the_bar_of_a_five_may_end_closer_to_the_next_digit():
    page = np.full((140, 240), 255, np.uint8)
    page[64:70, 60:84] = page[88:94, 60:86] = 0
    page[50:70, 60:66] = page[64:94, 80:86] = 0
    for column in range(66, 104):
        top = 40 - (column - 66) // 4
        page[top : top + 6, column] = 0
    page[30:94, 112:120] = 0
    assert_array_equal(find_digits(page).boxes, [[31, 60, 94, 104], [30, 112, 94, 120]])


def test_thick_strokes_that_fill_a_loop_are_found():
    page = np.full((600, 600), 255, np.uint8)
    rows, columns = np.indices(page.shape)
    page[np.hypot((rows - 110) / 1.1, columns - 100) < 30] = 0
    page[60:110, 74:94] = 0
    assert_array_equal(find_digits(page).boxes, [[60, 71, 144, 130]])


def test_thin_strokes_on_noisy_paper_are_found():
    page = np.random.default_rng(0).normal(200, 8, (120, 200))
    for left in (60, 100):
        page[40:70, left : left + 20] -= 110 * np.eye(30, 20, dtype=bool)[:, ::-1]
        page[40:42, left : left + 20] -= 55
    assert len(find_digits(page.clip(0, 255).astype(np.uint8)).boxes) == 2


def test_digits_on_very_noisy_paper_are_found(sample):
    page = 60 + 0.6 * digits_in_a_row(sample, 5)
    noise = np.random.default_rng(0).normal(0, 25, page.shape)
    found = find_digits((page + noise).clip(0, 255).astype(np.uint8))
    assert_allclose(found.boxes, find_digits(page).boxes, atol=3)


def test_halves_above_each_other_are_joined_in_a_line(sample):
    page = digits_in_a_row(sample)
    top, left, bottom, right = find_digits(page).boxes[1]
    middle = (top + bottom) // 2
    page[middle : middle + 2, left:right] = 255
    assert_array_equal(find_digits(page).boxes, find_digits(digits_in_a_row(sample)).boxes)


@pytest.mark.parametrize(("darkness", "radius", "softness"), [(120, 24, 4), (230, 70, 2.5)])
def test_stains_with_soft_edges_are_no_digits(sample, darkness, radius, softness):
    page = digits_in_a_row(sample)
    rows, columns = np.indices((200, page.shape[1]))
    stain = darkness / (1 + np.exp((np.hypot(rows - 100, columns - 90) - radius) / softness))
    below = np.rint(255 - stain).astype(np.uint8)
    assert_allclose(find_digits(np.vstack([page, below])).boxes, find_digits(page).boxes, atol=1)


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
    assert peak < 100 * page.size


def test_frames_are_no_digits(sample):
    page = digits_in_a_row(sample)
    framed = np.pad(page, 60, constant_values=255)
    framed[20:200, [20, -20]] = framed[[20, 199], 20:-20] = 0
    assert_array_equal(find_digits(framed).boxes, find_digits(page).boxes + 60)


def with_cells(page, thickness, slope):
    """Return a page with a row of cells below, between ruled lines."""
    page = np.pad(page, [(0, 100), (0, 0)], constant_values=255)
    page[[120, 121, 160, 161]] = 0
    for row, left in product(range(120, 160), range(40, 160, 30)):
        shift = round(slope * (row - 140))
        page[row, left + shift : left + shift + thickness] = 0
    return page


@pytest.mark.parametrize(("thickness", "slope"), [(3, 0), (8, 0), (4, 0.4)])
def test_sides_of_cells_between_ruled_lines_are_no_digits(sample, thickness, slope):
    page = digits_in_a_row(sample)
    assert_array_equal(find_digits(with_cells(page, thickness, slope)).boxes, find_digits(page).boxes)


def test_sides_of_cells_on_noisy_paper_are_no_digits(sample):
    page = digits_in_a_row(sample)
    cells = 30 + 0.75 * with_cells(page, 4, 0)
    noise = np.random.default_rng(0).normal(0, 5, cells.shape)
    assert_allclose(find_digits(cells + noise).boxes, find_digits(page).boxes, atol=1)


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


def test_boxes_of_rotated_photos_are_those_of_the_upright_picture(sample, tmp_path):
    page = digits_in_a_row(sample)
    exif = Image.Exif()
    exif[0x0112] = 6  # the upright picture is this one, turned clockwise
    Image.fromarray(np.rot90(page)).save(tmp_path / "page.png", exif=exif)
    assert_array_equal(find_digits(tmp_path / "page.png").boxes, find_digits(page).boxes)


def test_several_pictures_are_refused(sample, tmp_path):
    page = digits_in_a_row(sample)
    for pictures in ([page, page], ["one.png", "two.png"], (Image.fromarray(page),)):
        for function in (find_digits, lambda picture: read_digits(load_pretrained(), picture)):
            with pytest.raises(ValueError, match=r"must be a single picture, got a (list|tuple) of [12]"):
                function(pictures)
    with pytest.raises(ValueError, match=r"picture must be a picture of shape .* \(5, 100, 180\)"):
        find_digits(np.stack([page] * 5))


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"picture must be an existing file, got .*page.png"):
        find_digits(tmp_path / "page.png")


def test_reads_lines(sample, model):
    page = write(sample, [5, 3, 7, 1])
    digits = read_digits(model, page.picture)
    assert digits.lines == page.lines
    assert "".join(map(str, digits.labels)) == "".join(page.lines)
    assert_array_equal(digits.line_index, page.line)
    assert_allclose(digits.boxes, page.boxes, atol=6)
    assert_allclose(digits.probabilities.sum(axis=1), 1, atol=1e-5)
    assert_array_equal(digits.labels, digits.probabilities.argmax(axis=1))
    assert digits.rejected_boxes.shape == (0, 4)
    assert repr(digits) == f"ReadDigits(lines={page.lines})"


def test_separates_digits_that_touch(sample, model):
    pages = [write(sample, [2] * 6, touching=1.0, start=start) for start in (100, 200, 300)]
    texts = ["".join(page.lines) for page in pages]
    read = ["".join(read_digits(model, page.picture).lines) for page in pages]
    similarity = [SequenceMatcher(None, *pair).ratio() for pair in zip(read, texts, strict=True)]
    assert np.mean(similarity) > 0.85
    assert len(find_digits(pages[0].picture).boxes) < 12


@pytest.mark.parametrize(("index", "cut"), [(38, "down"), (68, "down"), (150, "across")])
def test_joins_the_parts_of_broken_digits(sample, model, index, cut):
    page = np.full((100, 100), 255, np.uint8)
    page[30:58, 36:64] -= sample.x_test[index]
    ((top, left, bottom, right),) = find_digits(page).boxes
    if cut == "down":
        middle = (left + right) // 2
        page[top:bottom, middle - 1 : middle + 1] = 255
    else:  # the upper part is too low for a mark
        page[top + 5 : top + 7, left:right] = 255
    digits = read_digits(model, page)
    assert digits.lines == [str(sample.y_test[index])]
    assert_allclose(digits.boxes, [[top, left, bottom, right]], atol=1)
    assert digits.rejected_boxes.shape == (0, 4)


def test_predicts_once(sample, model, monkeypatch):
    calls = []
    original = CNNDigitClassifier.predict_proba
    monkeypatch.setattr(
        CNNDigitClassifier, "predict_proba", lambda self, X: calls.append(self) or original(self, X)
    )
    read_digits(model, write(sample, [3, 3], touching=0.5).picture)
    assert calls.count(model[-1]) == 1


def with_sharp_sign(page):
    """Return a page with # on the right."""
    sign = np.full((100, 60), 255, np.uint8)
    sign[30:60, 12:15] = sign[30:60, 24:27] = sign[38:41, 5:35] = sign[50:53, 5:35] = 0
    return np.hstack([page, sign])


def test_a_one_between_ruled_lines_is_found():
    page = np.full((200, 300), 255, np.uint8)
    page[20::40] = 170
    for left in range(60, 240, 30):
        page[101:139, left : left + 4] = 0
    boxes = [[100, left, 140, left + 4] for left in range(60, 240, 30)]
    assert_allclose(find_digits(page).boxes, boxes, atol=2)


def test_ruled_lines_of_varying_darkness_are_removed(sample):
    page = np.pad(digits_in_a_row(sample, 5), [(0, 300), (0, 300)], constant_values=255)
    ruled = page.copy()
    lines = np.rint(150 + 70 * np.sin(np.linspace(0, 300, page.shape[1]))).astype(np.uint8)
    ruled[12::36] = np.minimum(ruled[12::36], lines)
    assert_allclose(find_digits(ruled).boxes, find_digits(page).boxes, atol=2)


def test_wide_strokes_along_ruled_lines_are_kept():
    page = np.full((400, 700), 255, np.uint8)
    page[:, 25::50] = page[25::50] = 190
    page[150:230, 320:330] = page[150:160, 270:330] = 0  # a 7, whose stem covers a ruled line
    assert_allclose(find_digits(page).boxes, [[150, 270, 230, 330]], atol=2)


def test_a_one_that_covers_a_ruled_line_is_found():
    page = np.full((400, 700), 255, np.uint8)
    page[:, 25::50] = page[25::50] = 150
    page[80:118, 323:329] = page[80:118, 350:356] = 0
    assert_allclose(find_digits(page).boxes, [[80, 323, 118, 329], [80, 350, 118, 356]], atol=3)


def test_wide_strokes_are_no_ruled_lines():
    page = np.full((900, 900), 255, np.uint8)
    page[300:700, 200:250] = page[300:700, 600:650] = 0
    assert_array_equal(find_digits(page).boxes, [[300, 200, 700, 250], [300, 600, 700, 650]])


def test_marks_that_are_no_digits_are_listed_apart(sample, model):
    page = digits_in_a_row(sample)
    digits = read_digits(model, with_sharp_sign(page))
    assert digits.lines == ["".join(map(str, sample.y_test[:3]))]
    left = page.shape[1] + 5
    boxes = digits.rejected_boxes
    around = [*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)]
    assert_allclose(around, [30, left, 60, left + 30], atol=1)


def test_few_false_digits_in_clutter(model):
    assert sum(len(read_digits(model, picture).labels) for picture in compose_clutter(2)) <= 4


def test_normalizer_before_the_model_changes_nothing(sample, model):
    page = digits_in_a_row(sample)
    expected = read_digits(model, page)
    for invert in ("auto", True, False):
        digits = read_digits(make_pipeline(MNISTNormalizer(invert=invert), *model), page)
        assert_allclose(digits.probabilities, expected.probabilities, atol=1e-6)


def test_classifiers_of_sklearn_on_flat_rows(sample):
    rows = sample.x_train[:2000].reshape(-1, 784)
    neighbors = KNeighborsClassifier(3).fit(rows, sample.y_train[:2000])
    digits = read_digits(neighbors, digits_in_a_row(sample))
    assert digits.lines == ["".join(map(str, sample.y_test[:3]))]


def test_models_fitted_on_8x8_digits(sample, fitted, fitted_pipeline):
    for model in (fitted, fitted_pipeline):
        assert len(read_digits(model, digits_in_a_row(sample, 5), orientation=0).labels) == 5


def test_with_other_classes(sample):
    rows, letters = sample.x_train[:500].reshape(-1, 784), np.array(list("abcdefghij"))[sample.y_train[:500]]
    digits = read_digits(KNeighborsClassifier(1).fit(rows, letters), digits_in_a_row(sample))
    assert len(digits.lines[0]) == 3
    assert set(digits.lines[0]) < set("abcdefghij")


def test_errors_of_the_model(sample):
    page = digits_in_a_row(sample)
    with pytest.raises(NotFittedError):
        read_digits(KNeighborsClassifier(), page)
    with pytest.raises(TypeError, match=r"not an estimator"):
        read_digits("mnist", page)
    rows = sample.x_train[:100].reshape(100, -1)
    with pytest.raises(ValueError, match=r"classifier with predict_proba, got RidgeClassifier"):
        read_digits(RidgeClassifier().fit(rows, sample.y_train[:100]), page)
    with pytest.raises(ValueError, match=r"fitted on square gray images, got .* 99 features"):
        read_digits(KNeighborsClassifier().fit(rows[:, :99], sample.y_train[:100]), page)


@pytest.mark.slow
def test_pages_of_the_benchmark(sample, model):
    pages = list(compose_pages(sample.x_test[:300], sample.y_test[:300], touching=0.15, length=(5, 5)))
    found, read, numbers, _ = measure_pages(Reader(model), pages)
    _, _, numbers_of_baseline, _ = measure_pages(Baseline(model), pages)
    assert found > 0.98
    assert read > 0.97
    assert numbers > max(0.75, numbers_of_baseline)


def test_notebooks_show_the_picture_with_the_digits(sample, model):
    page = write(sample, [5, 3])
    digits = read_digits(model, page.picture)
    assert digits.picture is page.picture
    html = digits._repr_html_()
    assert f"<pre>{escape(repr(digits))}</pre>" in html
    assert "numbers in 2 lines" in html
    (source,) = re.findall('src="data:image/png;base64,([^"]+)"', html)
    with Image.open(io.BytesIO(base64.b64decode(source))) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    is_blue = pixels[..., 2] - pixels[..., 0] > 100
    height, width = page.picture.shape
    rows, columns = np.nonzero(is_blue)
    top, left = rows.min() / len(pixels) * height, columns.min() / pixels.shape[1] * width
    assert 0 <= page.boxes[:, 0].min() - top < 30  # the label is above the box
    assert abs(page.boxes[:, 1].min() - left) < 10
    assert not plt.get_fignums()


def test_notebooks_show_the_text_if_the_picture_is_gone(sample, model, tmp_path):
    Image.fromarray(digits_in_a_row(sample)).save(tmp_path / "page.png")
    digits = read_digits(model, tmp_path / "page.png")
    assert "in 1 line" in digits._repr_html_()
    (tmp_path / "page.png").unlink()
    assert digits._repr_html_() is None
    assert replace(digits, picture=None)._repr_html_() is None
