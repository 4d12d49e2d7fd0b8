"""The Displays of what a network goes by: filters and evidence. `plotting` has the others, and these."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length, column_or_1d

from ._evidence import gradients, occlusions
from ._inputs import as_images, at_network, fitted_image_shape, positions_of
from ._tiles import AGAINST_OR_FOR, as_pixels, draw_tiles, with_probability


class FilterDisplay:
    """What the first convolution looks for, or what it finds in an image.

    Parameters
    ----------
    kernels : ndarray of shape (n_filters, h, w, c)
        Weights of the convolution.
    feature_maps : ndarray of shape (n_filters, h, w) or None, default=None
        What the convolution, activation included, gives for an image. Drawn instead of the weights.

    Attributes
    ----------
    ax_, figure_ : Axes, Figure
        Where they are drawn.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sk_mnist_cnn import CNNDigitClassifier
    >>> from sk_mnist_cnn.plotting import FilterDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = CNNDigitClassifier(filters=(4,), dense_units=(), epochs=1).fit(X / 16, y)
    >>> FilterDisplay.from_estimator(clf).kernels.shape
    (4, 5, 5, 1)
    >>> FilterDisplay.from_estimator(clf, X[0] / 16).feature_maps.shape
    (4, 4, 4)
    """

    def __init__(self, kernels: np.ndarray, *, feature_maps: np.ndarray | None = None) -> None:
        self.kernels = kernels
        self.feature_maps = feature_maps

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw a tile a filter, all on one scale.

        Parameters
        ----------
        ax : Axes or None, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        self : FilterDisplay
            The display.
        """
        largest = np.abs(self.kernels).max()
        tiles, title, unit = self.kernels.mean(axis=-1), "Filters of the first layer", "weight"
        scale = {"cmap": "PuOr", "vmin": -largest, "vmax": largest}
        if self.feature_maps is not None:
            tiles, title, unit = self.feature_maps, "Feature maps of the first layer", "activation"
            scale = {"cmap": "cividis", "vmin": tiles.min(), "vmax": tiles.max()}
        elif self.kernels.shape[-1] == 3:
            tiles, title, unit = 0.5 + self.kernels / (2 * largest), f"{title}, grey is 0", ""
        self.ax_ = draw_tiles(ax, tiles, range(len(tiles)), title, **scale)
        self.figure_ = self.ax_.figure
        if unit:
            self.figure_.colorbar(self.ax_.images[-1], ax=self.ax_, label=unit, shrink=0.8)
        return self

    @classmethod
    def from_estimator(
        cls, estimator: BaseEstimator, image: ArrayLike | None = None, *, ax: Axes | None = None
    ) -> Self:
        """Draw the filters of a classifier's first layer.

        Parameters
        ----------
        estimator : estimator
            A fitted `CNNDigitClassifier`, or a fitted Pipeline or search that ends in one.
        image : array-like of shape (h, w, c), (h, w) or (h * w * c,), or None, default=None
            One image as `estimator` takes it, or an array or frame of one, to draw the feature maps of.
        ax : Axes or None, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        display : FilterDisplay
            The display, drawn.
        """
        if image is not None and _is_single(image, estimator):
            image = np.asarray(image)[np.newaxis]
        model, image = at_network(estimator, "model_", image)
        if not any(layer.name == "conv_1" for layer in model.layers):
            raise ValueError("estimator must have convolutions to be drawn; it was fitted with filters=().")
        layer, feature_maps = model.get_layer("conv_1"), None
        kernels = np.moveaxis(np.asarray(layer.kernel), -1, 0)
        if image is not None:
            outputs = layer(as_images(image, model.input_shape[1:]).astype(kernels.dtype))
            feature_maps = np.moveaxis(np.asarray(outputs).astype(kernels.dtype)[0], -1, 0)
        return cls(kernels, feature_maps=feature_maps).plot(ax=ax)


def _is_single(image, estimator):
    """Whether this is an image by itself, and not an array or a frame of one."""
    shape = np.shape(image)
    return shape[0] != 1 or shape == fitted_image_shape(estimator, np.prod(shape))


