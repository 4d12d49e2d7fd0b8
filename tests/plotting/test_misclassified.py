"""`MisclassifiedDisplay`."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from sk_mnist_cnn.plotting import MisclassifiedDisplay
from tests.plotting.figures import assert_no_overlap, pixels, texts


@pytest.fixture
def predictions():
    """Nine 4x4 images whose pixels are 10 times the label; the odd labels are misclassified."""
    X = np.arange(9).reshape(-1, 1, 1) * np.full((4, 4), 10, dtype=np.uint8)
    y_true = np.arange(9)
    y_pred = np.where(y_true % 2, 0, y_true)
    y_proba = np.array([1, 0.3, 1, 0.9, 1, 0.6, 1, 0.6, 1])
    return {"X": X, "y_true": y_true, "y_pred": y_pred, "y_proba": y_proba}


def test_most_confident_first(predictions):
    display = MisclassifiedDisplay.from_predictions(**predictions)
    assert_array_equal(display.indices_, [3, 5, 7, 1])
    assert texts(display.text_) == ["3 → 0 (90%)", "5 → 0 (60%)", "7 → 0 (60%)", "1 → 0 (30%)"]
    assert_allclose(pixels(display.im_)[:, 0, 0], np.array([3, 5, 7, 1]) / 7)
    assert display.ax_.get_title() == "4 of 4 misclassified images: true → predicted (probability)"
    assert display.figure_ is display.ax_.figure


def test_labels_with_dollar_signs_are_shown_as_they_are(predictions):
    names = np.array(["$x_$", "$", "a$b$", "_", "^", "\\frac", "{", "}", "$$"])
    predictions["y_true"], predictions["y_pred"] = names, names[predictions["y_pred"]]
    display = MisclassifiedDisplay.from_predictions(**predictions)
    display.figure_.canvas.draw()
    assert texts(display.text_)[0] == "_ →\n$x_$ (90%)"


def test_artists_are_those_of_the_axes(predictions):
    display = MisclassifiedDisplay.from_predictions(**predictions, n_images=3)
    assert list(display.im_) == list(display.ax_.images)
    assert list(display.text_) == list(display.ax_.texts)
    assert len(display.im_) == len(display.text_) == 3


def test_order_of_the_data(predictions):
    display = MisclassifiedDisplay.from_predictions(**predictions, sort=None)
    assert_array_equal(display.indices_, [1, 3, 5, 7])
    assert_array_equal(display.plot(n_images=1).indices_, [3])


def test_without_probabilities(predictions):
    del predictions["y_proba"]
    display = MisclassifiedDisplay.from_predictions(**predictions, n_images=2)
    assert texts(display.text_) == ["1 → 0", "3 → 0"]
    assert display.ax_.get_title() == "2 of 4 misclassified images: true → predicted"


def test_probabilities_of_all_classes(predictions):
    expected = MisclassifiedDisplay.from_predictions(**predictions)
    predictions["y_proba"] = np.outer(predictions["y_proba"], [0.1, 1, 0.2])
    display = MisclassifiedDisplay.from_predictions(**predictions)
    assert texts(display.text_) == texts(expected.text_)


def test_no_misclassified_images(predictions):
    predictions["y_pred"] = predictions["y_true"]
    display = MisclassifiedDisplay.from_predictions(**predictions)
    assert display.ax_.get_title() == "No misclassified images"
    assert len(display.im_) == len(display.text_) == len(display.indices_) == 0
    display.figure_.canvas.draw()


def test_plots_on_given_axes(predictions):
    figure, axes = plt.subplots(1, 2)
    display = MisclassifiedDisplay.from_predictions(**predictions, ax=axes[1])
    assert display.ax_ is axes[1]
    assert figure.axes == list(axes)


def test_im_kw_and_text_kw(predictions):
    params = {"im_kw": {"cmap": "viridis", "vmax": 2}, "text_kw": {"color": "red", "size": 3}}
    display = MisclassifiedDisplay.from_predictions(**predictions, **params)
    assert {(im.get_cmap().name, im.get_clim()) for im in display.im_} == {("viridis", (0, 2))}
    assert {(text.get_color(), text.get_fontsize()) for text in display.text_} == {("red", 3)}


def test_im_kw_norm_replaces_the_default_limits(predictions):
    norm = plt.Normalize(0.2, 0.4)
    display = MisclassifiedDisplay.from_predictions(**predictions, im_kw={"norm": norm})
    assert all(im.norm is norm for im in display.im_)


@pytest.mark.parametrize(
    "convert",
    [
        lambda X: X,
        lambda X: X[..., 0],
        lambda X: X.reshape(-1, 64),
        lambda X: X.reshape(-1, 64).tolist(),
        lambda X: pd.DataFrame(X.reshape(-1, 64)),
        lambda X: pd.DataFrame(X.reshape(-1, 64) * 16).astype("Int64"),
        lambda X: pl.DataFrame(X.reshape(-1, 64)),
        lambda X: sp.csr_array(X.reshape(-1, 64)),
        lambda X: (X * 16).astype(np.uint8),
    ],
)
def test_layouts_and_scales_look_the_same(digits, convert):
    X, y = digits[0][:60], digits[1][:60]
    display = MisclassifiedDisplay.from_predictions(convert(X), y, y * 0, n_images=60)
    assert_array_equal(display.indices_, np.flatnonzero(y))
    assert_allclose(pixels(display.im_), X[y > 0, ..., 0], atol=1e-6)


def test_image_shape_of_flat_rows():
    X = np.random.default_rng(0).random((2, 3, 5, 3))
    display = MisclassifiedDisplay.from_predictions(X.reshape(2, 45), [1, 1], [2, 2], image_shape=(3, 5, 3))
    assert_allclose(pixels(display.im_), X / X.max())


def test_image_shape_is_read_from_the_estimator(rgb_pipeline, rgb_rows, digits):
    y = digits[1]
    display = MisclassifiedDisplay.from_estimator(rgb_pipeline, rgb_rows, y, n_images=4)
    shown = rgb_rows[display.indices_].reshape(-1, 8, 8, 3)
    misclassified = rgb_rows[rgb_pipeline.predict(rgb_rows) != y]
    assert_allclose(pixels(display.im_), shown / misclassified.max())


@pytest.mark.parametrize(("n_channels", "shown_as"), [(1, np.nan), (3, 0)], ids=["gray", "rgb"])
def test_missing_pixels_are_blank_or_black(n_channels, shown_as):
    X = np.linspace(0, 1, 2 * 4 * 4 * n_channels).reshape(2, 4, 4, n_channels)
    X[0, 1, 2], X[1, 0, 0] = np.nan, np.inf
    display = MisclassifiedDisplay.from_predictions(X, [0, 0], [1, 1])
    display.figure_.canvas.draw()
    finite = np.isfinite(X).all(axis=-1)
    shown = pixels(display.im_).reshape(2, 4, 4, n_channels)
    assert_allclose(shown[finite], X[finite])
    assert_array_equal(np.ma.filled(shown[~finite], np.nan), np.full((2, n_channels), shown_as))


def test_classifier_that_accepts_missing_values(digits):
    X, y = digits[0][:200].reshape(-1, 64).copy(), digits[1][:200]
    X[::3, 20] = np.nan
    clf = DecisionTreeClassifier(random_state=0).fit(X, y)
    display = MisclassifiedDisplay.from_estimator(clf, X, (y + 1) % 10)
    assert len(display.im_) == 25


def test_from_estimator(fitted_pipeline, digits):
    X, y = digits[0] * 16, (digits[1] + 1) % 10
    display = MisclassifiedDisplay.from_estimator(fitted_pipeline, X, y, n_images=5)
    probabilities = fitted_pipeline.predict_proba(X)
    misclassified = probabilities.argmax(axis=1) != y
    largest = np.sort(probabilities.max(axis=1)[misclassified])[::-1][:5]
    assert_allclose(probabilities.max(axis=1)[display.indices_], largest)
    for index, text in zip(display.indices_, texts(display.text_), strict=True):
        row = probabilities[index]
        assert text == f"{y[index]} → {row.argmax()} ({row.max():.0%})"


def test_probability_is_that_of_the_predicted_label():
    class LeastProbable(GaussianNB):
        def predict(self, X):
            return self.classes_[self.predict_proba(X).argmin(axis=1)]

    X, y = np.array([[0, 0, 0, 0.1], [1, 1, 1, 1.1]] * 5), ["a", "b"] * 5
    display = MisclassifiedDisplay.from_estimator(LeastProbable().fit(X, y), X[:2], y[:2])
    assert texts(display.text_) == ["a → b (0%)", "b → a (0%)"]


def test_estimator_without_predict_proba(digits):
    X, y = digits[0].reshape(-1, 64), digits[1]
    clf = RidgeClassifier().fit(X, y)
    display = MisclassifiedDisplay.from_estimator(clf, X, y, n_images=3)
    expected = np.flatnonzero(clf.predict(X) != y)[:3]
    assert_array_equal(display.indices_, expected)
    assert texts(display.text_) == [f"{y[i]} → {clf.predict(X[[i]])[0]}" for i in expected]


def test_labels_that_the_estimator_does_not_know(digits):
    X, y = digits[0].reshape(-1, 64), digits[1]
    clf = GaussianNB().fit(X[y < 9], y[y < 9])
    display = MisclassifiedDisplay.from_estimator(clf, X[y == 9][:5], y[y == 9][:5])
    assert len(display.im_) == 5


@pytest.mark.parametrize("n_images", [1, 2, 7, 25, 60])
@pytest.mark.parametrize("name", ["{}", "class number {}"])
def test_texts_are_legible(digits, n_images, name):
    X, y = digits[0][:80], np.array([name.format(label) for label in digits[1][:80]])
    y_pred = np.where(y == name.format(9), name.format(1), name.format(9))
    display = MisclassifiedDisplay.from_predictions(X, y, y_pred, y_proba=np.ones(80), n_images=n_images)
    assert len(display.im_) == n_images
    assert_no_overlap(display.ax_)
    assert min(text.get_fontsize() for text in display.text_) > 4.5


@pytest.mark.parametrize("shape", [(1, 64), (64, 1), (3, 5)])
def test_images_of_any_shape_do_not_overlap(shape):
    display = MisclassifiedDisplay.from_predictions(np.ones((6, *shape)), [0] * 6, [1] * 6)
    assert_no_overlap(display.ax_)


@pytest.mark.parametrize("container", [list, np.array, pd.Series, pl.Series, pd.Categorical])
def test_containers_of_string_labels(predictions, container):
    names = np.array(list("abcdefghi"))
    expected = texts(MisclassifiedDisplay.from_predictions(**predictions).text_)
    for labels in ("y_true", "y_pred"):
        predictions[labels] = container(names[predictions[labels]].tolist())
    display = MisclassifiedDisplay.from_predictions(**predictions)
    shown = texts(display.text_)
    assert shown == [f"{names[int(text[0])]} → a{text[5:]}" for text in expected]


@pytest.mark.parametrize("convert", [np.array, lambda labels: np.array(labels, dtype=object)])
def test_raises_if_strings_are_compared_with_numbers(predictions, convert):
    predictions["y_true"] = convert([str(label) for label in predictions["y_true"]])
    message = r"y_true and y_pred must be both strings or both numbers, got \['0', '1', '2'\] and \[0, 0, 2\]"
    with pytest.raises(ValueError, match=message):
        MisclassifiedDisplay.from_predictions(**predictions)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_images": 0}, "n_images must be an integer >= 1, got 0"),
        ({"n_images": 2.5}, r"n_images must .* got 2\.5"),
        ({"sort": "label"}, "sort must be \"confidence\" or None.* got 'label'"),
        ({"image_shape": (3, 5)}, r"image_shape.*\(3, 5\)"),
        ({"y_pred": [1, 2]}, "inconsistent numbers of samples"),
    ],
)
def test_errors(predictions, params, message):
    with pytest.raises(ValueError, match=message):
        MisclassifiedDisplay.from_predictions(**{**predictions, **params})
