"""The Displays, by what they draw: curves, images, texts and the numbers behind them."""

import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import ImagePreprocessor
from sk_mnist_cnn.plotting import (
    FilterDisplay,
    MisclassifiedDisplay,
    SaliencyDisplay,
    TrainingHistoryDisplay,
)
from tests.estimators import small_classifier

HISTORY = {"loss": [2.0, 1.0, 0.5], "accuracy": [0.2, 0.5, 0.8]}


@pytest.fixture(autouse=True)
def _settings_stay():
    before = dict(mpl.rcParams)
    yield
    assert dict(mpl.rcParams) == before


@pytest.fixture(scope="module")
def validated(fitted, digits):
    return clone(fitted).set_params(epochs=2, validation_split=0.2).fit(*digits)


@pytest.fixture(scope="module")
def coloured(fitted, digits):
    """A pipeline fitted on flat RGB rows, and the rows."""
    images, y = digits
    rows = (images * [255, 100, 0]).astype(np.uint8).reshape(len(y), -1)
    network = clone(fitted).set_params(epochs=1)
    return make_pipeline(ImagePreprocessor((8, 8, 3)), network).fit(rows, y), rows


@pytest.fixture
def mistakes():
    """Nine 4x4 images, each as bright as its number, of which the odd ones are wrong."""
    X = np.arange(9).reshape(-1, 1, 1) * np.full((4, 4), 10, dtype=np.uint8)
    y_true = np.arange(9)
    y_pred = np.where(y_true % 2, 0, y_true)
    y_proba = np.array([1, 0.3, 1, 0.9, 1, 0.6, 1, 0.6, 1])
    return {"X": X, "y_true": y_true, "y_pred": y_pred, "y_proba": y_proba}


def texts(ax):
    return [text.get_text() for text in ax.texts]


def pictures(ax):
    return np.array([image.get_array() for image in ax.images])


def assert_no_overlap(ax):
    ax.figure.canvas.draw()
    boxes = [artist.get_window_extent() for artist in (ax.title, *ax.texts, *ax.images)]
    overlaps = [(i, j) for i in range(len(boxes)) for j in range(i) if boxes[i].overlaps(boxes[j])]
    assert not overlaps
    width, height = ax.figure.bbox.size
    assert all(box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height for box in boxes)


