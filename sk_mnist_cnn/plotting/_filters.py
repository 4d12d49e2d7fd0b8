"""`FilterDisplay`: filters of the first convolution, or its feature maps of one image."""

from typing import Self

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from .._fitted import as_images, at_network, fitted_image_shape
from ._image_grid import draw_tiles


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
