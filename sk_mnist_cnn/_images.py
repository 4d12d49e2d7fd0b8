"""Rules for the shapes of images and the scale of pixels, and the validation of `X`.

Users pass images as (n, h, w, c), (n, h, w) or flat rows (n, h * w * c) in C order. Inside the package they
are flat rows with an ``image_shape`` of (h, w, c), which needs no copy in either direction.
"""

import contextlib
from math import isqrt, prod
from numbers import Integral
from os import PathLike

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_array, validate_data

from ._base import warn, with_flat_features

# The value of y with which `validate_data` validates X alone.
NO_LABELS = "no_validation"

# A frame of MNIST from OpenML holds 8-bit pixels in int64 or float64 columns. So integers are read as 8-bit
# pixels if their maximum is at most 255, and above 16, the maximum of scikit-learn's 8x8 digits.
_MAX_OF_DIGITS = 16
_MAX_OF_EIGHT_BITS = 255

# Number of float images that are searched for pixels that are not integers.
_N_CHECKED = 128


def validate_images(estimator, X, y=NO_LABELS, *, image_shape=None):
    """Validate images and labels as scikit-learn does.

    Parameters
    ----------
    estimator : estimator
        `n_features_in_` and `feature_names_in_` are set if there is no `image_shape`, and checked otherwise.
    X : array-like of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
    y : array-like of shape (n,) or NO_LABELS, default=NO_LABELS
    image_shape : tuple of (h, w, c) or None, default=None
        The shape that images must have; None infers it with the parameter `image_shape` of the estimator.

    Returns
    -------
    rows : ndarray of shape (n, h * w * c)
        In their own dtype.
    image_shape : tuple of (h, w, c)
    y : ndarray of shape (n,) or NO_LABELS
    """
    X = to_array(X)
    rows, layout = as_flat_rows(X)
    if image_shape is None:
        rows, y = _validate(estimator, rows, y)
        estimator.n_features_in_ = X.shape[1]
        return rows, resolve_image_shape(rows.shape[1], layout, estimator.image_shape), y
    refuse_single_image(X.shape, image_shape)
    check_layout(layout, image_shape)
    if y is not NO_LABELS or not _is_valid_array(estimator, rows, prod(image_shape)):
        rows, y = _validate(with_flat_features(estimator, image_shape), rows, y, reset=False)
    return rows, image_shape, y


def _validate(estimator, rows, y, **options):
    validated = validate_data(estimator, rows, y, dtype="numeric", **options)
    return (validated, y) if y is NO_LABELS else validated


def _is_valid_array(estimator, rows, n_features):
    """Return whether `validate_data` would certainly return these rows unchanged, without calling it.

    For one image, `validate_data` takes longer than the network.
    """
    has_rows = isinstance(rows, np.ndarray) and rows.shape[1:] == (n_features,) and len(rows) > 0
    if not has_rows or rows.dtype.kind not in "fiub" or hasattr(estimator, "feature_names_in_"):
        return False
    with np.errstate(over="ignore", invalid="ignore"):  # the sum of finite pixels may be infinite
        return rows.dtype.kind != "f" or bool(np.isfinite(rows.sum()))


def validate_transformed(X, image_shape):
    """Return images of a fitted shape as flat rows. Unlike in `validate_images`, columns have no names.

    Raises
    ------
    TypeError
        If `X` is sparse.
    ValueError
        If its images have another shape.
    """
    rows, layout = as_flat_rows(to_array(X))
    rows = check_array(rows, dtype="numeric", input_name="X")
    n_features = prod(image_shape)
    if rows.shape[1] != n_features:
        raise ValueError(
            f"X must hold images of the fitted shape {image_shape}, with {n_features} features, "
            f"got {rows.shape[1]} features. Pass images that transform has returned."
        )
    check_layout(layout, image_shape)
    return rows


def check_dense(X):
    """Raise an error for sparse arrays of any number of dimensions.

    Raises
    ------
    TypeError
        If `X` is sparse.
    """
    if sparse.issparse(X):
        raise TypeError("Sparse data was passed for X, but dense data is required. Pass X.toarray().")


def to_array(X):
    """Return `X` as an array, or as it is if it is a frame; a Series of images is stacked.

    Raises
    ------
    TypeError
        If `X` is sparse.
    ValueError
        If its images differ in shape, or it holds text, paths, dates or times.
    """
    check_dense(X)
    if hasattr(X, "columns"):
        return X
    if len(getattr(X, "shape", ())) == 1:  # a Series, or an array of objects
        X = list(X)
    try:
        array = np.asarray(X)
    except ValueError as error:
        raise ValueError(
            f"X must hold images of one shape, got images that NumPy cannot stack ({error}). "
            "Resize them, or put an MNISTNormalizer first, which takes a list of images of any size."
        ) from error
    if array.size and isinstance(array.flat[0], (str, PathLike)):
        raise ValueError(
            f"X must hold pixels, got text or paths such as {str(array.flat[0])!r}. Put an MNISTNormalizer "
            "first, which opens picture files."
        )
    if array.dtype.kind in "mM":  # scikit-learn checks other dtypes
        raise ValueError(f"X must hold pixels, which are real numbers, got dtype {array.dtype}. Convert it.")
    return array


