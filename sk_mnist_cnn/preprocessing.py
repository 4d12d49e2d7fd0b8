"""`ImagePreprocessor` reshapes and scales images, by the rules in `_images` and `_pixels`."""

from collections.abc import Sequence
from math import prod
from numbers import Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted

from . import _pixels
from ._base import ImageTransformer, commit_on_success, snapshot, with_flat_features
from ._images import as_flat_rows, check_layout, to_array, validate_images
from ._sklearn_callbacks import observed_fit


class ImagePreprocessor(ImageTransformer):
    """Reshape images to (n, h, w, c) and scale their pixels to [0, 1].

    Parameters
    ----------
    image_shape : tuple of int, (h, w) or (h, w, c), default=None
        Height, width and number of channels of one image, in pixels. None infers it: arrays of shape
        (n, h, w, c) and (n, h, w) have it; flat rows are read as gray squares if their length is a perfect
        square, otherwise as one row of pixels, with a warning.
    max_value : float or "auto", default="auto"
        The pixel value that becomes 1, above 0. "auto" is the largest value of an integer dtype of 8 or 16
        bits (255 for MNIST's uint8). For any other dtype it is the largest pixel of the training images, but
        255 if all are integers >= 0 with a maximum between 17 and 255, such as a frame from OpenML. If a
        number is given, pixels outside [0, max_value] raise an error.
    flatten : bool, default=False
        Whether to return flat rows of shape (n, h * w * c), for steps and tools that need two dimensions.
        `get_feature_names_out` and frames from `set_output` are available only then.

    Attributes
    ----------
    image_shape_ : tuple of (h, w, c)
        Shape of one image, in pixels.
    max_value_ : float
        The pixel value that becomes 1.
    n_features_in_ : int
        Number of features seen in `fit`, ``X.shape[1]``: ``h * w * c`` for flat rows, otherwise ``h``.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names, if `fit` was given a frame with string column names.

    See Also
    --------
    CNNDigitClassifier : Classifies the images that this transformer returns.
    MNISTNormalizer : Converts photos and drawings of digits to MNIST's format.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_mnist_cnn import ImagePreprocessor
    >>> digits = np.full((5, 784), 255, dtype=np.uint8)
    >>> images = ImagePreprocessor().fit_transform(digits)
    >>> images.shape, images.dtype, float(images.max())
    ((5, 28, 28, 1), dtype('float32'), 1.0)
    """

    image_shape_: tuple[int, int, int]
    max_value_: float
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]

    _parameter_constraints = {
        "image_shape": ["array-like", None],
        "max_value": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "flatten": ["boolean"],
    }

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        *,
        max_value: float | Literal["auto"] = "auto",
        flatten: bool = False,
    ):
        self.image_shape = image_shape
        self.max_value = max_value
        self.flatten = flatten

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Learn the shape and the scale of the images.

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
            If `image_shape` does not fit `X`, `X` seems to have its channels first (and `image_shape` is
            None), or pixels are outside [0, max_value].
        """
        with observed_fit(self, X, y), commit_on_success(self) as fitted:
            fitted._fit_rows(X)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: ArrayLike, y: object = None) -> NDArray[np.float32]:
        """Fit to `X`, and return it reshaped and scaled. `X` is validated only once.

        Parameters
        ----------
        X : array-like of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
            Images, as in `fit`.
        y : None
            Ignored.

        Returns
        -------
        images : ndarray of shape (n, h, w, c) or (n, h * w * c), float32
            Pixels in [0, 1].
        """
        with observed_fit(self, X, y), commit_on_success(self) as fitted:
            return fitted._scale(fitted._fit_rows(X))

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Reshape and scale images.

        Parameters
        ----------
        X : array-like of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
            Images of the fitted shape, in any of the three layouts.

        Returns
        -------
        images : ndarray of shape (n, h, w, c), or (n, h * w * c) with `flatten`, float32
            C-contiguous. Pixels in [0, `max_value_`] are scaled to [0, 1]. With ``max_value="auto"``, other
            pixels are divided by `max_value_` too.

        Raises
        ------
        ValueError
            If the images have another shape, or pixels are outside [0, max_value].

        Warns
        -----
        UserWarning
            If the pixels are in [0, 1] already, but those seen in `fit` were integers.
        """
        check_is_fitted(self)
        fitted = snapshot(self)
        rows, _, _ = validate_images(fitted, X, image_shape=fitted.image_shape_)
        fitted._check_scale(rows)
        return fitted._scale(rows)

    def inverse_transform(self, X: ArrayLike) -> NDArray[Any]:
        """Return images in the layout, scale and dtype seen in `fit`.

        Parameters
        ----------
        X : array-like of shape (n, h, w, c) or (n, h * w * c)
            Scaled images, as `transform` returns them.

        Returns
        -------
        X_original : ndarray of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
            Pixels of an integer dtype are rounded, and clipped to its range.

        Raises
        ------
        ValueError
            If the images have another shape than those seen in `fit`.
        """
        check_is_fitted(self)
        fitted = snapshot(self)
        rows, layout = as_flat_rows(to_array(X))
        rows = check_array(rows, dtype="numeric", input_name="X")
        n_features = prod(fitted.image_shape_)
        if rows.shape[1] != n_features:
            raise ValueError(
                f"X must hold images of the fitted shape {fitted.image_shape_}, with {n_features} features, "
                f"got {rows.shape[1]} features. Pass images that transform has returned."
            )
        check_layout(layout, fitted.image_shape_)
        pixels = _pixels.unscale_pixels(rows, fitted.max_value_, fitted._fitted_dtype)
        return pixels.reshape(len(pixels), *fitted._fitted_layout)

    @available_if(lambda self: self.flatten)
    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Return the names of the columns of flat rows. Only with `flatten`.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns. They must be `feature_names_in_`, if `fit` has seen names.

        Returns
        -------
        feature_names_out : ndarray of shape (h * w * c,), str
            The names of the input columns; "x0", "x1" and so on for images without names.
        """
        check_is_fitted(self)
        fitted = snapshot(self)
        rows = with_flat_features(fitted, fitted.image_shape_)
        return OneToOneFeatureMixin.get_feature_names_out(rows, input_features)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Set the container that `transform` and `fit_transform` return. Only with `flatten`.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            "default" is an array, None changes nothing. Ignored without `flatten`: no frame can hold images,
            and so ``Pipeline.set_output`` reaches the other steps.

        Returns
        -------
        self : ImagePreprocessor
            The transformer.
        """
        if self.flatten:
            return TransformerMixin.set_output(self, transform=transform)
        return super().set_output(transform=transform)

    def _fit_rows(self, X):
        """Fit to `X`, and return it as validated flat rows."""
        X = to_array(X)
        rows, self.image_shape_, _ = validate_images(self, X)
        if self.max_value == "auto":
            self.max_value_ = _pixels.pixel_maximum(rows)
        else:
            self.max_value_ = float(self.max_value)
        self._check_scale(rows)
        self._fitted_layout = X.shape[1:]
        self._fitted_dtype = rows.dtype.str
        return rows

    def _check_scale(self, rows):
        """Raise an error for pixels outside [0, max_value], and warn about pixels that are scaled already."""
        if self.max_value != "auto":
            low, high = rows.min(), rows.max()
            if low < 0 or high > self.max_value_:
                raise ValueError(
                    f"X must hold pixels in [0, {self.max_value}] with max_value={self.max_value}, got "
                    f'pixels in [{low}, {high}]. Pass the largest possible pixel value, or max_value="auto".'
                )
        _pixels.warn_of_scaled_pixels(rows, self.max_value_)

    def _scale(self, rows):
        scaled = _pixels.scale_pixels(rows, self.max_value_)
        return scaled if self.flatten else scaled.reshape(-1, *self.image_shape_)
