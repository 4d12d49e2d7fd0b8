"""`MisclassifiedDisplay`: a grid of misclassified images."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length, column_or_1d

from .._fitted import as_images, predictions
from .._targets import encode_labels
from ._image_grid import as_pixels, draw_tiles, with_probability


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
            positions = encode_labels(y_pred, estimator.classes_, "y_pred")
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
