import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import ImagePreprocessor, MNISTNormalizer, load_mnist_sample
from sk_mnist_cnn.draw._recognizer import Recognizer
from tests.draw.strokes import DIGITS, NO_DIGITS, beside, scribble, vary


def read(answer):
    return int(np.argmax(answer["probabilities"]))


def test_answers_with_probabilities_and_the_input(recognizer):
    answers = {digit: recognizer.answer(strokes) for digit, strokes in DIGITS.items()}
    assert sum(read(answer) == digit for digit, answer in answers.items()) >= 9
    for answer in answers.values():
        assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-5)
        image = np.array(answer["image"])
        assert image.shape == (28, 28)
        assert (image.min(), image.max()) == (0, 255)


@pytest.mark.parametrize("name", NO_DIGITS)
def test_doubts_drawings_that_are_no_digits(recognizer, name):
    assert recognizer.answer(NO_DIGITS[name])["doubt"] == "not a digit"


def test_doubts_two_digits(recognizer):
    doubts = [recognizer.answer(beside(DIGITS[i], DIGITS[(i + 3) % 10]))["doubt"] for i in range(10)]
    assert doubts.count("two digits") >= 9


def test_normalizer_of_a_model_for_pictures_is_not_used(quick_model):
    reader = Recognizer(make_pipeline(MNISTNormalizer(), *quick_model))
    plain = Recognizer(quick_model)
    assert reader.answer(DIGITS[4]) == plain.answer(DIGITS[4])
    assert reader.evidence(DIGITS[4]) == plain.evidence(DIGITS[4])


def test_few_test_digits_are_doubted_as_outliers(recognizer):
    mnist = load_mnist_sample()
    images, digits = mnist.x_test[:500], mnist.y_test[:500]
    turned = np.rot90(images, axes=(1, 2))[np.isin(digits, [2, 3, 4, 5, 7])]
    state, certain = recognizer._states[-1], np.eye(10)[0]  # without entropy
    assert np.mean([recognizer._exceeds_limit(state, image, certain) for image in images]) < 0.02
    assert np.mean([recognizer._exceeds_limit(state, image, certain) for image in turned]) > 0.9


def test_doubts_most_scribbles_and_variants_of_letters(recognizer):
    random = np.random.default_rng(0)
    least = {"A": 0.65, "M": 0.95, "triangle": 0.5, "zigzag": 0.98}
    for name, share in least.items():
        drawings = [vary(NO_DIGITS[name], random) for _ in range(50)]
        assert np.mean([recognizer.answer(drawing)["doubt"] is not None for drawing in drawings]) >= share, (
            name
        )
    scribbles = [scribble(random) for _ in range(50)]
    assert np.mean([recognizer.answer(drawing)["doubt"] is not None for drawing in scribbles]) >= 0.85


def test_evidence_lies_on_the_drawing(recognizer):
    saliency = np.array(recognizer.evidence(DIGITS[3])["saliency"])
    assert saliency.shape == (28, 28)
    assert np.abs(saliency).max() == 1
    strongest = np.unravel_index(np.abs(saliency).argmax(), saliency.shape)
    image = np.array(recognizer.answer(DIGITS[3])["image"])
    row, column = strongest
    assert image[max(0, row - 4) : row + 5, max(0, column - 4) : column + 5].any()


def test_learns_corrections_and_forgets_them(recognizer, quick_model):
    mnist = load_mnist_sample()
    before = [recognizer.answer(NO_DIGITS[name]) for name in ("A", "triangle")]
    score = quick_model.score(mnist.x_test, mnist.y_test.astype(str))

    assert read(recognizer.correct(NO_DIGITS["A"], 4)) == 4
    assert recognizer.answer(NO_DIGITS["A"])["doubt"] is None
    assert recognizer.answer(NO_DIGITS["zigzag"])["doubt"] == "not a digit"
    after_first = recognizer.answer(NO_DIGITS["A"])
    assert read(recognizer.correct(NO_DIGITS["triangle"], 0)) == 0
    assert read(recognizer.answer(NO_DIGITS["A"])) == 4
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


def test_only_the_last_corrections_can_be_undone(quick_model, monkeypatch):
    monkeypatch.setattr("sk_mnist_cnn.draw._recognizer._MAX_UNDO", 2)
    recognizer = Recognizer(quick_model)
    for digit in range(4):
        recognizer.correct(DIGITS[digit], digit)
    numbers = []
    for _ in range(3):
        recognizer.undo()
        numbers.append(recognizer.n_corrections)
    assert numbers == [3, 2, 2]


def test_second_correction_of_a_drawing_replaces_the_first(recognizer):
    recognizer.correct(NO_DIGITS["A"], 4)
    assert read(recognizer.correct(NO_DIGITS["A"], 9)) == 9
    assert recognizer.n_corrections == 1


@pytest.mark.parametrize("digit", [None, "3", 3.0, True, -1, 10])
def test_corrections_must_be_digits(recognizer, digit):
    with pytest.raises(ValueError, match="digit must be an integer from 0 to 9"):
        recognizer.correct(DIGITS[3], digit)
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
