"""`MNISTNormalizer` converts pictures of digits to MNIST's format. It does not scale them for the network."""

from collections.abc import Sequence
from math import isqrt
from numbers import Integral
from os import PathLike
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from ._base import ImageTransformer, commit_on_success, keep_types, observed_fit, snapshot, warn
from ._images import check_dense, single_image_error, square_or_row
from ._pictures.mnist_format import find_ink, normalize_ink, shows_several_marks
from ._pictures.reading import describe, is_picture, read_gray

__all__ = ["MNISTNormalizer"]

_SIDE = 20  # of a single picture that is passed without the axis of samples, in pixels, at least


class MNISTNormalizer(ImageTransformer):
    """Convert pictures of single digits to MNIST's format: bright ink on black, scaled and centered.

    A network that was trained on MNIST recognizes photos, scans and drawings only in this format. Each digit
    is scaled to fit a box of 20x20 pixels, keeping its proportions, with gray levels from anti-aliasing. Then
    its center of mass is placed at the center of 28x28 pixels, as MNIST was made [1]_.

    Read more in the :ref:`User Guide <guide-own_digits>`.

    Parameters
    ----------
    size : int, default=28
        Height and width of the returned images, in pixels, >= 1.
    box : int, default=20
        Length of the digit's longer side, in pixels, >= 1 and at most `size`.
    invert : bool or "auto", default="auto"
        Whether the pictures show dark ink on bright paper. "auto" decides for each picture.

    Attributes
    ----------
    n_features_in_ : int
        Number of pixels in a picture. Only if `fit` was given flat rows.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names. Only if `fit` was given a frame with string column names.

    See Also
    --------
    ImagePreprocessor : Scales the images that this transformer returns for the classifier.

    Notes
    -----
    - Gray is the luminance of Rec. 601. Transparent pixels become white paper.
    - Pictures of more than 400 pixels in height or width are reduced by an integer factor.
    - The brightness of the paper is modeled by a plane: the one with the least absolute deviation from the
      pixels of the border. It adapts to shading, and up to half of the border can be covered by ink. Ink is
      on the side of the plane that has the larger sum of cubed deviations.
    - Noise is measured on the pixels whose deviation is less than half of the largest one. Pixels that
      deviate by more than three standard deviations of the noise are ink. If the strongest of them do not
      deviate by four, and by 8% of the range from black to white, the picture is empty and becomes black.
    - A picture seems to show several digits if two marks are next to each other, with a gap of more than 10%
      of the height of the ink, the smaller one has at least 60% of the height of the larger one, and their
      common width is more than 80% of their common height. No picture of MNIST's 10,000 test digits does.
    - Stains are removed: marks with less than 3% of the ink of the largest mark, and marks that are nowhere
      half as dark as the digit.
    - Strokes thinner or thicker than in 96% of MNIST's digits are dilated or eroded. This is not part of
      [1]_, but networks then recognize digits of fine pens and thick brushes better.
    - The center of mass is within half a pixel of the pixel (14, 14), and the brightest pixel is 255, as in
      MNIST [2]_. MNIST's own digits keep their pixels, except for those with unusually wide strokes.

    References
    ----------
    .. [1] LeCun, Y., Bottou, L., Bengio, Y. and Haffner, P. (1998). "Gradient-based learning applied to
       document recognition". Proceedings of the IEEE 86(11).
    .. [2] Yadav, C. and Bottou, L. (2019). "Cold case: the lost MNIST digits". NeurIPS. arXiv:1905.10498.

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

    def __init__(self, size: int = 28, *, box: int = 20, invert: bool | Literal["auto"] = "auto"):
        self.size = size
        self.box = box
        self.invert = invert

    @keep_types(_fit_context(prefer_skip_nested_validation=True))
    def fit(self, X: ArrayLike | Sequence[object], y: object = None) -> Self:
        """Check the parameters and the pictures. Nothing is learned.

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

        Raises
        ------
        OSError, TypeError, ValueError
            As in `transform`, or if a parameter is not valid.

        Examples
        --------
        >>> from sk_mnist_cnn import MNISTNormalizer, load_mnist_sample
        >>> MNISTNormalizer(invert=False).fit(load_mnist_sample().x_test)
        MNISTNormalizer(invert=False)
        """
        with observed_fit(self, X, y), commit_on_success(self) as fitted:
            for _ in fitted._read(X, reset=True):
                pass
        return self

    @keep_types(_fit_context(prefer_skip_nested_validation=True))
    def fit_transform(self, X: ArrayLike | Sequence[object], y: object = None) -> NDArray[np.uint8]:
        """Fit to `X`, and return it in MNIST's format.

        Each picture is opened only once.

        Parameters
        ----------
        X : array-like or list of pictures
            As in `transform`.
        y : None
            Ignored.

        Returns
        -------
        digits : ndarray of shape (n, size, size), uint8
            As in `transform`.

        Raises
        ------
        OSError, TypeError, ValueError
            As in `transform`, or if a parameter is not valid.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from sk_mnist_cnn import MNISTNormalizer
        >>> MNISTNormalizer().fit_transform(load_digits().images[:5] / 16).shape
        (5, 28, 28)
        """
        with observed_fit(self, X, y), commit_on_success(self) as fitted:
            return fitted._normalize(fitted._read(X, reset=True))

    def transform(self, X: ArrayLike | Sequence[object]) -> NDArray[np.uint8]:
        """Convert pictures to MNIST's format.

        Parameters
        ----------
        X : array-like of shape (n, h, w), (n, h, w, 1), (n, h, w, 3) or (n, h, w, 4), or list of pictures
            Pictures of one digit each, of any real dtype: floats in [0, 1], integers up to 255 or to any
            other white, or masks of 0 and 1. Color channels are red, green and blue; those of OpenCV are
            blue, green and red: pass ``image[..., ::-1]``. In a list, pictures may differ in size, and each
            is an array, a Pillow image, or a BMP, GIF, JPEG, PNG, PPM, TIFF or WEBP file of a single page, as
            path, bytes or binary file object. Files and Pillow images may have up to 50,000,000 pixels. Flat
            rows of shape (n, h * h), also in a frame, are read as gray squares.

        Returns
        -------
        digits : ndarray of shape (n, size, size), uint8
            Ink is 255, the background 0.

        Raises
        ------
        OSError
            If a file is missing or cannot be opened.
        TypeError
            If `X` is sparse.
        ValueError
            If `X` is a single picture, a picture has another shape or too many pixels, its pixels are
            negative or not finite, or a file or Pillow image is damaged, not a picture or has several pages;
            ``PIL.ImageSequence.all_frames`` returns the pages of an image.

        Warns
        -----
        UserWarning
            If flat rows are not square, so that each is read as one row of pixels; if pictures become black
            because they are blank or their contrast is too low for a digit; or if pictures seem to show
            several digits, which :func:`find_digits` finds. The first of the pictures is named.

        Examples
        --------
        >>> import numpy as np
        >>> from PIL import Image, ImageDraw
        >>> from sk_mnist_cnn import MNISTNormalizer, load_pretrained
        >>> photo = Image.new("RGB", (300, 200), "ivory")
        >>> ImageDraw.Draw(photo).line([(130, 60), (170, 60), (140, 140)], "navy", width=9)
        >>> digits = MNISTNormalizer().transform([photo])
        >>> digits.shape, load_pretrained().predict(digits)
        ((1, 28, 28), array([7]))
        """
        self._validate_params()
        fitted = snapshot(self)
        return fitted._normalize(fitted._read(X, reset=False))

    def _normalize(self, grays):
        digits, empty, several = [], [], []
        for name, gray in grays:
            ink = find_ink(gray, self.invert)
            digits.append(normalize_ink(ink, self.size, self.box))
            if not digits[-1].any():
                empty.append((name, gray.min(), gray.max()))
            elif shows_several_marks(ink):
                several.append(name)
        if empty:
            _warn_of_empty_pictures(empty, len(digits))
        if several:
            warn(
                f"{len(several)} of {len(digits)} pictures seem to show several digits, and become one image "
                f"each. The first is {several[0]}. Pass the images that find_digits returns instead."
            )
        return np.stack(digits)

    def _read(self, X, reset):
        """Check `X` as a whole, and return an iterator over its pictures in gray levels."""
        if self.box > self.size:
            raise ValueError(f"box must be at most size={self.size}, got {self.box}. Lower it or raise size.")
        if is_picture(X):
            raise ValueError(
                f"X must hold pictures, got a single one: {describe(X)}. Pass it in a list, [X]."
            )
        check_dense(X)
        if not hasattr(X, "shape") and not isinstance(X, (list, tuple)):
            X = np.asarray(X)
        if reset:
            for name in ("n_features_in_", "feature_names_in_"):
                vars(self).pop(name, None)
        if _is_flat(X):
            rows = validate_data(self, X, dtype="numeric", ensure_all_finite=False, reset=reset)
            _refuse_single_array(rows)
            remedy = "Pass pictures of shape (n, h, w), or a single one as X[np.newaxis]."
            X = rows.reshape(len(rows), *square_or_row(rows.shape[1], remedy))
        if len(X) == 0:
            raise ValueError("X must hold at least one picture, got none. Pass a non-empty array or list.")
        _refuse_single_array(X)
        return ((_name(picture, i), read_gray(picture, f"X[{i}]")) for i, picture in enumerate(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.positive_only = True
        return tags


def _warn_of_empty_pictures(empty, n_pictures):
    name, low, high = empty[0]
    warn(
        f"{len(empty)} of {n_pictures} pictures become black, because they are blank or have too little "
        f"contrast for a digit. The first is {name}, with pixels from {low:.2g} to {high:.2g} of the largest "
        "value. If it shows a digit, scale its pixels to the whole range. If it is a page with small digits, "
        "use find_digits."
    )


def _name(picture, index):
    """Return the name of a picture in warnings."""
    return f"X[{index}], {describe(picture)}" if isinstance(picture, (str, PathLike)) else f"X[{index}]"


def _refuse_single_array(X):
    """Raise an error for an array or nested list that seems to be one picture, gray or in color."""
    shape = _shape(X)
    is_gray = len(shape) == 2 and min(shape) >= _SIDE and isqrt(shape[1]) ** 2 != shape[1]
    is_color = len(shape) == 3 and shape[2] in (1, 3, 4) and min(shape[:2]) >= _SIDE
    if (is_gray and max(shape) <= 2 * min(shape)) or is_color:
        raise single_image_error(shape, (*shape, 1)[:3])


def _shape(X):
    if not isinstance(X, (list, tuple)):
        return getattr(X, "shape", ())
    try:
        return np.shape(X) if isinstance(X[0], (list, tuple)) else ()
    except ValueError:  # pictures of different sizes
        return ()


def _is_flat(X):
    """Return whether `X` holds rows of numbers, or nothing that could be a picture."""
    n_dims = len(getattr(X, "shape", (None,)))
    if n_dims != 1:
        return n_dims < 3
    first = next(iter(X), 0)
    return not is_picture(first) and np.ndim(first) < 2
