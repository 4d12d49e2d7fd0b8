"""
Compare training recipes
========================

The default network with 186,110 parameters, trained with five recipes. They differ only in parameters of
the classifier. They were selected on a part of the training images, not on the test images.

By default, this example trains each recipe once, on the digits that are shipped with the package. To
reproduce the table of the documentation, set ``SK_MNIST_CNN_DATA`` to the path of an ``mnist.npz`` with all
of MNIST, and run ``python examples/plot_recipes.py --seeds 3 --committee 5``.
"""

import argparse
import os
import warnings
from time import perf_counter

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, log_loss
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, load_mnist, load_mnist_sample

# %%
# On all of MNIST, Adam with a one-cycle schedule needs one epoch for the accuracy that Adadelta reaches in
# ten. Smaller batches, label smoothing, and smaller values of ``beta_1`` and ``beta_2`` make short training
# more accurate, but label smoothing makes the probabilities under-confident. With augmentation, the images
# differ in every epoch, so longer training and a lower dropout rate improve the accuracy.
one_cycle = {"optimizer": "adam", "learning_rate": 0.003, "learning_rate_schedule": "one_cycle"}
few_steps = {
    **one_cycle,
    "optimizer": keras.optimizers.Adam(beta_1=0.7, beta_2=0.9),
    "label_smoothing": 0.05,
    "conv_dropout": 0.0,
}
many_steps = {"augmentation": "affine", "dense_dropout": 0.2}
RECIPES = {
    "notebook": {"validation_split": 0.2},
    "one epoch": {**few_steps, "epochs": 1, "batch_size": 48, "learning_rate": 0.005, "dense_dropout": 0.1},
    "fast": {**few_steps, "epochs": 2, "batch_size": 64, "learning_rate": 0.004, "dense_dropout": 0.2},
    "strong": {**one_cycle, **many_steps, "epochs": 7},
    "best": {**one_cycle, **many_steps, "epochs": 18},
}

# %%
# Train the recipes alternately, so that other load on the machine affects all of them. A short fit before the
# first measurement compiles the network of each recipe, so only training is timed.
parser = argparse.ArgumentParser(description="Compare training recipes on MNIST.")
parser.add_argument("--seeds", type=int, default=1, help="number of runs per recipe")
parser.add_argument(
    "--committee", type=int, default=0, help='networks of the recipe "best" that vote (default: no committee)'
)
options = parser.parse_known_args()[0]
full_data = os.environ.get("SK_MNIST_CNN_DATA")
mnist = load_mnist(full_data) if full_data else load_mnist_sample()
X, y = mnist.x_train, mnist.y_train


def train(recipe, seed):
    """Return the probabilities of the test images, and the seconds of the training."""
    model = make_pipeline(ImagePreprocessor(), CNNDigitClassifier(random_state=seed, **RECIPES[recipe]))
    if seed == 0:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X[:200], y[:200])
    start = perf_counter()
    model.fit(X, y)
    seconds = perf_counter() - start
    return model.predict_proba(mnist.x_test), seconds


runs = [(recipe, *train(recipe, seed)) for seed in range(options.seeds) for recipe in RECIPES]

# %%
# A committee of several networks has the mean of their probabilities, as
# :class:`~sklearn.ensemble.VotingClassifier` with ``voting="soft"``. With ``--committee 5``, further networks
# of the recipe "best" are trained until there are five.
if options.committee:
    members = [run for run in runs if run[0] == "best"]
    members += [("best", *train("best", seed)) for seed in range(options.seeds, options.committee)]
    _, probabilities, seconds = zip(*members[: options.committee], strict=True)
    runs.append((f"committee of {options.committee}", np.mean(probabilities, axis=0), sum(seconds)))

# %%
# Show the means over the seeds, and the time relative to the notebook recipe.
results = pd.DataFrame(
    {
        "recipe": recipe,
        "accuracy": accuracy_score(mnist.y_test, probabilities.argmax(axis=1)),
        "log loss": log_loss(mnist.y_test, probabilities),
        "relative time": seconds,
    }
    for recipe, probabilities, seconds in runs
)
groups = results.groupby("recipe", sort=False)
results["relative time"] /= groups["relative time"].mean()["notebook"]
table = groups[["accuracy", "log loss", "relative time"]].mean()
table.insert(1, "lowest", groups["accuracy"].min())
table.insert(2, "highest", groups["accuracy"].max())
table.insert(3, "errors", (1 - table["accuracy"]) * len(mnist.y_test))
print(f"{len(X):,} training images, {len(mnist.x_test):,} test images, seeds: {options.seeds}")
formats = {"errors": "{:.1f}".format, "relative time": "{:.2f}".format}
print(table.to_string(formatters=formats, float_format="{:.4f}".format))

# %%
# Plot the test accuracy over the training time. Recipes further up and to the left are better.
fig, ax = plt.subplots(layout="constrained")
for marker, (name, group) in zip("osD^vP", groups, strict=False):
    ax.plot(group["relative time"], 100 * group["accuracy"], marker, markersize=9, label=name)
ax.set(xlabel="training time relative to the notebook recipe", ylabel="test accuracy in %")
ax.set_xlim(left=0)
ax.grid(alpha=0.3)
ax.legend(title="recipe")
plt.show()
