"""`TrainingHistoryDisplay`."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import ImagePreprocessor
from sk_mnist_cnn.plotting import TrainingHistoryDisplay
from tests.plotting.figures import texts

HISTORY = {"loss": [2.0, 1.0, 0.5], "accuracy": [0.2, 0.5, 0.8]}


@pytest.fixture(scope="module")
def validated(fitted, digits):
    return clone(fitted).set_params(epochs=2, validation_split=0.2).fit(*digits)


def test_plots_loss_and_accuracy(fitted):
    display = TrainingHistoryDisplay.from_estimator(fitted)
    assert [ax.get_ylabel() for ax in display.axes_] == ["loss", "accuracy"]
    assert display.ax_ is display.axes_[0]
    assert display.figure_.axes == list(display.axes_)
    assert display.lines_.shape == (2, 1, 2)
    for lines, ax, metric in zip(display.lines_, display.axes_, ["loss", "accuracy"], strict=True):
        training, validation = lines[0]
        assert list(ax.lines) == [training]
        assert validation is None
        assert_array_equal(training.get_xdata(), np.arange(1, 9))
        assert_array_equal(training.get_ydata(), fitted.history_[metric])
        assert_array_equal(ax.get_xticks(), np.arange(1, 9))


def test_validation_differs_from_training_without_color(validated):
    display = TrainingHistoryDisplay.from_estimator(validated, metrics="loss")
    training, validation = display.lines_[0, 0]
    assert_array_equal(validation.get_ydata(), validated.history_["val_loss"])
    assert [training.get_label(), validation.get_label()] == ["training", "validation"]
    assert training.get_linestyle() != validation.get_linestyle()


@pytest.mark.parametrize("container", [dict, list])
def test_several_estimators(fitted, validated, container):
    estimators = container({"long": fitted, "short": validated}.items())
    display = TrainingHistoryDisplay.from_estimators(estimators)
    for ax, lines in zip(display.axes_, display.lines_, strict=True):
        legend = texts(ax.get_legend().get_texts())
        assert legend == ["long, training", "short, training", "short, validation"]
        (first, missing), (second, validation) = lines
        assert missing is None
        assert first.get_color() != second.get_color() == validation.get_color()
        assert first.get_marker() != second.get_marker()


def test_line_kw_reaches_every_line(validated):
    line_kw = {"lw": 5, "marker": ""}
    display = TrainingHistoryDisplay.from_estimator(validated, line_kw=line_kw)
    assert {line.get_linewidth() for line in display.lines_.flat} == {5}
    assert {line.get_marker() for line in display.lines_.flat} == {""}
    assert [line.get_linestyle() for line in display.lines_[0, 0]] == ["-", "--"]
    assert line_kw == {"lw": 5, "marker": ""}


def test_adds_curves_to_existing_axes():
    first = TrainingHistoryDisplay({"a": HISTORY}).plot()
    longer = {name: values * 2 for name, values in HISTORY.items()}
    second = TrainingHistoryDisplay({"b": longer}).plot(ax=first.axes_)
    assert second.figure_ is first.figure_
    assert [line.get_label() for line in second.ax_.lines] == ["a, training", "b, training"]
    assert list(second.lines_[:, 0, 0]) == [ax.lines[1] for ax in second.axes_]
    assert_array_equal(second.ax_.get_xticks(), np.arange(1, 7))


def test_single_axes_shows_the_loss():
    _, ax = plt.subplots()
    display = TrainingHistoryDisplay({None: HISTORY}).plot(ax=ax)
    assert display.ax_ is ax
    assert ax.get_ylabel() == "loss"


@pytest.mark.parametrize("n_epochs", [1, 10, 11, 500])
def test_ticks_are_at_most_10_integers_from_1(n_epochs):
    ax = TrainingHistoryDisplay({None: {"loss": [0.1] * n_epochs}}).plot(metrics="loss").ax_
    ticks = ax.get_xticks()
    assert ticks[0] == 1
    assert ticks[-1] <= n_epochs
    assert len(ticks) <= 10
    assert_array_equal(ticks, ticks.astype(int))


def test_incomplete_metric_is_in_the_legend_but_not_drawn():
    history = {**HISTORY, "val_loss": [1.0, 0.5]}
    display = TrainingHistoryDisplay({"a": history}).plot()
    assert texts(display.ax_.get_legend().get_texts()) == [
        "a, training",
        "a, validation: 2 of 3 epochs, not drawn",
    ]
    assert display.lines_[0, 0, 1] is None
    assert [len(line.get_xdata()) for line in display.ax_.lines] == [3, 0]
    assert_array_equal(display.ax_.get_xticks(), [1, 2, 3])


def test_pipeline_and_search(fitted_pipeline, digits):
    X, y = digits[0][:200] * 16, digits[1][:200]
    pipeline = clone(fitted_pipeline).set_params(cnndigitclassifier__epochs=1)
    search = GridSearchCV(pipeline, {"cnndigitclassifier__epochs": [1]}, cv=2).fit(X, y)
    display = TrainingHistoryDisplay.from_estimators({"pipeline": fitted_pipeline, "search": search})
    assert [len(line.get_xdata()) for line in display.ax_.lines] == [8, 1]


def test_raises_if_not_fitted(fitted):
    with pytest.raises(NotFittedError):
        TrainingHistoryDisplay.from_estimator(clone(fitted))
    with pytest.raises(NotFittedError):
        TrainingHistoryDisplay.from_estimator(make_pipeline(ImagePreprocessor(), clone(fitted)))


def test_raises_for_estimator_without_history(digits):
    other = make_pipeline(GaussianNB()).fit(digits[0].reshape(-1, 64), digits[1])
    with pytest.raises(ValueError, match=r"estimator must .*CNNDigitClassifier.* history_, got Pipeline"):
        TrainingHistoryDisplay.from_estimator(other)


@pytest.mark.parametrize("metrics", [["loss", "f1"], "f1"])
def test_raises_for_unknown_metric(metrics):
    with pytest.raises(ValueError, match=r"metrics must be among .*'loss', 'accuracy'.*got \['f1'\]"):
        TrainingHistoryDisplay({None: HISTORY}).plot(metrics=metrics)


def test_raises_for_validation_metric():
    with pytest.raises(ValueError, match=r"got \['val_loss'\]\. Pass names without \"val_\""):
        TrainingHistoryDisplay({None: HISTORY}).plot(metrics="val_loss")


def test_raises_for_too_few_axes():
    _, ax = plt.subplots()
    with pytest.raises(ValueError, match=r"one axes for each of the metrics .* got 1 axes"):
        TrainingHistoryDisplay({None: HISTORY}).plot(metrics=["loss", "accuracy"], ax=ax)
