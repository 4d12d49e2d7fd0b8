import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, MNISTNormalizer, load_mnist_sample
from sk_mnist_cnn.draw._recognizer import Recognizer
from tests.draw.strokes import DIGITS, NO_DIGITS, as_png, in_a_row


def read(answer):
    return [int(np.argmax(digit["probabilities"])) for digit in answer["digits"]]


def doubts(answer):
    return [digit["doubtful"] for digit in answer["digits"]]


def image(recognizer, strokes):
    """Return the image of a drawing of one digit."""
    return recognizer.answer(as_png(strokes))["digits"][0]["image"]


def test_answers_with_probabilities_and_the_input(recognizer):
    answers = {digit: recognizer.answer(as_png(strokes)) for digit, strokes in DIGITS.items()}
    right = [digit for digit, answer in answers.items() if read(answer) == [digit]]
    assert len(right) >= 9
    for digit in right:
        [found] = answers[digit]["digits"]
        assert found["doubtful"] or answers[digit]["lines"] == [str(digit)]
        assert sum(found["probabilities"]) == pytest.approx(1, abs=1e-5)
        image = np.array(found["image"])
        assert image.shape == (28, 28)
        assert (image.min(), image.max()) == (0, 255)


def test_reads_lines_of_numbers(recognizer):
    rows = [in_a_row([DIGITS[digit] for digit in number], height=0.35) for number in ([4, 0], [7, 2, 6])]
    above, below = (
        [np.add(stroke, [0, shift]).tolist() for stroke in row]
        for row, shift in zip(rows, (-0.25, 0.25), strict=True)
    )
    answer = recognizer.answer(as_png(below + above))
    assert answer["lines"] == ["40", "726"]
    boxes = np.array([digit["box"] for digit in answer["digits"]])
    assert boxes.shape == (5, 4)
    assert boxes[1, 1] > boxes[0, 3]
    assert (boxes[2:, 0] > boxes[:2, 2].max()).all()
    assert boxes[:, 1].min() == pytest.approx(0.05, abs=0.03)
    assert boxes[:, 3].max() == pytest.approx(0.95, abs=0.03)


def test_doubts_what_is_no_digit(recognizer):
    answer = recognizer.answer(as_png(NO_DIGITS["zigzag"]))
    assert doubts(answer)
    assert all(doubts(answer))


def test_an_empty_drawing_has_no_digits(recognizer):
    assert recognizer.answer(as_png([])) == {"lines": [], "digits": []}


def test_normalizer_of_a_model_for_pictures_is_not_used(quick_model):
    reader = Recognizer(make_pipeline(MNISTNormalizer(), *quick_model))
    plain = Recognizer(quick_model)
    assert reader.answer(as_png(DIGITS[4])) == plain.answer(as_png(DIGITS[4]))
    assert reader.evidence(image(reader, DIGITS[4])) == plain.evidence(image(plain, DIGITS[4]))


@pytest.mark.filterwarnings("ignore:X holds integer pixels")
@pytest.mark.parametrize("scale", [1 / 255, 1])
def test_network_alone_gets_the_pixels_that_it_was_fitted_on(quick_model, scale):
    if scale == 1:  # the same network on pixels from 0 to 255
        mnist = load_mnist_sample()
        params = {"optimizer": "adam", "learning_rate": 0.003, "epochs": 12, "random_state": 0}
        network = CNNDigitClassifier((8, 16), dense_units=(64,), conv_dropout=0, dense_dropout=0, **params)
        network.fit(mnist.x_train[:2000], mnist.y_train[:2000])
    else:
        network = quick_model[-1]
    recognizer, mnist = Recognizer(network), load_mnist_sample()
    images, labels = mnist.x_test, mnist.y_test.astype(network.classes_.dtype)
    assert recognizer.model.score(images, labels) == network.score(images * np.float32(scale), labels) > 0.8
    assert read(recognizer.answer(as_png(DIGITS[7]))) == [7]


def test_evidence_lies_on_the_drawing(recognizer):
    three = np.array(image(recognizer, DIGITS[3]))
    saliency = np.array(recognizer.evidence(three.tolist())["saliency"])
    assert saliency.shape == (28, 28)
    assert np.abs(saliency).max() == 1
    strongest = np.unravel_index(np.abs(saliency).argmax(), saliency.shape)
    row, column = strongest
    assert three[max(0, row - 4) : row + 5, max(0, column - 4) : column + 5].any()


