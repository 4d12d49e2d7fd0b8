"""`MNISTNormalizer` brings pictures of digits into MNIST's format. Scaling for the network is elsewhere."""

import os
import warnings
from collections.abc import Sequence
from math import ceil, isqrt
from numbers import Integral
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from . import _images
from ._base import ImageTransformer, fitted_at_once, observed_fit

_LUMINANCE = (0.299, 0.587, 0.114)  # Rec. 601, for red, green and blue
_MAX_SIDE = 400  # larger pictures are reduced first, by a whole factor
_STROKES = (1.6, 3.6)  # 90 % of MNIST's digits have a mean stroke width between, in pixels of its 20x20 box


class MNISTNormalizer(ImageTransformer):
    """Bring pictures of single digits into MNIST's format: bright ink on black, scaled and centred.

    Each digit is scaled to fit a box of 20x20 pixels in its own proportions, with grey levels from
    anti-aliasing, and put into 28x28 pixels by its centre of mass, as MNIST was made [1]_.

    Parameters
    ----------
    size : int, default=28
        Height and width of the pictures given back, in pixels.
    box : int, default=20
        The digit's longer side, in pixels; at most `size`.
    invert : bool or "auto", default="auto"
        Whether the pictures show dark ink on bright paper. "auto" decides for each.

    Attributes
    ----------
    n_features_in_, feature_names_in_ : int, ndarray of shape (`n_features_in_`,)
        Only where `fit` saw flat rows, and a frame with string column names.

    See Also
    --------
    ImagePreprocessor : Scales what this transformer gives for the classifier.

    Notes
    -----
    - Grey is the luminance of Rec. 601. What is transparent becomes white paper.
    - The paper's level is the plane with the least absolute deviation from the border's pixels, so shading
      does no harm, nor does ink on less than half of the border. The ink is on that side of the plane which
      has the larger sum of cubed deviations.
    - Noise is measured on pixels that rise less than half as far as the highest. Ink rises above three of
      its standard deviations; if it does not reach four, or 8 % of the way from black to white, there is
      none, and the result is all black. Marks with less than 3 % of the largest one's ink are dropped.
    - Strokes thinner or thicker than in 90 % of MNIST's digits are widened or thinned. That alone goes beyond
      [1]_; fine pens and fat brushes are recognised better for it.
    - Centres of mass come within half a pixel of the pixel (14, 14) and the brightest pixel is 255, as in
      MNIST [2]_. So its own digits keep their pixels, but for strokes of unusual width.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
       recognition", Proceedings of the IEEE 86(11), 1998.
    .. [2] C. Yadav, L. Bottou, "Cold case: the lost MNIST digits", NeurIPS 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_mnist_cnn import MNISTNormalizer
    >>> page = np.full((200, 100, 3), 255, dtype=np.uint8)
    >>> page[40:160, 50:60] = [0, 0, 128]
    >>> digit = MNISTNormalizer().transform([page])[0]
    >>> digit.shape, int(np.any(digit, axis=1).sum())
    ((28, 28), 20)
    """

    _parameter_constraints = {
        "size": [Interval(Integral, 1, None, closed="left")],
        "box": [Interval(Integral, 1, None, closed="left")],
        "invert": ["boolean", StrOptions({"auto"})],
    }

    def __init__(self, size: int = 28, box: int = 20, invert: bool | str = "auto"):
        self.size = size
        self.box = box
        self.invert = invert

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike | Sequence[object], y: object = None) -> Self:
        """Check the parameters and the pictures; nothing is learnt.

        Parameters
        ----------
        X : array-like or list of pictures
            As in `transform`.
        y : None
            Ignored.

        Returns
        -------
        self : MNISTNormalizer
            The transformer.
        """
        with observed_fit(self, X, y), fitted_at_once(self) as fitted:
            for _ in fitted._read(X, reset=True):
                pass
        return self

    def transform(self, X: ArrayLike | Sequence[object]) -> np.ndarray:
        """Give `X` in MNIST's format.

        Parameters
        ----------
        X : array-like of shape (n, h, w), (n, h, w, 1), (n, h, w, 3) or (n, h, w, 4), or list of pictures
            Pictures of one digit each, of any real dtype: floats in [0, 1], integers over the range of an 8-
            or 16-bit dtype, or booleans. In a list they may differ in size, and each is an array, a Pillow
            image, or the path of a file. Flat rows of shape (n, h * h), also in a frame, are grey squares.

        Returns
        -------
        digits : ndarray of shape (n, size, size), uint8
            Ink is 255, the background 0.

        Raises
        ------
        ValueError
            If a picture has another shape, or pixels that are negative or not finite.
        OSError
            If a file is missing or no picture.
        """
        self._validate_params()
        greys = self._read(X, reset=False)
        return np.stack([normalize_digit(grey, self.size, self.box, self.invert) for grey in greys])

    def _read(self, X, reset):
        """Check `X` as a whole, and give its pictures in grey, one at a time."""
        if self.box > self.size:
            raise ValueError(f"box must be at most size={self.size}, got {self.box}. Lower it or raise size.")
        if _is_picture(X):
            raise ValueError(f"X must hold pictures, got a single one: {X!r}. Pass it in a list, [X].")
        if not hasattr(X, "shape") and not isinstance(X, (list, tuple)):
            X = np.asarray(X)
        if reset:
            for name in ("n_features_in_", "feature_names_in_"):
                vars(self).pop(name, None)
        if _is_flat(X):
            rows = validate_data(self, X, dtype="numeric", ensure_all_finite=False, reset=reset)
            X = rows.reshape(len(rows), *_row_shape(rows.shape[1]))
        if len(X) == 0:
            raise ValueError("X must hold at least one picture, got none. Pass a non-empty array or list.")
        return (read_grey(picture, f"X[{index}]") for index, picture in enumerate(X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.positive_only = True
        return tags


def _is_picture(item):
    """Whether it is a picture on its own: the path of a file, or a Pillow image."""
    from PIL import Image

    return isinstance(item, (str, os.PathLike, Image.Image))


def _is_flat(X):
    """Whether `X` holds rows of numbers, or nothing that could be a picture."""
    n_dims = len(getattr(X, "shape", (None,)))
    if n_dims != 1:
        return n_dims < 3
    first = next(iter(X), 0)
    return not _is_picture(first) and np.ndim(first) < 2


def _row_shape(n_features):
    side = isqrt(n_features)
    if side * side == n_features:
        return side, side
    warnings.warn(
        f"{n_features} features are not a square grey image; they are read as one row of pixels. "
        "Pass pictures of shape (n, h, w) to say otherwise, and a single one as X[np.newaxis].",
        UserWarning,
        stacklevel=5,
    )
    return 1, n_features


def read_grey(picture, name):
    """Read a picture, as `MNISTNormalizer.transform` takes them, as grey levels in [0, 1]."""
    pixels = np.asarray(_open(picture))
    channels = pixels.shape[2:] or (1,)
    if pixels.ndim not in (2, 3) or channels[0] not in (1, 3, 4) or pixels.size == 0:
        raise ValueError(
            f"{name} must be a picture of shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), got an array of "
            f"shape {pixels.shape}. Move its channels last, or cut it up."
        )
    if pixels.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold real numbers, got dtype {pixels.dtype}. Convert it.")
    low, high = pixels.min(), pixels.max()
    if not np.isfinite(low) or not np.isfinite(high):
        raise ValueError(f"{name} must be finite, but contains NaN or infinity. Replace them, say by 0.")
    if low < 0:
        raise ValueError(f"Negative values in data: {name} must be 0 or more, got {low}. Shift its pixels.")
    is_fraction = pixels.dtype.kind == "f" and high <= 1
    levels = _images.scale_pixels(pixels, 1.0 if is_fraction else _images.pixel_maximum(pixels))
    if pixels.ndim == 2:
        return levels
    grey = levels[..., 0] if channels[0] == 1 else levels[..., :3] @ np.float32(_LUMINANCE)
    return 1 - (1 - grey) * levels[..., 3] if channels[0] == 4 else grey


def _open(picture):
    """Load a file, and turn a Pillow image upright and into grey, RGB or RGBA."""
    if not _is_picture(picture):
        return picture
    from PIL import Image, ImageOps

    if not isinstance(picture, Image.Image):
        with Image.open(Path(picture).expanduser()) as file:
            return _open(file)
    picture = ImageOps.exif_transpose(picture)
    if "transparency" in picture.info or picture.mode in ("LA", "La", "PA", "RGBa"):
        return picture.convert("RGBA")
    is_plain = picture.mode in ("1", "L", "F", "RGB", "RGBA") or picture.mode.startswith("I")
    return picture if is_plain else picture.convert("RGB")


def normalize_digit(grey, size, box, invert):
    """Bring one picture in grey levels into MNIST's format: the rules of `MNISTNormalizer`, in order."""
    ink = _lift_ink(_reduce(grey, _MAX_SIDE), invert)
    if not ink.any():
        return np.zeros((size, size), np.uint8)
    return _centre(_fit_box(_crop(_fit_strokes(_crop(ink))), box), size)


def _reduce(grey, max_side):
    from PIL import Image

    factor = ceil(max(grey.shape) / max_side)
    return grey if factor == 1 else np.asarray(Image.fromarray(grey).reduce(factor))


def _lift_ink(grey, invert):
    """Ink from 0 to 1, on a background that is 0 throughout."""
    height = grey - _paper(grey)
    if np.sum(height**3) < 0 if invert == "auto" else invert:
        height = -height
    is_paper = height <= height.max() / 2
    if is_paper.all():
        return np.zeros_like(grey)
    level = np.median(height[is_paper])
    noise = 1.4826 * np.median(np.abs(height[is_paper] - level))
    full = np.percentile(height[~is_paper], 98) - level
    if full < max(0.08, 4 * noise):
        return np.zeros_like(grey)
    ink = np.clip((height - level) / full, 0, 1)
    return _drop_specks(np.where(ink > max(0.02, 3 * noise / full), ink, 0))


def _drop_specks(ink):
    labels, n_marks = ndimage.label(ink > 0, np.ones((3, 3)))
    masses = np.bincount(labels.ravel(), ink.ravel(), n_marks + 1)
    return np.where((masses >= 0.03 * masses.max())[labels], ink, 0)


def _paper(grey):
    """The plane with the least absolute deviation from the border's pixels, by reweighted least squares."""
    small = _reduce(grey, 48)
    edge = np.ones(small.shape, bool)
    edge[1:-1, 1:-1] = False
    places, levels = _places(small.shape)[edge], small[edge]
    plane = np.array([np.median(levels), 0, 0])
    for _ in range(8):
        deviation = np.abs(levels - places @ plane)
        if np.median(deviation) < 1e-6:
            break
        weighted = (places / np.maximum(deviation, 1e-3)[:, np.newaxis]).T
        plane = np.linalg.lstsq(weighted @ places, weighted @ levels, rcond=None)[0]
    return (_places(grey.shape) @ plane).astype(np.float32)


def _places(shape):
    """1, height and width of each pixel, the latter two from -0.5 to 0.5."""
    down, right = (np.indices(shape).T + 0.5).T / np.reshape(shape, (2, 1, 1)) - 0.5
    return np.stack([np.ones(shape), down, right], axis=-1)


def _crop(ink):
    rows, columns = (np.flatnonzero(np.any(ink > 0.1, axis=axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _fit_strokes(ink):
    """Thin or widen strokes whose mean width, twice the area by the outline, is unlike MNIST's."""
    padded = np.pad(_fit_box(ink, 20), 1)
    outline = np.hypot(np.diff(padded, axis=0)[:, 1:], np.diff(padded, axis=1)[1:]).sum()
    width = 2 * padded.sum() / outline
    thinnest, thickest = _STROKES
    excess, lack = min(width - thickest, 2), 2 * (thinnest - width)
    if excess <= 0 and lack <= 0:
        return ink
    change = max(excess, lack) * max(ink.shape) / 20
    step = ceil(change)
    padded = np.pad(ink, step)
    morph = ndimage.grey_erosion if excess > 0 else ndimage.grey_dilation
    return padded + change / step * (morph(padded, (step + 1, step + 1)) - padded)


def _fit_box(ink, box):
    from PIL import Image

    height, width = (max(1, round(side * box / max(ink.shape))) for side in ink.shape)
    scaled = Image.fromarray(ink.astype(np.float32)).resize((width, height), Image.Resampling.LANCZOS)
    pixels = np.clip(np.asarray(scaled), 0, 1)
    return pixels / pixels.max()


def _centre(ink, size):
    """Put the centre of mass within half a pixel of the middle, unless that would cut ink off."""
    digit = np.zeros((size, size), np.uint8)
    middle = ndimage.center_of_mass(ink)
    top, left = (
        int(np.clip(np.rint(size // 2 - place), 0, size - side))
        for place, side in zip(middle, ink.shape, strict=True)
    )
    digit[top : top + ink.shape[0], left : left + ink.shape[1]] = np.rint(255 * ink)
    return digit
