import numpy as np
import pytest

from sk_mnist_cnn.draw._strokes import MAX_POINTS, MAX_STROKES, are_side_by_side, check_strokes, draw
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


def test_digits_side_by_side_are_two_parts():
    def parts(strokes):
        return are_side_by_side([np.array(stroke) for stroke in strokes])

    assert all(parts(beside(DIGITS[digit], DIGITS[9 - digit])) for digit in range(10))
    assert not any(map(parts, DIGITS.values()))
    low = [(0.9, 0.75), (0.95, 0.8)]
    assert not parts([*DIGITS[7], low])


def test_any_strokes_side_by_side_are_found():
    """Compare with the definition, for random strokes."""

    def by_definition(strokes):
        strokes = sorted(strokes, key=lambda stroke: stroke[:, 0].min())
        for i in range(1, len(strokes)):
            left, right = np.concatenate(strokes[:i]), np.concatenate(strokes[i:])
            heights = np.ptp(left[:, 1]), np.ptp(right[:, 1])
            if left[:, 0].max() < right[:, 0].min() and min(heights) > max(heights) / 2:
                return True
        return False

    random = np.random.default_rng(0)
    found = []
    for _ in range(500):
        n_strokes = random.integers(1, 6)
        strokes = [random.random(2) + random.normal(0, 0.1, (3, 2)) for _ in range(n_strokes)]
        found.append(are_side_by_side(strokes))
        assert found[-1] == by_definition(strokes)
    assert 50 < sum(found) < 450


def test_side_by_side_reads_every_point_once():
    class Stroke(np.ndarray):
        n_read = 0

        def min(self, *args, **kwargs):
            Stroke.n_read += len(self)
            return super().min(*args, **kwargs)

    strokes = [np.full((2, 2), [i / 1000, 0.5]).view(Stroke) for i in range(1000)]
    assert not are_side_by_side(strokes)
    assert Stroke.n_read == 2000