def test_learns_corrections_and_forgets_them(recognizer, quick_model):
    mnist = load_mnist_sample()
    drawings = {"zigzag": as_png(NO_DIGITS["zigzag"]), "triangle": as_png(NO_DIGITS["triangle"])}
    before = [recognizer.answer(png) for png in drawings.values()]
    score = quick_model.score(mnist.x_test, mnist.y_test.astype(str))

    recognizer.correct(before[0]["digits"][0]["image"], 4)
    after_first = recognizer.answer(drawings["zigzag"])
    assert (read(after_first)[0], doubts(after_first)[0]) == (4, False)
    recognizer.correct(before[1]["digits"][0]["image"], 0)
    assert read(recognizer.answer(drawings["triangle"]))[0] == 0
    assert read(recognizer.answer(drawings["zigzag"]))[0] == 4
    assert recognizer.n_corrections == 2
    assert recognizer.model.score(mnist.x_test, mnist.y_test.astype(str)) > score - 0.03

    recognizer.undo()
    assert recognizer.n_corrections == 1
    assert recognizer.answer(drawings["zigzag"]) == after_first
    recognizer.reset()
    recognizer.undo()
    assert recognizer.n_corrections == 0
    assert [recognizer.answer(png) for png in drawings.values()] == before


def test_only_the_last_corrections_can_be_undone(quick_model, monkeypatch):
    monkeypatch.setattr("sk_mnist_cnn.draw._recognizer._MAX_UNDO", 2)
    recognizer, mnist = Recognizer(quick_model), load_mnist_sample()
    for image_, digit in zip(mnist.x_test[:4].tolist(), mnist.y_test[:4].tolist(), strict=True):
        recognizer.correct(image_, digit)
    numbers = []
    for _ in range(3):
        recognizer.undo()
        numbers.append(recognizer.n_corrections)
    assert numbers == [3, 2, 2]


def test_second_correction_of_a_drawing_replaces_the_first(recognizer):
    for digit in (4, 9):
        recognizer.correct(image(recognizer, NO_DIGITS["zigzag"]), digit)
        assert read(recognizer.answer(as_png(NO_DIGITS["zigzag"])))[:1] == [digit]
    assert recognizer.n_corrections == 1


@pytest.mark.parametrize("digit", [None, "3", 3.0, True, -1, 10])
def test_corrections_must_be_digits(recognizer, digit):
    with pytest.raises(ValueError, match="digit must be an integer from 0 to 9"):
        recognizer.correct(image(recognizer, DIGITS[3]), digit)
    assert recognizer.n_corrections == 0


@pytest.mark.parametrize(
    ("data", "got"),
    [
        (None, r"shape \(\)"),
        ([[0] * 28] * 27, r"shape \(27, 28\)"),
        ([[0] * 28] * 27 + [[0]], "inhomogeneous"),
        ([[0.5] * 28] * 28, "dtype float64"),
        ([[True] * 28] * 28, "dtype bool"),
        ([["0"] * 28] * 28, "dtype <U1"),
        ([[10**30] * 28] * 28, "dtype object"),
        ([[256] * 28] * 28, "256 to 256"),
        ([[-1] * 28] * 28, "-1 to -1"),
    ],
)
def test_images_must_be_in_the_format_of_mnist(recognizer, data, got):
    message = f"image must be 28 lists of 28 integers from 0 to 255, got .*{got}"
    with pytest.raises(ValueError, match=message):
        recognizer.correct(data, 3)
    with pytest.raises(ValueError, match=message):
        recognizer.evidence(data)
    assert recognizer.n_corrections == 0


def test_model_must_end_in_a_cnn(digits):
    images, y = digits
    dummy = make_pipeline(DummyClassifier()).fit(images.reshape(len(images), -1), y)
    with pytest.raises(ValueError, match=r"model must be a CNNDigitClassifier .* got .*DummyClassifier"):
        Recognizer(dummy)


def test_model_must_know_all_digits(quick_model):
    mnist = load_mnist_sample()
    images, labels = mnist.x_train[mnist.y_train < 2][:100], mnist.y_train[mnist.y_train < 2][:100]
    classifier = type(quick_model[-1])((4,), dense_units=(), epochs=1, random_state=0)
    with pytest.raises(ValueError, match=r"model must be .* fitted on the digits 0 to 9"):
        Recognizer(make_pipeline(ImagePreprocessor(), classifier).fit(images, labels))
