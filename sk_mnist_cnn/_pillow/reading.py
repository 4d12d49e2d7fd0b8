"""Read pictures of all supported types as gray levels. `mnist_format` converts them to MNIST's format."""

import os
from math import ceil
from typing import NamedTuple

import numpy as np

from .._files import as_source, as_value_error
from .._pixels import pixel_maximum, scale_pixels

MAX_SIDE = 400  # larger pictures are reduced by an integer factor
MAX_PAGE_SIDE = 2000  # likewise, for pictures of several digits
MAX_PIXELS = 50_000_000  # of a file or Pillow image
MAX_SCANS = 100  # of a JPEG file; encoders write about ten
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # not EPS, which would run Ghostscript
_LUMINANCE = (0.299, 0.587, 0.114)  # Rec. 601, for red, green and blue


def is_picture(item):
    """Return whether `item` is a single picture: a Pillow image, or the path of a file."""
    from PIL import Image

    return isinstance(item, (str, os.PathLike, Image.Image))


def read_gray(picture, name):
    """Read a picture as gray levels in [0, 1], reduced to at most `MAX_SIDE` pixels in height and width.

    Parameters
    ----------
    picture : array-like of shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), Pillow image, str or PathLike
        Of any real dtype: floats in [0, 1], integers over the range of an 8- or 16-bit dtype, or masks of 0
        and 1 of any dtype.
    name : str
        Name of the picture in error messages.

    Returns
    -------
    gray : ndarray of shape (h, w), float32
        Luminance on white paper.

    Raises
    ------
    OSError
        If a file is missing or cannot be opened.
    ValueError
        If a file is damaged or not a picture, a picture is too large or of another shape or dtype, or pixels
        are negative or not finite.
    """
    return _read(picture, name, MAX_SIDE).gray


class Page(NamedTuple):
    """A picture of several digits."""

    gray: np.ndarray  # of shape (h, w): luminance on white paper, reduced by an integer factor
    shape: tuple[int, int]  # height and width before, in pixels
    factor: int

    def to_picture(self, boxes):
        """Return boxes of `gray`, of shape (n, 4), in pixels of the picture."""
        return np.minimum(boxes * self.factor, np.tile(self.shape, 2))


def read_page(picture, name):
    """Read one picture as `read_gray` does, reduced to at most `MAX_PAGE_SIDE` pixels in height and width."""
    if isinstance(picture, (list, tuple)) and any(is_picture(item) or np.ndim(item) > 1 for item in picture):
        raise ValueError(
            f"{name} must be a single picture, got a {type(picture).__name__} of {len(picture)}. Pass them "
            "one at a time."
        )
    return _read(picture, name, MAX_PAGE_SIDE)


def _read(picture, name, max_side):
    if is_picture(picture):
        pixels, shape = _decode(picture, name, max_side)
    else:
        pixels = np.asarray(picture)
        shape = pixels.shape[:2]
    _check_pixels(pixels, name)
    is_fraction = pixels.max() <= 1  # or a mask of 0 and 1, of an integer dtype
    levels = scale_pixels(pixels, 1.0 if is_fraction else pixel_maximum(pixels))
    return Page(reduce_gray(_luminance(levels), max_side), shape, ceil(max(shape) / max_side))


def reduce_gray(gray, max_side):
    """Reduce gray levels by the smallest integer factor to at most `max_side` pixels per side."""
    from PIL import Image

    factor = ceil(max(gray.shape) / max_side)
    return gray if factor == 1 else np.asarray(Image.fromarray(gray).reduce(factor))


def _check_pixels(pixels, name):
    if pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (1,), (3,), (4,)) or pixels.size == 0:
        raise ValueError(
            f"{name} must be a picture of shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), got an array of "
            f"shape {pixels.shape}. Move its channels last, or split it into pictures."
        )
    if pixels.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold real numbers, got dtype {pixels.dtype}. Convert it.")
    low, high = pixels.min(), pixels.max()
    if not np.isfinite(low) or not np.isfinite(high):
        raise ValueError(
            f"{name} must hold finite numbers, got NaN or infinity. Replace them, for example by 0."
        )
    if low < 0:
        raise ValueError(f"Negative values in data: {name} must be >= 0, got {low}. Shift its pixels.")


def _luminance(levels):
    if levels.ndim == 2:
        return levels
    n_channels = levels.shape[2]
    gray = levels[..., 0] if n_channels == 1 else levels[..., :3] @ np.float32(_LUMINANCE)
    return 1 - (1 - gray) * levels[..., 3] if n_channels == 4 else gray


def _decode(picture, name, max_side):
    """Return the pixels of a file or a Pillow image in gray, RGB or RGBA, and its height and width."""
    from PIL import Image

    if isinstance(picture, Image.Image):
        with _naming(name, repr(picture)):
            return _shrink(picture, max_side)
    path = as_source(picture, name)
    with path.open("rb") as file, _naming(name, f"the file {str(path)!r}"):
        _check_scans(file)
        with Image.open(file, formats=FORMATS) as image:
            return _shrink(image, max_side)


def _naming(name, picture):
    """Raise the errors of Pillow for a damaged picture as a ValueError that names the picture."""
    from PIL import Image

    formats = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
    return as_value_error(
        f"{name} must be an intact picture, got {picture}",
        f"Save it as {formats} with at most {MAX_PIXELS:,} pixels, or pass an array.",
        Image.DecompressionBombError,
    )


def _check_scans(file):
    """Raise an error for a JPEG file with many scans: a few bytes each cost a pass over all pixels."""
    if file.read(2) == b"\xff\xd8" and (n_scans := file.read().count(b"\xff\xda")) > MAX_SCANS:
        raise ValueError(f"its {n_scans} scans are too many")
    file.seek(0)


def _shrink(image, max_side):
    """Return the pixels of a Pillow image, upright and reduced, and its upright height and width.

    The image is reduced before it becomes an array, because a small file can hold a huge picture.
    """
    from PIL import ImageOps

    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ValueError(f"its {width}x{height} pixels are too many")
    factor = ceil(max(width, height) / max_side)
    image = _to_plain_mode(image)
    if factor > 1 and image.mode.startswith("I;16"):  # Pillow cannot reduce this mode
        image = image.convert("I").reduce(factor).convert("I;16")
    elif factor > 1:
        image = image.reduce(factor)
    upright = ImageOps.exif_transpose(image)
    return np.asarray(upright), (height, width) if upright.size == image.size else (width, height)


def _to_plain_mode(image):
    """Convert a Pillow image to a mode whose channels are gray, RGB or RGBA."""
    if image.mode[0] in "IF":
        return image
    if image.mode == "La":  # Pillow converts this mode to LA only
        image = image.convert("LA")
    if image.mode in ("LA", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        mode = "RGBA"
    else:
        mode = "L" if image.mode in ("1", "L") else "RGB"
    return image if image.mode == mode else image.convert(mode)
