"""Class weights in `fit` and `partial_fit`, and sample weights of any scale and form."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sk_mnist_cnn._targets import check_sample_weight, weigh_classes
from sk_mnist_cnn._training import ImageDataset
from tests.classifier.conftest import classifier
from tests.estimators import same_training

CLASSES = np.array([0, 1])


def weighted(labels, class_weight, sample_weight=None, *, whole=True):
    """Return the training weights of samples with these labels."""
    labels = np.array(labels)
    weights = check_sample_weight(sample_weight, len(labels))
    images = ImageDataset(np.zeros((len(labels), 1)), labels, weights, np.flatnonzero(weights))
    images = weigh_classes(images, class_weight, CLASSES, "float64", whole=whole)
    return images.weights[images.indices]


def test_class_weights_of_a_batch_do_not_depend_on_its_labels():
    class_weight = {0: 1, 1: 3}
    assert_allclose(weighted([0, 0], class_weight, whole=False), 0.5)
    assert_allclose(weighted([1, 1], class_weight, whole=False), 1.5)
    assert_allclose(weighted([0, 1], class_weight, whole=False), [0.5, 1.5])


def test_sample_weights_of_a_batch_are_divided_by_their_mean():
    assert_allclose(weighted([0, 0], {0: 1, 1: 3}, [10, 30], whole=False), [0.25, 0.75])
    assert_allclose(weighted([0, 0], None, [10, 30], whole=False), [0.5, 1.5])


def test_class_weight_has_an_effect_across_partial_fits(data):
    X, y = data
    heavy, equal = classifier(class_weight={3: 20}), classifier()
    for _ in range(6):
        for label in range(10):
            for clf in (heavy, equal):
                clf.partial_fit(X[y == label], y[y == label], classes=range(10))
    threes = X[y == 3]
    assert heavy.predict_proba(threes)[:, 3].mean() > equal.predict_proba(threes)[:, 3].mean()
    assert not same_training(heavy, equal)


def test_balanced_weights_ignore_samples_of_zero_weight(data):
    X, y = data
    sample_weight = np.where((y == 0) & (np.arange(len(y)) % 3 > 0), 0.0, 1.0)
    kept = sample_weight > 0
    with_zeros = classifier(class_weight="balanced").fit(X, y, sample_weight)
    without = classifier(class_weight="balanced").fit(X[kept], y[kept])
    assert_allclose(with_zeros.history_["loss"], without.history_["loss"], rtol=0.2)
    assert_allclose(weighted([0, 0, 0, 1], "balanced", [1, 0, 0, 1]), 1)


def test_balanced_weights_ignore_validation_samples():
    labels = np.array([0, 0, 0, 1])
    images = ImageDataset(np.zeros((4, 1)), labels, np.ones(4), np.array([2, 3]))
    training = weigh_classes(images, "balanced", CLASSES, "float64")
    assert_allclose(training.weights[training.indices], 1)


@pytest.mark.parametrize("scale", [1e308, 1e-308, 2.0**-1000])
def test_sample_weights_of_any_scale_train_alike(scale, data, reference):
    X, y = data
    assert same_training(classifier().fit(X, y, np.full(len(y), scale)), reference)


@pytest.mark.parametrize("scalar", [2, 2.0, np.float32(3)])
def test_a_number_is_the_weight_of_all_samples(scalar, data, reference):
    assert same_training(classifier().fit(*data, sample_weight=scalar), reference)


@pytest.mark.parametrize("weights", [np.ones(7), np.ones((300, 1)), [1.0]])
def test_raises_for_sample_weights_of_another_shape(weights, data):
    with pytest.raises(ValueError, match=r"sample_weight must have shape \(300,\), got"):
        classifier().fit(*data, sample_weight=weights)
    X, y = data
    with pytest.raises(ValueError, match=r"sample_weight_val must have shape \(300,\), got"):
        classifier().fit(X, y, X_val=X, y_val=y, sample_weight_val=weights)
