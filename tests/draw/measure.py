"""Measure the drawing page's model on digits, numbers and other images, and after a correction.

Run ``python -m tests.draw.measure``; it takes about three minutes.
"""

import numpy as np

from sk_mnist_cnn import load_mnist_sample, load_pretrained
from sk_mnist_cnn.draw._recognizer import Recognizer
from tests.draw.strokes import DIGITS, NO_DIGITS, VARIANTS, in_a_row, scribble, vary

N = 200  # drawings of a kind


def main():
    """Print the tables of the guide."""
    random = np.random.default_rng(0)
    mnist = load_mnist_sample()
    images, labels = mnist.x_test, mnist.y_test
    recognizer = Recognizer(load_pretrained())
    drawings, digits = _draw_digits(random)

    side_by_side = np.concatenate([images[:-1], images[1:]], axis=2)[:, ::2, ::2]
    pairs = np.pad(side_by_side, [(0, 0), (7, 7), (0, 0)])
    asymmetric = ~np.isin(labels, [0, 1, 8])
    of_images = {
        "test digits": images,
        "pairs of test digits side by side": pairs,
        "test digits rotated by 90 degrees, without 0, 1 and 8": np.rot90(images, axes=(1, 2))[asymmetric],
        "test digits 2, 3, 4, 5 and 7 upside down": images[np.isin(labels, [2, 3, 4, 5, 7])][:, ::-1, ::-1],
    }
    for name, kind in of_images.items():
        print(f"{name}: {_share_doubted(recognizer, kind):.1%} doubted")

    of_drawings = {
        "drawings of digits": drawings,
        "random scribbles": [scribble(random) for _ in range(N)],
        **{name: [vary(strokes, random) for _ in range(N)] for name, strokes in NO_DIGITS.items()},
    }
    for name, kind in of_drawings.items():
        answers = [recognizer.answer(strokes)["digits"] for strokes in kind]
        doubted = np.mean([all(digit["doubtful"] for digit in answer) for answer in answers])
        print(
            f"{name}: {doubted:.1%} doubted, {np.mean([len(answer) > 1 for answer in answers]):.1%} numbers"
        )

    for n_digits, gap in ((2, 0.35), (3, 0.35), (5, 0.35), (3, 0.1), (3, 0)):
        print(
            f"{n_digits} digits, gap {gap}:",
            _read_numbers(recognizer, drawings, digits, n_digits, gap, random),
        )

    wrong = int(np.argmax(_predict(recognizer, drawings) != digits))  # the first one
    print(f"corrected: a drawing of {digits[wrong]}")
    print("before a correction:", _results(recognizer, drawings, digits, wrong))
    recognizer.correct(recognizer.answer(drawings[wrong])["digits"][0]["image"], int(digits[wrong]))
    print("after a correction:", _results(recognizer, drawings, digits, wrong))


def _draw_digits(random):
    """Return drawings of all digits, each with another size, slant and proportion, and their digits."""
    shapes = [(digit, strokes) for digit in DIGITS for strokes in (DIGITS[digit], *VARIANTS[digit])]
    chosen = [shapes[i % len(shapes)] for i in range(4 * N)]
    return [vary(strokes, random) for _, strokes in chosen], np.array([digit for digit, _ in chosen])


def _share_doubted(recognizer, images):
    """Return the share of images that exceed a limit."""
    state = recognizer._states[-1]
    return np.mean(recognizer._are_doubtful(state, images, state.model.predict_proba(images)))


def _read_numbers(recognizer, drawings, digits, n_digits, gap, random):
    """Return how many numbers of random drawings are read."""
    n_right = n_separated = 0
    for chosen in random.integers(0, len(drawings), (N // 2, n_digits)):
        answer = recognizer.answer(in_a_row([drawings[i] for i in chosen], gap))["digits"]
        n_separated += len(answer) == n_digits
        n_right += np.array_equal([np.argmax(digit["probabilities"]) for digit in answer], digits[chosen])
    return f"{n_right / (N // 2):.1%} read, {n_separated / (N // 2):.1%} separated"


def _predict(recognizer, drawings):
    answers = [recognizer.answer(strokes)["digits"] for strokes in drawings]
    return np.array([np.argmax(answer[0]["probabilities"]) for answer in answers])


def _results(recognizer, drawings, digits, corrected):
    mnist = load_mnist_sample()
    score = recognizer._states[-1].model.score(mnist.x_test, mnist.y_test)
    predicted = _predict(recognizer, drawings)
    probability = recognizer.answer(drawings[corrected])["digits"][0]["probabilities"][digits[corrected]]
    return (
        f"accuracy {np.mean(predicted == digits):.1%} on the drawings and {score:.1%} on the test digits, "
        f"probability of the true digit {probability:.2f}"
    )


if __name__ == "__main__":
    main()
