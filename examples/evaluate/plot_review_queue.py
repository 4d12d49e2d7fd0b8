"""
Let a person check uncertain digits
===================================

When a wrong answer costs more than no answer, a person can check the digits with the lowest confidence. This
example chooses a threshold on some digits. On others, it measures how many a person checks, and how many
errors remain.

The digits are those of scikit-learn's `load_digits`, written by other people than MNIST's. The training
images of the shipped network were chosen by its accuracy on these digits, so expect more errors on others.

The user guide describes thresholds: :ref:`guide-probabilities`.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sk_mnist_cnn import MNISTNormalizer, SaliencyDisplay, load_pretrained

digits = load_digits()
X, y = MNISTNormalizer().transform(digits.images), digits.target
X_choose, X_test, y_choose, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
model = load_pretrained()

# %%
# Choose the smallest threshold with an accuracy of at least 99.5% on the digits that reach it.
probabilities = model.predict_proba(X_choose)
confidence, is_right = probabilities.max(axis=1), probabilities.argmax(axis=1) == y_choose
order = np.argsort(-confidence)
accuracy = np.cumsum(is_right[order]) / np.arange(1, len(order) + 1)
threshold = confidence[order][np.flatnonzero(accuracy >= 0.995)[-1]]

# %%
# Apply it to the other digits.
probabilities = model.predict_proba(X_test)
confidence, labels = probabilities.max(axis=1), probabilities.argmax(axis=1)
is_checked = confidence < threshold
errors = labels != y_test
print(f"Threshold: {threshold:.3f}")
print(f"Digits to check: {is_checked.sum()} of {len(y_test)}")
print(f"Errors: {errors.sum()}, of which {(errors & is_checked).sum()} are checked")

# %%
# Plot the queue, the most uncertain digits first, and the errors that remain by the number of checked digits.
queue = np.argsort(confidence)
fig, axes = plt.subplot_mosaic(
    [[f"digit {i}" for i in range(6)], [f"digit {i}" for i in range(6, 12)], ["curve"] * 6],
    figsize=(7, 6),
    height_ratios=[1, 1, 2],
    layout="constrained",
)
for i, index in enumerate(queue[:12]):
    ax = axes[f"digit {i}"]
    ax.imshow(255 - X_test[index], cmap="gray")
    color = "tab:red" if errors[index] else "black"
    ax.set_title(f"{labels[index]}? {confidence[index]:.0%}", color=color, fontsize="medium")
    ax.set(xticks=[], yticks=[], xlabel=f"true: {y_test[index]}")
n_checked = np.arange(201)
remaining = errors.sum() - np.concatenate([[0], np.cumsum(errors[queue])])[n_checked]
axes["curve"].plot(n_checked, remaining)
axes["curve"].axvline(is_checked.sum(), color="gray", linestyle=":", label="threshold")
axes["curve"].set(xlabel="checked digits", ylabel="remaining errors")
axes["curve"].grid(alpha=0.3)
axes["curve"].legend()
plt.show()

# %%
# Saliency maps show which pixels support and contradict the predicted label.
display = SaliencyDisplay.from_estimator(model, X_test[queue[:4]])
plt.show()
