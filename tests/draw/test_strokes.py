import numpy as np
import pytest

from sk_mnist_cnn.draw._strokes import (
    MAX_POINTS,
    MAX_STROKES,
    check_strokes,
    draw,
    draw_several,
    group_strokes,
    is_dot,
)
from tests.draw.strokes import DIGITS, in_a_row


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        "strokes",
        [[]],
        [3],
        [[[0.1, 0.2, 0.3]]],
        [[[0.1, 0.2], [0.3]]],
        [[["a", "b"]]],
        [[[0.1, None]]],
        [[[0.1, float("nan")]]],
        [[[0.1, 1.5]]],
        [[[10**400, 0.5]]],
    ],
)
def test_strokes_must_be_lists_of_points(data):
    with pytest.raises(ValueError, match="strokes must be a non-empty list"):
        check_strokes(data)


def test_drawings_are_limited():
    point = [0.5, 0.5]
    check_strokes([[point]] * MAX_STROKES)
    check_strokes([[point] * MAX_POINTS])
    with pytest.raises(ValueError, match=rf"There are {MAX_STROKES + 1} strokes, more than {MAX_STROKES}\."):
        check_strokes([[point]] * (MAX_STROKES + 1))
    with pytest.raises(ValueError, match=rf"have {MAX_POINTS + 1} points, more than {MAX_POINTS}\."):
        check_strokes([[point], [point] * MAX_POINTS])


def test_picture_does_not_depend_on_size_and_place():
    large = [np.array(stroke) for stroke in DIGITS[3]]
    small = [stroke / 4 + 0.7 for stroke in large]
    difference = draw(large).astype(int) - draw(small)
    assert np.mean(difference != 0) < 0.01


@pytest.mark.parametrize("end", [(0.5, 0.5), (0.5, 0.9), (0.9, 0.5)], ids=["dot", "vertical", "horizontal"])
def test_draws_strokes_of_any_extent(end):
    picture = draw([np.array([(0.5, 0.5), end])])
    assert (picture == 0).any()
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    assert (border == 255).all()


def test_picture_of_several_digits_has_a_place_on_the_canvas():
    strokes = [np.array(stroke) for stroke in in_a_row([DIGITS[0], DIGITS[7]], height=0.3)]
    picture = draw_several(strokes)
    rows, columns = np.nonzero(picture.pixels == 0)
    [box] = picture.to_canvas(np.array([[rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]]))
    points = np.concatenate(strokes)
    assert box[:2] == pytest.approx(points.min(axis=0)[::-1], abs=0.03)
    assert box[2:] == pytest.approx(points.max(axis=0)[::-1], abs=0.03)


@pytest.mark.parametrize("height", [0, 0.001, 1], ids=["flat", "low", "high"])
def test_picture_of_several_digits_is_not_too_large(height):
    strokes = [np.array([(0, 0.5), (0, 0.5 + height / 2)]), np.array([(1, 0.5), (1, 0.5)])]
    assert max(draw_several(strokes).pixels.shape) < 1000


LEFT, RIGHT = [0, 0, 1, 0.4], [0, 0.5, 1, 1]  # boxes: top, left, bottom, right


@pytest.mark.parametrize(
    ("boxes", "strokes", "expected"),
    [
        ([LEFT, RIGHT], [[(0.7, 0), (0.7, 1)], [(0.1, 0), (0.3, 1)], [(0.9, 0.5)]], [(0, [1]), (1, [0, 2])]),
        ([LEFT, RIGHT], [[(0.1, 0.5), (0.9, 0.5)], [(0.7, 0), (0.7, 1)]], [(0, [0, 1])]),
        ([LEFT, RIGHT], [[(0, 0.5), (0.45, 0.5)], [(0.7, 0), (0.7, 1)]], [(0, [0]), (1, [1])]),
        ([LEFT, RIGHT], [[(0.45, 0.1)], [(0.2, 0.1), (0.2, 0.9)]], [(0, [1])]),
        ([LEFT, RIGHT], [[(0.45, 0.1)]], []),
        ([[0, 0, 1, 1], [0.5, 0.5, 1, 1]], [[(0.1, 0.1), (0.9, 0.1)], [(0.7, 0.6)]], [(0, [0]), (1, [1])]),
    ],
    ids=["separate", "divided stroke", "end outside", "between", "none", "box in a box"],
)
def test_groups_strokes(boxes, strokes, expected):
    strokes = [np.array(stroke) for stroke in strokes]
    groups = group_strokes(strokes, np.array(boxes))
    numbers = {id(stroke): number for number, stroke in enumerate(strokes)}
    assert [(box, [numbers[id(stroke)] for stroke in group]) for box, group in groups] == expected


def test_digits_are_no_dots():
    small = [np.array(stroke) * 0.2 for strokes in DIGITS.values() for stroke in strokes]
    assert not any(is_dot([stroke]) for stroke in small)
    assert is_dot([stroke / 10 for stroke in small[:1]])
