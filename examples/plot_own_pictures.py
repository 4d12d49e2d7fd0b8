"""
Classify digits that do not look like MNIST's
=============================================

A network trained on MNIST misclassifies digits with a different size, position, contrast or stroke width.
`MNISTNormalizer` converts such images to MNIST's format. This example measures the accuracy of one network,
trained on unchanged MNIST digits, on test digits that are changed in these ways, with and without
`MNISTNormalizer`.

The user guide describes the conversion to MNIST's format: :ref:`guide-preprocessing`.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from PIL import Image
from scipy import ndimage
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, MNISTNormalizer, load_mnist_sample

mnist = load_mnist_sample()
recipe = {"optimizer": "adam", "learning_rate": 0.003, "learning_rate_schedule": "one_cycle", "epochs": 5}
network = make_pipeline(ImagePreprocessor(), CNNDigitClassifier(**recipe, random_state=0))
network.fit(mnist.x_train, mnist.y_train)


# %%
# Each change is a function of one image. Some change the size of the image.
def resize(image, size):
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))


CHANGES = {
    "unchanged": lambda image: image,
    "inverted": lambda image: 255 - image,
    "larger": lambda image: resize(image[4:24, 4:24], 28),
    "smaller": lambda image: np.pad(resize(image, 16), 6),
    "shifted": lambda image: ndimage.shift(image, (4, -4)),
    "padded": lambda image: np.pad(image, ((10, 50), (50, 10))),
    "thick": lambda image: ndimage.grey_dilation(image, (3, 3)),
    "thin": lambda image: ndimage.grey_erosion(image, (2, 2)),
    "on paper": lambda image: np.pad(220 - image // 2, 20, constant_values=220),
}


# %%
# Without `MNISTNormalizer`, images are only resized to 28x28 pixels, which the network requires.
def resize_all(images):
    return np.stack([resize(image, 28) for image in images])


PREPARATIONS = {"resized only": resize_all, "MNISTNormalizer": MNISTNormalizer().transform}
digits, labels = mnist.x_test[:1000], mnist.y_test[:1000]
accuracy = pd.DataFrame(
    {
        name: {
            change: network.score(prepare([function(digit) for digit in digits]), labels)
            for change, function in CHANGES.items()
        }
        for name, prepare in PREPARATIONS.items()
    }
)
print(f"Accuracy on {len(digits):,} test digits:")
print((100 * accuracy).map("{:.1f}%".format).to_string())

# %%
# Plot the images of one digit that enter the network, with the predicted label and its probability.
digit = mnist.x_test[mnist.y_test == 3][0]
figure, axes = plt.subplots(2, len(CHANGES), figsize=(11, 3.2), layout="constrained")
for row, (name, prepare) in zip(axes, PREPARATIONS.items(), strict=True):
    images = prepare([function(digit) for function in CHANGES.values()])
    for ax, image, probabilities in zip(row, images, network.predict_proba(images), strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=255)
        ax.set(xlabel=f"{probabilities.argmax()} ({probabilities.max():.0%})", xticks=[], yticks=[])
    row[0].set_ylabel(name.replace(" ", "\n"))
for ax, change in zip(axes[0], CHANGES, strict=True):
    ax.set_title(change, fontsize="medium")
plt.show()
