"""
Detect images that are not digits
=================================

A classifier of digits returns a digit for any image. This example passes digits, noise and simple shapes to
the shipped classifier and to the shipped `ImageNoveltyDetector`, which has scikit-learn's interface for
outlier detection. :ref:`guide-novelty` has its accuracy.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy import ndimage

from sk_mnist_cnn import ImageNoveltyDetector, load_mnist_sample, load_pretrained

data = load_mnist_sample()
random = np.random.default_rng(0)
digits = data.x_test[:300]

# %%
# Make other images: smooth noise, stripes, and filled rectangles.
noise = np.stack([ndimage.gaussian_filter(random.normal(size=(28, 28)), 2) for _ in range(100)])
noise = np.clip(400 * noise, 0, 255)
phase = random.uniform(0, 6, (100, 1, 1))
stripes = 127 * (1 + np.sin(np.arange(28) * random.uniform(0.5, 1.5, (100, 1, 1)) + phase))
stripes = np.broadcast_to(stripes, (100, 28, 28))
boxes = np.zeros((100, 28, 28))
for box in boxes:
    top, left = random.integers(3, 10, 2)
    box[top : top + random.integers(8, 16), left : left + random.integers(8, 16)] = 255
kinds = {"digits": digits, "noise": noise, "stripes": stripes, "rectangles": boxes}

# %%
# The classifier predicts a digit for each image. Its confidence is lower for these other images, and the
# detector predicts -1 for outliers and 1 for inliers.
classifier, detector = load_pretrained(), load_pretrained("mnist_novelty")
for name, images in kinds.items():
    confidence = classifier.predict_proba(images).max(axis=1)
    outliers = np.mean(detector.predict(images) < 0)
    print(f"{name}: {np.mean(confidence > 0.9):.0%} with a confidence above 90%, {outliers:.0%} outliers")

# %%
# `decision_function` is positive for inliers.
fig, axes = plt.subplots(3, len(kinds), figsize=(7, 5), layout="constrained")
for column, (name, images) in zip(axes.T, kinds.items(), strict=True):
    for ax, image in zip(column, images, strict=False):
        label = classifier.predict(image[np.newaxis])[0]
        score = detector.decision_function(image[np.newaxis])[0]
        ax.imshow(255 - image, cmap="gray", vmin=0, vmax=255)
        ax.set(title=f"{label}, {score:+.1f}", xticks=[], yticks=[])
    column[0].set_title(f"{name}\n{column[0].get_title()}")
plt.show()

# %%
# For other data, fit it on images of the known classes.
detector = ImageNoveltyDetector().fit(data.x_train[:1000], data.y_train[:1000])
for name in ("digits", "noise"):
    print(f"{name}: {np.mean(detector.predict(kinds[name]) < 0):.0%} outliers")
