"""
Read numbers from a photo
=========================

This example reads all numbers in one picture. It composes a picture like a photo of squared paper, with
uneven light and digits that touch, and reads it with the network that ships with the package. To read your
own picture, pass its path instead of the array.

The user guide describes what is found, and the limits: :ref:`guide-reading`.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy import ndimage

from sk_mnist_cnn import ReadingDisplay, find_digits, load_mnist_sample, load_pretrained, read_digits

# %%
# Write four numbers into lines, from test digits that the network has not seen. The digits of a line have the
# same height. Those of the last line touch.
mnist = load_mnist_sample()
LINES = ((5, 40, 5), (3, 70, 12), (7, 28, 4), (4, 50, 0))  # number of digits, height and distance in pixels


def write(images, size, distance):
    """Return the ink of one line, from 0 to 1."""
    line = np.zeros((size, 260))
    right = 0
    for image in images:
        digit = image[:, image.any(axis=0)][image.any(axis=1)] / 255
        digit = np.clip(ndimage.zoom(digit, size / len(digit), order=1), 0, 1)
        place = line[: len(digit), right : right + digit.shape[1]]
        np.maximum(place, digit, out=place)
        right += digit.shape[1] + distance
    return line


ink = np.zeros((420, 320))
top, first = 25, 0
for n_digits, size, distance in LINES:
    ink[top : top + size, 30:290] = write(mnist.x_test[first : first + n_digits], size, distance)
    top, first = top + size + 45, first + n_digits

# %%
# Turn the ink into a photo: squared paper, a shadow on the right, and noise.
rows, columns = np.indices(ink.shape)
squares = 0.25 * ((rows % 40 == 0) | (columns % 40 == 0))
light = 0.95 - 0.35 / (1 + np.exp((220 - columns + 0.3 * rows) / 20))
noise = np.random.default_rng(0).normal(0, 0.015, ink.shape)
photo = np.clip(light * (1 - np.maximum(0.8 * ink, squares)) + noise, 0, 1)

# %%
# Read the numbers. ``lines`` is the text from top to bottom. Each digit has a label, probabilities, a box in
# pixels, and the number of its line.
model = load_pretrained()
digits = read_digits(model, photo)
print(digits.lines)
print(f"First digit: {digits.labels[0]} ({digits.probabilities[0].max():.1%}) in the box {digits.boxes[0]}")

# %%
# The network is only needed to read digits, and to separate those that touch.
# :func:`~sk_mnist_cnn.find_digits` needs no network. It finds digits that touch as one.
found = find_digits(photo)
print(f"{len(found.boxes)} marks, {len(digits.boxes)} digits")

# %%
# Show the picture with the labels. Uncertain digits are red.
display = ReadingDisplay.from_estimator(model, photo)
plt.show()
