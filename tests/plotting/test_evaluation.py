"""The reliability diagram of an `EvaluationReport`."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from sk_mnist_cnn._report.metrics import bin_by_confidence
from sk_mnist_cnn.plotting._evaluation import plot_reliability


@pytest.fixture
def reliability():
    """A diagram of 300 certain and correct predictions, and of one wrong prediction of confidence 0.6."""
    y_proba = np.array([[1.0, 0.0]] * 300 + [[0.6, 0.4]])
    figure = plot_reliability(bin_by_confidence(np.array([0] * 300 + [1]), y_proba))
    figure.canvas.draw()
    yield figure
    plt.close(figure)


def test_interval_of_a_single_sample_is_long(reliability):
    (_, _, (bars,)) = reliability.axes[0].containers[0]
    single, full = (np.ptp(segment[:, 1]) for segment in bars.get_segments())
    assert 0.7 < single < 0.9  # Wilson's interval of 0 of 1: 0 to 0.793
    assert full < 0.02


def test_points_are_not_cut_by_the_edge_of_the_axes(reliability):
    points, _, (bars,) = reliability.axes[0].containers[0]
    assert points.get_xydata().tolist() == [[0.6, 0.0], [1.0, 1.0]]
    assert not points.get_clip_on()
    assert not bars.get_clip_on()


def test_legend_is_outside_of_the_axes(reliability):
    (legend,) = reliability.legends
    axes = [ax.get_window_extent() for ax in reliability.axes]
    assert not any(legend.get_window_extent().overlaps(box) for box in axes)
