"""
When is a network better than an SVC?
=====================================

A support vector classifier is scikit-learn's most accurate classifier for a few MNIST digits. This example
trains it and a network on the same digits. With few of them, the SVC is ahead of the defaults of many
networks; the recommended recipe augments the digits, so it needs fewer. :doc:`/recipes` has the results with
up to 60,000 digits, as means over several draws.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, load_mnist_sample

data = load_mnist_sample()
COUNTS = (50, 200, 800)  # training images
CLASSIFIERS = {
    "CNN, recommended": lambda: CNNDigitClassifier.from_recipe(random_state=0),
    "SVC": lambda: SVC(C=10, gamma=0.02),
}

# %%
# `ImagePreprocessor` also suits scikit-learn's classifiers: it scales pixels to [0, 1] and has one row per
# image. Here, all networks and all SVCs train on the first images of the sample.
rows = []
for n_images in COUNTS:
    X, y = data.x_train[:n_images], data.y_train[:n_images]
    for name, create in CLASSIFIERS.items():
        model = make_pipeline(ImagePreprocessor(), create())
        start = perf_counter()
        model.fit(X, y)
        rows.append(
            {
                "images": n_images,
                "classifier": name,
                "seconds": perf_counter() - start,
                "accuracy": model.score(data.x_test, data.y_test),
            }
        )
results = pd.DataFrame(rows)
print(results.to_string(index=False, float_format="{:.3f}".format))

# %%
# The SVC trains in less than a second. Use it if that matters more than the errors.
fig, ax = plt.subplots(layout="constrained")
for name, part in results.groupby("classifier"):
    ax.plot(part["images"], 100 * (1 - part["accuracy"]), "o-", label=name)
ax.set(xscale="log", yscale="log", xlabel="training images", ylabel="test errors in %")
ax.grid(alpha=0.3, which="both")
ax.legend()
plt.show()
