"""
Successive halving over the number of epochs
============================================

Successive halving trains all candidates for a few epochs, then trains the better half for twice as many
epochs, and so on. Here the resource is ``cnn__epochs``. In every round, scikit-learn fits new clones of the
remaining candidates, which start from new weights. A small subclass of the classifier lets them resume
training instead.

The user guide describes other ways to shorten a search: :ref:`guide-scaling`.
"""

import tempfile
import warnings
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import pandas as pd
from scipy.stats import loguniform, uniform
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingRandomSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, load_mnist_sample

# %%
# A classifier that resumes training
# ----------------------------------
#
# The fitted attributes are saved in a file after every `fit`. The name of the file is a hash of the data and
# of all parameters except for the number of epochs. A `fit` with the same data and parameters and more epochs
# loads the file and resumes with ``warm_start``. Resumed training gives the same weights as uninterrupted
# training if the learning-rate schedule does not depend on the number of epochs. On a cluster, use a
# directory that all workers share.
folder = Path(tempfile.mkdtemp())


class ResumingClassifier(CNNDigitClassifier):
    """Resume from the longest previous fit with the same data and parameters."""

    def fit(self, X, y):
        epochs = self.epochs
        params = {**self.get_params(), "epochs": None}
        path = folder / joblib.hash([params, X, y])
        if path.exists():
            vars(self).update(joblib.load(path))
        remaining = epochs - getattr(self, "n_iter_", 0)
        if remaining > 0:
            self.set_params(epochs=remaining, warm_start=True)
            super().fit(X, y)
            joblib.dump(vars(self), path)
        return self.set_params(epochs=epochs, warm_start=params["warm_start"])


# %%
# Three searches over the same candidates
# ---------------------------------------
#
# The three searches sample the same sixteen candidates. Learning rate and dropout rates do not compile a new
# network, so all fits share one. Some networks do not converge: they are trained for few epochs, or their
# learning rate is too small or too large.
mnist = load_mnist_sample()
X, y = mnist.x_train[:1000], mnist.y_train[:1000]
space = {
    "cnn__learning_rate": loguniform(1e-4, 1e-1),
    "cnn__conv_dropout": uniform(0, 0.5),
    "cnn__dense_dropout": uniform(0, 0.7),
}
MAX_EPOCHS, N_FOLDS = 8, 2
params = {"filters": (8, 16), "optimizer": "adam", "random_state": 0}
common = {"cv": N_FOLDS, "refit": False, "random_state": 0}


def pipeline(classifier):
    return Pipeline([("images", ImagePreprocessor()), ("cnn", classifier(**params))])


def halving_search(classifier):
    return HalvingRandomSearchCV(
        pipeline(classifier),
        space,
        n_candidates=16,
        resource="cnn__epochs",
        min_resources=1,
        max_resources=MAX_EPOCHS,
        factor=2,
        **common,
    )


full_training = pipeline(CNNDigitClassifier).set_params(cnn__epochs=MAX_EPOCHS)
searches = {
    "randomized search": RandomizedSearchCV(full_training, space, n_iter=16, **common),
    "halving, new weights": halving_search(CNNDigitClassifier),
    "halving, resumed": halving_search(ResumingClassifier),
}
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    for search in searches.values():
        search.fit(X, y)

# %%
# Resumed training gives the same scores as training from new weights, with fewer epochs. The time of a search
# is about proportional to the number of epochs.
results = {name: pd.DataFrame(search.cv_results_) for name, search in searches.items()}
halving, resumed = results["halving, new weights"], results["halving, resumed"]
assert (halving["mean_test_score"] == resumed["mean_test_score"]).all()

candidates = resumed.groupby("param_cnn__learning_rate")
epochs = {
    "randomized search": MAX_EPOCHS * len(results["randomized search"]),
    "halving, new weights": halving["n_resources"].sum(),
    "halving, resumed": candidates["n_resources"].max().sum(),
}
table = pd.DataFrame({"epochs": pd.Series(epochs) * N_FOLDS})
table["best score"] = {name: search.best_score_ for name, search in searches.items()}
best = {name: search.best_params_ for name, search in searches.items()}
table["learning rate"] = {name: params["cnn__learning_rate"] for name, params in best.items()}
print(table.round(4).to_string())

# %%
# Plot the score of each candidate per round, and the number of epochs of each search.
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
best_rate = searches["halving, resumed"].best_params_["cnn__learning_rate"]
for rate, rounds in candidates:
    left.plot(
        rounds["n_resources"],
        rounds["mean_test_score"],
        "o-",
        color="tab:blue" if rate == best_rate else "0.6",
        zorder=3 if rate == best_rate else 2,
    )
left.set_xscale("log", base=2)
left.set_xticks([1, 2, 4, 8], ["1", "2", "4", "8"])
left.set(xlabel="epochs", ylabel="mean accuracy over two folds", title="Sixteen candidates")
left.grid(alpha=0.3)
bars = right.barh(table.index, table["epochs"], color=["0.7", "0.7", "tab:blue"])
right.bar_label(bars, padding=4)
right.margins(x=0.2)
right.invert_yaxis()
right.spines[["top", "right"]].set_visible(False)
right.set(xlabel="epochs", title="Number of epochs of the search")
plt.show()
