"""
Grid search over filters and dropout rates
==========================================

This example searches for the best number of filters and the best dropout rates with `GridSearchCV`, on a part
of the shipped digits. All fits with the same number of filters share one compiled network.

The user guide describes searches, and which parameters compile a new network: :ref:`guide-searching`.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, load_mnist_sample

# %%
# Search over parameters of the pipeline: ``cnn__filters`` is the parameter ``filters`` of the step ``cnn``.
mnist = load_mnist_sample()
X, y = mnist.x_train[:1000], mnist.y_train[:1000]
cnn = CNNDigitClassifier(
    optimizer="adam",
    learning_rate=0.003,
    learning_rate_schedule="one_cycle",
    batch_size=32,
    epochs=6,
    random_state=0,
)
model = Pipeline([("images", ImagePreprocessor()), ("cnn", cnn)])
grid = {
    "cnn__filters": [(4, 8), (8, 16), (16, 32)],
    "cnn__conv_dropout": [0.0, 0.2],
    "cnn__dense_dropout": [0.2, 0.5],
}
search = GridSearchCV(model, grid, cv=3)
search.fit(X, y)

# %%
# Show all candidates, the best first.
results = pd.DataFrame(search.cv_results_)
columns = [*(f"param_{name}" for name in grid), "mean_test_score", "std_test_score"]
results = results.sort_values("rank_test_score")[columns].rename(
    columns=lambda name: name.removeprefix("param_cnn__").removesuffix("_test_score")
)
print(results.to_string(index=False, float_format="{:.3g}".format))
print(f"Best parameters: {search.best_params_}")
print(f"Test accuracy: {search.score(mnist.x_test, mnist.y_test):.2%}")

# %%
# Plot the mean accuracy as a heat map.
table = (
    results.pivot_table(index="filters", columns=["conv_dropout", "dense_dropout"], values="mean", sort=False)
    .sort_index(axis=0, key=lambda filters: filters.map(sum))
    .sort_index(axis=1)
)
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
image = ax.imshow(table, cmap="cividis")
ax.set(
    title="Mean accuracy over three folds",
    xlabel="conv_dropout / dense_dropout",
    ylabel="filters",
)
ax.set_xticks(range(table.shape[1]), [f"{conv} / {dense}" for conv, dense in table.columns])
ax.set_yticks(range(table.shape[0]), [str(filters) for filters in table.index])
middle = table.to_numpy().mean()
for row in range(table.shape[0]):
    for column in range(table.shape[1]):
        score = table.iloc[row, column]
        ax.text(
            column,
            row,
            f"{score:.3f}",
            ha="center",
            va="center",
            color="white" if score < middle else "black",
        )
fig.colorbar(image, label="accuracy")
plt.show()
