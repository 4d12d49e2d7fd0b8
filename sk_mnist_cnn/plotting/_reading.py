"""`ReadingDisplay`: a picture with the digits that were read in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._fitted import Estimator, load_reader
from .._pictures.reading import read_page
from ..reading import ReadDigits, ReadRegions, _read_decoded
from ._page import THRESHOLD, describe_page, draw_page, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.image import AxesImage


class ReadingDisplay:
    """A picture with the numbers that were read in it, and a box around each digit.

    The boxes show whether an error is due to a digit that was not found, to numbers or digits that were not
    separated, or to the classifier. Create the display with `from_estimator` or `from_predictions`. Read more
    in the :ref:`User Guide <guide-reading>`.

    Parameters
    ----------
    picture : ndarray of shape (h, w)
        Gray levels in [0, 1], possibly reduced.
    digits : ReadDigits or ReadRegions
        Result of :func:`read_digits`.
    shape : tuple of int, (height, width), or None, default=None
        Size of the picture to which the boxes refer, in pixels. None is the shape of `picture`.

    Attributes
    ----------
    picture, digits, shape : ndarray, ReadDigits or ReadRegions, and tuple or None
        The parameters.
    ax_ : Axes
        Axes with the picture.
    figure_ : Figure
        Figure that contains the axes.
    im_ : AxesImage
        The picture.
    boxes_ : ndarray of Rectangle of shape (n,)
        The box of each digit.
    text_ : ndarray of Text of shape (n_numbers,)
        The text above each number.

    See Also
    --------
    read_digits : Returns the numbers, the labels and the boxes.
    MisclassifiedDisplay : Shows the misclassified images of a data set.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_mnist_cnn import ReadingDisplay, load_mnist_sample, load_pretrained
    >>> images = load_mnist_sample().x_test[:3]
    >>> page = np.pad(np.concatenate(images, axis=1), 20)
    >>> display = ReadingDisplay.from_estimator(load_pretrained(), page)
    >>> display.digits.lines, len(display.boxes_)
    (['860'], 3)
    """

    ax_: Axes
    figure_: Figure | SubFigure
    im_: AxesImage
    boxes_: NDArray[np.object_]
    text_: NDArray[np.object_]

    def __init__(
        self, picture: NDArray[Any], digits: ReadDigits | ReadRegions, *, shape: tuple[int, int] | None = None
    ) -> None:
        self.picture = picture
        self.digits = digits
        self.shape = shape

    def plot(
        self,
        *,
        threshold: float = THRESHOLD,
        ax: Axes | None = None,
        im_kw: dict[str, Any] | None = None,
        text_kw: dict[str, Any] | None = None,
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the picture, the boxes and the numbers.

        Numbers are blue. Uncertain ones are red, with a question mark, their confidence and the second
        candidate. Marks that are not read as digits have a dotted gray box, and regions a dashed green one
        with their name.

        Parameters
        ----------
        threshold : float, default=0.8
            Confidence below which a number is uncertain, in [0, 1].
        ax : Axes or None, default=None
            Axes to draw on. None creates a figure.
        im_kw : dict or None, default=None
            Parameters of `matplotlib.axes.Axes.imshow`.
        text_kw : dict or None, default=None
            Parameters of `matplotlib.axes.Axes.text` for the numbers.
        line_kw : dict or None, default=None
            Parameters of `matplotlib.patches.Rectangle` for the boxes of digits.

        Returns
        -------
        self : ReadingDisplay
            The display.

        Examples
        --------
        >>> import numpy as np
        >>> from sk_mnist_cnn import ReadingDisplay, load_mnist_sample, load_pretrained
        >>> page = np.pad(load_mnist_sample().x_test[0], 20)
        >>> display = ReadingDisplay.from_estimator(load_pretrained(), page)
        >>> display.plot(text_kw={"fontsize": 20}).ax_.get_title()
        '1 number in 1 line'
        """
        shape = self.shape or self.picture.shape
        if ax is None:
            ax = new_axes(shape)
        self.ax_, self.figure_ = ax, ax.figure
        artist_kw = {"im_kw": im_kw, "text_kw": text_kw, "line_kw": line_kw}
        artists = draw_page(ax, self.picture, shape, self.digits, threshold=threshold, **artist_kw)
        self.im_, self.boxes_, self.text_ = artists
        ax.set_title(describe_page(self.digits, threshold), fontsize="medium")
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Estimator,
        picture: object,
        *,
        regions: Mapping[Any, ArrayLike] | ArrayLike | None = None,
        candidates: Iterable[object] | None = None,
        separators: bool = False,
        orientation: int | Literal["auto"] = "auto",
        **plot_params: Any,
    ) -> Self:
        """Read the digits of a picture, and draw them.

        Parameters
        ----------
        estimator : classifier with `predict_proba`
            As in :func:`read_digits`.
        picture : array-like of shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), Pillow image, str or PathLike
            One picture, as in :func:`read_digits`.
        regions : dict of box, array-like of shape (n_regions, 4), or None, default=None
            As in :func:`read_digits`.
        candidates : iterable of str or int, or None, default=None
            As in :func:`read_digits`.
        separators : bool, default=False
            As in :func:`read_digits`.
        orientation : {"auto", 0, 90, 180, 270}, default="auto"
            As in :func:`read_digits`.
        **plot_params : dict
            Parameters of `plot`.

        Returns
        -------
        display : ReadingDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If `estimator` is not fitted.
        OSError
            If a file is missing or cannot be opened.
        ValueError
            If a parameter is not valid, see :func:`read_digits`.

        Examples
        --------
        >>> import numpy as np
        >>> from sk_mnist_cnn import ReadingDisplay, load_mnist_sample, load_pretrained
        >>> page = np.pad(load_mnist_sample().x_test[0], 20)
        >>> ReadingDisplay.from_estimator(load_pretrained(), page).digits.lines
        ['8']
        """
        page = read_page(picture, "picture")
        read = _read_decoded(
            load_reader(estimator),
            page,
            picture,
            regions=regions,
            candidates=candidates,
            separators=separators,
            orientation=orientation,
        )
        return cls(page.gray, read, shape=page.shape).plot(**plot_params)

    @classmethod
    def from_predictions(cls, picture: object, digits: ReadDigits | ReadRegions, **plot_params: Any) -> Self:
        """Draw digits that were read before.

        Parameters
        ----------
        picture : array-like of shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), Pillow image, str or PathLike
            The picture in which the digits were read.
        digits : ReadDigits or ReadRegions
            Result of :func:`read_digits`.
        **plot_params : dict
            Parameters of `plot`.

        Returns
        -------
        display : ReadingDisplay
            The display, drawn.

        Raises
        ------
        OSError
            If a file is missing or cannot be opened.
        ValueError
            If the picture is not valid, see :func:`find_digits`.

        Examples
        --------
        >>> import numpy as np
        >>> from sk_mnist_cnn import ReadingDisplay, load_mnist_sample, load_pretrained, read_digits
        >>> page = np.pad(load_mnist_sample().x_test[0], 20)
        >>> digits = read_digits(load_pretrained(), page)
        >>> len(ReadingDisplay.from_predictions(page, digits).boxes_)
        1
        """
        page = read_page(picture, "picture")
        return cls(page.gray, digits, shape=page.shape).plot(**plot_params)
