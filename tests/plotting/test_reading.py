"""`ReadingDisplay`."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sk_mnist_cnn.plotting import ReadingDisplay
from sk_mnist_cnn.reading import ReadDigits
from tests.plotting.figures import texts


@pytest.fixture
def digits():
    """A 4 that is sure and a 7 that is not."""
    return ReadDigits(
        ["47"],
        np.array([4, 7]),
        np.array([[0.9, 0.1], [0.4, 0.6]]),
        np.array([[10, 10, 30, 25], [11, 40, 31, 52]]),
        np.array([0, 0]),
        np.zeros((0, 4), int),
    )


def test_draws_boxes_and_labels(digits):
    display = ReadingDisplay(np.ones((40, 80)), digits).plot()
    assert texts(display.text_) == ["4", "7?"]
    assert [box.get_bbox().extents.tolist() for box in display.boxes_] == [[10, 10, 25, 30], [40, 11, 52, 31]]
    assert display.boxes_[0].get_edgecolor() != display.boxes_[1].get_edgecolor()
    assert display.ax_.get_title() == "2 digits in 1 line, 1 uncertain"
    assert display.figure_ is display.ax_.figure


def test_threshold_of_uncertain_digits(digits):
    display = ReadingDisplay(np.ones((40, 80)), digits).plot(threshold=0.5)
    assert texts(display.text_) == ["4", "7"]
    assert display.ax_.get_title() == "2 digits in 1 line"


def test_parameters_reach_the_artists(digits):
    display = ReadingDisplay(np.ones((40, 80)), digits, shape=(80, 160)).plot(
        im_kw={"cmap": "viridis"}, text_kw={"size": 20}, line_kw={"lw": 3}
    )
    assert display.im_.get_cmap().name == "viridis"
    assert display.text_[0].get_fontsize() == 20
    assert display.boxes_[0].get_linewidth() == 3
    assert_array_equal(display.im_.get_extent(), [0, 160, 80, 0])


def test_marks_that_are_no_digits_have_dashed_boxes_without_labels(digits):
    digits = dataclasses.replace(digits, rejected_boxes=np.array([[5, 60, 35, 75]]))
    display = ReadingDisplay(np.ones((40, 80)), digits).plot()
    assert len(display.text_) == len(display.boxes_) == 2
    *_, dashed = display.ax_.patches
    assert dashed.get_bbox().extents.tolist() == [60, 5, 75, 35]
    assert dashed.get_linestyle() in ("--", "dashed")


def test_from_estimator_reads_the_picture(fitted_pipeline):
    page = np.full((60, 100), 255, np.uint8)
    page[20:44, 20:24] = page[20:44, 60:64] = 0
    display = ReadingDisplay.from_estimator(fitted_pipeline, page)
    assert len(display.boxes_) == len(display.digits.labels) == 2
    again = ReadingDisplay.from_predictions(page, display.digits, threshold=0)
    assert texts(again.text_) == [str(label) for label in display.digits.labels]


def test_reduced_picture_keeps_its_coordinates(fitted_pipeline):
    page = np.full((60, 100), 255, np.uint8)
    page[20:44, 20:24] = page[20:44, 60:64] = 0
    large = np.kron(page, np.ones((50, 50), np.uint8))
    display = ReadingDisplay.from_estimator(fitted_pipeline, large)
    assert max(display.picture.shape) <= 2000
    assert_array_equal(display.im_.get_extent(), [0, 5000, 3000, 0])
    assert_allclose([box.get_x() for box in display.boxes_], [1000, 3000], atol=20)
