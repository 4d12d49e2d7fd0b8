import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import ImagePreprocessor, MNISTNormalizer, load_mnist_sample
from sk_mnist_cnn.draw._recognizer import Recognizer
from tests.draw.strokes import DIGITS, NO_DIGITS, in_a_row, scribble, vary


def read(answer):
    return [int(np.argmax(digit["probabilities"])) for digit in answer["digits"]]


def doubts(answer):
    return [digit["doubtful"] for digit in answer["digits"]]


def image(recognizer, strokes):
    """Return the image of a drawing of one digit."""
    return recognizer.answer(strokes)["digits"][0]["image"]


def test_answers_with_probabilities_and_the_input(recognizer):
    answers = {digit: recognizer.answer(strokes) for digit, strokes in DIGITS.items()}
    assert sum(read(answer) == [digit] for digit, answer in answers.items()) >= 9
    for answer in answers.values():
        assert sum(answer["digits"][0]["probabilities"]) == pytest.approx(1, abs=1e-5)
        image = np.array(answer["digits"][0]["image"])
        assert image.shape == (28, 28)
        assert (image.min(), image.max()) == (0, 255)


@pytest.mark.parametrize("name", NO_DIGITS)
def test_doubts_drawings_that_are_no_digits(recognizer, name):
    assert doubts(recognizer.answer(NO_DIGITS[name])) == [True]


def test_reads_numbers(recognizer):
    numbers = [[i, (i + 3) % 10, (i + 5) % 10] for i in range(10)]
    answers = [recognizer.answer(in_a_row([DIGITS[digit] for digit in number])) for number in numbers]
    assert all(len(answer["digits"]) == 3 for answer in answers)
    assert np.mean(np.array([read(answer) for answer in answers]) == numbers) >= 0.9
    for answer in answers:
        assert [digit["line"] for digit in answer["digits"]] == [0, 0, 0]
        boxes = np.array([digit["box"] for digit in answer["digits"]])
        assert (boxes[1:, 1] > boxes[:-1, 3]).all()
        assert boxes[0, 1] == pytest.approx(0.05)
        assert boxes[-1, 3] == pytest.approx(0.95)


def test_reads_lines(recognizer):
    rows = [in_a_row([DIGITS[digit] for digit in number], height=0.35) for number in ([4, 0], [7, 2, 6])]
    above, below = (
        [np.add(stroke, [0, shift]).tolist() for stroke in row]
        for row, shift in zip(rows, (-0.25, 0.25), strict=True)
    )
    answer = recognizer.answer(below + above)
    assert read(answer) == [4, 0, 7, 2, 6]
    assert [digit["line"] for digit in answer["digits"]] == [0, 0, 1, 1, 1]


def test_digit_of_a_number_has_the_same_image_as_alone(recognizer):
    """Also if it has several strokes, which are drawn in any order."""
    strokes = in_a_row([DIGITS[4], DIGITS[4], DIGITS[7]], gap=0.2)
    for digit in recognizer.answer(strokes[::-1])["digits"][:2]:
        assert np.abs(np.subtract(digit["image"], image(recognizer, DIGITS[4]))).mean() < 2


def test_doubts_a_letter_among_digits(recognizer):
    answer = recognizer.answer(in_a_row([DIGITS[4], NO_DIGITS["A"], DIGITS[7]]))
    assert doubts(answer) == [False, True, False]
    assert (read(answer)[0], read(answer)[2]) == (4, 7)


def test_several_letters_are_not_a_number(recognizer):
    assert doubts(recognizer.answer(in_a_row([NO_DIGITS["M"], NO_DIGITS["zigzag"]]))) == [True]


SPIRAL = [(0.5 + 0.0004 * i * np.cos(i / 2), 0.5 + 0.0004 * i * np.sin(i / 2)) for i in range(150)]


@pytest.mark.parametrize(
    "stroke", [[(0.5, 0.5)], [(0.5, 0.5), (0.51, 0.5)], SPIRAL], ids=["point", "dash", "spiral"]
)
def test_dot_is_no_digit(recognizer, stroke):
    assert recognizer.answer([stroke]) == {"digits": []}


def test_dot_is_left_out_of_a_number(recognizer):
    strokes = in_a_row([DIGITS[4], DIGITS[7]], gap=0.6)
    answer = recognizer.answer([*strokes, [(0.52, 0.75)]])
    assert read(answer) == [4, 7]
    assert doubts(answer) == [False, False]


def test_normalizer_of_a_model_for_pictures_is_not_used(quick_model):
    reader = Recognizer(make_pipeline(MNISTNormalizer(), *quick_model))
    plain = Recognizer(quick_model)
    assert reader.answer(DIGITS[4]) == plain.answer(DIGITS[4])
    assert reader.evidence(image(reader, DIGITS[4])) == plain.evidence(image(plain, DIGITS[4]))


