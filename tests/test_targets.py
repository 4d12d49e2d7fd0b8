"""Labels, weights and splits as pure functions. What `fit` makes of them is tested in `tests.classifier`."""

import numpy as np
from numpy.testing import assert_array_equal

from sk_mnist_cnn._targets import stratified_split


def test_stratified_split_keeps_class_proportions():
    positions = np.repeat([0, 1, 2], [100, 40, 10])
    indices = np.arange(150)[::-1][: 150 - 10]  # without ten samples of class 0
    kept, held_out = stratified_split(indices, positions, np.arange(3), 0.2, seed=0)
    assert np.bincount(positions[held_out]).tolist() == [18, 8, 2]
    assert sorted([*kept, *held_out]) == sorted(indices)
    again = stratified_split(indices, positions, np.arange(3), 0.2, seed=0)
    assert_array_equal(again[1], held_out)
    other = stratified_split(indices, positions, np.arange(3), 0.2, seed=1)
    assert not np.array_equal(np.sort(other[1]), np.sort(held_out))
