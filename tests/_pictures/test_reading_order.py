"""Reading order, lines and numbers of composed boxes."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sk_mnist_cnn._pictures.layout import arrange, attach

NO_MARKS = np.zeros((0, 4))
LINES = [[3, 2, 5], [1, 4], [5, 5, 1], [2], [4, 3, 3], [5, 2, 2]]  # lengths of the numbers of each line


def compose(lines, *, tilt=0.0, curve=0.0, pitch=1.8, space=0.25, gap=1.5, top=0, left=0):
    """Return the boxes of digits in reading order, and the line and the number of each one.

    Digits are about 40 pixels high, and some are as narrow as a 1. The lines are tilted by degrees, and wave
    by `curve` heights.
    """
    random = np.random.default_rng(0)
    rows, line, number, n_numbers = [], [], [], 0
    for i, lengths in enumerate(lines):
        x = 0.0
        for length in lengths:
            for _ in range(length):
                height = 40 * np.exp(random.normal(0, 0.12))
                width = height * random.choice([0.2, 0.6, 0.75])
                rows.append((x + width / 2, 40 * (pitch * i + random.normal(0, 0.06)), width, height))
                line.append(i)
                number.append(n_numbers)
                x += width + 40 * space * random.uniform(0.7, 1.4)
            x += 40 * (gap - space)
            n_numbers += 1
    x, y, width, height = np.array(rows).T
    angle = np.radians(tilt)
    column, row = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    row = row + 40 * curve * np.sin(column / 400) + top
    column = column + left
    boxes = np.stack([row - height / 2, column - width / 2, row + height / 2, column + width / 2], axis=1)
    return boxes, np.array(line), np.array(number)


def assert_read(boxes, line, number, **parameters):
    """Check the layout of boxes that are passed in another order."""
    shuffled = np.random.default_rng(1).permutation(len(boxes))
    layout = arrange(boxes[shuffled], parameters.pop("marks", NO_MARKS), **parameters)
    assert_array_equal(shuffled[layout.order], np.arange(len(boxes)))
    assert_array_equal(layout.line, line)
    assert_array_equal(layout.number, number)


@pytest.mark.parametrize("tilt", [-15, -8, 0, 5, 15])
@pytest.mark.parametrize("pitch", [1.3, 2.5])
def test_tilted_lines(tilt, pitch):
    assert_read(*compose(LINES, tilt=tilt, pitch=pitch))


@pytest.mark.parametrize("curve", [-1.5, 1, 2])
def test_curved_lines(curve):
    assert_read(*compose(LINES, curve=curve, tilt=4))


def test_widely_spaced_digits_are_one_number():
    assert_read(*compose([[5], [4], [6]], space=1.2))


def test_columns_whose_lines_differ_are_read_one_after_the_other():
    one, two = compose([[4]] * 6), compose([[5]] * 4, pitch=2.6, top=30, left=500)
    boxes = np.concatenate([one[0], two[0]])
    line, number = (np.concatenate([one[i], two[i] + 6]) for i in (1, 2))
    assert_read(boxes, line, number)


def test_rows_of_a_table_are_lines():
    assert_read(*compose([[3, 3]] * 5, gap=12))


def test_sparse_cells_are_read_row_by_row():
    random = np.random.default_rng(3)
    cells = [(i, j) for i in range(9) for j in range(9) if random.random() < 0.35]
    rows, columns = 70 * np.array(cells).T + random.normal(0, 5, (2, len(cells)))
    boxes = np.stack([rows - 20, columns - 13, rows + 20, columns + 13], axis=1)
    _, line = np.unique([i for i, _ in cells], return_inverse=True)
    layout = arrange(boxes, NO_MARKS)
    assert_array_equal(layout.order, np.arange(len(cells)))
    assert_array_equal(layout.line, line)


def test_ruled_lines_end_numbers():
    boxes, line, _ = compose([[4], [4]], space=0.4)
    edges = (boxes[1, 3] + boxes[2, 1]) / 2
    rules = np.zeros((120, 200))
    rules[:, round((edges + 40) / 2)] = 1
    rules[50] = 1  # under the digits
    assert_read(boxes + 40, line, [0, 0, 1, 1, 2, 2, 3, 3], rules=rules, scale=0.5)


def test_squared_paper_has_no_cells():
    boxes, line, _ = compose([[4], [4]], space=0.4)
    boxes = boxes + 40
    rules = np.zeros((240, 400))
    rules[:, round((boxes[1, 3] + boxes[2, 1]) / 2)] = 1  # between two digits
    for top, left, bottom, right in boxes.round().astype(int):
        rules[:, (left + right) // 2] = 1  # through a digit, whose ink hides it
        rules[top:bottom, left:right] = 0
    assert_read(boxes, line, [0] * 4 + [1] * 4, rules=rules, scale=1.0)


def test_marks_within_a_number_bridge_its_gaps():
    boxes = np.array([[0, left, 40, left + 25] for left in (0, 30, 60, 125, 155)])
    dash = np.array([[18, 92, 22, 118]])
    assert_array_equal(arrange(boxes, NO_MARKS).number, [0, 0, 0, 1, 1])
    assert_array_equal(arrange(boxes, dash).number, [0, 0, 0, 0, 0])


def test_marks_belong_to_the_digit_beside_them():
    boxes = np.array([[0, 0, 40, 25], [0, 60, 40, 85], [100, 0, 140, 25]])
    marks = np.array([[36, 28, 42, 34], [38, 88, 50, 93], [18, 200, 22, 220], [70, 5, 80, 15]])
    assert_array_equal(attach(marks, boxes), [0, 1, -1, -1])
    assert_array_equal(attach(marks, boxes[:0]), [-1] * 4)


@pytest.mark.parametrize("n_boxes", [0, 1])
def test_few_digits(n_boxes):
    layout = arrange(np.array([[0, 0, 40, 25]])[:n_boxes], NO_MARKS)
    assert all(values.tolist() == [0] * n_boxes for values in layout)
