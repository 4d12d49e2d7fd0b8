"""Measure how often the numbers in pictures are right, by their confidence: with and without candidates.

Run ``python -m tests.benchmarks.amounts FOLDER``. The folder has pictures of one number each, and
`labels.csv` with the columns `file` and `text`. The results are written to ``docs/benchmarks``.
"""

import csv
import warnings
from pathlib import Path

import numpy as np

from sk_mnist_cnn import load_pretrained, read_digits

from . import machine
from .options import benchmark_parser
from .saved import save

N_CANDIDATES = 100  # the number itself, and others of the folder
THRESHOLDS = 0, 0.5, 0.8, 0.9, 0.95  # lowest confidence


def main(arguments=None):
    parser = benchmark_parser("tests.benchmarks.amounts", __doc__)
    parser.add_argument("folder", type=Path, help="pictures of one number each, and labels.csv")
    options = parser.parse_args(arguments)
    rows = rows_of(options.folder, options.quick)
    model, random = load_pretrained(), np.random.default_rng(0)
    texts = {row["text"] for row in rows}
    answers = {"read": [], "chosen": []}
    for row in rows:
        path, text = row["path"], row["text"]
        others = random.permutation(sorted(texts - {text}))[: N_CANDIDATES - 1]
        answers["read"].append(answer(model, path, text))
        answers["chosen"].append(answer(model, path, text, [text, *others.tolist()]))
    results = {"machine": machine.describe("python -m tests.benchmarks.amounts FOLDER"), "n": len(rows)}
    for name, values in answers.items():
        results[name] = by_confidence(*np.transpose(values))
        print(name, *results[name], sep="\n")
    save(results, "amounts", options.output)


def rows_of(folder, is_quick):
    """Return the rows of `labels.csv`, with the path of each picture; the first ten if `is_quick`."""
    with open(folder / "labels.csv", newline="", encoding="utf-8") as file:
        rows = [{**row, "path": folder / row["file"]} for row in csv.DictReader(file)]
    return rows[:10] if is_quick else rows


def answer(model, path, text, candidates=None):
    """Return the confidence of all numbers of a picture, and whether they are this text."""
    numbers = read(model, path, candidates=candidates).numbers
    return confidence_of(numbers) if numbers else 0, "".join(number.text for number in numbers) == text


def read(model, path, **options):
    """Return the result of `read_digits`, without a warning of orientations that are as likely."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_digits(model, path, **options)


def confidence_of(numbers):
    """Return the probability that all numbers are right."""
    return np.prod([number.confidence for number in numbers])


def by_confidence(confidences, are_right):
    """Return for each threshold the share of answers that are as sure, and how many of them are right."""
    return [
        {"from": threshold, "share": float(sure.mean()), "right": float(are_right[sure].mean())}
        for threshold in THRESHOLDS
        if (sure := confidences >= threshold).any()
    ]


if __name__ == "__main__":
    main()
