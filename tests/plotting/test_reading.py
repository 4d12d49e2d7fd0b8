"""`ReadingDisplay`."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sk_mnist_cnn.plotting import ReadingDisplay
from sk_mnist_cnn.reading import Number, ReadDigits, ReadRegions
from tests.pages import write_page
from tests.plotting.figures import texts


def reading(numbers, boxes, **others):
    """Return a reading of numbers of one digit each: pairs of a text and a confidence."""
    n, index = len(boxes), np.arange(len(boxes))
    candidates = [(text, confidence) for text, confidence in numbers]
    return ReadDigits(
        lines=["".join(text for text, _ in numbers)],
        numbers=[
            Number(
                text, confidence, boxes[i], 0, index[i : i + 1], [candidates[i], ("9", 0.1)], confidence - 0.1
            )
            for i, (text, confidence) in enumerate(numbers)
        ],
        labels=np.array([text for text, _ in numbers]),
        probabilities=np.full((n, 10), 0.1),
        scores=np.full(n, 0.9),
        boxes=boxes,
        line_index=np.zeros(n, int),
        number_index=index,
        separators=np.zeros(0, str),
        separator_boxes=np.zeros((0, 4), int),
        rejected_boxes=others.get("rejected_boxes", np.zeros((0, 4), int)),
    )


@pytest.fixture
def digits():
    """A 4 that is sure and a 7 that is not."""
    return reading([("4", 0.9), ("7", 0.6)], np.array([[10, 10, 30, 25], [11, 40, 31, 52]]))


def test_draws_boxes_and_numbers(digits):
    display = ReadingDisplay(np.ones((40, 80)), digits).plot()
    assert [text.partition("?")[0] for text in texts(display.text_)] == ["4", "7"]
    assert display.text_[1].get_text().startswith("7?")
    assert [box.get_bbox().extents.tolist() for box in display.boxes_] == [[10, 10, 25, 30], [40, 11, 52, 31]]
    assert display.boxes_[0].get_edgecolor() != display.boxes_[1].get_edgecolor()
    assert display.ax_.get_title() == "2 numbers in 1 line, 1 uncertain"
    assert display.figure_ is display.ax_.figure


def test_threshold_of_uncertain_numbers(digits):
    display = ReadingDisplay(np.ones((40, 80)), digits).plot(threshold=0.5)
    assert texts(display.text_) == ["4", "7"]
    assert display.ax_.get_title() == "2 numbers in 1 line"


def test_second_candidate_of_an_uncertain_number_where_there_is_space():
    digits = reading([("7", 0.6)], np.array([[50, 50, 350, 550]]))
    (text,) = texts(ReadingDisplay(np.ones((400, 600)), digits).plot().text_)
    assert text == "7? 60% or 9"


def test_regions_have_dashed_boxes_and_names(digits):
    regions = ReadRegions({"mark": digits}, {"mark": np.array([5, 5, 35, 60])})
    display = ReadingDisplay(np.ones((40, 80)), regions).plot()
    assert len(display.boxes_) == 2
    assert "mark" in texts(display.ax_.texts)
    *_, dashed = display.ax_.patches
    assert dashed.get_bbox().extents.tolist() == [5, 5, 60, 35]
    assert dashed.get_linestyle() in ("--", "dashed")


def test_parameters_reach_the_artists(digits):
    display = ReadingDisplay(np.ones((40, 80)), digits, shape=(80, 160)).plot(
        im_kw={"cmap": "viridis"}, text_kw={"size": 20}, line_kw={"lw": 3}
    )
    assert display.im_.get_cmap().name == "viridis"
    assert display.text_[0].get_fontsize() == 20
    assert display.boxes_[0].get_linewidth() == 3
    assert_array_equal(display.im_.get_extent(), [0, 160, 80, 0])


def test_rejected_marks_have_dotted_boxes_without_labels(digits):
    digits = dataclasses.replace(digits, rejected_boxes=np.array([[5, 60, 35, 75]]))
    display = ReadingDisplay(np.ones((40, 80)), digits).plot()
    assert len(display.text_) == len(display.boxes_) == 2
    *_, dotted = display.ax_.patches
    assert dotted.get_bbox().extents.tolist() == [60, 5, 75, 35]
    assert dotted.get_linestyle() in (":", "dotted")


def test_from_estimator_reads_the_picture(fitted_pipeline):
    page = write_page("352")
    display = ReadingDisplay.from_estimator(fitted_pipeline, page.picture)
    assert len(display.boxes_) == len(display.digits.labels) == 3
    again = ReadingDisplay.from_predictions(page.picture, display.digits, threshold=0)
    assert texts(again.text_) == [number.text for number in display.digits.numbers]


def test_reduced_picture_keeps_its_coordinates(fitted_pipeline):
    page = write_page("352")
    large = np.kron(page.picture, np.ones((15, 15), np.uint8))
    display = ReadingDisplay.from_estimator(fitted_pipeline, large)
    assert max(display.picture.shape) <= 2000
    assert_array_equal(display.im_.get_extent(), [0, large.shape[1], large.shape[0], 0])
    assert_allclose([box.get_x() for box in display.boxes_], 15 * page.boxes[:, 1], atol=8 * 15)
