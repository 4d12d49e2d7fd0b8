"""Draws grids of images, as the displays share them. What is drawn is settled elsewhere."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap

# Two of the colours that the colour-blind tell apart, see `plotting`.
AGAINST_OR_FOR = LinearSegmentedColormap.from_list("against_or_for", ["#56B4E9", "#808080", "#E69F00"])


def draw_tiles(ax, images, labels, title, heat=None, **params):
    """Draw images in the cells of one axes, each a unit wide, with its label above and its heat over it."""
    labels = [str(label) for label in labels]
    fewest = max(1, int(np.ceil(len(images) ** 0.5)))
    n_columns = min(range(fewest, 2 * fewest), key=lambda n: -len(images) % n)  # the fewest empty cells
    n_rows = max(1, -(-len(images) // n_columns))
    tallness = np.clip(images.shape[1] / images.shape[2], 0.25, 4)
    margin = 0.4 if any("\n" in label for label in labels) else 0.2
    width, height = 1.1 * n_columns, (tallness + margin + 0.1) * n_rows
    if ax is None:
        inches = np.clip(5 / width, 1.1, 3)
        size = np.clip([inches * width + 1, inches * height + 0.5], (5, 2), 16)
        _, ax = plt.subplots(figsize=size, layout="constrained")
    ax.set_title(title, fontsize="medium", y=None if labels else 0.5)
    ax.set_axis_off()
    fontsize = _label_size(ax, width, height, labels)
    for i, label in enumerate(labels):
        left, top = 0.05 + i % n_columns * 1.1, -(i // n_columns) * (height / n_rows) - margin
        place = {"extent": (left, left + 1, top - tallness, top), "interpolation": "nearest"}
        ax.imshow(images[i], **place, **params)
        if heat is not None:
            ax.imshow(heat[i], alpha=np.abs(heat[i]), cmap=AGAINST_OR_FOR, vmin=-1, vmax=1, **place)
        ax.text(left + 0.5, top + 0.03, label, ha="center", va="bottom", fontsize=fontsize)
    ax.set(xlim=(0, width), ylim=(-height, 0), aspect="equal")
    return ax


def _label_size(ax, width, height, labels):
    """The font size, in points, at which the longest label is no wider than its cell, and at most 10."""
    box = ax.get_window_extent()
    cell = min(box.width / width, box.height / height) * 72 / ax.figure.dpi
    longest = max((len(line) for label in labels for line in label.split("\n")), default=1)
    return min(10, 1.7 * cell / longest, 0.14 * cell)


def as_pixels(images):
    """Grey (n, h, w) or RGB (n, h, w, 3), on one scale of [0, 1]."""
    images = images.astype(float)
    low, high = images.min(initial=0), images.max(initial=0)
    images = (images - low) / ((high - low) or 1)
    return images if images.shape[-1] == 3 else images.mean(axis=-1)


def with_probability(labels, y_proba):
    if y_proba is None:
        return [str(label) for label in labels]
    return [f"{label} ({p:.0%})" for label, p in zip(labels, y_proba, strict=True)]
