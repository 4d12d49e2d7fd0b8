"""`FilterDisplay`: the filters of the first convolutional layer, or its feature maps of one image."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._architecture import size_after
from .._fitted import Estimator, fitted_image_shape, network_attribute, to_images, transform_before_network
from ..classifier import compute_output
from ._image_grid import imshow_params, plot_image_grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure


class FilterDisplay:
    """Filters of the first convolutional layer, or its feature maps of one image.

    The filters show which patterns the layer responds to, the feature maps where it finds them in an image.
    Create the display with `from_estimator`. Read more in the :ref:`User Guide <guide-results>`.

    Parameters
    ----------
    kernels : ndarray of shape (n_filters, h, w, c)
        Weights of the layer.
    feature_maps : ndarray of shape (n_filters, h, w) or None, default=None
        Output of the layer for one image, after the activation. If given, it is drawn instead of the
        weights.

    Attributes
    ----------
    kernels, feature_maps : ndarray
        The parameters.
    ax_ : Axes
        Axes with the images.
    figure_ : Figure
        Figure that contains the axes.
    im_ : ndarray of AxesImage of shape (n_filters,)
        One image per filter.
    text_ : ndarray of Text of shape (n_filters,)
        Index of each filter.
    colorbar_ : Colorbar or None
        Color bar of the weights or activations. None for RGB filters, which are drawn in color.

    See Also
    --------
    SaliencyDisplay : Contribution of each pixel to a prediction.
    CNNDigitClassifier.transform : Compute the activations of the last hidden layer.

    Examples
    --------
    >>> from sk_mnist_cnn import FilterDisplay, load_pretrained
    >>> FilterDisplay.from_estimator(load_pretrained()).kernels.shape
    (32, 5, 5, 1)
    """

    ax_: Axes
    figure_: Figure
    im_: NDArray[np.object_]
    text_: NDArray[np.object_]
    colorbar_: Colorbar | None

    def __init__(self, kernels: NDArray[Any], *, feature_maps: NDArray[Any] | None = None) -> None:
        self.kernels = kernels
        self.feature_maps = feature_maps

    def plot(
        self,
        *,
        ax: Axes | None = None,
        im_kw: dict[str, Any] | None = None,
        text_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw one image per filter, all with the same color scale.

        Weights of three channels are drawn as RGB; those of any other number of channels are averaged.

        Parameters
        ----------
        ax : Axes or None, default=None
            Axes to draw on. None creates a figure.
        im_kw : dict or None, default=None
            Parameters of `matplotlib.axes.Axes.imshow`.
        text_kw : dict or None, default=None
            Parameters of `matplotlib.axes.Axes.text` for the indices of the filters.

        Returns
        -------
        self : FilterDisplay
            The display.

        Examples
        --------
        >>> from sk_mnist_cnn import FilterDisplay, load_pretrained
        >>> display = FilterDisplay.from_estimator(load_pretrained())
        >>> display.plot(text_kw={"fontsize": 6}).text_.shape
        (32,)
        """
        largest = np.abs(self.kernels).max()
        images, title, unit = self.kernels.mean(axis=-1), "Filters of the first layer", "weight"
        scale = {"cmap": "PuOr", "vmin": -largest, "vmax": largest}
        if self.feature_maps is not None:
            images, title, unit = self.feature_maps, "Feature maps of the first layer", "activation"
            scale = {"cmap": "cividis", "vmin": images.min(), "vmax": images.max()}
        elif self.kernels.shape[-1] == 3:
            images, title, unit = 0.5 + self.kernels / (2 * (largest or 1)), f"{title} (gray: 0)", ""
        self.ax_, self.im_, self.text_ = plot_image_grid(
            images,
            [str(i) for i in range(len(images))],
            title,
            ax=ax,
            im_kw=imshow_params(im_kw, **scale),
            text_kw=text_kw,
            colorbar_width=0.8,
        )
        self.figure_ = cast("Figure", self.ax_.figure)
        self.colorbar_ = None
        if unit:
            self.colorbar_ = self.figure_.colorbar(self.im_[0], ax=self.ax_, label=unit, shrink=0.8)
        return self

    @classmethod
    def from_estimator(cls, estimator: Estimator, image: ArrayLike | None = None, **plot_params: Any) -> Self:
        """Draw the filters of a classifier's first layer, or its feature maps of an image.

        Parameters
        ----------
        estimator : estimator
            A fitted `CNNDigitClassifier`, or a fitted Pipeline or search that ends in one.
        image : array-like of shape (h, w, c), (h, w) or (h * w * c,), or None, default=None
            An image in a form that `estimator` accepts, or an array or frame of one image. If given, its
            feature maps are drawn, otherwise the filters.
        **plot_params : dict
            Parameters of `plot`.

        Returns
        -------
        display : FilterDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If `estimator` is not fitted.
        ValueError
            If `estimator` does not end in a `CNNDigitClassifier`, or has no convolutional layer.

        Examples
        --------
        >>> from sk_mnist_cnn import FilterDisplay, load_mnist_sample, load_pretrained
        >>> digit = load_mnist_sample().x_test[0]
        >>> FilterDisplay.from_estimator(load_pretrained(), digit).feature_maps.shape
        (32, 24, 24)
        """
        weights = network_attribute(estimator, "_weights")
        architecture = network_attribute(estimator, "_fitted_architecture")
        if not architecture.blocks:
            raise ValueError(
                "estimator must have a convolutional layer, got one that was fitted with filters=(). "
                "Fit it with at least one entry in filters."
            )
        feature_maps = None
        if image is not None:
            X = np.asarray(image)[np.newaxis] if _is_single(image, estimator) else image
            images = to_images(transform_before_network(estimator, X), architecture.image_shape)
            feature_maps = _first_feature_maps(architecture, weights, images)
        return cls(np.moveaxis(weights[0], -1, 0), feature_maps=feature_maps).plot(**plot_params)


def _first_feature_maps(architecture, weights, images):
    """Return the output of the first layer for one image: the embedding of a network with only this layer."""
    (n_filters, kernel, _), *_ = architecture.blocks
    architecture, weights = architecture.folded(weights)
    blocks = ((n_filters, kernel, (1, 1)),)
    first = replace(architecture, blocks=blocks, dense_units=(), global_average_pooling=False)
    height, width = size_after(images.shape[1:3], kernel, architecture.padding)
    unused = [np.zeros(shape, weights[0].dtype) for shape in first.weight_shapes[2:]]
    rows = images.reshape(1, -1).astype(weights[0].dtype)
    flat = compute_output(first, (*weights[:2], *unused), rows, "embeddings")
    return np.moveaxis(flat.reshape(height, width, n_filters), -1, 0)


def _is_single(image, estimator):
    """Return whether `image` is an image itself, not an array or frame of one image."""
    shape = np.shape(image)
    return shape[0] != 1 or shape == fitted_image_shape(estimator, np.prod(shape))