def as_flat_rows(X):
    """Return an array of images as flat rows, and the (h, w, c) of its dimensions.

    Parameters
    ----------
    X : ndarray of shape (n, h, w, c), (n, h, w) or (n, n_features), or frame
        As `to_array` returns it.

    Returns
    -------
    rows : ndarray or frame of shape (n, h * w * c)
        A frame is returned as it is, with its column names.
    layout : tuple of (h, w, c) or None
        None for flat rows, whose image shape is unknown.

    Raises
    ------
    ValueError
        If `X` has more than four dimensions.
    """
    n_dims = len(X.shape)
    if n_dims < 3:
        return X, None
    if n_dims > 4:
        raise ValueError(
            "X must be images of shape (n, h, w, c) or (n, h, w), or flat rows of shape "
            f"(n, h * w * c), got an array of shape {X.shape}. Reshape it first."
        )
    layout = (*X.shape[1:], 1)[:3]
    return X.reshape(len(X), prod(layout)), layout


def resolve_image_shape(n_features, layout, image_shape):
    """Return the (h, w, c) of images, from their layout and the parameter `image_shape`.

    Parameters
    ----------
    n_features : int
        Pixels times channels of one image.
    layout : tuple of (h, w, c) or None
        Shape from the dimensions of the array, see `as_flat_rows`.
    image_shape : tuple of int, (h, w) or (h, w, c), or None
        None infers the shape of flat rows: a gray square if the number of features is a perfect square,
        otherwise one row of gray pixels.

    Returns
    -------
    tuple of (h, w, c)

    Raises
    ------
    ValueError
        If `image_shape` is not two or three positive integers, or does not fit the data, or if it is None and
        the channels seem to come first.

    Warns
    -----
    UserWarning
        If flat rows can only be read as one row of pixels.
    """
    if image_shape is not None:
        shape = _check_image_shape(image_shape)
        if layout not in (None, shape) or prod(shape) != n_features:
            got = f"images of shape {layout}" if layout else f"rows of {n_features} features"
            raise ValueError(
                f"image_shape must fit X, which holds {got}, got image_shape={image_shape!r}. "
                "Pass the (height, width, channels) of one image, or None to infer it."
            )
        return shape
    if layout is not None:
        _check_channels_last(layout)
        return layout
    remedy = "Pass image_shape=(height, width, channels) if the images have another shape."
    return *square_or_row(n_features, remedy), 1


def _check_image_shape(image_shape):
    """Return `image_shape` as (h, w, c), where (h, w) means one channel."""
    try:
        shape = tuple(image_shape)
    except TypeError:
        shape = ()
    if len(shape) not in (2, 3) or not all(isinstance(n, Integral) and n >= 1 for n in shape):
        raise ValueError(
            "image_shape must be (height, width) or (height, width, channels), all integers >= 1, "
            f"got {image_shape!r}. Pass None to infer it."
        )
    return (*map(int, shape), 1)[:3]


def _check_channels_last(layout):
    """Raise an error for images whose shape looks like (channels, h, w)."""
    if layout[0] in (1, 3) and layout[2] > 4:
        raise ValueError(
            f"X must hold images whose channels come last, got images of shape {layout}, whose channels seem "
            f"to come first. Pass np.moveaxis(X, 1, -1), or image_shape={layout} if they really have "
            f"{layout[2]} channels."
        )


def square_or_row(n_features, remedy):
    """Return the height and width of flat gray images, and warn if they are not square."""
    side = isqrt(n_features)
    if side * side == n_features:
        return side, side
    warn(
        f"{n_features} features are not a square gray image; they are read as one row of {n_features} "
        f"pixels. {remedy}"
    )
    return 1, n_features


def refuse_single_image(shape, image_shape):
    """Raise an error for an array that holds one image without the axis of samples.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array.
    image_shape : tuple of (h, w, c)
        The fitted shape.

    Raises
    ------
    ValueError
        If the array has the shape of an image, and not that of a batch.
    """
    layouts = [(prod(image_shape),), image_shape]
    if image_shape[2] == 1:
        layouts.append(image_shape[:2])
    if shape[1:] not in layouts and shape in layouts:
        raise single_image_error(shape, image_shape)


def single_image_error(shape, image_shape):
    """Return the error for an array that seems to hold one image without the axis of samples."""
    return ValueError(
        f"X must hold a batch of images of shape {image_shape}, got an array of shape {shape}, which "
        "seems to be a single image. Reshape your data. Pass X[np.newaxis], or X[i : i + 1] instead of "
        "X[i]."
    )


def check_layout(layout, image_shape):
    """Raise an error for images whose layout differs from the fitted one.

    Raises
    ------
    ValueError
        If `layout` is neither None (flat rows) nor `image_shape`.
    """
    if layout not in (None, image_shape):
        raise ValueError(
            f"X must hold images of shape {image_shape}, as in fit, got images of shape {layout}. "
            "Resize or transpose them, or pass flat rows in C order."
        )