def test_importing_imports_no_tensorflow():
    code = (
        "import sys, sk_mnist_cnn.plotting; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class TestTrainingHistory:
    def test_loss_and_accuracy_side_by_side(self, fitted):
        display = TrainingHistoryDisplay.from_estimator(fitted)
        assert [ax.get_ylabel() for ax in display.axes_] == ["loss", "accuracy"]
        assert display.ax_ is display.axes_[0]
        assert display.figure_.axes == list(display.axes_)
        for ax, metric in zip(display.axes_, ["loss", "accuracy"], strict=True):
            (line,) = ax.lines
            assert_array_equal(line.get_xdata(), np.arange(1, 9))
            assert_array_equal(line.get_ydata(), fitted.history_[metric])
            assert_array_equal(ax.get_xticks(), np.arange(1, 9))

    def test_validation_is_told_apart_without_colour(self, validated):
        display = TrainingHistoryDisplay.from_estimator(validated, metrics="loss")
        training, validation = display.ax_.lines
        assert_array_equal(validation.get_ydata(), validated.history_["val_loss"])
        assert [training.get_label(), validation.get_label()] == ["training", "validation"]
        assert training.get_linestyle() != validation.get_linestyle()

    @pytest.mark.parametrize("collect", [dict, list])
    def test_several_estimators(self, fitted, validated, collect):
        estimators = collect({"long": fitted, "short": validated}.items())
        display = TrainingHistoryDisplay.from_estimators(estimators)
        for ax in display.axes_:
            legend = [text.get_text() for text in ax.get_legend().get_texts()]
            assert legend == ["long, training", "short, training", "short, validation"]
            assert ax.lines[0].get_color() != ax.lines[1].get_color() == ax.lines[2].get_color()
            assert ax.lines[0].get_marker() != ax.lines[1].get_marker()

    def test_a_second_training_joins_the_first(self):
        first = TrainingHistoryDisplay({"a": HISTORY}).plot()
        longer = {name: values * 2 for name, values in HISTORY.items()}
        second = TrainingHistoryDisplay({"b": longer}).plot(ax=first.axes_)
        assert second.figure_ is first.figure_
        assert [line.get_label() for line in second.ax_.lines] == ["a, training", "b, training"]
        assert_array_equal(second.ax_.get_xticks(), np.arange(1, 7))

    def test_a_single_axes_shows_the_loss(self):
        _, ax = plt.subplots()
        display = TrainingHistoryDisplay({None: HISTORY}).plot(ax=ax)
        assert display.ax_ is ax
        assert ax.get_ylabel() == "loss"

    @pytest.mark.parametrize("n_epochs", [1, 10, 11, 500])
    def test_ticks_are_few_whole_and_from_1(self, n_epochs):
        ax = TrainingHistoryDisplay({None: {"loss": [0.1] * n_epochs}}).plot(metrics="loss").ax_
        ticks = ax.get_xticks()
        assert ticks[0] == 1
        assert ticks[-1] <= n_epochs
        assert len(ticks) <= 10
        assert_array_equal(ticks, ticks.astype(int))

    def test_what_some_epochs_lack_is_named_and_not_drawn(self):
        history = {**HISTORY, "val_loss": [1.0, 0.5]}
        display = TrainingHistoryDisplay({"a": history}).plot()
        legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
        assert legend == ["a, training", "a, validation: 2 of 3 epochs, not drawn"]
        assert [len(line.get_xdata()) for line in display.ax_.lines] == [3, 0]
        assert_array_equal(display.ax_.get_xticks(), [1, 2, 3])

    def test_through_pipeline_and_search(self, fitted_pipeline, digits):
        X, y = digits[0][:200] * 16, digits[1][:200]
        small = clone(fitted_pipeline).set_params(cnndigitclassifier__epochs=1)
        search = GridSearchCV(small, {"cnndigitclassifier__epochs": [1]}, cv=2).fit(X, y)
        display = TrainingHistoryDisplay.from_estimators({"pipeline": fitted_pipeline, "search": search})
        assert [len(line.get_xdata()) for line in display.ax_.lines] == [8, 1]

    def test_unfitted(self, fitted):
        with pytest.raises(NotFittedError):
            TrainingHistoryDisplay.from_estimator(clone(fitted))
        with pytest.raises(NotFittedError):
            TrainingHistoryDisplay.from_estimator(make_pipeline(ImagePreprocessor(), clone(fitted)))

    def test_without_history(self, digits):
        other = make_pipeline(GaussianNB()).fit(digits[0].reshape(-1, 64), digits[1])
        with pytest.raises(ValueError, match=r"estimator must .*CNNDigitClassifier.* history_; got Pipeline"):
            TrainingHistoryDisplay.from_estimator(other)

    def test_unknown_metric(self):
        with pytest.raises(ValueError, match=r"metrics must be among .*'loss', 'accuracy'.*got \['f1'\]"):
            TrainingHistoryDisplay({None: HISTORY}).plot(metrics=["loss", "f1"])

    def test_validation_is_no_metric_by_itself(self):
        with pytest.raises(ValueError, match=r"got \['val_loss'\]\. The validation's are drawn beside"):
            TrainingHistoryDisplay({None: HISTORY}).plot(metrics="val_loss")

    def test_too_few_axes(self):
        _, ax = plt.subplots()
        with pytest.raises(ValueError, match=r"one axes for each of the metrics .* got 1 axes"):
            TrainingHistoryDisplay({None: HISTORY}).plot(metrics=["loss", "accuracy"], ax=ax)


class TestMisclassified:
    def test_most_confident_first(self, mistakes):
        display = MisclassifiedDisplay.from_predictions(**mistakes)
        assert_array_equal(display.indices_, [3, 5, 7, 1])
        assert texts(display.ax_) == ["3 → 0 (90%)", "5 → 0 (60%)", "7 → 0 (60%)", "1 → 0 (30%)"]
        assert_allclose(pictures(display.ax_)[:, 0, 0], np.array([3, 5, 7, 1]) / 7)
        assert display.ax_.get_title() == "4 of 4 misclassified: true → predicted (probability)"
        assert display.figure_ is display.ax_.figure

    def test_order_of_the_data(self, mistakes):
        display = MisclassifiedDisplay.from_predictions(**mistakes, sort=None)
        assert_array_equal(display.indices_, [1, 3, 5, 7])
        assert_array_equal(display.plot(n_images=1).indices_, [3])

    def test_no_probabilities(self, mistakes):
        del mistakes["y_proba"]
        display = MisclassifiedDisplay.from_predictions(**mistakes, n_images=2)
        assert texts(display.ax_) == ["1 → 0", "3 → 0"]
        assert display.ax_.get_title() == "2 of 4 misclassified: true → predicted"

    def test_probabilities_of_every_class(self, mistakes):
        expected = MisclassifiedDisplay.from_predictions(**mistakes)
        mistakes["y_proba"] = np.outer(mistakes["y_proba"], [0.1, 1, 0.2])
        display = MisclassifiedDisplay.from_predictions(**mistakes)
        assert texts(display.ax_) == texts(expected.ax_)

    def test_none(self, mistakes):
        mistakes["y_pred"] = mistakes["y_true"]
        display = MisclassifiedDisplay.from_predictions(**mistakes)
        assert display.ax_.get_title() == "no misclassified images"
        assert len(display.ax_.images) == len(display.indices_) == 0
        display.figure_.canvas.draw()

    def test_into_an_axes(self, mistakes):
        figure, axes = plt.subplots(1, 2)
        display = MisclassifiedDisplay.from_predictions(**mistakes, ax=axes[1])
        assert display.ax_ is axes[1]
        assert figure.axes == list(axes)

    @pytest.mark.parametrize(
        "reshape",
        [
            lambda X: X,
            lambda X: X[..., 0],
            lambda X: X.reshape(-1, 64),
            lambda X: X.reshape(-1, 64).tolist(),
            lambda X: pd.DataFrame(X.reshape(-1, 64)),
            lambda X: pl.DataFrame(X.reshape(-1, 64)),
            lambda X: (X * 16).astype(np.uint8),
        ],
    )
    def test_every_layout_and_scale_looks_the_same(self, digits, reshape):
        X, y = digits[0][:60], digits[1][:60]
        display = MisclassifiedDisplay.from_predictions(reshape(X), y, y * 0, n_images=60)
        assert_array_equal(display.indices_, np.flatnonzero(y))
        assert_allclose(pictures(display.ax_), X[y > 0, ..., 0], atol=1e-6)

    def test_image_shape_for_flat_rows(self):
        X = np.random.default_rng(0).random((2, 3, 5, 3))
        display = MisclassifiedDisplay.from_predictions(
            X.reshape(2, 45), [1, 1], [2, 2], image_shape=(3, 5, 3)
        )
        assert_allclose(pictures(display.ax_), X / X.max())

    def test_rgb_shape_is_taken_from_the_estimator(self, coloured, digits):
        pipeline, rows = coloured
        y = digits[1]
        display = MisclassifiedDisplay.from_estimator(pipeline, rows, y, n_images=4)
        shown = rows[display.indices_].reshape(-1, 8, 8, 3)
        wrong = rows[pipeline.predict(rows) != y]
        assert_allclose(pictures(display.ax_), shown / wrong.max())

    def test_from_estimator(self, fitted_pipeline, digits):
        X, y = digits[0] * 16, (digits[1] + 1) % 10
        display = MisclassifiedDisplay.from_estimator(fitted_pipeline, X, y, n_images=5)
        probabilities = fitted_pipeline.predict_proba(X)
        wrong = probabilities.argmax(axis=1) != y
        best = np.sort(probabilities.max(axis=1)[wrong])[::-1][:5]
        assert_allclose(probabilities.max(axis=1)[display.indices_], best)
        for index, text in zip(display.indices_, texts(display.ax_), strict=True):
            row = probabilities[index]
            assert text == f"{y[index]} → {row.argmax()} ({row.max():.0%})"

    def test_probability_is_that_of_the_predicted_label(self):
        class Contrary(GaussianNB):
            def predict(self, X):
                return self.classes_[self.predict_proba(X).argmin(axis=1)]

        X, y = np.array([[0, 0, 0, 0.1], [1, 1, 1, 1.1]] * 5), ["a", "b"] * 5
        display = MisclassifiedDisplay.from_estimator(Contrary().fit(X, y), X[:2], y[:2])
        assert texts(display.ax_) == ["a → b (0%)", "b → a (0%)"]

    def test_estimator_without_predict_proba(self, digits):
        X, y = digits[0].reshape(-1, 64), digits[1]
        clf = RidgeClassifier().fit(X, y)
        display = MisclassifiedDisplay.from_estimator(clf, X, y, n_images=3)
        expected = np.flatnonzero(clf.predict(X) != y)[:3]
        assert_array_equal(display.indices_, expected)
        assert texts(display.ax_) == [f"{y[i]} → {clf.predict(X[[i]])[0]}" for i in expected]

    @pytest.mark.parametrize("n_images", [1, 2, 7, 25, 60])
    @pytest.mark.parametrize("name", ["{}", "class number {}"])
    def test_legible(self, digits, n_images, name):
        X, y = digits[0][:80], np.array([name.format(label) for label in digits[1][:80]])
        y_pred = np.where(y == name.format(9), name.format(1), name.format(9))
        display = MisclassifiedDisplay.from_predictions(X, y, y_pred, y_proba=np.ones(80), n_images=n_images)
        assert len(display.ax_.images) == n_images
        assert_no_overlap(display.ax_)
        assert min(text.get_fontsize() for text in display.ax_.texts) > 4.5

    @pytest.mark.parametrize("shape", [(1, 64), (64, 1), (3, 5)])
    def test_legible_in_any_shape(self, shape):
        X = np.ones((6, *shape))
        display = MisclassifiedDisplay.from_predictions(X, [0] * 6, [1] * 6)
        assert_no_overlap(display.ax_)

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"n_images": 0}, "n_images must be a whole number from 1 up; got 0"),
            ({"n_images": 2.5}, r"n_images must .* got 2\.5"),
            ({"sort": "label"}, "sort must be \"confidence\" or None.* got 'label'"),
            ({"image_shape": (3, 5)}, r"image_shape=\(3, 5\) does not fit"),
            ({"y_pred": [1, 2]}, "inconsistent numbers of samples"),
        ],
    )
    def test_errors(self, mistakes, params, message):
        with pytest.raises(ValueError, match=message):
            MisclassifiedDisplay.from_predictions(**{**mistakes, **params})


