"""Labels, weights and splits as pure functions. What `fit` makes of them is tested in `tests.classifier`."""

import numpy as np
from numpy.testing import assert_array_equal

from sk_mnist_cnn._targets import stratified_split
from sk_mnist_cnn._training import ImageDataset


def test_stratified_split_keeps_class_proportions():
    labels = np.repeat([0, 1, 2], [100, 40, 10])
    indices = np.arange(150)[::-1][: 150 - 10]  # without ten samples of class 0
    images = ImageDataset(np.zeros((150, 1)), labels, np.ones(150), indices)

    def split(seed):
        return [part.indices for part in stratified_split(images, np.arange(3), 0.2, seed)]

    training, validation = split(seed=0)
    assert np.bincount(labels[validation]).tolist() == [18, 8, 2]
    assert sorted([*training, *validation]) == sorted(indices)
    assert_array_equal(split(seed=0)[1], validation)
    assert not np.array_equal(np.sort(split(seed=1)[1]), np.sort(validation))
