"""How well `read_digits` reads pages composed of MNIST's test digits, compared with connected components.

Run ``python -m tests.benchmarks.reading --help`` in a checkout. MNIST is the file that
``SK_MNIST_CNN_DATA`` names, or else Keras downloads it. The results are written to ``docs/benchmarks``.
"""

import os
import time
import timeit
from itertools import pairwise

import numpy as np
from PIL import Image
from scipy import ndimage
from threadpoolctl import threadpool_limits

from sk_mnist_cnn import fetch_mnist, load_mnist_sample, load_pretrained, read_digits

from . import machine
from .options import benchmark_parser
from .pages import compose_clutter, compose_page, compose_pages, intersection_over_union
from .saved import save
from .table import measured_with, rst_table

SHEETS = "one number of 5 digits on a sheet"
KINDS = {  # arguments of `compose_pages`
    "1 to 8 digits, separate": {},
    "1 to 8 digits, 15% touch": {"touching": 0.15},
    "5 digits, separate": {"length": (5, 5)},
    "5 digits, 15% touch": {"length": (5, 5), "touching": 0.15},
    SHEETS: {"length": (5, 5), "n_lines": 1, "height": 1000},
}
CLUTTER = "lines, stains and frames, no digits"
FULL = "500 digits"
N_CLUTTER = 100


class Baseline:
    """Otsu's threshold in tiles, connected components, and equal cuts of wide ones."""

    def __init__(self, model):
        self.model = model

    def __call__(self, picture):
        """Return the boxes, the labels and the lines of the components."""
        dark = ndimage.uniform_filter(picture.astype(float), 101, mode="nearest") - picture
        labels, _ = ndimage.label(dark > max(20, _otsu(dark[dark > 10])), np.ones((3, 3)))
        boxes = []
        for rows, columns in ndimage.find_objects(labels):
            height, width = rows.stop - rows.start, columns.stop - columns.start
            if 12 <= height <= 150 and width <= 8 * height:
                n = max(1, round(width / height / 1.1))
                edges = np.linspace(columns.start, columns.stop, n + 1).astype(int)
                boxes += [(rows.start, *edge, rows.stop) for edge in pairwise(edges)]
        if not boxes:
            return np.zeros((0, 4), int), np.zeros(0, int), np.zeros(0, int)
        boxes = np.array(boxes)[:, [0, 1, 3, 2]]
        images = np.stack([_center(dark[top:bottom, left:right]) for top, left, bottom, right in boxes])
        line, bottom = np.zeros(len(boxes), int), -1
        for i in np.argsort(boxes[:, 0]):
            line[i] = line.max() + (boxes[i, 0] > bottom)
            bottom = max(bottom, boxes[i, 2])
        order = np.lexsort((boxes[:, 1], line))
        return boxes[order], self.model.predict(images)[order], line[order]


def _otsu(levels):
    counts, edges = np.histogram(levels, 128)
    middles, below = (edges[:-1] + edges[1:]) / 2, counts.cumsum()
    mass = (counts * middles).cumsum()
    with np.errstate(invalid="ignore", divide="ignore"):
        between = (mass[-1] * below / below[-1] - mass) ** 2 / (below * (below[-1] - below))
    return middles[np.nanargmax(between[:-1])]


def _center(dark):
    """Return 28x28 pixels with the digit in a box of 20, centered by its mass."""
    ink = np.clip(255 * dark / np.percentile(dark, 98), 0, 255).astype(np.uint8)
    height, width = (max(1, round(20 * side / max(ink.shape))) for side in ink.shape)
    small = np.pad(np.asarray(Image.fromarray(ink).resize((width, height))), 14)
    down, right = np.rint(ndimage.center_of_mass(small)).astype(int)
    return small[down - 14 : down + 14, right - 14 : right + 14]


class Reader:
    """`read_digits`."""

    def __init__(self, model):
        self.model = model

    def __call__(self, picture):
        """Return the boxes, the labels and the lines of the digits."""
        digits = read_digits(self.model, picture)
        return digits.boxes, digits.labels, digits.line_index