class TestFilters:
    def test_kernels_are_the_weights(self, fitted_pipeline):
        display = FilterDisplay.from_estimator(fitted_pipeline)
        weights = fitted_pipeline[-1].model_.get_layer("conv_1").get_weights()[0]
        assert_array_equal(pictures(display.ax_), weights[:, :, 0].transpose(2, 0, 1))
        assert texts(display.ax_) == [str(i) for i in range(8)]
        low, high = display.ax_.images[0].get_clim()
        assert -low == high == np.abs(weights).max()
        assert [ax.get_ylabel() for ax in display.figure_.axes[1:]] == ["weight"]
        assert_no_overlap(display.ax_)

    def test_feature_maps_of_an_image(self, fitted, digits):
        display = FilterDisplay.from_estimator(fitted, digits[0][3])
        weights, bias = fitted.model_.get_layer("conv_1").get_weights()
        expected = np.tensordot(digits[0][3, 1:4, 2:5], weights, axes=3) + bias
        assert_allclose(display.feature_maps[:, 1, 2], expected.clip(min=0), atol=1e-5)
        assert_array_equal(pictures(display.ax_), display.feature_maps)
        assert len({image.get_clim() for image in display.ax_.images}) == 1
        assert "Feature maps" in display.ax_.get_title()

    @pytest.mark.parametrize(
        "form",
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
    def test_through_the_steps_before(self, fitted_pipeline, digits, form):
        raw = digits[0][:2] * 16
        display = FilterDisplay.from_estimator(fitted_pipeline, form(raw))
        direct = FilterDisplay.from_estimator(fitted_pipeline[-1], digits[0][0])
        assert_allclose(display.feature_maps, direct.feature_maps, atol=1e-6)

    def test_rgb_kernels(self, coloured):
        display = FilterDisplay.from_estimator(coloured[0])
        shown = pictures(display.ax_)
        assert shown.shape == (8, 3, 3, 3)
        assert 0 <= shown.min() < shown.max() <= 1
        assert FilterDisplay.from_estimator(coloured[0], coloured[1][0]).feature_maps.shape == (8, 6, 6)

    def test_an_image_of_one_row(self):
        X, y = np.random.default_rng(0).random((20, 1, 9, 3)), np.arange(20) % 2
        clf = small_classifier(epochs=1, filters=(4,)).fit(X, y)
        alone, first = (FilterDisplay.from_estimator(clf, image) for image in (X[0], X[:1]))
        assert_array_equal(alone.feature_maps, first.feature_maps)

    def test_no_filters(self, digits):
        with pytest.raises(ValueError, match=r"estimator must have convolutions .* filters=\(\)"):
            FilterDisplay.from_estimator(small_classifier(epochs=1, filters=()).fit(*digits))

    def test_into_an_axes(self, fitted):
        _, ax = plt.subplots()
        assert FilterDisplay.from_estimator(fitted, ax=ax).ax_ is ax

    def test_no_network(self, digits):
        other = GaussianNB().fit(digits[0].reshape(-1, 64), digits[1])
        with pytest.raises(ValueError, match=r"estimator must .* model_; got GaussianNB"):
            FilterDisplay.from_estimator(other)

    def test_unfitted(self, fitted):
        with pytest.raises(NotFittedError):
            FilterDisplay.from_estimator(clone(fitted))


class OnePixel(ClassifierMixin, BaseEstimator):
    """Takes the pixel in row 2, column 3 of a 6x6 image for the probability of "on"."""

    classes_ = np.array(["off", "on"])

    def fit(self, X, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict_proba(self, X):
        on = np.asarray(X).reshape(-1, 6, 6)[:, 2, 3]
        return np.column_stack([1 - on, on])


class TestSaliency:
    def log_odds(self, fitted, images, positions):
        probabilities = fitted.predict_proba(images).astype(float)
        own = probabilities[np.arange(len(images)), positions]
        return np.log(own / (probabilities.sum(axis=1) - own))

    def test_gradient_is_the_slope_of_the_log_odds(self, fitted, digits):
        images, labels = digits[0][:6], np.array([3, 4, 3, 4, 3, 5])
        display = SaliencyDisplay.from_estimator(fitted, images, labels)
        brighter, darker = images * np.float32(1.002), images * np.float32(0.998)
        slope = self.log_odds(fitted, brighter, labels) - self.log_odds(fitted, darker, labels)
        assert_allclose(display.saliency.sum(axis=(1, 2)), slope / 0.004, rtol=0.1, atol=0.1)

    def test_gradient_through_the_steps_before(self, fitted_pipeline, digits):
        images = digits[0][:3]
        display = SaliencyDisplay.from_estimator(fitted_pipeline, images * 16)
        direct = SaliencyDisplay.from_estimator(fitted_pipeline[-1], images)
        assert_allclose(display.saliency, direct.saliency, rtol=1e-4, atol=1e-5)
        assert_allclose(display.images, direct.images, atol=1e-6)

    def test_background_counts_from_its_own_value(self, fitted, digits):
        display = SaliencyDisplay.from_estimator(fitted, digits[0][:2], background=1)
        assert np.all(display.saliency[digits[0][:2, ..., 0] == 1] == 0)

    @pytest.mark.parametrize(
        "layout",
        [
            lambda X: X,
            lambda X: X[..., np.newaxis],
            lambda X: X.reshape(-1, 36),
            lambda X: pd.DataFrame(X.reshape(-1, 36)),
        ],
    )
    def test_occlusion_finds_the_pixel_that_counts(self, layout):
        X = np.full((2, 6, 6), 0.8)
        display = SaliencyDisplay.from_estimator(
            OnePixel(), layout(X), ["on", "off"], method="occlusion", patch_size=1
        )
        expected = np.zeros((6, 6))
        expected[2, 3] = 0.8
        assert_allclose(display.saliency, [expected, -expected], atol=1e-12)
        assert texts(display.ax_) == ["on (80%)", "off (20%)"]

    def test_patches_cover_every_pixel(self):
        X = np.ones((1, 6, 6))
        for patch_size in range(1, 9):
            display = SaliencyDisplay.from_estimator(OnePixel(), X, method="occlusion", patch_size=patch_size)
            assert np.all(np.isfinite(display.saliency))
            assert display.saliency[0, 2, 3] == pytest.approx(1)

    def test_occlusion_by_the_background(self):
        X = np.full((1, 6, 6), 0.8)
        display = SaliencyDisplay.from_estimator(OnePixel(), X, method="occlusion", background=0.8)
        assert_array_equal(display.saliency, np.zeros((1, 6, 6)))
        display.figure_.canvas.draw()

    def test_occlusion_keeps_column_names(self, digits):
        X = pd.DataFrame(digits[0][:300].reshape(-1, 64)).add_prefix("pixel")
        clf = GaussianNB().fit(X, digits[1][:300])
        display = SaliencyDisplay.from_estimator(clf, X[:2], method="occlusion")
        assert_array_equal(display.labels, clf.predict(X[:2]))

    def test_occlusion_of_rgb_rows(self, coloured):
        pipeline, rows = coloured
        display = SaliencyDisplay.from_estimator(pipeline, rows[:2], method="occlusion", patch_size=4)
        assert display.saliency.shape == (2, 8, 8)
        assert display.images.shape == (2, 8, 8, 3)

    def test_predicted_class_by_default_and_one_for_all(self, fitted, digits):
        images = digits[0][:4]
        assert_array_equal(SaliencyDisplay.from_estimator(fitted, images).labels, fitted.predict(images))
        display = SaliencyDisplay.from_estimator(fitted, images, 7)
        assert_array_equal(display.labels, [7] * 4)
        assert_allclose(display.y_proba, fitted.predict_proba(images)[:, 7])

    def test_heat_lies_over_the_images(self):
        saliency = np.zeros((2, 6, 6))
        saliency[0, 1, 1], saliency[0, 2, 2] = 4, -2
        display = SaliencyDisplay(np.ones((2, 6, 6)), saliency, ["a", "b"]).plot()
        heat = pictures(display.ax_)[1::2]
        assert heat[0, 1, 1] == 1
        assert heat[0, 2, 2] == -0.5
        assert_array_equal(heat[1], np.zeros((6, 6)))
        assert_array_equal(display.ax_.images[1].get_alpha(), np.abs(heat[0]))
        colour_bar = display.figure_.axes[1]
        assert [text.get_text() for text in colour_bar.get_yticklabels()] == ["against", "neither", "for"]

    def test_into_an_axes(self):
        _, ax = plt.subplots()
        display = SaliencyDisplay.from_estimator(OnePixel(), np.ones((1, 6, 6)), method="occlusion", ax=ax)
        assert display.ax_ is ax

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"method": "lime"}, 'method must be "gradient" or "occlusion"; got \'lime\''),
            ({"method": "gradient"}, r"estimator must .* model_; got OnePixel"),
            ({"y": "maybe"}, r"y must hold labels among the classes \['off', 'on'\]; got \['maybe'\]"),
            ({"y": ["on", "on"]}, "inconsistent numbers of samples"),
            ({"patch_size": 0}, "patch_size must be a whole number .* got 0"),
            ({"estimator": RidgeClassifier()}, "estimator must have predict_proba.* got RidgeClassifier"),
        ],
    )
    def test_errors(self, params, message):
        params = {"estimator": OnePixel(), "X": np.ones((1, 6, 6)), "method": "occlusion", **params}
        with pytest.raises(ValueError, match=message):
            SaliencyDisplay.from_estimator(**params)

    def test_unfitted(self, fitted, digits):
        with pytest.raises(NotFittedError):
            SaliencyDisplay.from_estimator(clone(fitted), digits[0][:1])