def test_few_test_digits_are_doubted_as_outliers(recognizer):
    mnist = load_mnist_sample()
    images, digits = mnist.x_test[:500], mnist.y_test[:500]
    turned = np.rot90(images, axes=(1, 2))[np.isin(digits, [2, 3, 4, 5, 7])]
    state, certain = recognizer._states[-1], np.eye(10)[np.zeros(500, int)]  # without entropy
    assert np.mean(recognizer._are_doubtful(state, images, certain)) < 0.02
    assert np.mean(recognizer._are_doubtful(state, turned, certain[: len(turned)])) > 0.9


def test_doubts_most_scribbles_and_variants_of_letters(recognizer):
    random = np.random.default_rng(0)
    least = {"A": 0.65, "M": 0.95, "triangle": 0.5, "zigzag": 0.98}
    for name, share in least.items():
        drawings = [vary(NO_DIGITS[name], random) for _ in range(50)]
        assert np.mean([all(doubts(recognizer.answer(drawing))) for drawing in drawings]) >= share, name
    scribbles = [scribble(random) for _ in range(50)]
    assert np.mean([all(doubts(recognizer.answer(drawing))) for drawing in scribbles]) >= 0.85


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
    before = [recognizer.answer(NO_DIGITS[name]) for name in ("A", "triangle")]
    score = quick_model.score(mnist.x_test, mnist.y_test.astype(str))

    recognizer.correct(image(recognizer, NO_DIGITS["A"]), 4)
    after_first = recognizer.answer(NO_DIGITS["A"])
    assert read(after_first) == [4]
    assert doubts(after_first) == [False]
    assert doubts(recognizer.answer(NO_DIGITS["zigzag"])) == [True]
    recognizer.correct(image(recognizer, NO_DIGITS["triangle"]), 0)
    assert read(recognizer.answer(NO_DIGITS["triangle"])) == [0]
    assert read(recognizer.answer(NO_DIGITS["A"])) == [4]
    assert recognizer.n_corrections == 2
    model = recognizer._states[-1].model
    assert model.score(mnist.x_test, mnist.y_test.astype(str)) > score - 0.03

    recognizer.undo()
    assert recognizer.n_corrections == 1
    assert recognizer.answer(NO_DIGITS["A"]) == after_first
    recognizer.reset()
    recognizer.undo()
    assert recognizer.n_corrections == 0
    assert [recognizer.answer(NO_DIGITS[name]) for name in ("A", "triangle")] == before


def test_learns_a_digit_of_a_number(recognizer):
    strokes = in_a_row([DIGITS[4], NO_DIGITS["A"], DIGITS[7]])
    before = recognizer.answer(strokes)
    recognizer.correct(before["digits"][1]["image"], 4)
    after = recognizer.answer(strokes)
    assert read(after) == [4, 4, 7]
    assert doubts(after) == [False, False, False]
    assert read(recognizer.answer(NO_DIGITS["A"])) == [4]
    recognizer.undo()
    assert recognizer.answer(strokes) == before


def test_only_the_last_corrections_can_be_undone(quick_model, monkeypatch):
    monkeypatch.setattr("sk_mnist_cnn.draw._recognizer._MAX_UNDO", 2)
    recognizer = Recognizer(quick_model)
    for digit in range(4):
        recognizer.correct(image(recognizer, DIGITS[digit]), digit)
    numbers = []
    for _ in range(3):
        recognizer.undo()
        numbers.append(recognizer.n_corrections)
    assert numbers == [3, 2, 2]


def test_second_correction_of_a_drawing_replaces_the_first(recognizer):
    for digit in (4, 9):
        recognizer.correct(image(recognizer, NO_DIGITS["A"]), digit)
        assert read(recognizer.answer(NO_DIGITS["A"])) == [digit]
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


def test_model_must_be_a_pipeline_that_ends_in_a_cnn(digits):
    images, y = digits
    dummy = make_pipeline(DummyClassifier()).fit(images.reshape(len(images), -1), y)
    with pytest.raises(ValueError, match="model must be a Pipeline that ends in a CNNDigitClassifier"):
        Recognizer(dummy)


def test_model_must_know_all_digits(quick_model):
    mnist = load_mnist_sample()
    images, labels = mnist.x_train[mnist.y_train < 2][:100], mnist.y_train[mnist.y_train < 2][:100]
    classifier = type(quick_model[-1])((4,), dense_units=(), epochs=1, random_state=0)
    with pytest.raises(ValueError, match="model must have the classes 0 to 9"):
        Recognizer(make_pipeline(ImagePreprocessor(), classifier).fit(images, labels))