def resolve_max_value(rows, max_value):
    """Return the pixel value that becomes 1, for the training pixels and the parameter `max_value`.

    Errors and warnings are those of `pixel_maximum` and `check_scale`.
    """
    divisor = pixel_maximum(rows) if max_value == "auto" else float(max_value)
    check_scale(rows, max_value, divisor)
    return divisor


def pixel_maximum(pixels, name="X"):
    """Return the pixel value that becomes 1: the rule for estimators, and for single pictures.

    It is the largest value of an 8-bit integer dtype. For any other dtype it is the largest pixel, but 255 if
    all are integers >= 0 with a maximum between 17 and 255. It is 1 for masks of 0 and 1, and if no pixel of
    another dtype is above 0, to avoid a division by zero.

    Raises
    ------
    ValueError
        If the largest pixel is infinite in float64.
    """
    largest = float(pixels.max())
    if not np.isfinite(largest):
        raise ValueError(
            f"{name} must hold pixels that are finite in float64, got {pixels.max()!s}. Rescale them."
        )
    if pixels.dtype.kind in "iu" and pixels.dtype.itemsize == 1:
        return 1.0 if largest == 1 else float(np.iinfo(pixels.dtype).max)
    is_eight_bit = _MAX_OF_DIGITS < largest <= _MAX_OF_EIGHT_BITS and pixels.min() >= 0
    if is_eight_bit and np.all(pixels == np.rint(pixels)):
        return float(_MAX_OF_EIGHT_BITS)
    return largest if largest > 0 else 1.0


def warn_of_raw_pixels(rows, name="X"):
    """Warn about pixels that are not scaled to [0, 1]."""
    is_integer = rows.dtype.kind in "iu"
    pixels = rows if is_integer else rows[:_N_CHECKED]
    largest = pixels.max()
    if largest > 1 and (is_integer or np.array_equal(pixels, np.rint(pixels))):
        warn(
            f"{name} holds integer pixels up to {largest:g}, but the network learns best from pixels in "
            "[0, 1]. Put an ImagePreprocessor before the classifier in a Pipeline."
        )


def check_scale(rows, max_value, divisor):
    """Check that pixels are in [0, max_value], unless it is "auto", and are not scaled already.

    Raises
    ------
    ValueError
        If there are pixels outside [0, max_value].

    Warns
    -----
    UserWarning
        If the pixels are in [0, 1] already, but the divisor is the maximum of unscaled pixels.
    """
    low, high = rows.min(), rows.max()
    if max_value != "auto" and (low < 0 or high > divisor):
        raise ValueError(
            f"X must hold pixels in [0, {max_value}] with max_value={max_value}, got pixels in "
            f'[{low}, {high}]. Pass the largest possible pixel value, or max_value="auto".'
        )
    is_raw_scale = divisor >= _MAX_OF_DIGITS and divisor.is_integer()
    if is_raw_scale and rows.dtype.kind in "bf" and 0 < high <= 1:
        warn(
            f"X holds {rows.dtype} pixels up to {float(high):g}, but is divided by max_value_={divisor:g}. "
            "Pass images with unscaled pixels, as in fit."
        )


def scale_pixels(rows, max_value):
    """Return pixels divided by `max_value`, as a new C-contiguous float32 array.

    Raises
    ------
    ValueError
        If a quotient is too large for float32.
    """
    scaled = np.empty(rows.shape, dtype=np.float32)
    precision = np.result_type(rows.dtype, np.float32)
    with _finite_result(rows, f"float32 when they are divided by {max_value:g}"):
        return np.divide(rows, max_value, out=scaled, dtype=precision, casting="unsafe")


def unscale_pixels(rows, max_value, dtype):
    """Return pixels multiplied by `max_value`; an integer dtype is rounded, and clipped to its range.

    Raises
    ------
    ValueError
        If a product is too large for `dtype` or for float32.
    """
    dtype = np.dtype(dtype)
    with _finite_result(rows, f"{dtype} when they are multiplied by {max_value:g}"):
        pixels = np.multiply(rows, max_value, dtype=np.result_type(dtype, np.float32))
        if dtype.kind == "b":
            return pixels >= 0.5
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            high = float(limits.max)
            if high > limits.max:  # float64 cannot represent 2**63 - 1 and 2**64 - 1
                high = np.nextafter(high, 0)
            pixels = np.clip(np.rint(pixels), limits.min, high)
        return pixels.astype(dtype)


@contextlib.contextmanager
def _finite_result(rows, where):
    """Raise a ValueError if the arithmetic of the block overflows."""
    try:
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            yield
    except FloatingPointError as error:
        low, high = float(rows.min()), float(rows.max())
        raise ValueError(
            f"X must hold pixels that are finite in {where}, got pixels in [{low:g}, {high:g}]. Rescale them."
        ) from error
