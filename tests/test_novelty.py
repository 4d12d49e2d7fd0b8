"""`ImageNoveltyDetector`: scikit-learn's checks, what it detects, and its state."""

import pickle
from unittest import SkipTest

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_mnist_cnn import (
    ImageNoveltyDetector,
    MNISTNormalizer,
    load_mnist_sample,
    load_model,
    load_pretrained,
    save_model,
)


@pytest.fixture(scope="module")
def sample():
    return load_mnist_sample()


@pytest.fixture(scope="module")
def detector(sample):
    """A detector fitted on the shipped training digits, never refitted."""
    return ImageNoveltyDetector().fit(sample.x_train, sample.y_train)


@pytest.mark.filterwarnings("ignore:.* features are not a square gray image:UserWarning")
@parametrize_with_checks([ImageNoveltyDetector()])
def test_estimator_checks(estimator, check):
    try:
        check(estimator)
    except SkipTest:
        assert check.func.__name__ == "check_array_api_input"
        raise


@pytest.mark.parametrize(
    ("contamination", "tolerance"), [(0.01, 0.015), pytest.param(0.1, 0.05, marks=pytest.mark.slow)]
)
def test_contamination_is_the_share_of_outliers(detector, sample, contamination, tolerance):
    if contamination != detector.contamination:
        detector = ImageNoveltyDetector(contamination).fit(sample.x_train, sample.y_train)
    assert np.mean(detector.predict(sample.x_train) < 0) == pytest.approx(contamination, abs=0.001)
    assert np.mean(detector.predict(sample.x_test) < 0) == pytest.approx(contamination, abs=tolerance)


@pytest.mark.slow
def test_shipped_detector_meets_its_contamination_on_test_digits(mnist):
    share = np.mean(load_pretrained("mnist_novelty").predict(mnist.x_test) < 0)
    assert share == pytest.approx(0.01, abs=0.0025)
    assert f"{share:.2%} of MNIST's test digits" in " ".join(ImageNoveltyDetector.__doc__.split())


def rotated(images):
    return np.rot90(images, axes=(1, 2))


def side_by_side(images):
    pairs = np.concatenate([images[:-1], images[1:]], axis=2)[:, ::2, ::2]
    return np.pad(pairs, [(0, 0), (7, 7), (0, 0)])


@pytest.mark.parametrize(("change", "least"), [(rotated, 0.99), (side_by_side, 0.99)])
def test_detects_images_that_are_no_digits(detector, sample, change, least):
    images = sample.x_test[~np.isin(sample.y_test, [0, 1, 8])]
    scores = np.concatenate([detector.score_samples(images), detector.score_samples(change(images))])
    is_digit = np.arange(len(scores)) < len(images)
    assert roc_auc_score(is_digit, scores) > least


def test_detects_blank_images(detector):
    blank = np.stack([np.full((28, 28), level, np.uint8) for level in (0, 128, 255)])
    assert_array_equal(detector.predict(blank), [-1, -1, -1])


def share_of_outliers(X, y, images):
    return np.mean(ImageNoveltyDetector().fit(X, y).predict(images) < 0)


@pytest.fixture(scope="module")
def few(sample):
    """A training set of 1,000 digits."""
    return sample.x_train[::8], sample.y_train[::8]


@pytest.mark.parametrize("extra", ["copies of a digit", "blank images"])
def test_a_class_of_equal_images_does_not_hide_others(extra, few, sample):
    X, y = few
    copies = np.repeat(X[:1] if extra == "copies of a digit" else np.zeros_like(X[:1]), 40, axis=0)
    rotated_digits = rotated(sample.x_test[~np.isin(sample.y_test, [0, 1, 8])])
    with_copies = share_of_outliers(
        np.concatenate([X, copies]), np.append(y, np.repeat(10, 40)), rotated_digits
    )
    assert with_copies > share_of_outliers(X, y, rotated_digits) - 0.03 > 0.5


def test_repeated_images_change_neither_neighbors_nor_threshold(few, sample):
    X, y = few
    twice = ImageNoveltyDetector().fit(np.repeat(X, 2, axis=0), np.repeat(y, 2))
    assert len(twice.samples_) == len(X)
    assert np.mean(twice.predict(sample.x_test) < 0) < 0.05


