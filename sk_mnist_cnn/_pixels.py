"""Rules for the scale of pixels. The rules for the shapes of images are in `_images`."""

import contextlib

import numpy as np

from ._warnings import warn

# A frame of MNIST from OpenML holds 8-bit pixels in int64 or float64 columns. So integers are read as 8-bit
# pixels if their maximum is at most 255, and above 16, the maximum of scikit-learn's 8x8 digits.
_MAX_OF_DIGITS = 16
_MAX_OF_EIGHT_BITS = 255

# Number of float images that are searched for pixels that are not integers.
_N_CHECKED = 128


def resolve_max_value(rows, max_value):
    """Return the pixel value that becomes 1, for the training pixels and the parameter `max_value`.

    Errors and warnings are those of `pixel_maximum` and `check_scale`.
    """
    divisor = pixel_maximum(rows) if max_value == "auto" else float(max_value)
    check_scale(rows, max_value, divisor)
    return divisor


def pixel_maximum(rows):
    """Return the pixel value that becomes 1, from the pixels alone.

    It is the largest value of an integer dtype of 8 or 16 bits, and 1 for booleans. For any other dtype it is
    the largest pixel, but 255 if all are integers >= 0 with a maximum between 17 and 255. It is 1 if no pixel
    is above 0, to avoid a division by zero.

    Raises
    ------
    ValueError
        If the largest pixel is infinite in float64.
    """
    if rows.dtype.kind == "b":
        return 1.0
    if rows.dtype.kind in "iu" and rows.dtype.itemsize <= 2:
        return float(np.iinfo(rows.dtype).max)
    largest = float(rows.max())
    if not np.isfinite(largest):
        raise ValueError(f"X must hold pixels that are finite in float64, got {rows.max()!s}. Rescale them.")
    is_eight_bit = _MAX_OF_DIGITS < largest <= _MAX_OF_EIGHT_BITS and rows.min() >= 0
    if is_eight_bit and np.all(rows == np.rint(rows)):
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
