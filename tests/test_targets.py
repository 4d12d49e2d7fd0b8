"""Labels, weights and splits as pure functions. How `fit` uses them is tested in `tests.classifier`."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sk_mnist_cnn._training.targets import (
    ImageDataset,
    check_classes,
    check_sample_weight,
    encode_labels,
    stratified_split,
    weigh_images,
)


def training_weights(labels, class_weight, sample_weight=None, *, indices=None, is_complete=True):
    """Return the training weights of samples of the classes 0 and 1."""
    labels = np.array(labels)
    weights = check_sample_weight(sample_weight, len(labels))
    indices = np.flatnonzero(weights) if indices is None else np.array(indices)
    images = ImageDataset(np.zeros((len(labels), 1)), labels, weights, indices)
    images = weigh_images(images, class_weight, np.array([0, 1]), "float64", is_complete=is_complete)
    return images.weights[images.indices]


def test_class_weights_of_a_batch_do_not_depend_on_its_labels():
    class_weight = {0: 1, 1: 3}
    assert_allclose(training_weights([0, 0], class_weight, is_complete=False), 0.5)
    assert_allclose(training_weights([1, 1], class_weight, is_complete=False), 1.5)
    assert_allclose(training_weights([0, 1], class_weight, is_complete=False), [0.5, 1.5])


def test_sample_weights_of_a_batch_are_divided_by_their_mean():
    assert_allclose(training_weights([0, 0], {0: 1, 1: 3}, [10, 30], is_complete=False), [0.25, 0.75])
    assert_allclose(training_weights([0, 0], None, [10, 30], is_complete=False), [0.5, 1.5])


def test_balanced_weights_ignore_samples_with_zero_weight():
    assert_allclose(training_weights([0, 0, 0, 1], "balanced", [1, 0, 0, 1]), 1)


def test_balanced_weights_ignore_validation_samples():
    assert_allclose(training_weights([0, 0, 0, 1], "balanced", indices=[2, 3]), 1)


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


def test_few_of_many_unknown_labels_are_shown():
    with pytest.raises(ValueError, match=r"got \[\d+(, \d+){9}, \.\.\.\] \(5000 labels\)") as raised:
        encode_labels(np.arange(1000, 6000), np.arange(1000))
    assert "the classes [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...] (1000 labels)" in str(raised.value)
    with pytest.raises(ValueError, match=r"at the first call, \[0, .*\(1000 labels\), got \[0, 1\]\."):
        check_classes([0, 1], np.arange(1000))
