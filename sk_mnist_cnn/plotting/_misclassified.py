"""`MisclassifiedDisplay`: a grid of misclassified images."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length, column_or_1d

from .._fitted import Estimator, predict_labels_and_proba, proba_of_predicted, to_images
from ._image_grid import imshow_params, labels_with_proba, plot_image_grid, rescale_pixels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class MisclassifiedDisplay:
    """Misclassified images with their true and predicted labels.

    The images show whether errors are due to ambiguous images, to wrong labels or to the classifier. Create
    the display with `from_estimator` or `from_predictions`. Read more in the
    :ref:`User Guide <guide-results>`.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, 3)
        All misclassified images, gray or RGB, with pixels in [0, 1].
    y_true, y_pred : ndarray of shape (n,)
        True and predicted labels.
    y_proba : ndarray of shape (n,) or None, default=None
        Probability of each predicted label.
    indices : ndarray of shape (n,) or None, default=None
        Index of each image in the data. None is `range(n)`.

    Attributes
    ----------
    images, y_true, y_pred, y_proba, indices : ndarray
        The parameters.
    ax_ : Axes
        Axes with the images.
    figure_ : Figure
        Figure that contains the axes.
    im_ : ndarray of AxesImage of shape (n_shown,)
        The images drawn.
    text_ : ndarray of Text of shape (n_shown,)
        The label above each image.
    indices_ : ndarray of int of shape (n_shown,)
        Indices of the drawn images in the data, in the same order.

    See Also
    --------
    evaluation_report : Compute scores, and write them with these images to an HTML page.
    sklearn.metrics.ConfusionMatrixDisplay : Number of samples by true and predicted label.

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

    ax_: Axes
    figure_: Figure
    im_: NDArray[np.object_]
    text_: NDArray[np.object_]
    indices_: NDArray[np.intp]

    def __init__(
        self,
        images: NDArray[Any],
        y_true: NDArray[Any],
        y_pred: NDArray[Any],
        *,
        y_proba: NDArray[Any] | None = None,
        indices: NDArray[Any] | None = None,
    ) -> None:
        self.images = images
        self.y_true = y_true
        self.y_pred = y_pred
        self.y_proba = y_proba
        self.indices = indices

    def plot(
        self,
        *,
        n_images: int = 25,
        sort: Literal["confidence"] | None = "confidence",
        ax: Axes | None = None,
        im_kw: dict[str, Any] | None = None,
        text_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the images in a grid.

        Parameters
        ----------
        n_images : int, default=25
            Maximum number of images, at least 1.
        sort : {"confidence"} or None, default="confidence"
            "confidence" sorts the images by decreasing probability of the predicted label. None, or
            `y_proba=None`, keeps the order of the data.
        ax : Axes or None, default=None
            Axes to draw on. None creates a figure.
        im_kw : dict or None, default=None
            Parameters of `matplotlib.axes.Axes.imshow`.
        text_kw : dict or None, default=None
            Parameters of `matplotlib.axes.Axes.text` for the labels.

        Returns
        -------
        self : MisclassifiedDisplay
            The display.

        Raises
        ------
        ValueError
            If `n_images` is not an integer >= 1, or `sort` is not one of the values.

        Examples
        --------
        >>> import numpy as np
        >>> from sk_mnist_cnn import MisclassifiedDisplay
        >>> display = MisclassifiedDisplay(np.eye(8)[np.newaxis], np.array([7]), np.array([1]))
        >>> [text.get_text() for text in display.plot().text_]
        ['7 → 1']
        """
        if not isinstance(n_images, Integral) or n_images < 1:
            raise ValueError(
                f"n_images must be an integer >= 1, got {n_images!r}. Pass the largest number to draw."
            )
        if sort not in ("confidence", None):
            raise ValueError(
                f'sort must be "confidence" or None, got {sort!r}. Pass None for the order of the data.'
            )
        order = np.arange(len(self.images))
        if sort and self.y_proba is not None:
            order = np.argsort(-self.y_proba, kind="stable")
        shown = order[:n_images]
        self.indices_ = shown if self.indices is None else self.indices[shown]
        predicted, title = labels_with_proba(self.y_pred, self.y_proba), "No misclassified images"
        labels = [f"{self.y_true[i]} → {predicted[i]}" for i in shown]
        if max(map(len, labels), default=0) > 14:
            labels = [label.replace("→ ", "→\n") for label in labels]
        if labels:
            probability = "" if self.y_proba is None else " (probability)"
            title = f"{len(shown)} of {len(order)} misclassified images: true → predicted{probability}"
        self.ax_, self.im_, self.text_ = plot_image_grid(
            self.images[shown],
            labels,
            title,
            ax=ax,
            im_kw=imshow_params(im_kw, cmap="gray", vmin=0, vmax=1),
            text_kw=text_kw,
        )
        self.figure_ = self.ax_.figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Estimator,
        X: ArrayLike,
        y: ArrayLike,
        *,
        image_shape: Sequence[int] | None = None,
        **plot_params: Any,
    ) -> Self:
        """Predict with a classifier, and draw the images that it misclassifies.

        Parameters
        ----------
        estimator : estimator
            Any fitted classifier, or a Pipeline or search that ends in one. Without `predict_proba`, no
            probabilities are shown.
        X : array-like of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
            Images in a form that `estimator` accepts.
        y : array-like of shape (n,)
            True labels.
        image_shape : tuple of int, (h, w) or (h, w, c), or None, default=None
            Shape of one image, in pixels. None is the shape that `estimator` was fitted on, if known;
            otherwise a square number of features is read as a square gray image.
        **plot_params : dict
            Parameters of `plot`.

        Returns
        -------
        display : MisclassifiedDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If `estimator` is not fitted.
        ValueError
            If `estimator` does not accept `X`, or as in `from_predictions`.

        Examples
        --------
        >>> from sk_mnist_cnn import MisclassifiedDisplay, load_mnist_sample, load_pretrained
        >>> mnist = load_mnist_sample()
        >>> display = MisclassifiedDisplay.from_estimator(load_pretrained(), mnist.x_test, mnist.y_test)
        >>> display.ax_.get_title()  # doctest: +ELLIPSIS
        '... misclassified images: true → predicted (probability)'
        """
        y_pred, y_proba = predict_labels_and_proba(estimator, X)
        if y_proba is not None:
            y_proba = proba_of_predicted(y_proba, y_pred, estimator.classes_)
        images = to_images(X, image_shape, estimator)
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
        """Draw the images whose predicted label differs from the true label.

        Parameters
        ----------
        X : array-like of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
            Images with pixels on any scale. Three channels are drawn as RGB; any other number is averaged.
        y_true, y_pred : array-like of shape (n,)
            True and predicted labels, both strings or both numbers.
        y_proba : array-like of shape (n,) or (n, n_classes) or None, default=None
            Probability of each predicted label, or probabilities of all classes, whose maximum is shown.
        image_shape : tuple of int, (h, w) or (h, w, c), or None, default=None
            Shape of one image, in pixels. None reads a square number of features as a square gray image.
        **plot_params : dict
            Parameters of `plot`.

        Returns
        -------
        display : MisclassifiedDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the lengths differ, strings are compared with numbers, or `image_shape` does not fit `X`.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from sk_mnist_cnn import MisclassifiedDisplay
        >>> X, y = load_digits(return_X_y=True)
        >>> y_pred = y.copy()
        >>> y_pred[:3] = 9
        >>> MisclassifiedDisplay.from_predictions(X, y, y_pred).indices_
        array([0, 1, 2])
        """
        images = to_images(X, image_shape)
        true, predicted = column_or_1d(y_true), column_or_1d(y_pred)
        check_consistent_length(images, true, predicted, y_proba)
        if isinstance(true[0], str) != isinstance(predicted[0], str):
            raise ValueError(
                "y_true and y_pred must be both strings or both numbers, "
                f"got {true[:3].tolist()} and {predicted[:3].tolist()}. Convert one of them."
            )
        indices = np.flatnonzero(true != predicted)
        if y_proba is not None:
            y_proba = np.asarray(y_proba)[indices]
            y_proba = y_proba if y_proba.ndim == 1 else y_proba.max(axis=1)
        display = cls(
            rescale_pixels(images[indices]),
            true[indices],
            predicted[indices],
            y_proba=y_proba,
            indices=indices,
        )
        return display.plot(**plot_params)
