"""
Giving up trials with Optuna
============================

After every epoch Optuna can tell whether a trial is still worth its time. A Keras callback of a few lines
reports how the validation images are doing, and stops the training of a trial that is to be pruned.
"""

from time import perf_counter

import keras
import matplotlib.pyplot as plt
import optuna
import pandas as pd

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, load_mnist_sample

# %%
# The callback
# ------------
#
# The classifier trains with copies of its callbacks, and the copies have to report to the same trial. To stop
# the training, instead of raising an exception out of it, leaves the compiled network to the next trial.


class ReportEpochs(keras.callbacks.Callback):
    """Reports the validation accuracy to a trial, and stops where Optuna prunes it."""

    def __init__(self, trial):
        super().__init__()
        self.trial = trial

    def __deepcopy__(self, memo):
        return type(self)(self.trial)

    def on_epoch_end(self, epoch, logs=None):
        self.trial.report(logs["val_accuracy"], epoch)
        self.model.stop_training = self.trial.should_prune()


# %%
# The study, with and without pruning
# -----------------------------------
#
# Both studies draw the same candidates at random, and share one compiled network, which is made beforehand.
mnist = load_mnist_sample()
images = ImagePreprocessor().fit(mnist.x_train)
X, y = images.transform(mnist.x_train[:1000]), mnist.y_train[:1000]
X_val, y_val = images.transform(mnist.x_train[1000:2000]), mnist.y_train[1000:2000]
EPOCHS, N_TRIALS = 8, 20


def classifier(**params):
    return CNNDigitClassifier(filters=(16, 32), optimizer="adam", random_state=0, **params)


def accuracy(trial):
    clf = classifier(
        learning_rate=trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True),
        conv_dropout=trial.suggest_float("conv_dropout", 0, 0.5),
        dense_dropout=trial.suggest_float("dense_dropout", 0, 0.7),
        epochs=EPOCHS,
        callbacks=[ReportEpochs(trial)],
    )
    clf.fit(X, y, X_val=X_val, y_val=y_val)
    if clf.n_iter_ < EPOCHS:
        raise optuna.TrialPruned
    return clf.history_["val_accuracy"][-1]


optuna.logging.set_verbosity(optuna.logging.WARNING)
pruners = {
    "without pruning": optuna.pruners.NopPruner(),
    "median pruning": optuna.pruners.MedianPruner(n_warmup_steps=1),
}
classifier(epochs=1).fit(X, y, X_val=X_val, y_val=y_val)
studies, rows = {}, []
for name, pruner in pruners.items():
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = studies[name] = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    began = perf_counter()
    study.optimize(accuracy, n_trials=N_TRIALS)
    rows.append(
        {
            "study": name,
            "seconds": perf_counter() - began,
            "epochs": sum(len(trial.intermediate_values) for trial in study.trials),
            "best accuracy": study.best_value,
            "best learning rate": study.best_params["learning_rate"],
        }
    )

# %%
# Pruning takes a part of the time to find a trial that is about as good. It may give up the very best one,
# where that learns slowly at first. The first five trials are never pruned: there is nothing yet to compare
# them with.
table = pd.DataFrame(rows).set_index("study")
table["relative time"] = table["seconds"] / table.loc["without pruning", "seconds"]
print(table.round(4).to_string())

# %%
# A line is a trial; it ends where Optuna gave it up.
fig, ax = plt.subplots(layout="constrained")
study = studies["median pruning"]
for trial in study.trials:
    epochs = [epoch + 1 for epoch in trial.intermediate_values]
    best = trial.number == study.best_trial.number
    pruned = trial.state == optuna.trial.TrialState.PRUNED
    ax.plot(
        epochs,
        list(trial.intermediate_values.values()),
        ".:" if pruned else ".-",
        color="tab:blue" if best else "0.6",
        zorder=3 if best else 2,
    )
ax.plot([], [], ".-", color="tab:blue", label="best trial")
ax.plot([], [], ".-", color="0.6", label="trained to the end")
ax.plot([], [], ".:", color="0.6", label="pruned")
ax.set(xlabel="epoch", ylabel="validation accuracy", title="Trials with median pruning")
ax.grid(alpha=0.3)
ax.legend()
plt.show()
