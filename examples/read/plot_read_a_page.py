"""
Read the numbers on a page
==========================

This example composes a page of squared paper from MNIST's digits, with a shadow and digits that touch, and
reads it with the networks that ship with the package. To read your own picture, pass its path instead of the
array. Photographs are harder: :ref:`guide-reading` has the accuracy on pictures of other people, and what
fails.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy import ndimage

from sk_mnist_cnn import (
    MNISTNormalizer,
    ReadingDisplay,
    find_digits,
    load_mnist_sample,
    load_pretrained,
    read_digits,
)

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
# Add squared paper, a shadow on the right, and noise.
rows, columns = np.indices(ink.shape)
squares = 0.25 * ((rows % 40 == 0) | (columns % 40 == 0))
light = 0.95 - 0.35 / (1 + np.exp((220 - columns + 0.3 * rows) / 20))
noise = np.random.default_rng(0).normal(0, 0.015, ink.shape)
page = np.clip(light * (1 - np.maximum(0.8 * ink, squares)) + noise, 0, 1)

# %%
# Read the numbers. ``lines`` is the text from top to bottom. Each digit has a label, probabilities, a box in
# pixels, and the number of its line.
model = load_pretrained()
digits = read_digits(model, page)
print(digits.lines)
print(f"First digit: {digits.labels[0]} ({digits.probabilities[0].max():.1%}) in the box {digits.boxes[0]}")

# %%
# Each number has a confidence, and the most probable other texts.
for number in digits.numbers:
    others = ", ".join(f"{text} {probability:.1%}" for text, probability in number.candidates[1:3])
    print(f"{number.text}: {number.confidence:.1%}. Others: {others}")

# %%
# Show the picture with the labels. Uncertain digits are red.
display = ReadingDisplay.from_estimator(model, page)
plt.show()

# %%
# :func:`~sk_mnist_cnn.find_digits` finds the same digits, for a classifier of your own. Each has an image, in
# dark ink on white, without the ink of its neighbors.
found = find_digits(page)
last = found.line_index == found.line_index.max()
images = MNISTNormalizer().transform([found.images[i] for i in np.flatnonzero(last)])
fig, axes = plt.subplots(1, len(images), figsize=(5, 1.6), layout="constrained")
for ax, image, label in zip(axes, images, model.predict(images), strict=True):
    ax.imshow(255 - image, cmap="gray")
    ax.set(title=label, xticks=[], yticks=[])
plt.show()
