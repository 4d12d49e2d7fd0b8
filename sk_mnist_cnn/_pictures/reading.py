"""Read pictures of all supported types as gray levels. `mnist_format` converts them to MNIST's format."""

import contextlib
import io
import os
import re
from math import ceil
from typing import NamedTuple

import numpy as np

from .._files import as_source, as_value_error
from .._images import pixel_maximum, scale_pixels

MAX_SIDE = 400  # larger pictures are reduced by an integer factor
MAX_PAGE_SIDE = 2000  # likewise, for pictures of several digits
MAX_PIXELS = 50_000_000  # of a file or Pillow image, and of a tile of a TIFF file
MAX_SCANS = 100  # of a JPEG file; encoders write about ten
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # not EPS, which would run Ghostscript
_TILE = 322, 323  # tags of a TIFF file: width and length of its tiles
_HEIF_BRANDS = (b"avif", b"avis", b"heic", b"heim", b"heis", b"heix", b"hevc", b"hevx", b"mif1", b"msf1")
_NUMBER = rb"(?:\s|#[^\n]*\n)+(\d{1,9})"
_NETPBM = re.compile(rb"P(?:(4)%b%b()|([56])%b%b%b)\s" % (5 * (_NUMBER,)))  # kind, width, height, white
_LUMINANCE = (0.299, 0.587, 0.114)  # Rec. 601, for red, green and blue


def is_picture(item):
    """Return whether `item` is a single picture: a Pillow image, or a file as path, bytes or file object."""
    from PIL import Image

    return isinstance(item, (str, os.PathLike, bytes, bytearray, Image.Image)) or hasattr(item, "read")


def describe(picture):
    """Return a picture for which `is_picture` is true as a phrase for messages."""
    if isinstance(picture, (str, os.PathLike)):
        return f"the file {os.path.expanduser(os.fspath(picture))!r}"
    return f"{len(picture)} bytes" if isinstance(picture, (bytes, bytearray)) else repr(picture)


