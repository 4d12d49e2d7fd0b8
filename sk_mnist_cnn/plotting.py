"""The Displays of trainings and mistakes, and at hand those of `_inspection`. Nothing is trained here."""

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, Self

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length, column_or_1d

from ._inputs import as_images, at_network, positions_of, predictions
from ._inspection import FilterDisplay, SaliencyDisplay
from ._tiles import as_pixels, draw_tiles, with_probability

__all__ = ["FilterDisplay", "MisclassifiedDisplay", "SaliencyDisplay", "TrainingHistoryDisplay"]

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


class MisclassifiedDisplay:
    """Images that a classifier got wrong, with what they are and what they were taken for.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, 3)
        All the misclassified images, with pixels in [0, 1].
    y_true, y_pred : ndarray of shape (n,)
        True and predicted labels.
    y_proba : ndarray of shape (n,) or None, default=None
        Probability of each predicted label.
    indices : ndarray of shape (n,) or None, default=None
        Position of each image in the data. None counts from 0.

    Attributes
    ----------
    indices_ : ndarray of int
        Positions in the data of the images shown, in the order shown.
    ax_, figure_ : Axes, Figure
        Where they are shown.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sk_mnist_cnn import MisclassifiedDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = GaussianNB().fit(X[:900], y[:900])
    >>> display = MisclassifiedDisplay.from_estimator(clf, X[900:], y[900:], n_images=9)
    >>> display.indices_.shape
    (9,)
    """

    def __init__(
        self,
        images: np.ndarray,
        y_true: np.ndarray,
        y_pred: np.ndarray,
        *,
        y_proba: np.ndarray | None = None,
        indices: np.ndarray | None = None,
    ) -> None:
        self.images = images
        self.y_true = y_true
        self.y_pred = y_pred
        self.y_proba = y_proba
        self.indices = indices

    def plot(self, *, n_images: int = 25, sort: str | None = "confidence", ax: Axes | None = None) -> Self:
        """Draw the images in a grid.

        Parameters
        ----------
        n_images : int, default=25
            How many to show at most.
        sort : "confidence" or None, default="confidence"
            Whether the most confident mistakes come first. Otherwise, and without probabilities, images come
            in the order of the data.
        ax : Axes or None, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        self : MisclassifiedDisplay
            The display.
        """
        if not isinstance(n_images, Integral) or n_images < 1:
            raise ValueError(f"n_images must be a whole number from 1 up; got {n_images!r}.")
        if sort not in ("confidence", None):
            raise ValueError(f'sort must be "confidence" or None, for the order of the data; got {sort!r}.')
        order = np.arange(len(self.images))
        if sort and self.y_proba is not None:
            order = np.argsort(-self.y_proba, kind="stable")
        shown = order[:n_images]
        self.indices_ = shown if self.indices is None else self.indices[shown]
        labels, title = with_probability(self.y_pred, self.y_proba), "no misclassified images"
        labels = [f"{self.y_true[i]} → {labels[i]}" for i in shown]
        if max(map(len, labels), default=0) > 14:
            labels = [label.replace("→ ", "→\n") for label in labels]
        if labels:
            key = "" if self.y_proba is None else " (probability)"
            title = f"{len(shown)} of {len(order)} misclassified: true → predicted{key}"
        self.ax_ = draw_tiles(ax, self.images[shown], labels, title, cmap="gray", vmin=0, vmax=1)
        self.figure_ = self.ax_.figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: ArrayLike,
        *,
        image_shape: Sequence[int] | None = None,
        **plot_params: Any,
    ) -> Self:
        """Draw what a classifier gets wrong.

        Parameters
        ----------
        estimator : estimator
            Any fitted classifier, Pipeline or search; one without `predict_proba` gives no probabilities.
        X : array-like of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
            Images as `estimator` takes them.
        y : array-like of shape (n,)
            True labels.
        image_shape : tuple of int, (h, w) or (h, w, c), or None, default=None
            Shape of one image, in pixels. None is the shape that `estimator` was fitted on, or infers it.
        **plot_params : dict
            Parameters of `plot`.

        Returns
        -------
        display : MisclassifiedDisplay
            The display, drawn.
        """
        y_pred, y_proba = predictions(estimator, X)
        if y_proba is not None:
            positions = positions_of("y_pred", y_pred, estimator.classes_)
            y_proba = y_proba[np.arange(len(y_pred)), positions]
        images = as_images(X, image_shape, estimator)
        return cls.from_predictions(images, y, y_pred, y_proba=y_proba, **plot_params)

    @classmethod
    def from_predictions(
        cls,
        X: ArrayLike,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        y_proba: ArrayLike | None = None,
        image_shape: Sequence[int] | None = None,
        **plot_params: Any,
    ) -> Self:
        """Draw the images whose predicted label is not the true one.

        Parameters
        ----------
        X : array-like of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
            Images of any scale, grey or RGB.
        y_true, y_pred : array-like of shape (n,)
            True and predicted labels.
        y_proba : array-like of shape (n,) or (n, n_classes) or None, default=None
            Probability of each predicted label, or of every class, where the largest counts.
        image_shape : tuple of int, (h, w) or (h, w, c), or None, default=None
            Shape of one image, in pixels. None infers it: a square number of features is a grey square.
        **plot_params : dict
            Parameters of `plot`.

        Returns
        -------
        display : MisclassifiedDisplay
            The display, drawn.
        """
        images = as_images(X, image_shape)
        true, predicted = column_or_1d(y_true), column_or_1d(y_pred)
        check_consistent_length(images, true, predicted, y_proba)
        wrong = np.flatnonzero(true != predicted)
        if y_proba is not None:
            y_proba = np.asarray(y_proba)[wrong]
            y_proba = y_proba if y_proba.ndim == 1 else y_proba.max(axis=1)
        display = cls(as_pixels(images[wrong]), true[wrong], predicted[wrong], y_proba=y_proba, indices=wrong)
        return display.plot(**plot_params)


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
