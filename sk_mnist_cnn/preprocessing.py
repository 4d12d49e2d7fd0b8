"""`ImagePreprocessor` reshapes and scales images, by the rules in `_images`."""

from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ._base import ImageTransformer, commit_on_success, keep_types, observed_fit, snapshot, with_flat_features
from ._images import (
    check_scale,
    resolve_max_value,
    scale_pixels,
    to_array,
    unscale_pixels,
    validate_images,
    validate_transformed,
)

__all__ = ["ImagePreprocessor"]


class ImagePreprocessor(ImageTransformer):
    """Reshape images to (n, h, w, c) and scale their pixels to [0, 1].

    Use it as the first step of a Pipeline, so that `CNNDigitClassifier` is trained on and predicts images of
    the same shape and scale. Read more in the :ref:`User Guide <guide-preprocessing>`.

    Parameters
    ----------
    image_shape : tuple of int, (h, w) or (h, w, c), default=None
        Height, width and number of channels of one image, in pixels. None infers it from `X`. Flat
        rows are read as square gray images if their length is a perfect square, otherwise as one row of
        pixels, with a warning.
    max_value : float or "auto", default="auto"
        The pixel value that becomes 1. "auto" is the largest value of an 8-bit integer dtype (255 for MNIST's
        uint8), or 1 for masks of 0 and 1. For other dtypes it is the largest training pixel, but 255 if all
        are integers >= 0 with a maximum between 17 and 255, as in frames from OpenML. With a number, which
        must be above 0, pixels outside [0, max_value] raise an error.
    flatten : bool, default=False
        Whether to return flat rows of shape (n, h * w * c), for steps and tools that require two dimensions.
        Only then are `get_feature_names_out` and frames from `set_output` available.

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

    @keep_types(_fit_context(prefer_skip_nested_validation=True))
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
        TypeError
            If `X` is sparse.
        ValueError
            If `image_shape` does not fit `X`, `X` seems to have its channels first (and `image_shape` is
            None), or pixels are NaN, infinite or outside [0, max_value].

        Examples
        --------
        >>> from sk_mnist_cnn import ImagePreprocessor, load_mnist_sample
        >>> preprocessor = ImagePreprocessor().fit(load_mnist_sample().x_train)
        >>> preprocessor.image_shape_, preprocessor.max_value_
        ((28, 28, 1), 255.0)
        """
        with observed_fit(self, X, y), commit_on_success(self) as fitted:
            fitted._fit_rows(X)
        return self

    @keep_types(_fit_context(prefer_skip_nested_validation=True))
    def fit_transform(self, X: ArrayLike, y: object = None) -> NDArray[np.float32]:
        """Fit to `X`, and return it reshaped and scaled.

        Parameters
        ----------
        X : array-like of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
            Images, as in `fit`.
        y : None
            Ignored.

        Returns
        -------
        images : ndarray of shape (n, h, w, c) or (n, h * w * c), float32
            As `transform` returns them.

        Raises
        ------
        TypeError, ValueError
            As in `fit`.

        Examples
        --------
        >>> from sk_mnist_cnn import ImagePreprocessor, load_mnist_sample
        >>> ImagePreprocessor(flatten=True).fit_transform(load_mnist_sample().x_train).shape
        (8000, 784)
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
            Pixels divided by `max_value_`, C-contiguous. With ``max_value="auto"``, they can be above 1.

        Raises
        ------
        NotFittedError
            If the preprocessor is not fitted.
        TypeError
            If `X` is sparse.
        ValueError
            If the images have another shape than in `fit`, or for pixels as in `fit`.

        Warns
        -----
        UserWarning
            If the pixels are in [0, 1] already, but those seen in `fit` were integers.

        Examples
        --------
        >>> from sk_mnist_cnn import ImagePreprocessor, load_mnist_sample
        >>> mnist = load_mnist_sample()
        >>> ImagePreprocessor().fit(mnist.x_train).transform(mnist.x_test).shape
        (2000, 28, 28, 1)
        """
        check_is_fitted(self)
        fitted = snapshot(self)
        rows, _, _ = validate_images(fitted, X, image_shape=fitted.image_shape_)
        check_scale(rows, fitted.max_value, fitted.max_value_)
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
            Pixels multiplied by `max_value_`. Those of an integer dtype are rounded and clipped to its range.

        Raises
        ------
        NotFittedError
            If the preprocessor is not fitted.
        TypeError
            If `X` is sparse.
        ValueError
            If the images have another shape than those in `fit`, or pixels are NaN or infinite.

        Examples
        --------
        >>> from sk_mnist_cnn import ImagePreprocessor, load_mnist_sample
        >>> digits, preprocessor = load_mnist_sample().x_test, ImagePreprocessor()
        >>> restored = preprocessor.inverse_transform(preprocessor.fit_transform(digits))
        >>> bool((restored == digits).all())
        True
        """
        check_is_fitted(self)
        fitted = snapshot(self)
        rows = validate_transformed(X, fitted.image_shape_)
        pixels = unscale_pixels(rows, fitted.max_value_, fitted._fitted_dtype)
        return pixels.reshape(len(pixels), *fitted._fitted_layout)

    @keep_types(available_if(lambda self: self.flatten))
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

        Raises
        ------
        NotFittedError
            If the preprocessor is not fitted.
        ValueError
            If `input_features` differs from the names seen in `fit`, or from the number of pixels.

        Examples
        --------
        >>> from sk_mnist_cnn import ImagePreprocessor
        >>> ImagePreprocessor(flatten=True).fit([[[0, 1], [1, 0]]]).get_feature_names_out()
        array(['x0', 'x1', 'x2', 'x3'], dtype=object)
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
            "default" is an array, None changes nothing. Ignored without `flatten`: frames cannot hold images.

        Returns
        -------
        self : ImagePreprocessor
            The transformer.

        Examples
        --------
        >>> from sk_mnist_cnn import ImagePreprocessor
        >>> ImagePreprocessor(flatten=True).set_output(transform="pandas").fit_transform([[[0, 2], [1, 0]]])
            x0   x1   x2   x3
        0  0.0  1.0  0.5  0.0
        """
        base = TransformerMixin if self.flatten else ImageTransformer
        return base.set_output(self, transform=transform)

    def _fit_rows(self, X):
        """Fit to `X`, and return it as validated flat rows."""
        X = to_array(X)
        rows, self.image_shape_, _ = validate_images(self, X)
        self.max_value_ = resolve_max_value(rows, self.max_value)
        self._fitted_layout = X.shape[1:]
        self._fitted_dtype = rows.dtype.str
        return rows

    def _scale(self, rows):
        scaled = scale_pixels(rows, self.max_value_)
        return scaled if self.flatten else scaled.reshape(-1, *self.image_shape_)
