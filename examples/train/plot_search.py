"""
Search for hyper-parameters
===========================

Three ways to find good parameters: a grid search, successive halving with scikit-learn, and a study with
Optuna that prunes trials. Learning rates and dropout rates do not compile a new network, so the fits of a
search share one.

The user guide lists the parameters that compile a new network: :ref:`guide-searching`.
"""

import warnings

import keras
import matplotlib.pyplot as plt
import optuna
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.pipeline import Pipeline

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, load_mnist_sample

mnist = load_mnist_sample()
X, y = mnist.x_train[:600], mnist.y_train[:600]
params = {"filters": (8, 16), "optimizer": "adam", "batch_size": 32, "random_state": 0}

# %%
# Grid search
# -----------
#
# ``cnn__dense_dropout`` is the parameter ``dense_dropout`` of the step ``cnn``.
model = Pipeline([("images", ImagePreprocessor()), ("cnn", CNNDigitClassifier(**params, epochs=8))])
grid = {"cnn__learning_rate": [0.0003, 0.003, 0.03], "cnn__dense_dropout": [0.0, 0.2, 0.5]}
search = GridSearchCV(model, grid, cv=2)
with warnings.catch_warnings():  # some candidates are not trained for long enough
    warnings.simplefilter("ignore", ConvergenceWarning)
    search.fit(X, y)
results = pd.DataFrame(search.cv_results_)
table = results.pivot(
    index="param_cnn__dense_dropout", columns="param_cnn__learning_rate", values="mean_test_score"
)
print(table.round(3).to_string())
print(f"Test accuracy: {search.score(mnist.x_test, mnist.y_test):.1%}")

# %%
# Successive halving
# ------------------
#
# All candidates are trained for 2 epochs, the better half for 4, and so on, each time from new weights.
halving = HalvingGridSearchCV(
    model, grid, resource="cnn__epochs", min_resources=2, max_resources=8, factor=2, cv=2, random_state=0
)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    halving.fit(X, y)
print(f"Candidates in each round: {halving.n_candidates_}, epochs: {halving.n_resources_}")
print(f"Best parameters: {halving.best_params_}")


# %%
# Pruning with Optuna
# -------------------
#
# A Keras callback reports the validation accuracy after every epoch, and stops trials that are worse than
# others.
class PruningCallback(keras.callbacks.Callback):
    def __init__(self, trial):
        super().__init__()
        self.trial = trial

    def on_epoch_end(self, epoch, logs=None):
        self.trial.report(logs["val_accuracy"], epoch)
        self.model.stop_training = self.trial.should_prune()


images = ImagePreprocessor().fit(mnist.x_train)
validation = {"X_val": images.transform(mnist.x_train[600:1200]), "y_val": mnist.y_train[600:1200]}
EPOCHS = 8


def objective(trial):
    clf = CNNDigitClassifier(
        **params,
        learning_rate=trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True),
        dense_dropout=trial.suggest_float("dense_dropout", 0, 0.7),
        epochs=EPOCHS,
        callbacks=[PruningCallback(trial)],
    )
    clf.fit(images.transform(X), y, **validation)
    if clf.n_iter_ < EPOCHS:
        raise optuna.TrialPruned
    return clf.history_["val_accuracy"][-1]


optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(
    direction="maximize",
    sampler=optuna.samplers.RandomSampler(seed=0),
    pruner=optuna.pruners.MedianPruner(n_warmup_steps=1),
)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    study.optimize(objective, n_trials=10)
pruned = study.get_trials(states=[optuna.trial.TrialState.PRUNED])
print(f"{len(pruned)} of {len(study.trials)} trials were pruned.")
print(f"Best validation accuracy: {study.best_value:.3f}")

# %%
# Plot the grid search, and the validation accuracy of all trials per epoch.
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for dropout, scores in table.iterrows():
    left.semilogx(scores.index, scores, "o-", label=f"dense_dropout={dropout}")
left.set(xlabel="learning_rate", ylabel="mean accuracy over two folds", title="Grid search")
left.legend()
for trial in study.trials:
    is_pruned = trial in pruned
    right.plot(
        [epoch + 1 for epoch in trial.intermediate_values],
        list(trial.intermediate_values.values()),
        ".:" if is_pruned else ".-",
        color="0.6" if is_pruned else "tab:blue",
    )
right.plot([], [], ".-", color="tab:blue", label="completed")
right.plot([], [], ".:", color="0.6", label="pruned")
right.set(xlabel="epoch", ylabel="validation accuracy", title="Trials of Optuna")
right.legend()
for ax in (left, right):
    ax.grid(alpha=0.3)
plt.show()
