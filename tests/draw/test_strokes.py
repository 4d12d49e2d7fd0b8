import numpy as np
import pytest

from sk_mnist_cnn.draw._strokes import are_side_by_side, check_strokes, draw
from tests.draw.strokes import DIGITS, beside


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


def test_digits_side_by_side_are_two_parts():
    def parts(strokes):
        return are_side_by_side([np.array(stroke) for stroke in strokes])

    assert all(parts(beside(DIGITS[digit], DIGITS[9 - digit])) for digit in range(10))
    assert not any(map(parts, DIGITS.values()))
    low = [(0.9, 0.75), (0.95, 0.8)]
    assert not parts([*DIGITS[7], low])
