"""
Explore the embeddings of digits
================================

`CNNDigitClassifier` is also a transformer: `transform` returns embeddings, the activations of the last hidden
layer. Images of the same digit have similar embeddings. This example uses the embeddings of the pretrained
network for four tasks: a map of the digits, classification by nearest neighbors, a search for the training
digits that are most similar to misclassified ones, and novelty detection.

See :ref:`guide-embeddings`.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from sklearn.manifold import TSNE
from sklearn.metrics import RocCurveDisplay
from sklearn.neighbors import KNeighborsClassifier

from sk_mnist_cnn import load_mnist_sample, load_pretrained

mnist = load_mnist_sample()
network = load_pretrained()
train, test = network.transform(mnist.x_train), network.transform(mnist.x_test)
print(f"Embeddings of the training digits: {train.shape}, of the test digits: {test.shape}")

# %%
# Map
# ---
# t-SNE places digits with similar embeddings next to each other in two dimensions. Each point is one of 1,000
# test digits in the color of its label. The network was not trained on these digits. Some points are shown as
# images.
positions = TSNE(random_state=0).fit_transform(test[:1000])
figure, ax = plt.subplots(figsize=(9, 8), layout="constrained")
labels = mnist.y_test[:1000]
points = ax.scatter(*positions.T, c=labels, cmap="tab10", vmin=-0.5, vmax=9.5, s=5)
figure.colorbar(points, ticks=range(10), label="digit", shrink=0.6)
closest = np.ptp(positions, axis=0).max() / 16
shown = []
for i, position in enumerate(positions):
    if all(np.linalg.norm(position - positions[j]) > closest for j in shown):
        shown.append(i)
        image = OffsetImage(mnist.x_test[i], zoom=0.8, cmap="gray_r")
        frame = {"edgecolor": points.to_rgba(mnist.y_test[i]), "linewidth": 2}
        ax.add_artist(AnnotationBbox(image, position, pad=0.05, bboxprops=frame))
ax.set(xticks=[], yticks=[], title="t-SNE of the embeddings of 1,000 test digits")
plt.show()

# %%
# Nearest neighbors
# -----------------
# The most frequent label of the ten nearest training digits is at least as accurate as the network's own
# predictions. The cosine distance compares the directions of two embeddings.
neighbors = KNeighborsClassifier(n_neighbors=10, metric="cosine").fit(train, mnist.y_train)
print(f"Accuracy of the network: {network.score(mnist.x_test, mnist.y_test):.2%}")
print(f"Accuracy of nearest neighbors: {neighbors.score(test, mnist.y_test):.2%}")

# %%
# Similar training digits
# -----------------------
# For some misclassified test digits, show the training digits with the most similar embeddings. They help to
# understand the errors.
predicted = network.predict(mnist.x_test)
wrong = np.flatnonzero(predicted != mnist.y_test)[:4]
similar = neighbors.kneighbors(test[wrong], n_neighbors=7, return_distance=False)
figure, axes = plt.subplots(len(wrong), 8, figsize=(9, 5.2), layout="constrained")
for row, i, training_digits in zip(axes, wrong, similar, strict=True):
    row[0].imshow(mnist.x_test[i], cmap="gray_r")
    title = f"{mnist.y_test[i]}, predicted {predicted[i]}"
    row[0].set_title(title, fontsize="medium", color="tab:red")
    for ax, j in zip(row[1:], training_digits, strict=True):
        ax.imshow(mnist.x_train[j], cmap="gray_r")
        ax.set_title(mnist.y_train[j], fontsize="medium")
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
figure.suptitle("Misclassified test digits, and the most similar training digits")
plt.show()

# %%
# Novelty detection
# -----------------
# A network always predicts a digit, even if an image shows something else. The mean distance to the ten
# nearest training digits shows whether an image is unlike all of them. Here, the images that show no digits
# are test digits rotated by 90 degrees, without zeros, which look the same. The area under the ROC curve
# (AUC) is the probability that a rotated digit has a larger distance than a test digit.
rotated = np.rot90(mnist.x_test[mnist.y_test != 0], axes=(1, 2))
images = np.concatenate([mnist.x_test, rotated])
is_rotated = np.arange(len(images)) >= len(mnist.x_test)
distances, _ = neighbors.kneighbors(network.transform(images))
scores = {
    "distance to training digits": distances.mean(axis=1),
    "1 - largest probability": 1 - network.predict_proba(images).max(axis=1),
}
figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
for name, score in scores.items():
    RocCurveDisplay.from_predictions(is_rotated, score, name=name, ax=ax)
ax.set(title="Detection of rotated digits")
plt.show()