@pytest.mark.parametrize("n_labels", [1, 10])
def test_equal_images_are_the_only_inliers(n_labels, few, sample):
    digits = few[0][:n_labels]
    X, y = np.repeat(digits, 5, axis=0), np.repeat(np.arange(n_labels), 5)
    detector = ImageNoveltyDetector().fit(X, y)
    assert_array_equal(detector.predict(digits), np.ones(n_labels))
    assert np.isfinite(detector.precision_).all()
    assert np.mean(detector.predict(sample.x_test) < 0) > 0.9


def test_two_images_of_each_class_are_enough(few, sample):
    X, y = few
    pairs = np.concatenate([np.flatnonzero(y == digit)[:2] for digit in range(10)])
    detector = ImageNoveltyDetector().fit(X[pairs], y[pairs])
    assert detector.offset_ < 0
    blank = np.zeros((1, 28, 28), np.uint8)
    assert detector.predict(blank) == -1


@pytest.mark.filterwarnings("ignore:.* seem to show several digits")  # halves have several parts
def test_labels_improve_the_detection(detector, sample):
    without = ImageNoveltyDetector().fit(sample.x_train)
    digits = sample.x_test[:500]
    halves = MNISTNormalizer(invert=False).transform(np.pad(digits[:, :14], [(0, 0), (4, 4), (4, 4)]))
    images, is_digit = np.concatenate([digits, halves]), np.repeat([True, False], len(digits))
    auc = [roc_auc_score(is_digit, model.score_samples(images)) for model in (detector, without)]
    assert auc[0] > auc[1] + 0.02


def test_labels_may_be_strings_and_are_used_by_fit_predict(sample):
    X, y = sample.x_train[:1000], sample.y_train[:1000]
    labels = ImageNoveltyDetector(0.1).fit_predict(X, y.astype(str))
    assert_array_equal(labels, ImageNoveltyDetector(0.1).fit(X, y).predict(X))
    assert np.any(labels != ImageNoveltyDetector(0.1).fit_predict(X))


def test_takes_the_pictures_of_a_normalizer(sample):
    picture = np.pad(255 - sample.x_test[0], 20, constant_values=255)
    blank = np.full((50, 40), 255, np.uint8)
    model = make_pipeline(MNISTNormalizer(), load_pretrained("mnist_novelty"))
    with pytest.warns(UserWarning, match=r"^1 of 2 pictures become black.* The first is X\[1\]"):
        assert_array_equal(model.predict([picture, blank]), [1, -1])


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 3), (1, 30), (40, 25), (2, 2), (1, 1)])
def test_images_may_have_any_shape(shape):
    X = np.random.default_rng(0).uniform(size=(60, *shape))
    labels = ImageNoveltyDetector(0.1, image_shape=shape).fit_predict(X.reshape(60, -1))
    assert np.sum(labels < 0) <= 6


def test_brightness_and_layout_do_not_change_the_score(detector, sample):
    images = sample.x_test[:50]
    scores = detector.score_samples(images)
    assert_allclose(detector.score_samples(images.reshape(50, -1)), scores, rtol=1e-5)
    assert_allclose(detector.score_samples(images[..., np.newaxis] / 255 * 0.5 + 0.1), scores, rtol=1e-3)
    assert_allclose(detector.decision_function(images), scores - detector.offset_)


def test_survives_saving_and_pickling(detector, sample, tmp_path):
    save_model(detector, tmp_path / "detector.skops")
    expected = detector.score_samples(sample.x_test[:50])
    for copy in (load_model(tmp_path / "detector.skops"), pickle.loads(pickle.dumps(detector))):
        assert_array_equal(copy.score_samples(sample.x_test[:50]), expected)


def test_a_failed_fit_changes_nothing(sample):
    detector = ImageNoveltyDetector().fit(sample.x_train[:500], sample.y_train[:500])
    before = dict(vars(detector))
    with pytest.raises(ValueError, match=r"two images of each class, got n_samples = 1"):
        detector.fit(sample.x_train[:500], np.append(sample.y_train[:499], 10))
    assert vars(detector) == before


def test_must_be_fitted(sample):
    with pytest.raises(NotFittedError):
        ImageNoveltyDetector().predict(sample.x_test)
