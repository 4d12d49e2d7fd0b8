"""
Compare training recipes
========================

`CNNDigitClassifier.from_recipe` returns a classifier with the parameters of a named recipe. This example
trains the six recipes for digits on a few of the digits that are shipped with the package, and compares their
accuracy, log loss and training time. :doc:`/recipes` has their results with all of MNIST.
"""

import warnings
from time import perf_counter

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, log_loss
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, load_mnist_sample

# %%
# `from_recipe` returns an unfitted classifier, and its repr shows the parameters. ``"notebook"`` has the
# default parameters with ten epochs, ``"one_epoch"`` and ``"fast"`` train for a short time, and ``"strong"``
# and ``"best"`` train a network with four convolutional layers. ``"recommended"`` is suitable for any number
# of images.
RECIPES = ("recommended", "notebook", "one_epoch", "fast", "strong", "best")
for recipe in RECIPES:
    print(f"{recipe}: {CNNDigitClassifier.from_recipe(recipe)}")

# %%
# Train each recipe once on 1,000 digits. Most recipes were made for many more images. With so few, they train
# for too few steps, and some trigger a ``ConvergenceWarning``.
data = load_mnist_sample()
X, y = data.x_train[:1000], data.y_train[:1000]


def evaluate(recipe):
    """Return the training time and the scores of a recipe on the test images."""
    model = make_pipeline(ImagePreprocessor(), CNNDigitClassifier.from_recipe(recipe, random_state=0))
    start = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    seconds = perf_counter() - start
    probabilities = model.predict_proba(data.x_test)
    return {
        "epochs": model[-1].n_iter_,
        "seconds": seconds,
        "accuracy": accuracy_score(data.y_test, probabilities.argmax(axis=1)),
        "log loss": log_loss(data.y_test, probabilities),
    }


results = pd.DataFrame({recipe: evaluate(recipe) for recipe in RECIPES}).T
print(results.astype({"epochs": int}).to_string(float_format="{:.3f}".format))

# %%
# Plot the test accuracy against the training time. Recipes further up and to the left are better. With this
# number of images, the recommended recipe is the most accurate. It trains for about 3,000 steps, whatever the
# number of images, so it takes longer.
fig, ax = plt.subplots(layout="constrained")
for recipe, row in results.iterrows():
    ax.plot(row["seconds"], 100 * row["accuracy"], "o", markersize=9, label=recipe)
ax.set(xlabel="training time in seconds", ylabel="test accuracy in %")
ax.set_xlim(left=0)
ax.grid(alpha=0.3)
ax.legend(title="recipe")
plt.show()
