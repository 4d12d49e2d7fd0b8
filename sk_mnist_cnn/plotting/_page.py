"""Draw the digits that were read on a page, for `ReadingDisplay` and for the output of notebooks."""

from html import escape

import numpy as np

from ._image_grid import imshow_params
from ._matplotlib import mpl, patheffects, plt
from ._png import as_data_url

THRESHOLD = 0.8  # probability of the label below which a digit is uncertain
_SURE, _UNCERTAIN, _REJECTED = "tab:blue", "tab:red", "tab:gray"
_INCHES = 8  # longer side of the picture in a new figure


def write_html(page, digits):
    """Return a page and its ReadDigits as HTML: the text, and the picture with a box around each digit."""
    is_sure = digits.probabilities.max(axis=1, initial=0) >= THRESHOLD
    with plt.ioff():  # so that notebooks do not show the figure a second time
        ax = new_axes(page.shape)
        draw_page(ax, page.gray, page.shape, digits, is_sure)
        width = round(ax.figure.get_size_inches()[0] * 96)
        source = as_data_url(ax.figure)
    description = describe_page(digits, is_sure)
    return (
        f"<pre>{escape(repr(digits))}</pre>\n<p>{description}</p>\n"
        f'<img src="{source}" width="{width}" style="max-width: 100%" alt="The picture: {description}">'
    )


def new_axes(shape):
    """Return the axes of a new figure for a picture of this height and width."""
    height, width = shape
    size = np.clip(np.array([width, height]) * _INCHES / max(width, height), 2, _INCHES)
    return plt.subplots(figsize=size, layout="constrained")[1]


def draw_page(ax, picture, shape, digits, is_sure, *, im_kw=None, text_kw=None, line_kw=None):
    """Draw a picture with a box and a label around each digit, and a dashed box around other marks.

    Parameters
    ----------
    ax : Axes
    picture : ndarray of shape (h, w)
        Gray levels in [0, 1], possibly reduced.
    shape : tuple of int
        Height and width of the picture to which the boxes refer.
    digits : ReadDigits
    is_sure : ndarray of shape (n,), bool
        False for the digits to mark as uncertain.
    im_kw, text_kw, line_kw : dict or None
        Parameters of the artists.

    Returns
    -------
    im : AxesImage
    boxes : ndarray of Rectangle of shape (n,)
    text : ndarray of Text of shape (n,)
    """
    height, width = shape
    im_kw = imshow_params(im_kw, cmap="gray", vmin=0, vmax=1)
    im = ax.imshow(picture, extent=(0, width, height, 0), **im_kw)
    ax.set_axis_off()
    colors = np.where(is_sure, _SURE, _UNCERTAIN)
    boxes = [_draw_box(ax, box, color, line_kw) for box, color in zip(digits.boxes, colors, strict=True)]
    text_kw = {
        "fontsize": _font_size(ax, digits.boxes, shape),
        **mpl.cbook.normalize_kwargs(text_kw or {}, mpl.text.Text),
    }
    text = [
        _draw_label(ax, box, f"{label}" if sure else f"{label}?", color, text_kw)
        for box, label, sure, color in zip(digits.boxes, digits.labels, is_sure, colors, strict=True)
    ]
    for box in digits.rejected_boxes:
        _draw_box(ax, box, _REJECTED, {"linestyle": "dashed"})
    return im, np.array(boxes, dtype=object), np.array(text, dtype=object)


def describe_page(digits, is_sure):
    """Return the numbers of digits, lines and uncertain digits in words."""
    n_digits, n_lines, n_uncertain = len(digits.labels), len(digits.lines), np.sum(~is_sure)
    title = f"{n_digits} digit{'s' * (n_digits != 1)} in {n_lines} line{'s' * (n_lines != 1)}"
    return f"{title}, {n_uncertain} uncertain" if n_uncertain else title


def _font_size(ax, boxes, shape):
    """Return the font size in points: about half the height of the digits, from 4 to 14."""
    height = np.median(boxes[:, 2] - boxes[:, 0]) if len(boxes) else 0
    area = ax.get_window_extent()
    points_per_pixel = min(area.height / shape[0], area.width / shape[1]) / ax.figure.dpi * 72
    return float(np.clip(0.6 * height * points_per_pixel, 4, 14))


def _draw_box(ax, box, color, line_kw):
    top, left, bottom, right = box
    line_kw = {
        "edgecolor": color,
        "fill": False,
        "linewidth": 1,
        **mpl.cbook.normalize_kwargs(line_kw, mpl.patches.Patch),
    }
    return ax.add_patch(mpl.patches.Rectangle((left, top), right - left, bottom - top, **line_kw))


def _draw_label(ax, box, label, color, text_kw):
    outline = [patheffects.withStroke(linewidth=2, foreground="white")]  # so that it is legible on dark paper
    defaults = {"color": color, "verticalalignment": "bottom", "parse_math": False, "path_effects": outline}
    return ax.text(box[1], box[0], label, **{**defaults, **text_kw})
