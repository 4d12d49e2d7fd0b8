"""Draw a grid of labeled images on one axes, for the displays."""

import numpy as np

from ._matplotlib import mpl, plt

_GAP = 0.1  # between images; lengths are in units of the width of an image


def plot_image_grid(images, labels, title, *, ax, im_kw, text_kw, colorbar_width=0):
    """Draw images in rows and columns, with a label above each image.

    Parameters
    ----------
    images : ndarray of shape (n, h, w), (n, h, w, 3) or (n, h, w, 4)
        Images in the form that `imshow` accepts.
    labels : list of str
        One label per image, of one or two lines.
    title : str
        Title of the axes.
    ax : Axes or None
        Axes to draw on. None creates a figure of a suitable size.
    im_kw, text_kw : dict
        Parameters of `imshow` and of `text`.
    colorbar_width : float, default=0
        Additional width of a new figure, in inches.

    Returns
    -------
    ax : Axes
    images, texts : ndarray of AxesImage and ndarray of Text, of shape (n,)
    """
    n_rows, n_columns = _grid_shape(len(images))
    image_height = np.clip(images.shape[1] / images.shape[2], 0.25, 4)
    label_height = 0.4 if any("\n" in label for label in labels) else 0.2
    row_height = label_height + image_height + _GAP
    width, height = n_columns * (1 + _GAP), n_rows * row_height
    if ax is None:
        ax = _create_axes(width, height, colorbar_width)
    ax.set_title(title, fontsize="medium", y=None if labels else 0.5)
    ax.set_axis_off()
    text_kw = {
        "horizontalalignment": "center",
        "verticalalignment": "bottom",
        "parse_math": False,  # a label may hold dollar signs
        "fontsize": _font_size(ax, width, height, labels),
        **mpl.cbook.normalize_kwargs(text_kw, mpl.text.Text),
    }
    drawn, texts = [], []
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        row, column = divmod(i, n_columns)
        left, top = _GAP / 2 + column * (1 + _GAP), -row * row_height - label_height
        drawn.append(ax.imshow(image, extent=(left, left + 1, top - image_height, top), **im_kw))
        texts.append(ax.text(left + 0.5, top + 0.03, label, **text_kw))
    ax.set(xlim=(0, width), ylim=(-height, 0), aspect="equal")
    return ax, np.array(drawn, dtype=object), np.array(texts, dtype=object)


def imshow_params(im_kw, *, cmap, vmin, vmax):
    """Return the parameters of `imshow`: `im_kw`, and defaults for the missing ones."""
    im_kw = im_kw or {}
    limits = {} if "norm" in im_kw else {"vmin": vmin, "vmax": vmax}
    return {"interpolation": "nearest", "cmap": cmap, **limits, **im_kw}


def rescale_pixels(images):
    """Rescale the pixels of all images to [0, 1] with one scale, as gray (n, h, w) or RGB (n, h, w, 3).

    Pixels that are not finite become NaN, which is not drawn, or black in RGB, where matplotlib has no NaN.
    """
    images = images.astype(float)
    images[~np.isfinite(images)] = np.nan
    pixels = images[~np.isnan(images)]
    low, high = pixels.min(initial=0), pixels.max(initial=0)
    images = (images - low) / ((high - low) or 1)
    return np.nan_to_num(images) if images.shape[-1] == 3 else images.mean(axis=-1)


def labels_with_proba(labels, y_proba):
    """Return labels as text, each followed by its probability in percent unless `y_proba` is None."""
    if y_proba is None:
        return [str(label) for label in labels]
    return [f"{label} ({p:.0%})" for label, p in zip(labels, y_proba, strict=True)]


def _grid_shape(n_images):
    """Return the number of rows and of columns: wider than high, with as few empty cells as possible."""
    fewest = max(1, int(np.ceil(n_images**0.5)))
    n_columns = min(range(fewest, 2 * fewest), key=lambda n: -n_images % n)
    return max(1, -(-n_images // n_columns)), n_columns


def _create_axes(width, height, colorbar_width):
    inches = np.clip(5 / width, 1.1, 3)
    size = np.clip([inches * width + 0.2 + colorbar_width, inches * height + 0.5], (5, 2), 16)
    return plt.subplots(figsize=size, layout="constrained")[1]


def _font_size(ax, width, height, labels):
    """Return the font size in points at which the longest label fits into its cell, at most 11."""
    box = ax.get_window_extent()
    cell = min(box.width / width, box.height / height) * 72 / ax.figure.dpi
    longest = max((len(line) for label in labels for line in label.split("\n")), default=1)
    return min(11, 1.7 * cell / longest, 0.14 * cell)
