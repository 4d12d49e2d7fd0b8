"""
Compare training recipes
========================

This example trains the default network, which has 186,110 parameters, with six recipes: named sets of
parameters of the classifier. The recipes were selected on a part of the training images, not on the test
images. Test-time augmentation and a committee of networks make the predictions more accurate.

By default, this example trains each recipe once, on 4,000 of the digits that are shipped with the package. To
reproduce the table of the documentation, set ``SK_MNIST_CNN_DATA`` to the path of an ``mnist.npz`` with all
of MNIST, and run ``python examples/plot_recipes.py --seeds 3 --committee 5``.
"""

import argparse
import os
import warnings
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.ndimage import shift
from sklearn.base import clone
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score, log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import Bunch

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, load_mnist, load_mnist_sample

# %%
# `from_recipe` returns a classifier with the parameters of a recipe, which its repr shows. On all of MNIST,
# Adam with a one-cycle schedule needs one epoch for the accuracy that Adadelta reaches in ten. Smaller values
# of ``beta_1`` and ``beta_2``, which shorten the memory of Adam's moment estimates, and label smoothing make
# short training more accurate. With so many images, label smoothing makes the probabilities under-confident.
# With augmentation, the images differ in every epoch, so longer training and lower dropout rates improve the
# accuracy.
RECIPES = ("notebook", "one_epoch", "fast", "strong", "best", "recommended")
for recipe in RECIPES:
    print(f"{recipe}: {CNNDigitClassifier.from_recipe(recipe)}")

# %%
# Alternate between the recipes, so that other programs on the machine affect all of them. A fit of one epoch
# before the first measurement compiles the network of each recipe, so only training is timed.
parser = argparse.ArgumentParser(description="Compare training recipes on MNIST.")
parser.add_argument("--seeds", type=int, default=1, help="number of runs per recipe")
parser.add_argument(
    "--committee", type=int, default=0, help="networks in each committee (default: no committees)"
)
parser.add_argument("--images", help="npz file of other images, with the names of arrays in mnist.npz")
options = parser.parse_known_args()[0]
if options.images:
    data = Bunch(**np.load(options.images))
elif full_data := os.environ.get("SK_MNIST_CNN_DATA"):
    data = load_mnist(full_data)
else:
    data = load_mnist_sample()
    data.x_train, data.y_train = data.x_train[:4000], data.y_train[:4000]
X, y = data.x_train, data.y_train


def train(recipe, seed):
    """Return a fitted pipeline, and the seconds of its training."""
    model = make_pipeline(ImagePreprocessor(), CNNDigitClassifier.from_recipe(recipe, random_state=seed))
    if seed == 0:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            clone(model).set_params(cnndigitclassifier__epochs=1).fit(X[:200], y[:200])
    start = perf_counter()
    model.fit(X, y)
    return model, perf_counter() - start


runs = [(recipe, *train(recipe, seed)) for seed in range(options.seeds) for recipe in RECIPES]

# %%
# A committee averages the probabilities of several networks. With ``--committee 5``, further networks are
# trained with the recipes "strong" and "best" until there are five of each.


def vote(models):
    """Return a classifier that averages the probabilities of fitted models, which are not trained again."""
    members = [(str(i), FrozenEstimator(model)) for i, model in enumerate(models)]
    return VotingClassifier(members, voting="soft").fit(X, y)


if options.committee:
    for recipe in ("strong", "best"):
        members = [run for run in runs if run[0] == recipe]
        members += [(recipe, *train(recipe, seed)) for seed in range(options.seeds, options.committee)]
        _, models, seconds = zip(*members[: options.committee], strict=True)
        runs.append((f"{recipe}, committee of {options.committee}", vote(models), sum(seconds)))

# %%
# Test-time augmentation averages the probabilities of an image and of eight copies of it that are shifted by
# one pixel. It needs no training, and predictions take nine times as long.
SHIFTS = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]


def augment_at_test_time(model):
    """Return a classifier that averages the probabilities of a fitted model for nine shifts of an image."""
    shifts = [FunctionTransformer(shift, kw_args={"shift": (0, dy, dx), "order": 0}) for dy, dx in SHIFTS]
    return vote([make_pipeline(shift_images, model) for shift_images in shifts])


# %%
# Show the means over the seeds, and the time relative to the notebook recipe.
def scores(model):
    probabilities = model.predict_proba(data.x_test)
    return {
        "accuracy": accuracy_score(data.y_test, probabilities.argmax(axis=1)),
        "log loss": log_loss(data.y_test, probabilities),
    }


results = pd.DataFrame(
    {"recipe": recipe, "test-time augmentation": name, "relative time": seconds, **scores(classifier)}
    for recipe, model, seconds in runs
    for name, classifier in (("no", model), ("yes", augment_at_test_time(model)))
)
groups = results.groupby(["recipe", "test-time augmentation"], sort=False)
results["relative time"] /= groups["relative time"].mean()["notebook", "no"]
table = groups[["accuracy", "log loss", "relative time"]].mean()
table.insert(1, "lowest", groups["accuracy"].min())
table.insert(2, "highest", groups["accuracy"].max())
table.insert(3, "errors", (1 - table["accuracy"]) * len(data.y_test))
print(f"{len(X):,} training images, {len(data.x_test):,} test images, seeds: {options.seeds}")
formats = {"errors": "{:.1f}".format, "relative time": "{:.2f}".format}
print(table.to_string(formatters=formats, float_format="{:.4f}".format))

# %%
# Plot the test accuracy against the training time. Recipes further up and to the left are better. Filled
# markers show the results with test-time augmentation.
fig, ax = plt.subplots(layout="constrained")
for i, ((recipe, augmented), group) in enumerate(groups):
    ax.plot(
        group["relative time"],
        100 * group["accuracy"],
        "osD^vPX*"[i // 2],
        color=f"C{i // 2}",
        markersize=9,
        markerfacecolor=None if augmented == "yes" else "none",
        label=recipe if augmented == "yes" else None,
    )
ax.set(xlabel="training time relative to the notebook recipe", ylabel="test accuracy in %")
ax.set_xlim(left=0)
ax.grid(alpha=0.3)
ax.legend(title="recipe")
plt.show()
