"""
Digits that do not look like MNIST's
====================================

Networks that know MNIST by heart are known to fail on the digits that their owners draw: those are larger,
dark on white, off the centre, or of another pen. `MNISTNormalizer` undoes such differences. How much it helps
is measured here on test digits of MNIST that are changed in these ways, with one network that was trained on
unchanged ones.
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
# Each change takes one of MNIST's images, and may give a picture of another size.
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
# Without `MNISTNormalizer` a picture is merely brought to 28x28 pixels, since the network takes no others.
# With it, nothing else is needed.
def merely_resized(pictures):
    return np.stack([resize(picture, 28) for picture in pictures])


PREPARATIONS = {"without": merely_resized, "with MNISTNormalizer": MNISTNormalizer().transform}
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
print(f"Accuracy on {len(digits):,} changed digits:")
print((100 * accuracy).map("{:.1f} %".format).to_string())

# %%
# One of them as it reaches the network either way, with the answer.
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
