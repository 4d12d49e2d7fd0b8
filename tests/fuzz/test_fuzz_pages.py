"""Bad pages: the work that `read_digits` does on them is bounded, whatever is on them.

The work is counted, not timed: the bytes allocated, the pixels given to networks, and the marks returned. The
bytes that ONNX Runtime allocates are those that the largest of its inputs needs.
"""

import tracemalloc
from contextlib import contextmanager

import numpy as np
import onnxruntime
import pytest
from PIL import Image, ImageDraw, ImageFont

from sk_mnist_cnn import load_mnist_sample, load_pretrained, read_digits

pytestmark = pytest.mark.filterwarnings("ignore:The picture can be read as turned")

SHAPES = [
    pytest.param((600, 800), id="small"),
    pytest.param((3000, 4000), id="12 megapixels"),
]

# Limits. The page is enlarged twice, or reduced to at most 1,800 pixels of height and width.
MAX_BYTES = 5e8
BYTES_PER_PIXEL = 250  # of the feature maps of the page network, measured
MAX_PIXELS_PER_PIXEL = 8  # that networks are given, all scales and orientations of a page together
MAX_MARKS = 3000  # read or rejected; each may be given to networks several times
PIXELS_PER_MARK = 784 * 40


def lines(draw, segments, width):
    for segment in segments:
        draw.line([tuple(point) for point in segment], fill=0, width=width)


def dots(draw, height, width, random):
    for y in range(10, height, height // 40):
        for x in range(10, width, width // 50):
            draw.ellipse((x, y, x + 3, y + 3), fill=0)


def dashes(draw, height, width, random):
    rows, columns = range(20, height, height // 15), range(20, width - 40, width // 20)
    lines(draw, [[(x, y), (x + width // 50, y + random.integers(-3, 4))] for y in rows for x in columns], 3)


def hatching(draw, height, width, random):
    for slope in (-1, 1):
        starts = range(-height, width + height, max(12, width // 60))
        lines(draw, [[(x, 0), (x + slope * height, height)] for x in starts], 2)


def comb(draw, height, width, random):
    lines(draw, [[(20, height // 3), (width - 20, height // 3)]], 4)
    lines(draw, [[(x, height // 3), (x, height // 2)] for x in range(20, width - 20, width // 80)], 3)


def spiral(draw, height, width, random):
    angle = np.linspace(0, 60 * np.pi, 6000)
    radius = min(height, width) / 2.1 * angle / angle[-1]
    points = np.stack([width / 2 + radius * np.cos(angle), height / 2 + radius * np.sin(angle)], axis=1)
    lines(draw, [points.tolist()], 3)


def text(draw, height, width, random):
    font = ImageFont.load_default(size=height // 30)
    letters = np.array(list("abcdefghijklmnop qrstuvwxyz, ABC. 0123456789"))
    for y in range(10, height - height // 30, height // 25):
        draw.text((10, y), "".join(random.choice(letters, 55)), fill=0, font=font)


def long_marks(draw, height, width, random):
    for y in range(height // 10, height, height // 8):
        xs = np.arange(10, width - 10, 6)
        points = np.stack([xs, y + height / 40 * np.sin(xs / 9) + random.normal(0, 2, len(xs))], axis=1)
        lines(draw, [points.tolist()], 5)


def specks_beside_a_large_mark(draw, height, width, random):
    draw.rectangle((width // 4, height // 8, width // 3, 7 * height // 8), fill=0)
    for x, y in zip(random.integers(0, width, 400), random.integers(0, height, 400), strict=True):
        draw.point([(x, y), (x + 1, y), (x, y + 1)], fill=0)


def scribbles(draw, height, width, random):
    for _ in range(40):
        steps = random.normal(0, min(height, width) / 60, (150, 2)).cumsum(axis=0)
        points = steps + random.uniform([0, 0], [width, height])
        lines(draw, [[tuple(point) for point in points.tolist()]], 4)


def noise(draw, height, width, random):
    size = width // 4, height // 4
    gray = Image.fromarray(random.integers(0, 256, size[::-1], dtype=np.uint8)).resize((width, height))
    draw.bitmap((0, 0), gray.point(lambda value: 255 * (value > 150), "1"), fill=0)


DRAWINGS = (
    dots,
    dashes,
    hatching,
    comb,
    spiral,
    text,
    long_marks,
    specks_beside_a_large_mark,
    scribbles,
    noise,
)


def compose(drawing, shape, seed=0):
    height, width = shape
    page = Image.new("L", (width, height), 255)
    drawing(ImageDraw.Draw(page), height, width, np.random.default_rng(seed))
    return page


@pytest.fixture(scope="module")
def model():
    model = load_pretrained()
    read_digits(model, compose(spiral, (60, 60)))  # loads the networks, whose memory is not of a page
    return model


@contextmanager
def counted_work(monkeypatch):
    """Yield a dict that has the peak of the allocated bytes and the pixels given to networks at the end."""
    work = {"pixels": 0, "pixels at once": 0}
    run = onnxruntime.InferenceSession.run

    def counted(session, outputs, inputs, *options):
        n_pixels = sum(np.size(array) for array in inputs.values())
        work["pixels"] += n_pixels
        work["pixels at once"] = max(work["pixels at once"], n_pixels)
        return run(session, outputs, inputs, *options)

    with monkeypatch.context() as patch:
        patch.setattr(onnxruntime.InferenceSession, "run", counted)
        tracemalloc.start()
        try:
            yield work
            work["bytes"] = tracemalloc.get_traced_memory()[1] + BYTES_PER_PIXEL * work["pixels at once"]
        finally:
            tracemalloc.stop()


def check_work(model, page, monkeypatch):
    """Check the work on a page, and return it."""
    with counted_work(monkeypatch) as work:
        digits = read_digits(model, page)
    n_marks = len(digits.boxes) + len(digits.rejected_boxes)
    n_pixels = np.prod([min(2 * side, 1800) for side in page.size])
    print(f"{work['bytes'] / 1e6:.0f} MB, {work['pixels'] / n_pixels:.1f} per pixel, {n_marks} marks")
    assert work["bytes"] <= MAX_BYTES
    assert n_marks <= MAX_MARKS
    assert work["pixels"] <= MAX_PIXELS_PER_PIXEL * n_pixels + PIXELS_PER_MARK * n_marks
    return work


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("drawing", DRAWINGS, ids=lambda drawing: drawing.__name__)
def test_work_on_bad_pages_is_bounded(model, drawing, shape, monkeypatch):
    check_work(model, compose(drawing, shape), monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_work_on_mixed_pages_is_bounded(model, seed, monkeypatch):
    random = np.random.default_rng(seed)
    page = compose(DRAWINGS[random.integers(len(DRAWINGS))], (1500, 2000), seed)
    for drawing in random.choice(DRAWINGS, 2, replace=False):
        height, width = random.integers(200, 900, 2)
        page.paste(compose(drawing, (height, width), seed), tuple(random.integers(0, 900, 2).tolist()))
    check_work(model, page, monkeypatch)


def test_a_long_mark_takes_little_memory(model, monkeypatch):
    page = Image.new("L", (1400, 300), 255)
    xs = np.arange(100, 1300, 4)
    points = np.stack([xs, 150 + 40 * np.sin(xs / 9)], axis=1)
    lines(ImageDraw.Draw(page), [points.tolist()], 6)
    assert check_work(model, page, monkeypatch)["bytes"] < 2.5e8


def test_networks_are_counted(model, monkeypatch):
    page = np.pad(load_mnist_sample().x_test[0], 20)
    assert check_work(model, Image.fromarray(page), monkeypatch)["pixels"] >= 784
