"""Numbers, candidates, separators, regions and orientation, on pages with known marks."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline

from sk_mnist_cnn import MNISTNormalizer, load_mnist_sample, load_pretrained, read_digits
from sk_mnist_cnn._pictures.detection import KINDS, Detections
from tests.pages import write_page


@pytest.fixture(scope="module")
def sample():
    return load_mnist_sample()


@pytest.fixture(scope="module")
def model():
    """The pretrained pipeline, never changed."""
    return load_pretrained()


class Page:
    """A page of 200 x 600 pixels, and the marks that are found on it."""

    def __init__(self, sample):
        self.sample, self.gray = sample, np.full((200, 600), 255, np.uint8)
        self.boxes, self.scores, self.kinds, self.is_first, self.images = [], [], [], [], []

    def write(self, text, top, left, score=0.99):
        """Write the digits of a text, 30 pixels apart, and a mark for each other character."""
        kinds = {".": "point", ",": "comma", "-": "dash", "/": "slash"}
        for place, character in enumerate(text):
            x = left + 30 * place
            if character in kinds:
                row, width = (12, 16) if character in "-/" else (22, 4)
                self.mark(kinds[character], [top + row, x + 8, top + row + 4, x + 8 + width])
            else:
                image = self.sample.x_test[self.sample.y_test == int(character)][0]
                self.gray[top : top + 28, x : x + 28] -= image
                rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
                box = [top + rows[0], x + columns[0], top + rows[-1] + 1, x + columns[-1] + 1]
                self.mark("digit", box, score, 255 - image)

    def mark(self, kind, box, score=0.99, image=None, is_first=True):
        self.boxes.append(box)
        self.scores.append(score)
        self.kinds.append(KINDS.index(kind))
        self.is_first.append(is_first)
        self.images.append(image)

    def detect(self, gray):
        return Detections(
            boxes=np.array(self.boxes, float).reshape(-1, 4),
            scores=np.array(self.scores),
            kinds=np.array(self.kinds, int),
            is_first=np.array(self.is_first, bool),
            images=self.images,
            rules=np.zeros(gray.shape),
            rules_scale=1.0,
        )


@pytest.fixture
def page(sample, monkeypatch):
    page = Page(sample)
    monkeypatch.setattr("sk_mnist_cnn._recognition.detect", page.detect)
    return page


def test_numbers_of_a_line(page, model):
    page.write("4210", 20, 20)
    page.write("73", 20, 260)
    page.write("8", 100, 20)
    digits = read_digits(model, page.gray)
    assert digits.lines == ["421073", "8"]
    assert [number.text for number in digits.numbers] == ["4210", "73", "8"]
    assert [number.line_index for number in digits.numbers] == [0, 0, 1]
    assert_array_equal(digits.number_index, [0, 0, 0, 0, 1, 1, 2])
    assert_array_equal(digits.line_index, [0] * 6 + [1])
    for number in digits.numbers:
        boxes = digits.boxes[number.digits]
        assert_array_equal(number.box, [*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)])
        assert number.candidates[0] == (number.text, number.confidence)
        assert 0.8 < number.confidence < 1
        assert number.margin > 0.7


def test_frame_has_a_row_for_each_number(page, model):
    page.write("42", 20, 20)
    page.write("7", 100, 20)
    frame = read_digits(model, page.gray).to_frame()
    assert frame.text.tolist() == ["42", "7"]
    assert frame.line_index.tolist() == [0, 1]
    assert list(frame.columns[-4:]) == ["top", "left", "bottom", "right"]


def test_results_compare_by_identity(page, model):
    page.write("421", 20, 20)
    digits = read_digits(model, page.gray)
    assert digits == digits
    assert digits != read_digits(model, page.gray)
    assert digits.numbers[0] == digits.numbers[0]


@pytest.mark.parametrize("text", ["42.1", "-421", "4,21", "4/21", "12-34"])
def test_separators_are_kept_on_request(page, model, text):
    page.write(text, 20, 40)
    digits = "".join(character for character in text if character.isdigit())
    without, within = (read_digits(model, page.gray, separators=value) for value in (False, True))
    assert without.lines == [digits]
    assert within.lines == [text]
    for read in (without, within):
        assert "".join(map(str, read.labels)) == digits
        assert read.separator_boxes.shape == (1, 4)
        assert read.separators[0] in text


def test_separators_beside_no_number_are_listed(page, model):
    page.write("42", 20, 20)
    page.write("-", 150, 400)
    read = read_digits(model, page.gray, separators=True)
    assert read.lines == ["42"]
    assert read.separators.tolist() == ["-"]


def test_struck_digits_and_unlikely_ones_are_rejected(page, model):
    page.write("421", 20, 20)
    page.write("8", 20, 400, score=0.3)
    page.write("7", 100, 20, score=0.7)
    page.is_first[-1] = False
    page.mark("struck", page.boxes[-1], 0.95)
    read = read_digits(model, page.gray)
    assert read.lines == ["421"]
    assert_array_equal(read.rejected_boxes, page.boxes[3:5])


def test_another_cut_is_a_candidate(page, model, sample):
    page.write("42", 20, 20)
    top, left, bottom, right = page.boxes[1]
    seven = 255 - sample.x_test[sample.y_test == 7][0]
    page.mark("digit", [top, left - 2, bottom, right + 1], 0.49, seven, is_first=False)
    read = read_digits(model, page.gray)
    assert read.lines == ["42"]
    assert "47" in [text for text, _ in read.numbers[0].candidates]


def test_candidates(page, model):
    page.write("4210", 20, 20)
    read = read_digits(model, page.gray, candidates=["4210", "4270", 11, "42.10"])
    (number,) = read.numbers
    assert number.text in ("4210", "42.10")
    assert len(number.candidates) == 4
    (number,) = read_digits(model, page.gray, candidates=range(4200, 4220)).numbers
    assert (number.text, number.margin > 0.9) == ("4210", True)
    (number,) = read_digits(model, page.gray, candidates=["999", "7777"]).numbers
    assert number.confidence < 0.01


def test_candidates_join_the_parts_of_a_number(page, model):
    page.write("42", 20, 20)
    page.write("10", 20, 200)
    assert len(read_digits(model, page.gray).numbers) == 2
    assert [n.text for n in read_digits(model, page.gray, candidates=[4210, 1042]).numbers] == ["4210"]
    assert [n.text for n in read_digits(model, page.gray, candidates=[42, 10]).numbers] == ["42", "10"]


def test_regions(page, model):
    page.write("42", 20, 20)
    page.write("7", 100, 20)
    fields = {"mark": (0, 0, 60, 300), "year": [80, 0, 160, 300], "empty": (0, 400, 60, 600)}
    read = read_digits(model, page.gray, regions=fields)
    assert {name: digits.lines for name, digits in read.readings.items()} == {
        "mark": ["42"],
        "year": ["7"],
        "empty": [],
    }
    frame = read.to_frame()
    assert frame.index.tolist() == list(fields)
    assert frame.text.tolist() == ["42", "7", ""]
    assert frame.confidence.isna().tolist() == [False, False, True]
    assert frame.loc["year", ["top", "left", "bottom", "right"]].tolist() == [80, 0, 160, 300]
    assert list(read_digits(model, page.gray, regions=np.array([*fields.values()])).boxes) == [0, 1, 2]


@pytest.mark.parametrize("orientation", [90, 180, 270])
def test_boxes_of_turned_pages_are_in_pixels_of_the_picture(page, model, orientation):
    page.write("421", 20, 20)
    page.write("57", 100, 60)
    upright = read_digits(model, page.gray)
    picture = np.rot90(page.gray, -orientation // 90)
    turned = read_digits(model, picture, orientation=orientation)
    assert turned.lines == upright.lines
    assert turned.orientation == orientation
    for (top, left, bottom, right), box in zip(turned.boxes, upright.boxes, strict=True):
        mask = np.zeros(page.gray.shape, bool)
        mask[box[0] : box[2], box[1] : box[3]] = True
        assert np.rot90(mask, -orientation // 90)[top:bottom, left:right].all()
        assert mask.sum() == (bottom - top) * (right - left)


def test_two_orientations_that_are_as_likely_are_mentioned(page, model):
    page.write("4210", 20, 20, score=0.7)  # the same marks are found in each orientation
    with pytest.warns(UserWarning, match=r"can be read as turned by 0 or 90 or 180 or 270 degrees"):
        assert read_digits(model, page.gray).orientation == 0
    assert read_digits(model, page.gray, orientation=0).lines == ["4210"]


@pytest.mark.parametrize(("score", "orientation"), [(0.7, 0), (0.5, 90)])
@pytest.mark.filterwarnings("ignore:The picture can be read as turned by 0 or 90 degrees")
def test_a_page_is_turned_only_if_it_is_read_much_better(page, model, monkeypatch, score, orientation):
    page.write("4210", 20, 20)
    scores = iter(
        [score, 0.9, 0, 0, score]
    )  # of the page, of it turned by 90, 180 and 270 degrees, and again

    def detect(gray):
        return page.detect(gray)._replace(scores=np.full(4, next(scores)))

    monkeypatch.setattr("sk_mnist_cnn._recognition.detect", detect)
    assert read_digits(model, page.gray).orientation == orientation


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_pages_are_read_as_upright_ones(model, turns):
    read = read_digits(model, np.rot90(write_page("42735", "93").picture, -turns))
    assert (read.lines, read.orientation) == (["42735", "93"], 90 * turns)


@pytest.mark.parametrize("scale", [1, 255])
def test_classifiers_fitted_on_other_scales(page, sample, scale):
    page.write("421", 20, 20)
    rows = sample.x_train[:1000].reshape(-1, 784) * (scale / 255)
    labels = np.array(list("abcdefghij"))[sample.y_train[:1000]]
    assert read_digits(KNeighborsClassifier(1).fit(rows, labels), page.gray).lines == ["ecb"]


def test_a_network_alone_gets_pixels_up_to_one(page, model):
    page.write("4210", 20, 20)
    expected = read_digits(model, page.gray)
    assert_allclose(read_digits(model[-1], page.gray).probabilities, expected.probabilities, atol=1e-6)


def test_pipelines_are_not_normalized_twice(page, model):
    page.write("4210", 20, 20)
    expected = read_digits(model, page.gray)
    nested = make_pipeline(make_pipeline("passthrough", MNISTNormalizer()), *model)
    assert_allclose(read_digits(nested, page.gray).probabilities, expected.probabilities, atol=1e-6)


class Sampler:
    """The interface of the samplers of imbalanced-learn, which have no `transform`."""

    def fit_resample(self, X, y):
        return X, y


def test_samplers_in_a_pipeline_are_left_out(page, model):
    page.write("4210", 20, 20)
    sampled = Pipeline([("scale", model[0]), ("sample", "passthrough"), ("classify", model[-1])])
    sampled.steps[1] = ("sample", Sampler())
    assert read_digits(sampled, page.gray).lines == ["4210"]


def test_a_picture_with_one_digit_is_read_as_by_the_normalizer(page, model, sample):
    for digit in range(10):
        picture = np.pad(255 - sample.x_test[sample.y_test == digit][1], 30, constant_values=255)
        expected = model.predict_proba(MNISTNormalizer().transform([picture]))
        read = read_digits(model, picture)
        assert read.lines == [str(digit)]
        assert_allclose(read.probabilities, expected, atol=1e-6)


def test_errors_name_the_parameter(page, model):
    page.write("42", 20, 20)
    with pytest.raises(ValueError, match=r"orientation must be .* got 45"):
        read_digits(model, page.gray, orientation=45)
    for candidates in ([], "123", ["1a"]):
        with pytest.raises(
            ValueError, match=r"candidates must be numbers composed of the labels .* Pass a list"
        ):
            read_digits(model, page.gray, candidates=candidates)
    with pytest.raises(ValueError, match=r"regions must be a dict or a sequence of boxes, got 5"):
        read_digits(model, page.gray, regions=5)
    for box in ([0, 0, 10], [10, 0, 10, 20], [300, 0, 400, 20]):
        with pytest.raises(ValueError, match=r"regions must be boxes .* for 'a'. Pass \(top, left"):
            read_digits(model, page.gray, regions={"a": box})
