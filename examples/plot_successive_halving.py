"""
Many candidates, few epochs
===========================

Successive halving trains all candidates for a little while, lets the better half of them train twice as long,
and so on. Here the resource that it deals out is ``cnn__epochs``. scikit-learn fits a clone of a candidate in
every round, so that one that is promoted starts again; a small subclass of the classifier lets it go on.
"""

import tempfile
from pathlib import Path
from time import perf_counter

import joblib
import matplotlib.pyplot as plt
import pandas as pd
from scipy.stats import loguniform, uniform
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingRandomSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, load_mnist_sample

# %%
# A classifier that goes on
# -------------------------
#
# The longest training so far lies in a folder, under what determines it: the parameters other than the number
# of epochs, and the data. Whoever comes with the same for more epochs loads it, and ``warm_start`` does the
# rest. Training that goes on gives the same weights as training without a break, as long as no schedule of
# the learning rate depends on the number of epochs. A folder that all workers of a cluster can reach serves
# them just as well.
folder = Path(tempfile.mkdtemp())


class GoingOnClassifier(CNNDigitClassifier):
    """Takes up the longest training with the same parameters and images."""

    def fit(self, X, y):
        epochs = self.epochs
        run = {**self.get_params(), "epochs": None}
        path = folder / joblib.hash([run, X, y])
        if path.exists():
            vars(self).update(joblib.load(path))
        to_go = epochs - getattr(self, "n_iter_", 0)
        if to_go > 0:
            self.set_params(epochs=to_go, warm_start=True)
            super().fit(X, y)
            joblib.dump(vars(self), path)
        return self.set_params(epochs=epochs, warm_start=run["warm_start"])


# %%
# Three searches over the same candidates
# ---------------------------------------
#
# Learning rate and dropout need no network of their own, so that one trace serves every fit. It is made
# beforehand: what is timed is training. The three searches draw the same sixteen candidates.
mnist = load_mnist_sample()
X, y = mnist.x_train[:1000], mnist.y_train[:1000]
space = {
    "cnn__learning_rate": loguniform(1e-4, 1e-1),
    "cnn__conv_dropout": uniform(0, 0.5),
    "cnn__dense_dropout": uniform(0, 0.7),
}
MAX_EPOCHS = 8
params = {"filters": (16, 32), "optimizer": "adam", "random_state": 0}


def pipeline(classifier):
    return Pipeline([("images", ImagePreprocessor()), ("cnn", classifier(**params))])


def halving(classifier):
    return HalvingRandomSearchCV(
        pipeline(classifier),
        space,
        n_candidates=16,
        resource="cnn__epochs",
        min_resources=1,
        max_resources=MAX_EPOCHS,
        factor=2,
        cv=2,
        refit=False,
        random_state=0,
    )


everything = pipeline(CNNDigitClassifier).set_params(cnn__epochs=MAX_EPOCHS)
searches = {
    "all to the end": RandomizedSearchCV(everything, space, n_iter=16, cv=2, refit=False, random_state=0),
    "halving, starting again": halving(CNNDigitClassifier),
    "halving, going on": halving(GoingOnClassifier),
}
pipeline(CNNDigitClassifier).set_params(cnn__epochs=1).fit(X, y)
seconds = {}
for name, search in searches.items():
    began = perf_counter()
    search.fit(X, y)
    seconds[name] = perf_counter() - began

# %%
# Going on changes the time alone: the scores are those of the search that starts again.
results = {name: pd.DataFrame(search.cv_results_) for name, search in searches.items()}
again, on = results["halving, starting again"], results["halving, going on"]
assert (again["mean_test_score"] == on["mean_test_score"]).all()

table = pd.DataFrame({"seconds": seconds})
table["relative time"] = table["seconds"] / table.loc["all to the end", "seconds"]
table["best score"] = {name: search.best_score_ for name, search in searches.items()}
table["learning rate"] = {name: s.best_params_["cnn__learning_rate"] for name, s in searches.items()}
print(table.round(4).to_string())

# %%
# A line is a candidate; it ends where the candidate was given up.
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
on["candidate"] = on["param_cnn__learning_rate"].astype(float)
for rate, rounds in on.groupby("candidate"):
    best = rate == searches["halving, going on"].best_params_["cnn__learning_rate"]
    left.plot(
        rounds["n_resources"],
        rounds["mean_test_score"],
        "o-",
        color="tab:blue" if best else "0.6",
        zorder=3 if best else 2,
    )
left.set_xscale("log", base=2)
left.set_xticks([1, 2, 4, 8], ["1", "2", "4", "8"])
left.set(xlabel="epochs", ylabel="mean accuracy of two folds", title="Sixteen candidates")
left.grid(alpha=0.3)
bars = right.barh(list(seconds), list(seconds.values()), color=["0.7", "0.7", "tab:blue"])
right.bar_label(bars, fmt="%.1f s", padding=4)
right.margins(x=0.2)
right.invert_yaxis()
right.spines[["top", "right"]].set_visible(False)
right.set(xlabel="seconds", title="Time of the search")
plt.show()