def read_gray(picture, name):
    """Read a picture as gray levels in [0, 1], reduced to at most `MAX_SIDE` pixels in height and width.

    Parameters
    ----------
    picture : array-like of shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), Pillow image, path, bytes or file
        Arrays may have any real dtype; `pixel_maximum` has the rule for their scale.
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
        If a file is damaged, not a picture or has several pages, a picture is too large or of another shape
        or dtype, or pixels are negative or not finite.
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
    _check_single(picture, name)
    return _read(picture, name, MAX_PAGE_SIDE)


def read_pages(picture, name):
    """Read each page of a file or Pillow image in turn as `read_page` does; other pictures have one page."""
    from PIL import ImageSequence

    if not is_picture(picture):
        yield read_page(picture, name)
        return
    with _open(picture, name) as image:
        for frame in ImageSequence.Iterator(image) if _has_pages(image) else [image]:
            yield _to_page(*_shrink(frame, MAX_PAGE_SIDE), name, MAX_PAGE_SIDE)


def _check_single(picture, name):
    is_list = isinstance(picture, (list, tuple))
    if is_list and any(is_picture(item) or getattr(item, "ndim", 0) > 1 for item in picture):
        raise ValueError(
            f"{name} must be a single picture, got a {type(picture).__name__} of {len(picture)}. Pass them "
            "one at a time."
        )


def _read(picture, name, max_side):
    if not is_picture(picture):
        pixels = _as_array(picture, name)
        return _to_page(pixels, pixels.shape[:2], name, max_side)
    with _open(picture, name) as image:
        if _has_pages(image):
            raise ValueError(
                "it has several pages or frames, which are a picture each. Pass one of "
                "PIL.ImageSequence.all_frames(PIL.Image.open(path))"
            )
        pixels, shape = _shrink(image, max_side)
    return _to_page(pixels, shape, name, max_side)


def _as_array(picture, name):
    try:
        return np.asarray(picture)
    except ValueError as error:
        raise ValueError(
            f"{name} must be a picture with rows of equal length, got a {type(picture).__name__} that NumPy "
            f"cannot convert ({error}). Pass an array of shape (h, w) or (h, w, 3)."
        ) from error


def _to_page(pixels, shape, name, max_side):
    """Return pixels that may be reduced already, of a picture of `shape`, as a page."""
    _check_pixels(pixels, name)
    levels = scale_pixels(pixels, pixel_maximum(pixels, name))
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


@contextlib.contextmanager
def _open(picture, name):
    """Open a picture with Pillow; errors of the block about its content become a ValueError with its name."""
    from PIL import Image

    if isinstance(picture, Image.Image):
        with _naming(picture, name):
            yield picture
        return
    with _open_file(picture, name) as file, _naming(picture, name):
        _check_content(file)
        with Image.open(file, formats=FORMATS) as image:
            yield image


def _open_file(picture, name):
    if isinstance(picture, (str, os.PathLike)):
        return as_source(picture, name).open("rb")
    if isinstance(picture, (bytes, bytearray)):
        return io.BytesIO(picture)
    if hasattr(picture, "seekable") and picture.seekable():
        picture.seek(0)
    content = picture.read()
    if not isinstance(content, bytes):
        raise ValueError(f'{name} must be opened in binary mode, got {picture!r}. Use open(path, "rb").')
    return io.BytesIO(content)


def _naming(picture, name):
    """Raise the errors of Pillow for a damaged picture as a ValueError that names the picture."""
    from PIL import Image

    formats = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
    return as_value_error(
        f"{name} must be an intact picture, got {describe(picture)}",
        f"Save it as {formats} with at most {MAX_PIXELS:,} pixels, or pass an array.",
        Image.DecompressionBombError,
    )


def _check_content(file):
    """Raise an error for a JPEG file of many scans, each a pass over all pixels, and for other formats."""
    content = file.read()
    if content.startswith(b"\xff\xd8") and (n_scans := content.count(b"\xff\xda")) > MAX_SCANS:
        raise ValueError(f"its {n_scans} scans are too many")
    if b"%PDF-" in content[:1024]:
        raise ValueError(
            "it is a PDF document. Run pip install pypdfium2, and pass one of "
            "[page.render(scale=3).to_pil() for page in pypdfium2.PdfDocument(path)]"
        )
    if _has_further_netpbm(content):
        raise ValueError("it has several pictures in a row. Split it into files of one picture")
    if content[4:8] == b"ftyp" and content[8:12] in _HEIF_BRANDS:
        raise ValueError(
            "it is a HEIC or AVIF photo. Run pip install pillow-heif, call "
            "pillow_heif.register_heif_opener() (HEIC only), and pass PIL.Image.open(path)"
        )
    file.seek(0)


def _has_further_netpbm(content):
    """Return whether a PBM, PGM or PPM file has another picture after the first, which Pillow ignores."""
    header = _NETPBM.match(content)
    if not header:
        return False
    kind, *numbers = (group for group in header.groups() if group is not None)
    width, height, white = (int(number or 1) for number in numbers)
    n_bits = {b"4": 1, b"5": 8, b"6": 24}[kind] * (2 if white > 255 else 1)
    end = header.end() + -(-width * n_bits // 8) * height
    return bool(re.match(rb"\s*P[1-6]\s", content[end : end + 100]))


def _has_pages(image):
    """Return whether a Pillow image has several frames; those of a photo in MPO are versions of the first."""
    return getattr(image, "is_animated", False) and image.format != "MPO"


def _shrink(image, max_side):
    """Return the pixels of a Pillow image, upright and reduced, and its upright height and width.

    The image is reduced before it becomes an array, because a small file can hold a huge picture.
    """
    from PIL import ImageOps

    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ValueError(f"its {width}x{height} pixels are too many")
    tile_width, tile_length = (getattr(image, "tag_v2", {}).get(tag, 1) for tag in _TILE)
    if tile_width * tile_length > MAX_PIXELS:  # a decoder allocates a tile, however small the picture is
        raise ValueError(f"its tiles of {tile_width}x{tile_length} pixels are too large")
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
