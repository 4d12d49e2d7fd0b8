"""Transformers that bring images into the form the classifier takes. The rules stand in `_images`."""

from collections.abc import Sequence
from numbers import Real
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from . import _images
from ._base import ImageTransformer, fitted_at_once, observed_fit


class ImagePreprocessor(ImageTransformer):
    """Reshape images to (n, h, w, c) and scale their pixels to [0, 1].

    Parameters
    ----------
    image_shape : tuple of int, (h, w) or (h, w, c), default=None
        Height, width and number of channels of one image, in pixels. None infers it: arrays of shape
        (n, h, w, c) and (n, h, w) show theirs; flat rows whose width is a perfect square are grey
        squares; any other width is read as one row of pixels, with a warning.
    max_value : float or "auto", default="auto"
        The pixel value that becomes 1. "auto" is the largest value of an integer dtype of 8 or 16 bits
        (255 for MNIST's uint8), and the training maximum for anything else, with whole numbers between
        17 and 255 read as 8-bit pixels, as they come in an OpenML frame. A number fixes it, and pixels
        outside [0, max_value] are then an error.

    Attributes
    ----------
    image_shape_ : tuple of (h, w, c)
        Shape of one image, in pixels.
    max_value_ : float
        The pixel value that becomes 1.
    n_features_in_ : int
        ``h * w * c``, whatever the layout of the images seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names, where `fit` saw a frame with string column names.

    See Also
    --------
    CNNDigitClassifier : Takes what this transformer gives.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_mnist_cnn import ImagePreprocessor
    >>> digits = np.full((5, 784), 255, dtype=np.uint8)
    >>> images = ImagePreprocessor().fit_transform(digits)
    >>> images.shape, images.dtype, float(images.max())
    ((5, 28, 28, 1), dtype('float32'), 1.0)
    """

    _parameter_constraints = {
        "image_shape": ["array-like", None],
        "max_value": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
    }

    def __init__(self, image_shape: Sequence[int] | None = None, max_value: float | str = "auto"):
        self.image_shape = image_shape
        self.max_value = max_value

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Learn the images' shape and scale.

        Parameters
        ----------
        X : array-like of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
            Images of any real dtype, or a pandas or polars frame of flat rows.
        y : None
            Ignored.

        Returns
        -------
        self : ImagePreprocessor
            The fitted transformer.

        Raises
        ------
        ValueError
            If `image_shape` does not fit `X`, or pixels lie outside [0, max_value].
        """
        with observed_fit(self, X, y), fitted_at_once(self) as fitted:
            fitted._fit_rows(X)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: ArrayLike, y: object = None) -> np.ndarray:
        """Fit to `X`, and give it reshaped and scaled, validating it once.

        Parameters
        ----------
        X : array-like of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
            Images, as in `fit`.
        y : None
            Ignored.

        Returns
        -------
        images : ndarray of shape (n, h, w, c), float32
            Pixels in [0, 1].
        """
        with observed_fit(self, X, y), fitted_at_once(self) as fitted:
            return fitted._scale(fitted._fit_rows(X))

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Give `X` reshaped and scaled.

        Parameters
        ----------
        X : array-like of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
            Images of the fitted shape, in any of the three layouts.

        Returns
        -------
        images : ndarray of shape (n, h, w, c), float32
            C-contiguous. Pixels are in [0, 1] where they are in [0, `max_value_`]; with
            ``max_value="auto"`` others are scaled alike.

        Raises
        ------
        ValueError
            If the images have another shape, or pixels lie outside a given `max_value`.
        """
        check_is_fitted(self)
        rows, layout = _images.as_rows(X)
        rows = validate_data(self, rows, dtype="numeric", reset=False)
        _images.check_layout(layout, self.image_shape_)
        self._check_range(rows)
        return self._scale(rows)

    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Give images back in the layout, scale and dtype that were fitted.

        Parameters
        ----------
        X : array-like of shape (n, h, w, c)
            Scaled images, as `transform` gives them.

        Returns
        -------
        X_original : ndarray of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
            Whole-number pixels are rounded, and clipped to their dtype's range.
        """
        check_is_fitted(self)
        rows, layout = _images.as_rows(X)
        rows = check_array(rows, dtype="numeric", input_name="X")
        if rows.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X holds images of {rows.shape[1]} features, but {self.n_features_in_} were fitted, "
                f"those of shape {self.image_shape_}. Pass what transform has given."
            )
        _images.check_layout(layout, self.image_shape_)
        pixels = _images.unscale_pixels(rows, self.max_value_, self._fitted_dtype)
        return pixels.reshape(len(pixels), *self._fitted_layout)

    def _fit_rows(self, X):
        rows, layout = _images.as_rows(X)
        rows = validate_data(self, rows, dtype="numeric")
        self.image_shape_ = _images.resolve_image_shape(self.n_features_in_, layout, self.image_shape)
        if self.max_value == "auto":
            self.max_value_ = _images.pixel_maximum(rows)
        else:
            self.max_value_ = float(self.max_value)
        self._check_range(rows)
        self._fitted_layout = np.asarray(X).shape[1:] if layout else rows.shape[1:]
        self._fitted_dtype = rows.dtype.str
        return rows

    def _check_range(self, rows):
        if self.max_value == "auto":
            return
        low, high = rows.min(), rows.max()
        if low < 0 or high > self.max_value_:
            raise ValueError(
                f"max_value={self.max_value} takes pixels in [0, {self.max_value}], but X holds pixels "
                f'in [{low}, {high}]. Pass the largest pixel value that can occur, or max_value="auto".'
            )

    def _scale(self, rows):
        return _images.scale_pixels(rows, self.max_value_).reshape(-1, *self.image_shape_)
