"""`TrainingHistoryDisplay`: loss and accuracy per epoch."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from sklearn.base import BaseEstimator

from .._fitted import at_network

# M. Okabe and K. Ito's colours, which the colour-blind tell apart.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


class TrainingHistoryDisplay:
    """Loss and accuracy after every epoch, of one training or of several.

    Parameters
    ----------
    histories : dict of (str or None) to (dict of list of float)
        By name, what was recorded each epoch: `loss`, `accuracy`, `val_loss` and so on, as in `history_`.
        What some epochs lack, as after a warm start with other validation data, is named in the legend but
        not drawn: nobody knows which epochs it belongs to.

    Attributes
    ----------
    axes_ : ndarray of Axes
        One axes a metric; `ax_` is the first.
    figure_ : Figure
        The figure.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sk_mnist_cnn import CNNDigitClassifier, TrainingHistoryDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = CNNDigitClassifier(filters=(4,), dense_units=(), epochs=2, validation_split=0.2)
    >>> display = TrainingHistoryDisplay.from_estimator(clf.fit(X / 16, y))
    >>> [ax.get_ylabel() for ax in display.axes_]
    ['loss', 'accuracy']
    """

    def __init__(self, histories: Mapping) -> None:
        self.histories = histories

    def plot(self, *, metrics: str | Sequence[str] | None = None, ax: Any = None) -> Self:
        """Draw the curves: training solid, validation dashed.

        Parameters
        ----------
        metrics : str or list of str or None, default=None
            What to draw, one axes each. None is loss and accuracy, and the loss alone in a single `ax`.
        ax : Axes or sequence of Axes or None, default=None
            Where to draw, beside the curves already there. None makes a figure.

        Returns
        -------
        self : TrainingHistoryDisplay
            The display.
        """
        if metrics is None:
            metrics = "loss" if isinstance(ax, Axes) else ("loss", "accuracy")
        metrics = [metrics] if isinstance(metrics, str) else list(metrics)
        for history in self.histories.values():
            recorded = [metric for metric in history if not metric.startswith("val_")]
            if unknown := [metric for metric in metrics if metric not in recorded]:
                raise ValueError(
                    f"metrics must be among those recorded, {recorded}; got {unknown}. The validation's are "
                    "drawn beside the training's."
                )
        if ax is None:
            _, ax = plt.subplots(1, len(metrics), figsize=(1 + 4 * len(metrics), 4), layout="constrained")
        self.axes_ = np.ravel(ax)
        if len(self.axes_) != len(metrics):
            raise ValueError(
                f"ax must hold one axes for each of the metrics {metrics}; got {len(self.axes_)} axes. "
                "Pass as many axes as metrics."
            )
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        for axes, metric in zip(self.axes_, metrics, strict=True):
            for name, history in self.histories.items():
                _draw_curves(axes, metric, name, history)
        return self

    @classmethod
    def from_estimator(cls, estimator: BaseEstimator, *, name: str | None = None, **plot_params: Any) -> Self:
        """Draw how a classifier was trained.

        Parameters
        ----------
        estimator : estimator
            A fitted `CNNDigitClassifier`, or a fitted Pipeline or search that ends in one.
        name : str or None, default=None
            Its name in the legend.
        **plot_params : dict
            Parameters of `plot`.

        Returns
        -------
        display : TrainingHistoryDisplay
            The display, drawn.
        """
        return cls.from_estimators({name: estimator}, **plot_params)

    @classmethod
    def from_estimators(cls, estimators: Mapping | Sequence[tuple], **plot_params: Any) -> Self:
        """Draw how several classifiers were trained, to compare them.

        Parameters
        ----------
        estimators : dict of str to estimator, or list of (str, estimator)
            Classifiers by name, each as `from_estimator` takes it.
        **plot_params : dict
            Parameters of `plot`.

        Returns
        -------
        display : TrainingHistoryDisplay
            The display, drawn.
        """
        histories = {name: at_network(est, "history_")[0] for name, est in dict(estimators).items()}
        return cls(histories).plot(**plot_params)


def _draw_curves(ax, metric, name, history):
    """Draw a metric of training and validation into one axes, in the next colour."""
    look = len(ax.lines) % len(_COLOURS)
    style = {"color": _COLOURS[look], "marker": "os^Dvp*"[look], "markersize": 4}
    prefix = "" if name is None else f"{name}, "
    n_epochs = max(map(len, history.values()))
    for key, kind, line, fill in [
        (metric, "training", "-", _COLOURS[look]),
        (f"val_{metric}", "validation", "--", "white"),
    ]:
        values = history.get(key, [])
        if len(values) == n_epochs:
            epochs = np.arange(1, n_epochs + 1)
            ax.plot(epochs, values, line, markerfacecolor=fill, label=prefix + kind, **style)
        elif len(values):
            ax.plot([], [], " ", label=f"{prefix}{kind}: {len(values)} of {n_epochs} epochs, not drawn")
    longest = max(1, *(len(line.get_xdata()) for line in ax.lines))
    ax.set_xticks(np.arange(1, longest + 1, -(-longest // 10)))
    ax.set(xlabel="epoch", ylabel=metric)
    ax.legend(fontsize="small")
