"""
Prune trials with Optuna
========================

Optuna can stop (prune) a trial after any epoch if its intermediate results are worse than those of other
trials. This example defines a Keras callback that reports the validation accuracy after every epoch, and
compares studies with and without pruning.

The user guide describes other ways to shorten a search: :ref:`guide-scaling`.
"""

import warnings

import keras
import matplotlib.pyplot as plt
import optuna
import pandas as pd
from sklearn.exceptions import ConvergenceWarning

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, load_mnist_sample

# %%
# Keras callback
# --------------
#
# The callback sets `stop_training`. `KerasPruningCallback` of optuna-integration raises an exception instead,
# after which the network is compiled again for the next trial.


class OptunaPruningCallback(keras.callbacks.Callback):
    """Report the validation accuracy of every epoch to a trial, which can stop training."""

    def __init__(self, trial):
        super().__init__()
        self.trial = trial

    def on_epoch_end(self, epoch, logs=None):
        self.trial.report(logs["val_accuracy"], epoch)
        self.model.stop_training = self.trial.should_prune()


# %%
# Studies with and without pruning
# --------------------------------
#
# Both studies sample the same candidates and share one compiled network. Some candidates do not converge,
# because their learning rates are too small or too large. Their `ConvergenceWarning` is ignored.
mnist = load_mnist_sample()
images = ImagePreprocessor().fit(mnist.x_train)
X, y = images.transform(mnist.x_train[:500]), mnist.y_train[:500]
X_val, y_val = images.transform(mnist.x_train[500:1000]), mnist.y_train[500:1000]
EPOCHS, N_TRIALS = 8, 15


def objective(trial):
    clf = CNNDigitClassifier(
        filters=(16, 32),
        optimizer="adam",
        batch_size=32,
        learning_rate=trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True),
        conv_dropout=trial.suggest_float("conv_dropout", 0, 0.5),
        dense_dropout=trial.suggest_float("dense_dropout", 0, 0.7),
        epochs=EPOCHS,
        callbacks=[OptunaPruningCallback(trial)],
        random_state=0,
    )
    clf.fit(X, y, X_val=X_val, y_val=y_val)
    if clf.n_iter_ < EPOCHS:
        raise optuna.TrialPruned
    return clf.history_["val_accuracy"][-1]


optuna.logging.set_verbosity(optuna.logging.WARNING)
pruners = {
    "no pruning": optuna.pruners.NopPruner(),
    "median pruning": optuna.pruners.MedianPruner(n_warmup_steps=1),
}
studies = {}
for name, pruner in pruners.items():
    sampler = optuna.samplers.RandomSampler(seed=0)
    studies[name] = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        studies[name].optimize(objective, n_trials=N_TRIALS)

# %%
# With pruning, fewer epochs are needed to find a trial that is about as good. The best trial can be pruned if
# its accuracy rises slowly in the first epochs. The first five trials are never pruned, because there are too
# few trials to compare them with.
rows = [
    {
        "study": name,
        "epochs": sum(len(trial.intermediate_values) for trial in study.trials),
        "pruned": len(study.get_trials(states=[optuna.trial.TrialState.PRUNED])),
        "best accuracy": study.best_value,
        "learning rate": study.best_params["learning_rate"],
    }
    for name, study in studies.items()
]
print(pd.DataFrame(rows).round(4).to_string(index=False))

# %%
# Plot the validation accuracy of all trials per epoch.
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
ax.plot([], [], ".-", color="0.6", label="completed")
ax.plot([], [], ".:", color="0.6", label="pruned")
ax.set(xlabel="epoch", ylabel="validation accuracy", title="Trials with median pruning")
ax.grid(alpha=0.3)
ax.legend()
plt.show()
