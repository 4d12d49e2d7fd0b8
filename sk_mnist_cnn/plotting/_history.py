"""`TrainingHistoryDisplay`: loss and accuracy per epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from .._fitted import Estimator, network_attribute
from ._matplotlib import mpl, plt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The color-blind safe palette of M. Okabe and K. Ito.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "p", "*")


class TrainingHistoryDisplay:
    """Loss and accuracy per epoch, of one classifier or of several.

    The curves show whether the training has converged, and whether the network overfits. Create the display
    with `from_estimator` or `from_estimators`. Read more in the :ref:`User Guide <guide-results>`.

    Parameters
    ----------
    histories : dict of (str or None) to (dict of str to list of float)
        Training histories by the name of the classifier, which appears in the legend. A history has one
        list per metric (`loss`, `accuracy`, `val_loss`, ...) with one value per epoch, as in `history_`. A
        metric that was not recorded in every epoch, as after a warm start without validation data, is listed
        in the legend but not drawn, because its epochs are not known.

    Attributes
    ----------
    histories : dict
        The parameter.
    axes_ : ndarray of Axes of shape (n_metrics,)
        One axes per metric.
    ax_ : Axes
        The first of `axes_`.
    figure_ : Figure
        Figure that contains the axes.
    lines_ : ndarray of Line2D of shape (n_metrics, n_histories, 2)
        Curves of the training data and of the validation data. None where there is no curve.

    See Also
    --------
    evaluation_report : Compute scores, and write them with these curves to an HTML page.
    sklearn.model_selection.LearningCurveDisplay : Score by number of training samples.

    Examples
    --------
    >>> from sk_mnist_cnn import TrainingHistoryDisplay, load_pretrained
    >>> display = TrainingHistoryDisplay.from_estimator(load_pretrained())
    >>> [ax.get_ylabel() for ax in display.axes_]
    ['loss', 'accuracy']
    """

    axes_: NDArray[np.object_]
    ax_: Axes
    figure_: Figure
    lines_: NDArray[np.object_]

    def __init__(self, histories: Mapping[Any, Mapping[str, Sequence[float]]]) -> None:
        self.histories = histories

    def plot(
        self,
        *,
        metrics: str | Sequence[str] | None = None,
        ax: Axes | Sequence[Axes] | NDArray[np.object_] | None = None,
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the curves: solid for training data, dashed for validation data.

        Parameters
        ----------
        metrics : str or list of str or None, default=None
            Metrics to draw, one per axes, without the prefix `val_`. None draws loss and accuracy, or only
            the loss if `ax` is a single axes.
        ax : Axes or sequence of Axes or None, default=None
            Axes to draw on, one per metric; existing curves are kept. None creates a figure.
        line_kw : dict or None, default=None
            Parameters of `matplotlib.axes.Axes.plot` for all curves.

        Returns
        -------
        self : TrainingHistoryDisplay
            The display.

        Raises
        ------
        ValueError
            If a metric was not recorded, or the number of axes is not the number of metrics.

        Examples
        --------
        >>> from sk_mnist_cnn import TrainingHistoryDisplay
        >>> histories = {"slow": {"loss": [2.3, 2.1, 1.8]}, "fast": {"loss": [2.3, 1.2, 0.4]}}
        >>> TrainingHistoryDisplay(histories).plot(metrics="loss").lines_.shape
        (1, 2, 2)
        """
        if metrics is None:
            metrics = "loss" if hasattr(ax, "plot") else ("loss", "accuracy")
        metrics = [metrics] if isinstance(metrics, str) else list(metrics)
        for history in self.histories.values():
            recorded = [metric for metric in history if not metric.startswith("val_")]
            if unknown := [metric for metric in metrics if metric not in recorded]:
                raise ValueError(
                    f"metrics must be among the recorded ones, {recorded}, got {unknown}. Pass names without "
                    '"val_": validation data is drawn together with training data.'
                )
        if ax is None:
            _, ax = plt.subplots(1, len(metrics), figsize=(1 + 4 * len(metrics), 4), layout="constrained")
        self.axes_ = np.ravel(np.asarray(ax))
        if len(self.axes_) != len(metrics):
            raise ValueError(
                f"ax must have one axes for each of the metrics {metrics}, got {len(self.axes_)} axes. "
                "Pass as many axes as metrics."
            )
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        self.lines_ = np.array(
            [
                [_plot_curves(axes, metric, *item, line_kw) for item in self.histories.items()]
                for axes, metric in zip(self.axes_, metrics, strict=True)
            ],
            dtype=object,
        )
        return self

    @classmethod
    def from_estimator(cls, estimator: Estimator, *, name: str | None = None, **plot_params: Any) -> Self:
        """Draw the training history of a classifier.

        Parameters
        ----------
        estimator : estimator
            A fitted `CNNDigitClassifier`, or a fitted Pipeline or search that ends in one.
        name : str or None, default=None
            Name of the classifier in the legend.
        **plot_params : dict
            Parameters of `plot`.

        Returns
        -------
        display : TrainingHistoryDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If `estimator` is not fitted.
        ValueError
            If `estimator` does not end in a `CNNDigitClassifier`, or as in `plot`.

        Examples
        --------
        >>> from sk_mnist_cnn import TrainingHistoryDisplay, load_pretrained
        >>> display = TrainingHistoryDisplay.from_estimator(load_pretrained(), metrics="accuracy")
        >>> display.ax_.get_ylabel()
        'accuracy'
        """
        return cls.from_estimators({name: estimator}, **plot_params)

    @classmethod
    def from_estimators(
        cls, estimators: Mapping[Any, Estimator] | Sequence[tuple[str, Estimator]], **plot_params: Any
    ) -> Self:
        """Draw the training histories of several classifiers, to compare them.

        Parameters
        ----------
        estimators : dict of str to estimator, or list of (str, estimator)
            Classifiers by name, each as in `from_estimator`.
        **plot_params : dict
            Parameters of `plot`.

        Returns
        -------
        display : TrainingHistoryDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If an estimator is not fitted.
        ValueError
            If an estimator does not end in a `CNNDigitClassifier`, or as in `plot`.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from sk_mnist_cnn import CNNDigitClassifier, TrainingHistoryDisplay
        >>> X, y = load_digits(return_X_y=True)
        >>> params = {"optimizer": "adam", "learning_rate_schedule": "cosine", "batch_size": 32}
        >>> params |= {"epochs": 2, "random_state": 0}
        >>> classifiers = {
        ...     f"learning rate {rate}": CNNDigitClassifier((4,), learning_rate=rate, **params).fit(X / 16, y)
        ...     for rate in (0.01, 0.02)
        ... }
        >>> TrainingHistoryDisplay.from_estimators(classifiers).lines_.shape
        (2, 2, 2)
        """
        histories = {name: network_attribute(est, "history_") for name, est in dict(estimators).items()}
        return cls(histories).plot(**plot_params)


