"""`SaliencyDisplay`, and the saliency that it draws."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from sk_mnist_cnn.plotting import SaliencyDisplay
from tests.plotting.figures import pixels, texts


class OnePixel(ClassifierMixin, BaseEstimator):
    """The probability of "on" is the pixel in row 2, column 3 of a 6x6 image."""

    classes_ = np.array(["off", "on"])

    def fit(self, X, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict_proba(self, X):
        X = X.toarray() if sp.issparse(X) else np.asarray(X)
        on = X.reshape(-1, 6, 6)[:, 2, 3]
        return np.column_stack([1 - on, on])


class TestOcclusion:
    @pytest.mark.parametrize(
        "convert",
        [
            lambda X: X,
            lambda X: X[..., np.newaxis],
            lambda X: X.reshape(-1, 36),
            lambda X: X.tolist(),
            lambda X: pd.DataFrame(X.reshape(-1, 36)),
            lambda X: pl.DataFrame(X.reshape(-1, 36)),
            lambda X: sp.csr_array(X.reshape(-1, 36)),
        ],
    )
    def test_finds_the_only_pixel_used(self, convert):
        X = np.full((2, 6, 6), 0.8)
        display = SaliencyDisplay.from_estimator(OnePixel(), convert(X), ["on", "off"], patch_size=1)
        expected = np.zeros((6, 6))
        expected[2, 3] = 0.8
        assert_allclose(display.saliency, [expected, -expected], atol=1e-12)
        assert texts(display.text_) == ["on (80%)", "off (20%)"]

    def test_occlusion_is_the_mean_drop_over_the_patches(self, fitted, digits):
        image = digits[0][:1]
        display = SaliencyDisplay.from_estimator(fitted, image, patch_size=3)
        label = fitted.predict(image)[0]
        drops = []
        for row in range(3):  # the patches that cover the pixel in row 2, column 0
            occluded = image.copy()
            occluded[0, row : row + 3, :3] = 0
            proba = fitted.predict_proba(np.concatenate([image, occluded]))[:, label]
            drops.append(proba[0] - proba[1])
        assert display.saliency[0, 2, 0] == pytest.approx(np.mean(drops), abs=1e-6)

    @pytest.mark.parametrize("patch_size", range(1, 9))
    def test_patches_cover_every_pixel(self, patch_size):
        display = SaliencyDisplay.from_estimator(OnePixel(), np.ones((1, 6, 6)), patch_size=patch_size)
        assert np.all(np.isfinite(display.saliency))
        assert display.saliency[0, 2, 3] == pytest.approx(1)

    def test_saliency_is_zero_for_background_pixels(self):
        X = np.full((1, 6, 6), 0.8)
        display = SaliencyDisplay.from_estimator(OnePixel(), X, background=0.8)
        assert_array_equal(display.saliency, np.zeros((1, 6, 6)))
        display.figure_.canvas.draw()

    def test_keeps_column_names(self, digits):
        X = pd.DataFrame(digits[0][:300].reshape(-1, 64)).add_prefix("pixel")
        clf = GaussianNB().fit(X, digits[1][:300])
        display = SaliencyDisplay.from_estimator(clf, X[:2])
        assert_array_equal(display.labels, clf.predict(X[:2]))

    def test_rgb_rows(self, rgb_pipeline, rgb_rows):
        display = SaliencyDisplay.from_estimator(rgb_pipeline, rgb_rows[:2], patch_size=4)
        assert display.saliency.shape == (2, 8, 8)
        assert display.images.shape == (2, 8, 8, 3)

    def test_missing_pixels(self, digits):
        X, y = digits[0][:200].reshape(-1, 64).copy(), digits[1][:200]
        X[::3, 20] = np.nan
        clf = DecisionTreeClassifier(random_state=0).fit(X, y)
        display = SaliencyDisplay.from_estimator(clf, X[:1], patch_size=4)
        assert np.all(np.isfinite(display.saliency))


class TestDisplay:
    def test_predicted_class_by_default_or_one_for_all(self, fitted, digits):
        images = digits[0][:4]
        assert_array_equal(SaliencyDisplay.from_estimator(fitted, images).labels, fitted.predict(images))
        display = SaliencyDisplay.from_estimator(fitted, images, 7)
        assert_array_equal(display.labels, [7] * 4)
        assert_allclose(display.y_proba, fitted.predict_proba(images)[:, 7])

    def test_heat_maps_cover_the_images(self):
        saliency = np.zeros((2, 6, 6))
        saliency[0, 1, 1], saliency[0, 2, 2] = 4, -2
        display = SaliencyDisplay(np.ones((2, 6, 6)), saliency, ["a", "b"]).plot()
        heat_maps = pixels(display.saliency_im_)
        assert heat_maps[0, 1, 1] == 1
        assert heat_maps[0, 2, 2] == -0.5
        assert_array_equal(heat_maps[1], np.zeros((6, 6)))
        for image, heat_map in zip(display.im_, display.saliency_im_, strict=True):
            assert heat_map.get_extent() == image.get_extent()
            assert heat_map.get_zorder() == image.get_zorder()
            assert display.ax_.images.index(heat_map) > display.ax_.images.index(image)
            assert_array_equal(heat_map.get_alpha(), np.abs(heat_map.get_array()))
        assert display.colorbar_.mappable is display.saliency_im_[0]
        assert (display.colorbar_.vmin, display.colorbar_.vmax) == (-1, 1)
        assert "scaled per image" in display.colorbar_.ax.get_ylabel()

    def test_plot_params_through_from_estimator(self):
        _, ax = plt.subplots()
        display = SaliencyDisplay.from_estimator(
            OnePixel(),
            np.ones((2, 6, 6)),
            ax=ax,
            im_kw={"cmap": "viridis"},
            saliency_im_kw={"cmap": "coolwarm", "alpha": 0.5},
            text_kw={"color": "red"},
        )
        assert display.ax_ is ax
        assert {im.get_cmap().name for im in display.im_} == {"viridis"}
        assert {(im.get_cmap().name, im.get_alpha()) for im in display.saliency_im_} == {("coolwarm", 0.5)}
        assert {text.get_color() for text in display.text_} == {"red"}
        assert display.colorbar_.cmap.name == "coolwarm"

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"y": "maybe"}, r"y must hold labels among the classes \['off', 'on'\], got \['maybe'\]"),
            ({"y": ["on", "on"]}, "inconsistent numbers of samples"),
            ({"patch_size": 0}, 'patch_size must be an integer >= 1 or "auto", got 0'),
            ({"estimator": RidgeClassifier()}, "estimator must have predict_proba.* got RidgeClassifier"),
        ],
    )
    def test_errors(self, params, message):
        params = {"estimator": OnePixel(), "X": np.ones((1, 6, 6)), **params}
        with pytest.raises(ValueError, match=message):
            SaliencyDisplay.from_estimator(**params)

    def test_raises_if_not_fitted(self, fitted, digits):
        with pytest.raises(NotFittedError):
            SaliencyDisplay.from_estimator(clone(fitted), digits[0][:1])
