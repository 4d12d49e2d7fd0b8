"""
Adapt to one writer
===================

A classifier trained on the digits of many writers makes more errors on the digits of one writer with unusual
handwriting. This example continues its training with 50 labeled digits of that writer, and shows the accuracy
before and after. Digits of the other writers are part of this training, so that their accuracy stays high.

The writer is simulated: one slant, one pen width and one baseline are applied to the test digits of the
MNIST sample.

The user guide describes how to continue the training of a network: :ref:`guide-training`.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import ndimage

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, load_mnist_sample

# %%
# Train on the digits of all writers.
one_cycle = {"optimizer": "adam", "learning_rate": 0.003, "learning_rate_schedule": "one_cycle"}
mnist = load_mnist_sample()
preprocessor = ImagePreprocessor().fit(mnist.x_train)
X, y = preprocessor.transform(mnist.x_train[:4000]), mnist.y_train[:4000]
classifier = CNNDigitClassifier(**one_cycle, epochs=5, random_state=0).fit(X, y)


# %%
# The writer slants all digits to the right, and writes with a wide pen below the center of the image. The
# first 50 digits are labeled, the others are used as test set.
def write(image, slant=0.6, pen_width=3, below=3):
    middle = (len(image) - 1) / 2
    slanted = ndimage.affine_transform(image, [[1, 0], [slant, 1]], offset=[0, -slant * middle], order=1)
    return ndimage.shift(ndimage.grey_dilation(slanted, (pen_width, pen_width)), (below, 0), order=0)


X_writer = preprocessor.transform(np.stack([write(image) for image in mnist.x_test]))
X_others, y_test = preprocessor.transform(mnist.x_test), mnist.y_test
X_new, y_new, X_writer, y_writer = X_writer[:50], y_test[:50], X_writer[50:], y_test[50:]

# %%
# Continue the training: each call of `partial_fit` trains for one epoch on the 50 new digits and on 450
# digits of the training set, with a third of the learning rate. Sample weights give the new digits the same
# total weight as the old ones.
rng = np.random.default_rng(0)
weights = np.repeat([9.0, 1.0], [50, 450])


def scores():
    return {
        "this writer": classifier.score(X_writer, y_writer),
        "other writers": classifier.score(X_others, y_test),
    }


accuracy = {0: scores()}
classifier.set_params(learning_rate=0.001, augmentation="affine")
for call in range(1, 41):
    old = rng.choice(len(X), 450, replace=False)
    classifier.partial_fit(
        np.concatenate([X_new, X[old]]), np.concatenate([y_new, y[old]]), sample_weight=weights
    )
    if call % 5 == 0:
        accuracy[call] = scores()
accuracy = pd.DataFrame(accuracy).T.rename_axis("calls of partial_fit")
print(accuracy.loc[[0, 10, 20, 40]].to_string(float_format="{:.3f}".format))

# %%
# Plot some digits of the writer, and the accuracy.
fig, (digits_ax, accuracy_ax) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
digits_ax.imshow(np.block([[X_new[4 * i + j, ..., 0] for j in range(4)] for i in range(4)]), cmap="gray_r")
digits_ax.set(title="Digits of the writer", xticks=[], yticks=[])
accuracy.plot(ax=accuracy_ax, ylabel="test accuracy", title="Accuracy on two sets of digits")
accuracy_ax.grid(alpha=0.3)
plt.show()
