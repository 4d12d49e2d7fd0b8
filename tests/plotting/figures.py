"""Read the content of figures, for the tests of the displays."""

import numpy as np


def texts(artists):
    return [text.get_text() for text in artists]


def pixels(images):
    return np.array([image.get_array() for image in images])


def assert_no_overlap(ax):
    """Check that images and texts neither overlap nor are cut off."""
    ax.figure.canvas.draw()
    boxes = [artist.get_window_extent() for artist in (ax.title, *ax.texts, *ax.images)]
    overlaps = [(i, j) for i in range(len(boxes)) for j in range(i) if boxes[i].overlaps(boxes[j])]
    assert not overlaps
    width, height = ax.figure.bbox.size
    assert all(box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height for box in boxes)
