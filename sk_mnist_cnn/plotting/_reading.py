"""`ReadingDisplay`: a picture with the digits that were read in it."""

from typing import Any, Self

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cbook import normalize_kwargs
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from numpy.typing import NDArray

from .._fitted import Estimator
from .._pillow.reading import read_page
from ..reading import ReadDigits, read_digits
from ._image_grid import imshow_params

_SURE, _UNCERTAIN, _REJECTED = "tab:blue", "tab:red", "tab:gray"
_INCHES = 8  # longer side of the picture in a new figure


class ReadingDisplay:
    """A picture with a box and a label around each digit that was read in it.

    The boxes show whether an error is due to a digit that was not found, to digits that were not separated,
    or to the classifier. Create the display with `from_estimator` or `from_predictions`. Read more in the
    :ref:`User Guide <guide-reading>`.

    Parameters
    ----------
    picture : ndarray of shape (h, w)
        Gray levels in [0, 1], possibly reduced.
    digits : ReadDigits
        Result of :func:`read_digits`.
    shape : tuple of int, (height, width), or None, default=None
        Size of the picture to which the boxes refer, in pixels. None is the shape of `picture`.

    Attributes
    ----------
    picture, digits, shape : ndarray, ReadDigits and tuple or None
        The parameters.
    ax_ : Axes
        Axes with the picture.
    figure_ : Figure
        Figure that contains the axes.
    im_ : AxesImage
        The picture.
    boxes_ : ndarray of Rectangle of shape (n,)
        The box of each digit.
    text_ : ndarray of Text of shape (n,)
        The label above each box.

    See Also
    --------
    read_digits : Returns the text, the labels and the boxes.
    MisclassifiedDisplay : Shows the misclassified images of a data set.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_mnist_cnn import ReadingDisplay, load_mnist_sample, load_pretrained
    >>> images = load_mnist_sample().x_test[:3]
    >>> page = np.pad(np.concatenate(images, axis=1), 20)
    >>> display = ReadingDisplay.from_estimator(load_pretrained(), page)
    >>> [text.get_text() for text in display.text_] == list(display.digits.lines[0])
    True
    """

    ax_: Axes
    figure_: Figure | SubFigure
    im_: AxesImage
    boxes_: NDArray[np.object_]
    text_: NDArray[np.object_]

    def __init__(
        self, picture: NDArray[Any], digits: ReadDigits, *, shape: tuple[int, int] | None = None
    ) -> None:
        self.picture = picture
        self.digits = digits
        self.shape = shape

    def plot(
        self,
        *,
        threshold: float = 0.8,
        ax: Axes | None = None,
        im_kw: dict[str, Any] | None = None,
        text_kw: dict[str, Any] | None = None,
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the picture, the boxes and the labels.

        Digits are blue. Uncertain ones are red, with a question mark. Marks that are not digits have a dashed
        gray box without a label.

        Parameters
        ----------
        threshold : float, default=0.8
            Probability of the label below which a digit is uncertain, in [0, 1].
        ax : Axes or None, default=None
            Axes to draw on. None creates a figure.
        im_kw : dict or None, default=None
            Parameters of `matplotlib.axes.Axes.imshow`.
        text_kw : dict or None, default=None
            Parameters of `matplotlib.axes.Axes.text` for the labels.
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
        '1 digit in 1 line'
        """
        height, width = self.shape or self.picture.shape
        if ax is None:
            size = np.clip(np.array([width, height]) * _INCHES / max(width, height), 2, _INCHES)
            ax = plt.subplots(figsize=size, layout="constrained")[1]
        self.ax_, self.figure_ = ax, ax.figure
        extent = (0, width, height, 0)
        self.im_ = ax.imshow(self.picture, extent=extent, **imshow_params(im_kw, cmap="gray", vmin=0, vmax=1))
        ax.set_axis_off()
        boxes, labels = self.digits.boxes, self.digits.labels
        is_sure = self.digits.probabilities.max(axis=1, initial=0) >= threshold
        colors = np.where(is_sure, _SURE, _UNCERTAIN)
        drawn = [_draw_box(ax, box, color, line_kw) for box, color in zip(boxes, colors, strict=True)]
        text_kw = {
            "fontsize": _font_size(ax, boxes, (height, width)),
            **normalize_kwargs(text_kw or {}, Text),
        }
        texts = [
            _draw_label(ax, box, f"{label}" if sure else f"{label}?", color, text_kw)
            for box, label, sure, color in zip(boxes, labels, is_sure, colors, strict=True)
        ]
        for box in self.digits.rejected_boxes:
            _draw_box(ax, box, _REJECTED, {"linestyle": "dashed"})
        self.boxes_, self.text_ = np.array(drawn, dtype=object), np.array(texts, dtype=object)
        ax.set_title(_title(self.digits, np.sum(~is_sure)), fontsize="medium")
        return self

    @classmethod
    def from_estimator(cls, model: Estimator, picture: object, **plot_params: Any) -> Self:
        """Read the digits of a picture, and draw them.

        Parameters
        ----------
        model : classifier with `predict_proba`
            As in :func:`read_digits`.
        picture : array-like of shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), Pillow image, str or PathLike
            One picture, as in :func:`read_digits`.
        **plot_params : dict
            Parameters of `plot`.

        Returns
        -------
        display : ReadingDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        OSError
            If a file is missing or cannot be opened.
        ValueError
            If the model or the picture is not valid, see :func:`read_digits`.

        Examples
        --------
        >>> import numpy as np
        >>> from sk_mnist_cnn import ReadingDisplay, load_mnist_sample, load_pretrained
        >>> page = np.pad(load_mnist_sample().x_test[0], 20)
        >>> ReadingDisplay.from_estimator(load_pretrained(), page).digits.lines
        ['8']
        """
        return cls.from_predictions(picture, read_digits(model, picture), **plot_params)

    @classmethod
    def from_predictions(cls, picture: object, digits: ReadDigits, **plot_params: Any) -> Self:
        """Draw digits that were read before.

        Parameters
        ----------
        picture : array-like of shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), Pillow image, str or PathLike
            The picture in which the digits were read.
        digits : ReadDigits
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


def _font_size(ax, boxes, shape):
    """Return the font size in points: about half the height of the digits, from 4 to 10."""
    height = np.median(boxes[:, 2] - boxes[:, 0]) if len(boxes) else 0
    area = ax.get_window_extent()
    points_per_pixel = min(area.height / shape[0], area.width / shape[1]) / ax.figure.dpi * 72
    return float(np.clip(0.6 * height * points_per_pixel, 4, 10))


def _draw_box(ax, box, color, line_kw):
    top, left, bottom, right = box
    line_kw = {"edgecolor": color, "fill": False, "linewidth": 1, **normalize_kwargs(line_kw, Patch)}
    return ax.add_patch(Rectangle((left, top), right - left, bottom - top, **line_kw))


def _draw_label(ax, box, label, color, text_kw):
    outline = [withStroke(linewidth=2, foreground="white")]  # so that it is legible on dark paper
    defaults = {"color": color, "verticalalignment": "bottom", "parse_math": False, "path_effects": outline}
    return ax.text(box[1], box[0], label, **{**defaults, **text_kw})


def _title(digits, n_uncertain):
    n_digits, n_lines = len(digits.labels), len(digits.lines)
    title = f"{n_digits} digit{'s' * (n_digits != 1)} in {n_lines} line{'s' * (n_lines != 1)}"
    return f"{title}, {n_uncertain} uncertain" if n_uncertain else title
