"""`SaliencyDisplay`: gradient and occlusion saliency."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length, column_or_1d

from .._fitted import as_images, at_network
from .._targets import encode_labels
from ._image_grid import AGAINST_OR_FOR, as_pixels, draw_tiles, with_probability


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
        .. [1] Shrikumar, A. et al. (2016). "Not just a black box: learning important features through
           propagating activation differences". arXiv:1605.01713.
        .. [2] Zeiler, M. D. and Fergus, R. (2014). "Visualizing and understanding convolutional networks".
           ECCV.
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
            positions = encode_labels(y, estimator.classes_, "y")
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


def gradients(model, images, positions, background):
    """Gradients times pixels, of log-odds from before the softmax: behind it they level off."""
    from .._keras.backend import keras, tf

    last = model.layers[-1]
    features = keras.Model(model.inputs[0], last.input)
    pixels = tf.constant(images, dtype=last.kernel.dtype)
    of_class = tf.one_hot(positions, model.output_shape[-1], on_value=True, off_value=False)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        logits = tf.cast(features(pixels), last.kernel.dtype) @ last.kernel + last.bias
        others = tf.where(of_class, -np.inf, logits)
        log_odds = logits[of_class] - tf.reduce_logsumexp(others, axis=1)
    return np.sum(tape.gradient(log_odds, pixels) * (pixels - background), axis=-1)


def occlusions(estimator, X, images, positions, background, patch_size):
    """Probability lost, on average over the patches that hide a pixel, as what the other classes win."""
    height, width = images.shape[1:3]
    if patch_size == "auto":
        patch_size = max(2, min(height, width) // 7)
    if not isinstance(patch_size, Integral) or patch_size < 1:
        raise ValueError(f'patch_size must be a whole number from 1 up or "auto"; got {patch_size!r}.')
    rows, columns = _windows(height, patch_size), _windows(width, patch_size)
    masks = (rows[:, np.newaxis, :, np.newaxis] & columns[:, np.newaxis, :]).reshape(-1, height, width)

    def others(images, position):
        batch = images.reshape(-1, *np.shape(X)[1:])
        if hasattr(X, "columns"):
            batch = pd.DataFrame(batch, columns=list(X.columns))
        return np.delete(estimator.predict_proba(batch), position, axis=1).sum(axis=1)

    saliency = []
    for image, position in zip(images, positions, strict=True):
        hidden = np.where(masks[..., np.newaxis], background, image).astype(images.dtype)
        lost = others(hidden, position) - others(image, position)
        saliency.append(np.tensordot(lost, masks, axes=1) / masks.sum(axis=0))
    return np.array(saliency)


def _windows(length, size):
    """Masks of the windows of `size` that slide along `length`, a quarter of themselves at a time."""
    size = min(size, length)
    starts = np.append(np.arange(0, length - size, max(1, size // 4)), length - size)[:, np.newaxis]
    pixels = np.arange(length)
    return (starts <= pixels) & (pixels < starts + size)