def _plot_curves(ax, metric, name, history, line_kw):
    """Draw a metric of the training and the validation data in the next color, and return both lines."""
    style = len(ax.lines) % len(_COLORS)
    color, n_epochs = _COLORS[style], max(map(len, history.values()))
    prefix = "" if name is None else f"{name}, "
    lines = []
    for key, data, linestyle, fill in [
        (metric, "training", "-", color),
        (f"val_{metric}", "validation", "--", ax.get_facecolor()),
    ]:
        params = {
            "label": f"{prefix}{data}",
            "color": color,
            "linestyle": linestyle,
            "marker": _MARKERS[style],
            "markersize": 4,
            "markerfacecolor": fill,
            **mpl.cbook.normalize_kwargs(line_kw, mpl.lines.Line2D),
        }
        values, line = history.get(key, []), None
        if len(values) == n_epochs:
            (line,) = ax.plot(np.arange(1, n_epochs + 1), values, **params)
        elif len(values):
            ax.plot([], [], " ", label=f"{prefix}{data}: {len(values)} of {n_epochs} epochs, not drawn")
        lines.append(line)
    longest = max(1, *(len(line.get_xdata()) for line in ax.lines))
    ax.set_xticks(np.arange(1, longest + 1, -(-longest // 10)))
    ax.set(xlabel="epoch", ylabel=metric)
    ax.legend(fontsize="small")
    return lines
