"""Measure how `read_digits` reads pictures that other people made: pages, single digits and amounts.

Run ``python -m tests.benchmarks.pictures FOLDER``. The repository does not have the pictures. The folder has

- `pictures/labels.csv` with the columns `file`, `kind` (one of `KINDS`, or "single") and `text`: the digits,
  with | between lines and ? for a digit that a person cannot read,
- `amounts/labels.csv` with the columns `file`, `text` and `boxes`: top,left,bottom,right of each digit.

The results are written to ``docs/benchmarks``.
"""

from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import MNISTNormalizer, load_pretrained

from . import machine
from .amounts import by_confidence, confidence_of, read, rows_of
from .options import benchmark_parser
from .pages import intersection_over_union
from .saved import save

KINDS = "lines", "grid", "mixed", "scattered"  # of pages: lines, ruled cells, among words, in no order
OVERLAP = 0.4  # intersection over union from which a digit of an amount is found


def main(arguments=None):
    parser = benchmark_parser("tests.benchmarks.pictures", __doc__)
    parser.add_argument("folder", type=Path, help="pictures and labels, see above")
    options = parser.parse_args(arguments)
    model = load_pretrained()
    pictures, amounts = (rows_of(options.folder / name, options.quick) for name in ("pictures", "amounts"))
    pages = [row for row in pictures if row["kind"] in KINDS]
    single = [row for row in pictures if row["kind"] == "single"]
    for row in pages + single + amounts:
        row["digits"] = read(model, row["path"])
    ordered = [row for row in pages if row["kind"] != "scattered"]
    answers = [answer for row in ordered + single + amounts for answer in lines_of(row)]
    results = {
        "machine": machine.describe("python -m tests.benchmarks.pictures FOLDER"),
        "pages": measure_pages(pages),
        "single": measure_single(model, single),
        "amounts": measure_amounts(amounts),
        "confidences": by_confidence(*np.transpose(answers)),
    }
    for name in ("pages", "single", "amounts", "confidences"):
        print(name, results[name])
    save(results, "pictures", options.output)


def lines_of(row):
    """Yield the confidence of each line that was read in a picture, and whether it is right."""
    free = row["text"].split("|")
    for index, text in enumerate(row["digits"].lines):
        numbers = [number for number in row["digits"].numbers if number.line_index == index]
        right = next((line for line in free if is_equal(line, text)), None)
        if right is not None:
            free.remove(right)
        yield confidence_of(numbers), right is not None


def measure_pages(rows):
    """Return the counts of digits and of lines, for each kind of pages."""
    found = {kind: Counter() for kind in KINDS}
    for row in rows:
        texts, truth = row["digits"].lines, row["text"].split("|")
        if row["kind"] == "scattered":
            counts = compare_unordered("".join(truth), "".join(texts))
        else:
            by_line = align(truth, texts, partial(align, compare=compare_digits))
            at_once = align("".join(truth), "".join(texts), compare_digits)
            counts = min(by_line, at_once, key=n_errors)
            found[row["kind"]].update(lines=len(truth), exact=sum(is_right for _, is_right in lines_of(row)))
        found[row["kind"]].update(dict(zip(("right", "misread", "missed", "false"), counts, strict=True)))
        found[row["kind"]].update(pages=1)
    return {kind: {name: int(n) for name, n in counts.items()} for kind, counts in found.items()}


def align(truth, texts, compare):
    """Return the counts of right, misread, missed and false digits in the alignment with the fewest errors.

    `truth` and `texts` are strings of digits, or lists of lines; `compare` returns the counts of a pair.
    """
    best = {(0, 0): np.zeros(4, int)}
    for i in range(len(truth) + 1):
        for j in range(len(texts) + 1):
            options = []
            if i and j:
                options.append(best[i - 1, j - 1] + compare(truth[i - 1], texts[j - 1]))
            if i:
                options.append(best[i - 1, j] + [0, 0, len(truth[i - 1]), 0])
            if j:
                options.append(best[i, j - 1] + [0, 0, 0, len(texts[j - 1])])
            if options:
                best[i, j] = min(options, key=n_errors)
    return best[len(truth), len(texts)]


def n_errors(counts):
    return sum(counts[1:])


def compare_digits(true, label):
    is_right = true in ("?", label)
    return [int(is_right), int(not is_right), 0, 0]


def compare_unordered(truth, text):
    right = (Counter(truth) & Counter(text)).total()
    misread = min(len(truth), len(text)) - right
    return [right, misread, len(truth) - right - misread, len(text) - right - misread]


def is_equal(line, text):
    return len(line) == len(text) and all(
        true in ("?", label) for true, label in zip(line, text, strict=True)
    )


def measure_single(model, rows):
    """Return how many pictures of one digit are right, with `read_digits` and with `MNISTNormalizer`."""
    labels = make_pipeline(MNISTNormalizer(), model).predict([str(row["path"]) for row in rows])
    return {
        "n": len(rows),
        "read": sum(row["digits"].lines == [row["text"]] for row in rows),
        "predicted": sum(str(label) == row["text"] for label, row in zip(labels, rows, strict=True)),
    }


def measure_amounts(rows):
    """Return how many amounts are right, and the counts of their digits, found at the boxes of the labels."""
    counts = Counter(n=len(rows))
    for row in rows:
        digits = row["digits"]
        boxes = np.array([box.split(",") for box in row["boxes"].split()], int)
        overlaps = intersection_over_union(boxes, digits.boxes)
        counts.update(exact="".join(digits.lines) == row["text"], digits=len(boxes), false=len(digits.boxes))
        for i, label in enumerate(row["text"]):
            nearest = overlaps[i].argmax() if overlaps.shape[1] else None
            if nearest is not None and overlaps[i, nearest] > OVERLAP:
                overlaps[:, nearest] = 0  # is found once
                counts.update(found=1, false=-1, right=str(digits.labels[nearest]) == label)
    return {name: int(n) for name, n in counts.items()}


if __name__ == "__main__":
    main()
