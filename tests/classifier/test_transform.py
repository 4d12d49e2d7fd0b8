"""`transform`: the classifier as a transformer that gives embeddings."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.svm import OneClassSVM

from sk_mnist_cnn import ImagePreprocessor
from tests.estimators import quick_classifier, same_training

from .conftest import classifier

EVERY_FORM = {
    "two dense layers": {},
    "one dense layer": {"dense_units": (12,)},
    "no dense layers": {"dense_units": ()},
    "no blocks": {"filters": (), "kernel_size": 3},
    "pixels": {"filters": (), "dense_units": ()},
    "float64": {"dtype": "float64"},
}


def keras_embeddings(fitted, X):
    """Return what the last layer of the Keras model receives."""
    import keras

    model = fitted.model_
    return keras.Model(model.inputs, model.layers[-2].output).predict(X, verbose=0)


@pytest.mark.parametrize("form", EVERY_FORM)
def test_embeddings_are_those_of_keras(form, data):
    X, y = data
    fitted = classifier(**EVERY_FORM[form]).fit(X, y)
    embeddings = fitted.transform(X)
    expected = np.asarray(keras_embeddings(fitted, X), np.float64)
    assert embeddings.dtype == ("float64" if form == "float64" else "float32")
    assert embeddings.shape == expected.shape
    assert_allclose(embeddings, expected, rtol=1e-4, atol=1e-5)
    names = fitted.get_feature_names_out()
    assert list(names) == [f"cnndigitclassifier{i}" for i in range(embeddings.shape[1])]


def test_last_layer_computes_probabilities_from_embeddings(fitted, digits):
    kernel, bias = fitted._weights[-2:]
    logits = fitted.transform(digits[0]) @ kernel + bias
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    assert_allclose(fitted.predict_proba(digits[0]), odds / odds.sum(axis=1, keepdims=True), atol=1e-5)


@pytest.mark.parametrize("n_images", [1, 2, 17, 256])
def test_embeddings_are_bit_identical_in_every_batch_and_layout(n_images, fitted, digits):
    X = digits[0][:n_images]
    expected = fitted.transform(digits[0])[:n_images]
    for layout in ((8, 8, 1), (8, 8), (64,)):
        assert_array_equal(fitted.transform(X.reshape(-1, *layout)), expected)


def test_raises_as_predict_does(fitted, digits):
    with pytest.raises(NotFittedError, match="CNNDigitClassifier"):
        classifier().transform(digits[0])
    with pytest.raises(ValueError, match="63 features"):
        fitted.transform(np.zeros((2, 63)))
    with pytest.raises(ValueError, match="NaN"):
        fitted.transform(np.full((2, 64), np.nan))
    with pytest.raises(
        ValueError, match=r"pixels from 0.5 to 1e\+30, for which the embeddings are not finite"
    ):
        fitted.transform(np.array([[0.5] * 63 + [1e30]]))
    with pytest.warns(UserWarning, match="integer pixels"):
        fitted.transform(np.full((1, 64), 16))


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_set_output_gives_frames(container, data):
    pytest.importorskip(container)
    X, y = data
    index = np.arange(len(X)) + 1000
    frame = pd.DataFrame(X.reshape(len(X), 64), index=index, columns=[f"pixel{i}" for i in range(64)])
    fitted = classifier(epochs=1).set_output(transform=container)
    first = fitted.fit_transform(frame, y)
    assert type(first).__module__.startswith(container)
    assert list(first.columns) == list(fitted.get_feature_names_out())
    assert first.shape == (len(X), 16)
    assert_array_equal(first.to_numpy(), fitted.set_output(transform="default").transform(frame))
    if container == "pandas":
        assert_array_equal(first.index, index)
    assert isinstance(fitted.predict_proba(frame), np.ndarray)


def test_fit_transform_hands_weights_and_validation_data_to_fit(data):
    X, y = data
    more = {"sample_weight": 1.0 + (y == 3), "X_val": X[:50], "y_val": y[:50]}
    fitted = classifier().fit(X, y, **more)
    other = classifier()
    assert_array_equal(other.fit_transform(X, y, **more), fitted.transform(X))
    assert same_training(other, fitted)


def test_weights_are_routed_to_a_classifier_in_the_middle_of_a_pipeline(data):
    X, y = data
    weights = (y < 5).astype(float)
    expected = classifier(epochs=1).fit(X, y, sample_weight=weights)
    with config_context(enable_metadata_routing=True):
        cnn = classifier(epochs=1).set_fit_request(sample_weight=True)
        knn = KNeighborsClassifier()
        model = make_pipeline(cnn, knn).fit(X, y, sample_weight=weights)
    assert same_training(model[0], expected)


def test_works_before_other_estimators(data):
    X, y = data
    raw = (X * 16).astype(np.uint8)
    steps = ImagePreprocessor(), quick_classifier(epochs=6)
    neighbors = make_pipeline(*map(clone, steps), KNeighborsClassifier()).fit(raw, y)
    assert neighbors.score(raw, y) > 0.8
    novelty = make_pipeline(*map(clone, steps), OneClassSVM()).fit(raw, y)
    assert set(novelty.predict(raw)) == {-1, 1}
    union = FeatureUnion([(f"seed {seed}", quick_classifier(random_state=seed)) for seed in (1, 2)])
    linear = make_pipeline(union, LogisticRegression(max_iter=1000)).set_output(transform="pandas")
    linear.fit(X, y)
    assert linear[0].transform(X).shape == (len(X), 32)
    assert linear.score(X, y) > 0.8


def test_a_frozen_classifier_transforms_and_is_not_fitted_again(fitted, digits):
    X, y = digits
    model = make_pipeline(FrozenEstimator(fitted), KNeighborsClassifier()).fit(X[:300], y[:300])
    assert_array_equal(model[:-1].transform(X), fitted.transform(X))
    assert model.score(X, y) > 0.8


def test_a_pipeline_that_ends_in_the_classifier_transforms(fitted_pipeline, digits):
    raw = (digits[0] * 16).reshape(-1, 64)[:20]
    assert fitted_pipeline.transform(raw).shape == (20, 16)
