"""`SaliencyDisplay`: the contribution of each pixel to a class. `_attribution` computes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length, column_or_1d

from .._attribution import occlusion_saliency
from .._fitted import Estimator, to_images
from .._training.targets import encode_labels
from ._image_grid import imshow_params, labels_with_proba, plot_image_grid, rescale_pixels
from ._matplotlib import mpl

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure

# Blue and orange of the color-blind safe palette of M. Okabe and K. Ito.
_COLORS = "#56B4E9", "#808080", "#E69F00"


class SaliencyDisplay:
    """Contribution of each pixel to the prediction of a class.

    The heat maps show which pixels raise and which lower the probability of a label. Create the display with
    `from_estimator`. Read more in the :ref:`User Guide <guide-results>`.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, 3)
        Gray or RGB images, with pixels in [0, 1].
    saliency : ndarray of shape (n, h, w)
        Contribution of each pixel to the probability of the class: positive for the class, negative against
        it.
    labels : ndarray of shape (n,)
        The class, for each image.
    y_proba : ndarray of shape (n,) or None, default=None
        Probability of that class.

    Attributes
    ----------
    images, saliency, labels, y_proba : ndarray
        The parameters.
    ax_ : Axes
        Axes with the images.
    figure_ : Figure
        Figure that contains the axes.
    im_ : ndarray of AxesImage of shape (n,)
        The images drawn.
    saliency_im_ : ndarray of AxesImage of shape (n,)
        The heat map over each image.
    text_ : ndarray of Text of shape (n,)
        The label above each image.
    colorbar_ : Colorbar
        Color bar of the heat maps.

    See Also
    --------
    FilterDisplay : Filters and feature maps of the first layer.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sk_mnist_cnn import SaliencyDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> display = SaliencyDisplay.from_estimator(GaussianNB().fit(X, y), X[:4])
    >>> display.saliency.shape
    (4, 8, 8)
    """

    ax_: Axes
    figure_: Figure
    im_: NDArray[np.object_]
    saliency_im_: NDArray[np.object_]
    text_: NDArray[np.object_]
    colorbar_: Colorbar

    def __init__(
        self,
        images: NDArray[Any],
        saliency: NDArray[Any],
        labels: NDArray[Any],
        *,
        y_proba: NDArray[Any] | None = None,
    ) -> None:
        self.images = images
        self.saliency = saliency
        self.labels = labels
        self.y_proba = y_proba

    def plot(
        self,
        *,
        ax: Axes | None = None,
        im_kw: dict[str, Any] | None = None,
        saliency_im_kw: dict[str, Any] | None = None,
        text_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw each image with a heat map of its saliency, divided by its largest absolute value.

        Parameters
        ----------
        ax : Axes or None, default=None
            Axes to draw on. None creates a figure.
        im_kw : dict or None, default=None
            Parameters of `matplotlib.axes.Axes.imshow` for the images.
        saliency_im_kw : dict or None, default=None
            Parameters of `matplotlib.axes.Axes.imshow` for the heat maps.
        text_kw : dict or None, default=None
            Parameters of `matplotlib.axes.Axes.text` for the labels.

        Returns
        -------
        self : SaliencyDisplay
            The display.

        Examples
        --------
        >>> import numpy as np
        >>> from sk_mnist_cnn import SaliencyDisplay
        >>> images = np.eye(8)[np.newaxis]
        >>> display = SaliencyDisplay(images, images, np.array(["line"])).plot(text_kw={"fontsize": 6})
        >>> [text.get_text() for text in display.text_]
        ['line']
        """
        self.ax_, self.im_, self.text_ = plot_image_grid(
            self.images,
            labels_with_proba(self.labels, self.y_proba),
            "Saliency for the label above each image",
            ax=ax,
            im_kw=imshow_params(im_kw, cmap="gray", vmin=0, vmax=1),
            text_kw=text_kw,
            colorbar_width=0.8,
        )
        largest = np.abs(self.saliency).max(axis=(1, 2), keepdims=True)
        heat_maps = self.saliency / np.where(largest > 0, largest, 1)
        cmap = mpl.colors.LinearSegmentedColormap.from_list("saliency", _COLORS)
        saliency_im_kw = imshow_params(saliency_im_kw, cmap=cmap, vmin=-1, vmax=1)
        self.saliency_im_ = np.array(
            [
                self.ax_.imshow(heat, **{"alpha": np.abs(heat), "extent": im.get_extent(), **saliency_im_kw})
                for heat, im in zip(heat_maps, self.im_, strict=True)
            ],
            dtype=object,
        )
        self.figure_ = cast("Figure", self.ax_.figure)
        self.colorbar_ = self.figure_.colorbar(
            self.saliency_im_[0],
            ax=self.ax_,
            label="contribution to the class, scaled per image",
            shrink=0.8,
        )
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Estimator,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        patch_size: int | Literal["auto"] = "auto",
        background: float = 0,
        image_shape: Sequence[int] | None = None,
        **plot_params: Any,
    ) -> Self:
        """Compute and draw the contribution of each pixel to the prediction of a classifier.

        It is the decrease of the probability of the class when a patch covers the pixel, averaged over all
        such patches [1]_.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier with `predict_proba`, or a Pipeline or search that ends in one.
        X : array-like of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
            A few images in a form that `estimator` accepts.
        y : label or array-like of shape (n,) or None, default=None
            The class, for all images or for each. None is the predicted class.
        patch_size : int or "auto", default="auto"
            Height and width of a patch in pixels. "auto" is a seventh of the smaller side of the image, and
            at least 2.
        background : float, default=0
            Pixel value of the patches, in the unit of `X`: that of the background, which carries no
            information.
        image_shape : tuple of int, (h, w) or (h, w, c), or None, default=None
            Shape of one image in pixels. None is the shape that `estimator` was fitted on, if
            known; otherwise a square number of features is read as a square gray image.
        **plot_params : dict
            Parameters of `plot`.

        Returns
        -------
        display : SaliencyDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If `estimator` is not fitted.
        ValueError
            If `patch_size` is not valid, `estimator` has no probabilities, or `y` has unknown labels.

        References
        ----------
        .. [1] Zeiler, M. D. and Fergus, R. (2014). "Visualizing and understanding convolutional networks".
           ECCV. arXiv:1311.2901.

        Examples
        --------
        >>> from sk_mnist_cnn import SaliencyDisplay, load_mnist_sample, load_pretrained
        >>> images = load_mnist_sample().x_test[:2]
        >>> SaliencyDisplay.from_estimator(load_pretrained(), images, y=8).labels
        array([8, 8])
        """
        if not hasattr(estimator, "predict_proba"):
            raise ValueError(
                f"estimator must have predict_proba, got {estimator!r}. Use a classifier with probabilities."
            )
        probabilities = np.asarray(estimator.predict_proba(X))
        class_indices, classes = probabilities.argmax(axis=1), estimator.classes_
        if y is not None:
            y = np.full(len(probabilities), y) if np.ndim(y) == 0 else column_or_1d(y)
            check_consistent_length(probabilities, y)
            class_indices = encode_labels(y, classes, "y")
        images = to_images(X, image_shape, estimator)
        saliency = occlusion_saliency(estimator, X, images, class_indices, background, patch_size)
        return cls(
            rescale_pixels(images),
            saliency,
            classes[class_indices],
            y_proba=probabilities[np.arange(len(class_indices)), class_indices],
        ).plot(**plot_params)
