"""Draw the digits that were read on a page, for `ReadingDisplay` and for the output of notebooks."""

from html import escape

import numpy as np

from ._image_grid import imshow_params
from ._matplotlib import as_data_url, mpl, patheffects, plt

THRESHOLD = 0.8  # confidence below which a number is uncertain
_SURE, _UNCERTAIN, _REJECTED, _REGION = "tab:blue", "tab:red", "tab:gray", "tab:green"
_INCHES = 8  # longer side of the picture in a new figure


def write_html(page, read):
    """Return a page and its reading as HTML: the text, and the picture with a box around each digit."""
    with plt.ioff():  # so that notebooks do not show the figure a second time
        ax = new_axes(page.shape)
        draw_page(ax, page.gray, page.shape, read)
        width = round(ax.figure.get_size_inches()[0] * 96)
        source = as_data_url(ax.figure)
    description = describe_page(read)
    return (
        f"<pre>{escape(repr(read))}</pre>\n<p>{description}</p>\n"
        f'<img src="{source}" width="{width}" style="max-width: 100%" alt="The picture: {description}">'
    )


def new_axes(shape):
    """Return the axes of a new figure for a picture of this height and width."""
    height, width = shape
    size = np.clip(np.array([width, height]) * _INCHES / max(width, height), 2.5, _INCHES)
    return plt.subplots(figsize=size, layout="constrained")[1]


def draw_page(ax, picture, shape, read, *, threshold=THRESHOLD, im_kw=None, text_kw=None, line_kw=None):
    """Draw a picture with a box around each digit, its numbers, and dashed boxes around other marks.

    Parameters
    ----------
    ax : Axes
    picture : ndarray of shape (h, w)
        Gray levels in [0, 1], possibly reduced.
    shape : tuple of int
        Height and width of the picture to which the boxes refer.
    read : ReadDigits or ReadRegions
    threshold : float
        Confidence below which a number is uncertain.
    im_kw, text_kw, line_kw : dict or None
        Parameters of the artists.

    Returns
    -------
    im : AxesImage
    boxes : ndarray of Rectangle of shape (n,)
        Of the digits.
    text : ndarray of Text of shape (n_numbers,)
    """
    height, width = shape
    im_kw = imshow_params(im_kw, cmap="gray", vmin=0, vmax=1)
    im = ax.imshow(picture, extent=(0, width, height, 0), **im_kw)
    ax.set_axis_off()
    readings, boxes, texts = readings_of(read), [], []
    points = _points_per_pixel(ax, shape)
    heights = np.concatenate([digits.boxes[:, 2] - digits.boxes[:, 0] for digits in readings] or [[]])
    size = np.clip(0.6 * points * np.median(heights), 7, 14) if len(heights) else 7
    text_kw = {"fontsize": float(size), **mpl.cbook.normalize_kwargs(text_kw or {}, mpl.text.Text)}
    for digits in readings:
        for number in digits.numbers:
            color = _SURE if number.confidence >= threshold else _UNCERTAIN
            boxes += [_draw_box(ax, box, color, line_kw) for box in digits.boxes[number.digits]]
            n_characters = 1.5 * points * (number.box[3] - number.box[1]) / (0.6 * size)
            label = _label(number, threshold, n_characters)
            texts.append(ax.text(*number.box[[1, 0]], label, **_text_style(color, "bottom") | text_kw))
        for box in np.concatenate([digits.rejected_boxes, digits.separator_boxes]):
            _draw_box(ax, box, _REJECTED, {"linestyle": "dotted"})
    for name, box in read.boxes.items() if hasattr(read, "readings") else ():
        _draw_box(ax, box, _REGION, {"linestyle": "dashed"})
        ax.text(*box[[1, 2]], str(name), **_text_style(_REGION, "top") | text_kw)
    return im, np.array(boxes, dtype=object), np.array(texts, dtype=object)


def readings_of(read):
    """Return the readings of all regions, or the one of the page."""
    return list(read.readings.values()) if hasattr(read, "readings") else [read]


def describe_page(read, threshold=THRESHOLD):
    """Return how many numbers, lines and uncertain numbers there are, in words."""
    numbers = [number for digits in readings_of(read) for number in digits.numbers]
    n_lines = sum(len(digits.lines) for digits in readings_of(read))
    n_uncertain = sum(number.confidence < threshold for number in numbers)
    title = f"{_count(len(numbers), 'number')} in {_count(n_lines, 'line')}"
    return f"{title}, {n_uncertain} uncertain" if n_uncertain else title


def _count(n, noun):
    return f"{n} {noun}{'s' * (n != 1)}"


def _label(number, threshold, n_characters):
    """Return the text of a number; if it is uncertain, with the second candidate if there is space."""
    if number.confidence >= threshold:
        return number.text
    others = [f" or {text}" for text, _ in number.candidates[1:2]]
    label = f"{number.text}? {number.confidence:.0%}{''.join(others)}"
    return label if len(label) <= n_characters else f"{number.text}?"


def _points_per_pixel(ax, shape):
    area = ax.get_window_extent()
    return min(area.height / shape[0], area.width / shape[1]) / ax.figure.dpi * 72


def _draw_box(ax, box, color, line_kw):
    top, left, bottom, right = box
    line_kw = {
        "edgecolor": color,
        "fill": False,
        "linewidth": 1,
        **mpl.cbook.normalize_kwargs(line_kw, mpl.patches.Patch),
    }
    return ax.add_patch(mpl.patches.Rectangle((left, top), right - left, bottom - top, **line_kw))


def _text_style(color, alignment):
    outline = [patheffects.withStroke(linewidth=2, foreground="white")]  # so that it is legible on dark paper
    return {"color": color, "verticalalignment": alignment, "parse_math": False, "path_effects": outline}
