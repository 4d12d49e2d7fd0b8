"""`validation_split`, and the validation data passed to `fit`."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import ImagePreprocessor
from sk_mnist_cnn._training.targets import labeled_images, stratified_split
from tests.estimators import same_training

from .conftest import classifier

LETTERS = np.array(list("jihgfedcba"))  # not sorted


def test_validation_split_is_not_trained_on(data, reference):
    fitted = classifier(validation_split=0.2).fit(*data)
    n_correct = np.array(fitted.history_["val_accuracy"]) * 60
    assert_allclose(n_correct, np.rint(n_correct), atol=1e-4)
    n_correct = np.array(fitted.history_["accuracy"]) * 240
    assert_allclose(n_correct, np.rint(n_correct), atol=1e-4)
    assert not same_training(fitted, reference)


@pytest.mark.parametrize("params", [{"validation_split": 0.2}, {"early_stopping": True}], ids=str)
def test_raises_for_class_with_one_sample(params, data, no_training):
    X, y = data
    labels = LETTERS[y]
    chosen = np.r_[np.flatnonzero(labels != "c"), np.flatnonzero(labels == "c")[0]]
    with pytest.raises(ValueError, match=r"validation_split=0\.[12] .*1 of class .*c.*X_val"):
        classifier(**params).fit(X[chosen], labels[chosen])


def test_raises_for_validation_split_smaller_than_number_of_classes(data, no_training):
    with pytest.raises(ValueError, match=r"validation_split=0\.01 "):
        classifier(validation_split=0.01).fit(*data)


def test_validation_data_is_evaluated_and_not_trained_on(data, reference):
    X, y = data
    fitted = classifier().fit(X, y, X_val=X[:100].reshape(100, 64), y_val=y[:100])
    assert_array_equal(fitted.predict_proba(X), reference.predict_proba(X))
    assert {name: fitted.history_[name] for name in reference.history_} == reference.history_
    assert_allclose(fitted.history_["val_accuracy"][-1], fitted.score(X[:100], y[:100]), rtol=1e-6)
    p = fitted.predict_proba(X[:100])[np.arange(100), y[:100]]
    assert_allclose(fitted.history_["val_loss"][-1], -np.log(p).mean(), rtol=1e-4)


def test_validation_data_replaces_validation_split(data, reference):
    X, y = data
    fitted = classifier(validation_split=0.5).fit(X, y, X_val=X[:10], y_val=y[:10])
    assert_array_equal(fitted.predict_proba(X), reference.predict_proba(X))


def test_sample_weight_val(data):
    X, y = data
    weights = (np.arange(100) % 2) * 3.0
    weighted = classifier(epochs=1).fit(X, y, X_val=X[:100], y_val=y[:100], sample_weight_val=weights)
    odd_samples = classifier(epochs=1).fit(X, y, X_val=X[1:100:2], y_val=y[1:100:2])
    for name in ("val_loss", "val_accuracy"):
        assert_allclose(weighted.history_[name], odd_samples.history_[name], rtol=1e-5)


def test_class_weight_does_not_apply_to_validation(data):
    X, y = data
    params = {"epochs": 1, "class_weight": {3: 50.0}, "validation_split": 0.5}
    fitted = classifier(**params).fit(X, y)
    images = labeled_images(X, y, None, fitted.classes_)
    validation = stratified_split(images, fitted.classes_, 0.5, fitted._seed)[1].indices
    assert fitted.history_["val_accuracy"][0] == pytest.approx(fitted.score(X[validation], y[validation]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X_val": np.zeros((3, 64))}, "must be passed together, .* got only X_val[.]"),
        ({"y_val": np.zeros(3, int)}, "must be passed together, .* got only y_val[.]"),
        ({"sample_weight_val": np.ones(3)}, "must be passed together, .* got only sample_weight_val[.]"),
        ({"X_val": np.zeros((3, 63)), "y_val": np.zeros(3, int)}, "63 features"),
        ({"X_val": np.zeros((3, 4, 16)), "y_val": np.zeros(3, int)}, r"\(4, 16, 1\)"),
        ({"X_val": np.zeros((3, 64)), "y_val": np.zeros(2, int)}, "inconsistent numbers of samples"),
        ({"X_val": np.zeros((3, 64)), "y_val": np.full(3, 10)}, r"y_val .*among the classes .*\[10\]"),
        ({"X_val": np.full((3, 64), np.nan), "y_val": np.zeros(3, int)}, "X_val.* must be like X.*NaN"),
    ],
    ids=["X_val", "y_val", "weights", "features", "layout", "lengths", "labels", "nan"],
)
def test_raises_for_invalid_validation_data(arguments, message, data, no_training):
    unfitted = classifier()
    with pytest.raises(ValueError, match=message):
        unfitted.fit(*data, **arguments)
    assert not hasattr(unfitted, "classes_")


def test_early_stopping_sets_aside_a_tenth_by_default(data):
    stopped = classifier(epochs=1, early_stopping=True).fit(*data)
    assert stopped.history_ == classifier(epochs=1, validation_split=0.1).fit(*data).history_


def test_pipeline_transforms_validation_data():
    X, y = load_digits(return_X_y=True)
    with sklearn.config_context(enable_metadata_routing=True):
        cnn = classifier(early_stopping=True).set_fit_request(X_val=True, y_val=True)
        model = make_pipeline(ImagePreprocessor(max_value="auto"), cnn, transform_input=["X_val"])
        model.fit(X[:1000], y[:1000], X_val=X[1000:], y_val=y[1000:])
    scaler = ImagePreprocessor().fit(X[:1000])
    expected = classifier(early_stopping=True).fit(
        scaler.transform(X[:1000]), y[:1000], X_val=scaler.transform(X[1000:]), y_val=y[1000:]
    )
    assert model[-1].history_ == expected.history_


def test_warns_of_raw_pixels_in_validation_images(data):
    X, y = data
    raw = (X[:50] * 16).astype(np.uint8)
    with pytest.warns(UserWarning, match="X_val holds integer pixels up to 16"):
        classifier(epochs=1).fit(X, y, X_val=raw, y_val=y[:50])
