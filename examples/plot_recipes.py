"""
Compare training recipes
========================

The default network with 186,110 parameters, trained with four recipes. They differ only in parameters of
the classifier. They were selected on a part of the training images, not on the test images.

By default, this example trains each recipe once, on the digits that are shipped with the package. To
reproduce the table of the documentation, set ``SK_MNIST_CNN_DATA`` to the path of an ``mnist.npz`` with all
of MNIST, and run ``python examples/plot_recipes.py --seeds 3``.
"""

import argparse
import os
from time import perf_counter

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, load_mnist, load_mnist_sample

# %%
# On all of MNIST, Adam with a one-cycle schedule needs three epochs for the accuracy that Adadelta reaches in
# ten. With augmentation, no image is seen twice, so longer training and a lower dropout rate improve the
# accuracy.
one_cycle = {"optimizer": "adam", "learning_rate": 0.003, "learning_rate_schedule": "one_cycle"}
RECIPES = {
    "notebook": {"validation_split": 0.2},
    "fast": {**one_cycle, "epochs": 3},
    "strong": {**one_cycle, "epochs": 7, "augmentation": "affine", "dense_dropout": 0.2},
    "best": {**one_cycle, "epochs": 18, "augmentation": "affine", "dense_dropout": 0.2},
}

# %%
# Train the recipes alternately, so that other load on the machine affects all of them. A short fit before the
# first measurement compiles the network of each recipe, so only training is timed.
parser = argparse.ArgumentParser(description="Compare training recipes on MNIST.")
parser.add_argument("--seeds", type=int, default=1, help="number of runs per recipe")
n_seeds = parser.parse_known_args()[0].seeds
full_data = os.environ.get("SK_MNIST_CNN_DATA")
mnist = load_mnist(full_data) if full_data else load_mnist_sample()
X, y = mnist.x_train, mnist.y_train

rows = []
for seed in range(n_seeds):
    for name, recipe in RECIPES.items():
        model = make_pipeline(ImagePreprocessor(), CNNDigitClassifier(random_state=seed, **recipe))
        if seed == 0:
            model.fit(X[:200], y[:200])
        start = perf_counter()
        model.fit(X, y)
        seconds = perf_counter() - start
        rows.append(
            {
                "recipe": name,
                "accuracy": model.score(mnist.x_test, mnist.y_test),
                "log loss": log_loss(mnist.y_test, model.predict_proba(mnist.x_test)),
                "seconds": seconds,
            }
        )

# %%
# Show the means over the seeds, and the time relative to the notebook recipe.
runs = pd.DataFrame(rows)
runs["relative time"] = runs["seconds"] / runs.groupby("recipe")["seconds"].mean()["notebook"]
groups = runs.groupby("recipe", sort=False)
table = groups[["accuracy", "log loss", "relative time"]].mean()
table.insert(1, "lowest accuracy", groups["accuracy"].min())
table.insert(2, "errors", (1 - table["accuracy"]) * len(mnist.y_test))
print(f"{len(X):,} training images, {len(mnist.x_test):,} test images, seeds: {n_seeds}")
formats = {"errors": "{:.0f}".format, "relative time": "{:.2f}".format}
print(table.to_string(formatters=formats, float_format="{:.4f}".format))

# %%
# Plot the test accuracy over the training time. Recipes further up and to the left are better. On the 8,000
# images of the sample, three epochs are too few steps for the fast recipe: it needs all of MNIST.
fig, ax = plt.subplots(layout="constrained")
for marker, (name, run) in zip("osD^", groups, strict=True):
    ax.plot(run["relative time"], 100 * run["accuracy"], marker, markersize=9, label=name)
ax.set(xlabel="training time relative to the notebook recipe", ylabel="test accuracy in %")
ax.set_xlim(left=0)
ax.grid(alpha=0.3)
ax.legend(title="recipe")
plt.show()
