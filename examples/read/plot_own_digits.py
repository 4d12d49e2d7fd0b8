"""
Recognize your own digits
=========================

`MNISTNormalizer` converts pictures of digits to MNIST's format, and the network that ships with the package
recognizes them. This example shows what the conversion does, measures the accuracy on pictures in folders
named ``0`` to ``9``, and continues the training with a few of them.

The pictures are the images of scikit-learn's `load_digits`, written by other people than MNIST's. Replace
``folder`` by the path of your own folders. See :ref:`guide-own_digits`.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from PIL import Image
from scipy import ndimage
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sk_mnist_cnn import (
    ImagePreprocessor,
    MNISTNormalizer,
    load_image_folder,
    load_mnist_sample,
    load_pretrained,
)

# %%
# Change some of MNIST's test digits, and classify them with and without the conversion.
mnist = load_mnist_sample()
CHANGES = {
    "unchanged": lambda image: image,
    "inverted": lambda image: 255 - image,
    "smaller": lambda image: np.pad(np.asarray(Image.fromarray(image).resize((16, 16))), 6),
    "shifted": lambda image: ndimage.shift(image, (4, -4)),
    "thick": lambda image: ndimage.grey_dilation(image, (3, 3)),
}
normalizer, network = MNISTNormalizer(), load_pretrained()
x_test, y_mnist = mnist.x_test[:500], mnist.y_test[:500]
changed = {name: np.stack([change(image) for image in x_test]) for name, change in CHANGES.items()}
raw = {name: network.score(images, y_mnist) for name, images in changed.items()}
normalized = {name: network.score(normalizer.transform(images), y_mnist) for name, images in changed.items()}
scores = pd.DataFrame({"as they are": raw, "MNISTNormalizer": normalized})
print((100 * scores).map("{:.1f}%".format).to_string())

# %%
# Write 500 of the digits as picture files, dark ink on white paper, to folders named ``0`` to ``9``.
temporary = TemporaryDirectory()
folder = Path(temporary.name)
digits = load_digits()
for i, (image, label) in enumerate(zip(digits.images[:500], digits.target[:500], strict=True)):
    (folder / str(label)).mkdir(exist_ok=True)
    ink = Image.fromarray((255 - 255 / 16 * image).astype(np.uint8))
    ink.save(folder / str(label) / f"{i:03}.png")

# %%
# `load_image_folder` lists the pictures. `MNISTNormalizer` opens them, and converts them to MNIST's format.
pictures = load_image_folder(folder)
X, y = MNISTNormalizer().transform(pictures.data), pictures.target
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=200, stratify=y, random_state=0)
print(f"No training: {load_pretrained().score(X_test, y_test):.1%}")


# %%
# Compare three methods that learn from a few pictures. The first one continues the training of the network,
# with five copies of each picture and 1,000 images of MNIST. The second one fits `LogisticRegression` on the
# embeddings of the network, whose weights do not change. It also works for classes other than the ten digits.
# The third one, a support vector classifier, does not use the network.
def continue_training(X, y):
    model = load_pretrained()
    model[-1].set_params(warm_start=True, learning_rate=0.0005, epochs=10, random_state=0)
    return model.fit(
        np.concatenate([np.repeat(X, 5, axis=0), mnist.x_train[:1000]]),
        np.concatenate([np.repeat(y, 5), mnist.y_train[:1000]]),
    )


def fit_on_embeddings(X, y):
    return make_pipeline(FrozenEstimator(load_pretrained()), LogisticRegression(max_iter=1000)).fit(X, y)


def fit_svc(X, y):
    return make_pipeline(ImagePreprocessor(flatten=True), SVC()).fit(X, y)


METHODS = {"continued training": continue_training, "embeddings": fit_on_embeddings, "SVC": fit_svc}
accuracy = pd.DataFrame(index=pd.Index([1, 10], name="pictures of each class"), columns=list(METHODS))
for per_class in accuracy.index:
    chosen = np.concatenate([np.flatnonzero(y_train == label)[:per_class] for label in range(10)])
    for name, fit in METHODS.items():
        model = fit(X_train[chosen], y_train[chosen])
        accuracy.loc[per_class, name] = model.score(X_test, y_test)
print((100 * accuracy.astype(float)).map("{:.1f}%".format).to_string())

# %%
# Plot some of the pictures before and after their conversion, and the accuracies.
fig, (pictures_ax, accuracy_ax) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
shown = [int(np.flatnonzero(y == label)[0]) for label in range(10)]
as_files = [np.asarray(Image.open(pictures.filenames[i]).resize((28, 28), 0)) for i in shown]
rows = [
    np.hstack(as_files[:5]),
    255 - np.hstack(X[shown[:5]]),
    np.hstack(as_files[5:]),
    255 - np.hstack(X[shown[5:]]),
]
pictures_ax.imshow(np.vstack(rows), cmap="gray")
pictures_ax.set(xlabel="pictures, each with its conversion below", xticks=[], yticks=[])
(100 * accuracy.astype(float)).plot(ax=accuracy_ax, marker="o", ylabel="test accuracy in %", logx=True)
accuracy_ax.axhline(
    100 * load_pretrained().score(X_test, y_test), color="gray", linestyle=":", label="no training"
)
accuracy_ax.set_xticks(accuracy.index, map(str, accuracy.index))
accuracy_ax.minorticks_off()
accuracy_ax.grid(alpha=0.3)
accuracy_ax.legend()
temporary.cleanup()
plt.show()