class SaliencyDisplay:
    """Which pixels of an image spoke for a class, and which against it.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, 3)
        Images, with pixels in [0, 1].
    saliency : ndarray of shape (n, h, w)
        How much each pixel speaks for the class; what is below 0 speaks against it.
    labels : ndarray of shape (n,)
        The class in question, for each image.
    y_proba : ndarray of shape (n,) or None, default=None
        Probability of that class.

    Attributes
    ----------
    ax_, figure_ : Axes, Figure
        Where they are drawn.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sk_mnist_cnn.plotting import SaliencyDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> display = SaliencyDisplay.from_estimator(GaussianNB().fit(X, y), X[:4], method="occlusion")
    >>> display.saliency.shape
    (4, 8, 8)
    """

    def __init__(
        self,
        images: np.ndarray,
        saliency: np.ndarray,
        labels: np.ndarray,
        *,
        y_proba: np.ndarray | None = None,
    ) -> None:
        self.images = images
        self.saliency = saliency
        self.labels = labels
        self.y_proba = y_proba

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw the images, each under its heat map, which is scaled to its own largest value.

        Parameters
        ----------
        ax : Axes or None, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        self : SaliencyDisplay
            The display.
        """
        largest = np.abs(self.saliency).max(axis=(1, 2), keepdims=True)
        heat = self.saliency / np.where(largest > 0, largest, 1)
        labels = with_probability(self.labels, self.y_proba)
        title = "Evidence for the class named"
        self.ax_ = draw_tiles(ax, self.images, labels, title, heat, cmap="gray", vmin=0, vmax=1)
        self.figure_ = self.ax_.figure
        mappable = ScalarMappable(Normalize(-1, 1), AGAINST_OR_FOR)
        bar = self.figure_.colorbar(mappable, ax=self.ax_, ticks=[-1, 0, 1], shrink=0.8)
        bar.ax.set_yticklabels(["against", "neither", "for"])
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: Any = None,
        *,
        method: str = "gradient",
        patch_size: int | str = "auto",
        background: float = 0,
        image_shape: Sequence[int] | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw which pixels a classifier goes by.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier, Pipeline or search. The gradient needs one that ends in a
            `CNNDigitClassifier`, occlusion one with `predict_proba`.
        X : array-like of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
            A few images as `estimator` takes them.
        y : label or array-like of shape (n,) or None, default=None
            The class in question, for all images or for each. None is the predicted one.
        method : {"gradient", "occlusion"}, default="gradient"
            "gradient" is the gradient of the class' log-odds times the pixel [1]_, on the image as it
            reaches the network. "occlusion" is the probability that the class loses, on average over the
            patches that hide the pixel [2]_.
        patch_size : int or "auto", default="auto"
            Height and width of the patch, in pixels. "auto" is a seventh of the image, and at least 2.
        background : float, default=0
            The pixel value that says nothing: it fills a patch, and gradients count from it.
        image_shape : tuple of int, (h, w) or (h, w, c), or None, default=None
            Shape of one image, in pixels. None is the shape that `estimator` was fitted on, or infers it.
        ax : Axes or None, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        display : SaliencyDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If `method` is another, or `estimator` cannot be asked in that way.

        References
        ----------
        .. [1] A. Shrikumar et al. (2016). "Not just a black box: learning important features through
           propagating activation differences". arXiv:1605.01713.
        .. [2] M. D. Zeiler, R. Fergus (2014). "Visualizing and understanding convolutional networks". ECCV.
        """
        if method not in ("gradient", "occlusion"):
            raise ValueError(f'method must be "gradient" or "occlusion"; got {method!r}.')
        if not hasattr(estimator, "predict_proba"):
            raise ValueError(f"estimator must have predict_proba, to tell what it loses; got {estimator!r}.")
        probabilities = estimator.predict_proba(X)
        positions = probabilities.argmax(axis=1)
        if y is not None:
            y = np.full(len(probabilities), y) if np.ndim(y) == 0 else column_or_1d(y)
            check_consistent_length(probabilities, y)
            positions = positions_of("y", y, estimator.classes_)
        if method == "gradient":
            model, X = at_network(estimator, "model_", X)
            images = as_images(X, model.input_shape[1:])
            saliency = gradients(model, images, positions, background)
        else:
            images = as_images(X, image_shape, estimator)
            saliency = occlusions(estimator, X, images, positions, background, patch_size)
        y_proba = probabilities[np.arange(len(positions)), positions]
        display = cls(as_pixels(images), saliency, estimator.classes_[positions], y_proba=y_proba)
        return display.plot(ax=ax)