def measure_pages(reader, pages):
    """Return the shares of separate digits found and read, of numbers right, and CPU seconds per page."""
    n_digits = n_found = n_read = n_numbers = n_right = n_pages = seconds = 0
    for page in pages:
        start = time.process_time()
        boxes, labels, line = reader(page.picture)
        seconds += time.process_time() - start
        n_pages += 1
        texts = _texts_by_row(page, boxes, labels, line)
        overlap = intersection_over_union(page.boxes, boxes)
        best = overlap.argmax(axis=1) if len(boxes) else np.zeros(len(page.boxes), int)
        found = overlap.max(axis=1, initial=0) > 0.5
        truth = np.array([int(digit) for text in page.lines for digit in text])
        separate = ~page.touches & ~np.append(page.touches[1:], False)
        n_digits += separate.sum()
        n_found += (found & separate).sum()
        n_read += sum(labels[best[i]] == truth[i] for i in np.flatnonzero(found & separate))
        for number, text in enumerate(page.lines):
            if len(text) == 5:
                n_numbers += 1
                n_right += texts[number] == text
    return n_found / n_digits, n_read / n_digits, n_right / max(n_numbers, 1), seconds / n_pages


def _texts_by_row(page, boxes, labels, line):
    """Return what was read in the place of each line; two found lines in one place give no text."""
    texts = []
    for number in range(len(page.lines)):
        rows = page.boxes[page.line == number]
        middle = boxes[:, [0, 2]].mean(axis=1)
        inside = (rows[:, 0].min() <= middle) & (middle < rows[:, 2].max())
        is_one_line = len(np.unique(line[inside])) == 1
        texts.append("".join(map(str, labels[inside])) if is_one_line else None)
    return texts


def main(arguments=None):
    options = parse(arguments)
    flags = " --quick" if options.quick else f" --digits {options.digits}"
    mnist = load_mnist_sample() if options.quick else fetch_mnist(os.environ.get("SK_MNIST_CNN_DATA"))
    n_digits = 60 if options.quick else options.digits
    rows = measure(mnist.x_test[:n_digits], mnist.y_test[:n_digits], 1 if options.quick else N_CLUTTER)
    results = {"machine": machine.describe(f"python -m tests.benchmarks.reading{flags}"), "rows": []}
    with threadpool_limits(1):  # threads that wait for each other take CPU time
        for row in rows:
            print(row, flush=True)
            results["rows"].append(row)
    save(results, "reading", options.output)
    (options.output / "reading.rst").write_text(as_rst(results), encoding="utf-8")


def parse(arguments):
    parser = benchmark_parser("tests.benchmarks.reading", __doc__)
    parser.add_argument("--digits", type=int, default=10000, help="number of test digits (%(default)s)")
    return parser.parse_args(arguments)


def measure(images, labels, n_clutter):
    """Yield the results of each method on all kinds of pages."""
    model = load_pretrained()
    readers = {"read_digits": Reader(model), "connected components": Baseline(model)}
    for kind, arguments in KINDS.items():
        written = np.s_[::5] if kind == SHEETS else np.s_[:]  # a sheet takes as long as a page of 27 digits
        for name, reader in readers.items():
            pages = compose_pages(images[written], labels[written], **arguments)
            found, read, right, seconds = measure_pages(reader, pages)
            yield {
                "pages": kind,
                "method": name,
                "found": found,
                "read": read,
                "numbers": right,
                "seconds": seconds,
            }
    for name, reader in readers.items():
        n_false = sum(len(reader(picture)[0]) for picture in compose_clutter(n_clutter))
        yield {"pages": CLUTTER, "method": name, "false_digits": 10 * n_false / n_clutter}
    for name, reader in readers.items():
        yield {"pages": FULL, "method": name, "seconds": measure_full_page(reader, images, labels)}


def measure_full_page(reader, images, labels):
    """Return the CPU seconds for one page of 500 digits, the best of three runs."""
    index = np.arange(500) % len(images)
    groups = np.split(index, 25)
    page = compose_page(
        [images[group] for group in groups],
        [labels[group] for group in groups],
        0,
        "white",
        np.random.default_rng(0),
        sizes=(30, 40),
    )
    return min(timeit.repeat(lambda: reader(page.picture), timer=time.process_time, number=1, repeat=3))


def as_rst(results):
    """Return the table."""
    columns = {
        "found": ("separate digits found", "{:.2%}"),
        "read": ("separate digits read", "{:.2%}"),
        "numbers": ("five-digit numbers read", "{:.1%}"),
        "false_digits": ("false digits on ten pages", "{:.1f}"),
        "seconds": ("CPU seconds per page", "{:.2f}"),
    }
    rows = [["pages", "method", *(title for title, _ in columns.values())]]
    for row in results["rows"]:
        cells = (form.format(row[name]) if name in row else "" for name, (_, form) in columns.items())
        rows.append([row["pages"], row["method"], *cells])
    comment = ".. This file is written by tests/benchmarks/reading.py."
    table = rst_table("Numbers on composed pages", rows)
    return "\n\n".join([comment, measured_with(results["machine"]), table]) + "\n"


if __name__ == "__main__":
    main()
