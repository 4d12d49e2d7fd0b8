"""
When is a network better than an SVC?
=====================================

A support vector classifier trains in less than a second. This example trains it and the recommended network
on the same digits. The network distorts the digits while it trains, so it learns more from few of them.
:doc:`/recipes` has the results with up to 60,000 digits, as means over several draws.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, load_mnist_sample

data = load_mnist_sample()
COUNTS = (100, 400)  # training images
MODELS = {
    "CNN, recommended": make_pipeline(ImagePreprocessor(), CNNDigitClassifier.from_recipe(random_state=0)),
    "SVC": make_pipeline(FunctionTransformer(lambda X: X.reshape(len(X), -1) / 255), SVC(C=10, gamma=0.02)),
}

# %%
# Both train on the first images of the sample. An SVC takes one row of pixels per image.
rows = []
for n_images in COUNTS:
    X, y = data.x_train[:n_images], data.y_train[:n_images]
    for name, model in MODELS.items():
        start = perf_counter()
        model.fit(X, y)
        rows.append(
            {
                "images": n_images,
                "classifier": name,
                "seconds": perf_counter() - start,
                "accuracy": model.score(data.x_test, data.y_test),
            }
        )
results = pd.DataFrame(rows)
print(results.to_string(index=False, float_format="{:.3f}".format))

# %%
# The network makes fewer errors, and the SVC trains much faster. Use it if that matters more.
fig, ax = plt.subplots(layout="constrained")
for name, part in results.groupby("classifier"):
    ax.plot(part["images"], 100 * (1 - part["accuracy"]), "o-", label=name)
ax.set(xscale="log", yscale="log", xlabel="training images", ylabel="test errors in %")
ax.grid(alpha=0.3, which="both")
ax.legend()
plt.show()
