"""The rules of image shape and pixel scale, as pure functions.

Images come as (n, h, w, c), (n, h, w) or flat rows (n, h * w * c) in C order. Inside the package they
travel as flat rows beside an ``image_shape`` of (h, w, c), which costs no copy either way.
"""

import warnings
from numbers import Integral

import numpy as np

# An OpenML frame of MNIST holds whole numbers in int64 or float64 columns. Above 16 (the scale of
# scikit-learn's 8x8 digits) and up to 255 they are read as 8-bit pixels.
_WHOLE_NUMBER_SCALE = (17, 255)

# Images of floats in which whole numbers would be noticed.
_N_LOOKED_AT = 128


def as_rows(X):
    """View a batch of images as flat rows, and tell the (h, w, c) its layout shows.

    Parameters
    ----------
    X : array-like of shape (n, h, w, c), (n, h, w) or (n, n_features)

    Returns
    -------
    rows : array-like of shape (n, h * w * c)
        `X` itself where it is two-dimensional (frames keep their column names).
    layout : tuple of (h, w, c) or None
        None for flat rows, which do not show their shape.

    Raises
    ------
    ValueError
        If `X` has more than four dimensions.
    """
    if not hasattr(X, "shape"):
        X = np.asarray(X)
    n_dims = len(X.shape)
    if n_dims < 3:
        return X, None
    if n_dims > 4:
        raise ValueError(
            "X must be images of shape (n, h, w, c) or (n, h, w), or flat rows of shape "
            f"(n, h * w * c); got an array of shape {tuple(X.shape)}. Reshape it first."
        )
    X = np.asarray(X)
    layout = (*X.shape[1:], 1)[:3]
    return X.reshape(len(X), int(np.prod(layout))), layout


def resolve_image_shape(n_features, layout, image_shape):
    """Settle the (h, w, c) of images from their layout and the `image_shape` asked for.

    Parameters
    ----------
    n_features : int
        Pixels times channels of one image.
    layout : tuple of (h, w, c) or None
        What the array's own dimensions show, see `as_rows`.
    image_shape : tuple of int, (h, w) or (h, w, c), or None
        What the caller asked for. None reads a square number of features as a grey square, any
        other as one grey row.

    Returns
    -------
    tuple of (h, w, c)

    Raises
    ------
    ValueError
        If `image_shape` is not two or three positive whole numbers, or does not fit the data.

    Warns
    -----
    UserWarning
        If flat rows can only be read as one row of pixels.
    """
    if image_shape is not None:
        asked = _check_image_shape(image_shape)
        if layout not in (None, asked) or np.prod(asked) != n_features:
            got = f"images of shape {layout}" if layout else f"rows of {n_features} features"
            raise ValueError(
                f"image_shape={image_shape!r} does not fit X, which holds {got}. "
                "Pass the (height, width, channels) of one image, or None to infer it."
            )
        return asked
    if layout is not None:
        return layout
    side = round(n_features**0.5)
    if side * side == n_features:
        return side, side, 1
    warnings.warn(
        f"{n_features} features are not a square grey image; they are read as one row of "
        f"{n_features} pixels. Pass image_shape=(height, width, channels) to say otherwise.",
        UserWarning,
        stacklevel=4,
    )
    return 1, n_features, 1


def _check_image_shape(image_shape):
    """Complete (h, w) to (h, w, 1), refusing what is not a shape."""
    try:
        shape = tuple(image_shape)
    except TypeError:
        shape = ()
    if len(shape) not in (2, 3) or not all(isinstance(n, Integral) and n >= 1 for n in shape):
        raise ValueError(
            "image_shape must be (height, width) or (height, width, channels) in whole numbers "
            f"from 1 up, or None to infer it; got {image_shape!r}."
        )
    return (*map(int, shape), 1)[:3]


def check_layout(layout, image_shape):
    """Refuse images whose layout is not the one that was fitted.

    Raises
    ------
    ValueError
        If `layout` is neither None (flat rows) nor `image_shape`.
    """
    if layout not in (None, image_shape):
        raise ValueError(
            f"X holds images of shape {layout}, but the estimator was fitted on images of shape "
            f"{image_shape}. Resize or transpose them, or pass flat rows in C order."
        )


def pixel_maximum(rows):
    """The value that means white, read off the training pixels.

    The largest value of an integer dtype of 8 or 16 bits; 1 for booleans; for anything else the
    largest pixel, with whole numbers between 17 and 255 read as 8-bit pixels. 1 where nothing is
    above 0, so that dividing by it is always possible.
    """
    if rows.dtype.kind == "b":
        return 1.0
    if rows.dtype.kind in "iu" and rows.dtype.itemsize <= 2:
        return float(np.iinfo(rows.dtype).max)
    largest = float(rows.max())
    low, high = _WHOLE_NUMBER_SCALE
    if low <= largest <= high and rows.min() >= 0 and np.all(rows == np.rint(rows)):
        return float(high)
    return largest if largest > 0 else 1.0


def warn_of_raw_pixels(rows, name="X"):
    """Warn the caller's caller of pixels that no one has scaled to [0, 1]."""
    whole = rows.dtype.kind in "iu"
    pixels = rows if whole else rows[:_N_LOOKED_AT]
    largest = pixels.max()
    if largest > 1 and (whole or np.array_equal(pixels, np.rint(pixels))):
        warnings.warn(
            f"{name} holds whole-number pixels up to {largest:g}, but the network learns best from pixels in "
            "[0, 1]. Put an ImagePreprocessor before the classifier in a Pipeline.",
            UserWarning,
            stacklevel=3,
        )


def scale_pixels(rows, max_value):
    """Divide by `max_value`, into a new C-contiguous float32 array."""
    scaled = np.empty(rows.shape, dtype=np.float32)
    precision = np.result_type(rows.dtype, np.float32)
    return np.divide(rows, max_value, out=scaled, dtype=precision, casting="unsafe")


def unscale_pixels(rows, max_value, dtype):
    """Undo `scale_pixels`: whole numbers are rounded, and kept inside their dtype's range."""
    dtype = np.dtype(dtype)
    pixels = np.multiply(rows, max_value, dtype=np.result_type(dtype, np.float32))
    if dtype.kind == "b":
        return pixels >= 0.5
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        pixels = np.clip(np.rint(pixels), limits.min, limits.max)
    return pixels.astype(dtype)
