"""Measure the start of the drawing page, and its model on digits, numbers and other images.

Run ``python -m tests.draw.measure``; it takes about fifteen minutes. The results are written to
``docs/benchmarks``, and `tests.benchmarks.published` has their tables.
"""

import io
import statistics
import time
from urllib.request import urlopen

import numpy as np
from PIL import Image

from sk_mnist_cnn import load_mnist_sample, load_pretrained
from sk_mnist_cnn.draw._recognizer import Recognizer
from tests.benchmarks import machine
from tests.benchmarks.options import benchmark_parser
from tests.benchmarks.saved import save
from tests.draw.page import drawing_page
from tests.draw.strokes import DIGITS, NO_DIGITS, VARIANTS, as_png, in_a_row, scribble, vary

N = 200  # drawings of a kind
NUMBERS = ((2, 0.35), (3, 0.35), (5, 0.35), (3, 0.1), (3, 0))  # digits, and the gap between them


def main(arguments=None):
    options = benchmark_parser("tests.draw.measure", __doc__).parse_args(arguments)
    n = 5 if options.quick else N
    random = np.random.default_rng(0)
    recognizer = Recognizer(load_pretrained())
    drawings, digits = _draw_digits(random, n)
    results = {
        "machine": machine.describe("python -m tests.draw.measure"),
        "start": statistics.median(_seconds_to_first_response() for _ in range(1 if options.quick else 5)),
        "images": {name: _share_doubted(recognizer, images) for name, images in _kinds_of_images(n).items()},
        "drawings": {
            "drawings of digits": _answers(recognizer, drawings),
            "random scribbles": _answers(recognizer, [scribble(random) for _ in range(n)]),
            **{
                name: _answers(recognizer, [vary(strokes, random) for _ in range(n)])
                for name, strokes in NO_DIGITS.items()
            },
        },
        "numbers": [
            {
                "digits": n_digits,
                "gap": gap,
                **_read_numbers(recognizer, drawings, digits, n_digits, gap, n // 2, random),
            }
            for n_digits, gap in NUMBERS
        ],
        "correction": _correct_first_mistake(recognizer, drawings, digits),
    }
    print(f"seconds from the command to the first response: {results['start']:.2f}")
    for name in ("images", "drawings", "correction"):
        print(*(f"{key}: {value}" for key, value in results[name].items()), sep="\n")
    print(*results["numbers"], sep="\n")
    save(results, "drawing", options.output)


def _seconds_to_first_response():
    """Return the seconds from the command until the page has answered a request of a browser."""
    start = time.perf_counter()
    with drawing_page() as (address, _), urlopen(address, timeout=60) as response:
        response.read()
        return time.perf_counter() - start


def _kinds_of_images(n):
    """Return 10 * `n` test digits, and images made of them that are not digits, by their names."""
    mnist = load_mnist_sample()
    images, labels = mnist.x_test[: 10 * n], mnist.y_test[: 10 * n]
    side_by_side = np.concatenate([images[:-1], images[1:]], axis=2)[:, ::2, ::2]
    asymmetric = ~np.isin(labels, [0, 1, 8])
    return {
        "test digits": images,
        "pairs of test digits side by side": np.pad(side_by_side, [(0, 0), (7, 7), (0, 0)]),
        "test digits rotated by 90 degrees, without 0, 1 and 8": np.rot90(images, axes=(1, 2))[asymmetric],
        "test digits 2, 3, 4, 5 and 7 upside down": images[np.isin(labels, [2, 3, 4, 5, 7])][:, ::-1, ::-1],
    }


def _draw_digits(random, n):
    """Return drawings of all digits, each with another size, slant and proportion, and their digits."""
    shapes = [(digit, strokes) for digit in DIGITS for strokes in (DIGITS[digit], *VARIANTS[digit])]
    chosen = [shapes[i % len(shapes)] for i in range(4 * n)]
    return [vary(strokes, random) for _, strokes in chosen], np.array([digit for digit, _ in chosen])


def _share_doubted(recognizer, images):
    """Return the share of images in MNIST's format that are doubted, as pictures of ink on paper."""
    doubted = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(255 - np.pad(image, 10)).resize((384, 384)).save(file, "png")
        doubted.append(all(digit["doubtful"] for digit in recognizer.answer(file.getvalue())["digits"]))
    return float(np.mean(doubted))


def _answers(recognizer, drawings):
    """Return the share of drawings that are doubted, and the share of those that are read as numbers."""
    answers = [recognizer.answer(as_png(strokes))["digits"] for strokes in drawings]
    return {
        "doubted": float(np.mean([all(digit["doubtful"] for digit in answer) for answer in answers])),
        "numbers": float(np.mean([len(answer) > 1 for answer in answers])),
    }


def _read_numbers(recognizer, drawings, digits, n_digits, gap, n, random):
    """Return the share of `n` numbers, composed of random drawings, that are read and that are separated."""
    n_right = n_separated = 0
    for chosen in random.integers(0, len(drawings), (n, n_digits)):
        answer = recognizer.answer(as_png(in_a_row([drawings[i] for i in chosen], gap)))
        n_separated += len(answer["digits"]) == n_digits
        n_right += answer["lines"] == ["".join(map(str, digits[chosen]))]
    return {"read": n_right / n, "separated": n_separated / n}


def _correct_first_mistake(recognizer, drawings, digits):
    """Return the results before and after the correction of the first drawing that is misclassified."""
    wrong = int(np.argmax(_predict(recognizer, drawings) != digits))
    before = _results(recognizer, drawings, digits, wrong)
    image = recognizer.answer(as_png(drawings[wrong]))["digits"][0]["image"]
    recognizer.correct(image, int(digits[wrong]))
    return {
        "digit": int(digits[wrong]),
        "before": before,
        "after": _results(recognizer, drawings, digits, wrong),
    }


def _predict(recognizer, drawings):
    answers = [recognizer.answer(as_png(strokes))["digits"] for strokes in drawings]
    return np.array([np.argmax(answer[0]["probabilities"]) if answer else -1 for answer in answers])


def _results(recognizer, drawings, digits, corrected):
    mnist = load_mnist_sample()
    return {
        "accuracy on the drawings": float(np.mean(_predict(recognizer, drawings) == digits)),
        "accuracy on the test digits": recognizer.model.score(mnist.x_test, mnist.y_test),
        "probability of the true digit": float(
            recognizer.answer(as_png(drawings[corrected]))["digits"][0]["probabilities"][digits[corrected]]
        ),
    }


if __name__ == "__main__":
    main()
