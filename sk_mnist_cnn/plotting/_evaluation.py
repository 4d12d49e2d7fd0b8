"""Draw the confusion matrix, the reliability diagram and the coverage curve of an `EvaluationReport`."""

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import ConfusionMatrixDisplay

from ._matplotlib import mpl, plt

_MAX_CLASSES_WITH_VALUES = 20


def plot_confusion_matrix(counts, labels, *, normalize=None, ax=None):
    """Draw a confusion matrix whose zeros are blank and whose small entries are visible.

    Parameters
    ----------
    counts : ndarray of int of shape (n_classes, n_classes)
        Number of samples by true label (rows) and predicted label (columns).
    labels : ndarray of shape (n_classes,)
        Labels of the classes.
    normalize : {"true", "pred", "all"} or None
        Divide the counts by the sum of the row ("true"), of the column ("pred") or of the matrix ("all").
    ax : Axes or None
        Axes to draw on. None creates a figure of a suitable size.

    Returns
    -------
    display : ConfusionMatrixDisplay
    """
    sums = {
        None: 1,
        "true": counts.sum(axis=1, keepdims=True),
        "pred": counts.sum(axis=0),
        "all": counts.sum(),
    }
    if normalize not in sums:
        raise ValueError(
            f'normalize must be "true", "pred", "all" or None, got {normalize!r}. Pass None for counts.'
        )
    values = counts if normalize is None else counts / np.maximum(sums[normalize], 1)
    n_classes = len(labels)
    if ax is None:
        side = np.clip(1.6 + 0.36 * n_classes, 4, 12)
        _, ax = plt.subplots(figsize=(side + 1, side), layout="constrained")
    display = ConfusionMatrixDisplay(values, display_labels=labels).plot(
        ax=ax,
        cmap="cividis",
        im_kw={"norm": mpl.colors.PowerNorm(0.5, vmin=0)},
        include_values=n_classes <= _MAX_CLASSES_WITH_VALUES,
        text_kw={"fontsize": "medium" if normalize is None else "small"},
        values_format="d" if normalize is None else ".1%",
        xticks_rotation="vertical" if max(len(str(label)) for label in labels) > 3 else "horizontal",
    )
    for text in (*ax.get_xticklabels(), *ax.get_yticklabels()):
        text.set_parse_math(False)  # a label may hold dollar signs
    unit = {None: "samples", "true": "fraction of the true label", "pred": "fraction of the predicted label"}
    display.im_.colorbar.set_label(f"{unit.get(normalize, 'fraction of all samples')} (square-root scale)")
    if display.text_ is not None:
        for text, value in zip(display.text_.flat, values.flat, strict=True):
            text.set_color("black" if display.im_.norm(value) > 0.5 else "white")
            text.set_visible(value > 0)
    display.im_.set_data(np.ma.masked_equal(values, 0))
    return display


def plot_reliability(bins):
    """Draw accuracy and number of samples by confidence.

    The error bars are Wilson intervals, so bins with few samples can be told from bins with many.

    Parameters
    ----------
    bins : DataFrame
        `count`, mean `confidence` and `accuracy` of bins of equal width in [0, 1].

    Returns
    -------
    figure : Figure
    """
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(6.5, 6), height_ratios=[3, 1], sharex=True, layout="constrained"
    )
    used = bins[bins["count"] > 0]
    low, high = np.array([_wilson_interval(*row) for row in used[["count", "accuracy"]].to_numpy()]).T
    accuracy = used["accuracy"].to_numpy()
    top.plot([0, 1], [0, 1], "--", color="#808080", label="perfectly calibrated")
    container = top.errorbar(
        used["confidence"],
        accuracy,
        yerr=[accuracy - low, high - accuracy],
        fmt="o",
        color="#D55E00",
        ecolor="#56B4E9",
        elinewidth=3,
        zorder=3,  # above the frame of the axes
        label="accuracy of the bin, 95% confidence interval",
    )
    for artist in container.get_children():
        artist.set_clip_on(False)  # the last bin is at the edge of the axes
    top.set(ylabel="accuracy", ylim=(0, 1), xlim=(0, 1))
    figure.legend(loc="outside upper center", fontsize="small", ncols=2)
    bottom.stairs(bins["count"], np.linspace(0, 1, len(bins) + 1), fill=True, color="#0072B2")
    bottom.set(xlabel="confidence (probability of the predicted label)", ylabel="samples", yscale="log")
    bottom.set_ylim(bottom=0.5)
    return figure


def _wilson_interval(count, accuracy):
    """Return the bounds of the 95% confidence interval of the accuracy on `count` samples."""
    return binomtest(round(accuracy * count), int(count)).proportion_ci(0.95, method="wilson")


def plot_coverage(curve):
    """Draw the accuracy by coverage.

    Parameters
    ----------
    curve : DataFrame
        `coverage` and `accuracy`, sorted by coverage.

    Returns
    -------
    figure : Figure
    """
    figure, ax = plt.subplots(figsize=(6.5, 4.5), layout="constrained")
    ax.plot(curve["coverage"], curve["accuracy"], color="#0072B2", linewidth=2)
    ax.plot(curve["coverage"].iloc[-1:], curve["accuracy"].iloc[-1:], "o", color="#D55E00")
    ax.set(
        xlabel="coverage (fraction of the samples that are not rejected)", ylabel="accuracy on these samples"
    )
    ax.set_xlim(0, 1.01)
    ax.grid(alpha=0.3)
    return figure
