"""`FilterDisplay`."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.naive_bayes import GaussianNB

from sk_mnist_cnn.plotting import FilterDisplay
from tests.plotting.figures import assert_no_overlap, pixels, texts


def test_filters_are_the_weights(fitted_pipeline):
    display = FilterDisplay.from_estimator(fitted_pipeline)
    weights = fitted_pipeline[-1].model_.get_layer("conv_1").get_weights()[0]
    assert_array_equal(pixels(display.im_), weights[:, :, 0].transpose(2, 0, 1))
    assert list(display.im_) == list(display.ax_.images)
    assert texts(display.text_) == [str(i) for i in range(8)]
    low, high = display.im_[0].get_clim()
    assert -low == high == np.abs(weights).max()
    assert display.colorbar_.ax.get_ylabel() == "weight"
    assert_no_overlap(display.ax_)


def test_feature_maps_of_an_image(fitted, digits):
    display = FilterDisplay.from_estimator(fitted, digits[0][3])
    weights, bias = fitted.model_.get_layer("conv_1").get_weights()
    expected = np.tensordot(digits[0][3, 1:4, 2:5], weights, axes=3) + bias
    assert_allclose(display.feature_maps[:, 1, 2], expected.clip(min=0), atol=1e-5)
    assert_array_equal(pixels(display.im_), display.feature_maps)
    assert len({image.get_clim() for image in display.im_}) == 1
    assert "Feature maps" in display.ax_.get_title()
    assert display.colorbar_.ax.get_ylabel() == "activation"


@pytest.mark.parametrize(
    "convert",
    [
        lambda X: X[0],
        lambda X: X[:1],
        lambda X: X[0, :, :, 0],
        lambda X: X[0].ravel(),
        lambda X: X[0].ravel().tolist(),
        lambda X: X[:1].reshape(1, 64),
        lambda X: pd.DataFrame(X[:1].reshape(1, 64)),
    ],
)
def test_image_is_transformed_by_the_pipeline(fitted_pipeline, digits, convert):
    raw = digits[0][:2] * 16
    display = FilterDisplay.from_estimator(fitted_pipeline, convert(raw))
    direct = FilterDisplay.from_estimator(fitted_pipeline[-1], digits[0][0])
    assert_allclose(display.feature_maps, direct.feature_maps, atol=1e-6)


def test_rgb_filters(rgb_pipeline, rgb_rows):
    display = FilterDisplay.from_estimator(rgb_pipeline)
    shown = pixels(display.im_)
    assert shown.shape == (8, 3, 3, 3)
    assert 0 <= shown.min() < shown.max() <= 1
    assert display.colorbar_ is None
    assert FilterDisplay.from_estimator(rgb_pipeline, rgb_rows[0]).feature_maps.shape == (8, 6, 6)


def test_im_kw_and_text_kw(fitted):
    params = {"im_kw": {"cmap": "gray"}, "text_kw": {"ha": "left"}}
    display = FilterDisplay.from_estimator(fitted, **params)
    assert {im.get_cmap().name for im in display.im_} == {display.colorbar_.cmap.name} == {"gray"}
    assert {text.get_horizontalalignment() for text in display.text_} == {"left"}


def test_image_with_one_row(fitted):
    X, y = np.random.default_rng(0).random((20, 1, 9, 3)), np.arange(20) % 2
    clf = clone(fitted).set_params(epochs=1, filters=(4,)).fit(X, y)
    alone, first = (FilterDisplay.from_estimator(clf, image) for image in (X[0], X[:1]))
    assert_array_equal(alone.feature_maps, first.feature_maps)


def test_plots_on_given_axes(fitted):
    _, ax = plt.subplots()
    assert FilterDisplay.from_estimator(fitted, ax=ax).ax_ is ax


def test_raises_without_convolutional_layer(fitted, digits):
    clf = clone(fitted).set_params(epochs=1, filters=()).fit(*digits)
    with pytest.raises(ValueError, match=r"estimator must have a convolutional layer, .* filters=\(\)"):
        FilterDisplay.from_estimator(clf)


def test_raises_for_estimator_without_network(digits):
    other = GaussianNB().fit(digits[0].reshape(-1, 64), digits[1])
    with pytest.raises(ValueError, match=r"estimator must .* weights, got GaussianNB"):
        FilterDisplay.from_estimator(other)


def test_raises_if_not_fitted(fitted):
    with pytest.raises(NotFittedError):
        FilterDisplay.from_estimator(clone(fitted))
