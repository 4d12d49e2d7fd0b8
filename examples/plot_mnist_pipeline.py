"""
The whole notebook in one Pipeline
==================================

Load MNIST, scale it, train the reference network, and look at what it got wrong: every step of the classic
Keras notebook, with scikit-learn's tools. It runs on the 10,000 digits that come with the package, or on all
of MNIST where the environment variable ``SK_MNIST_CNN_DATA`` names an ``mnist.npz``.
"""

import argparse
import os
from pathlib import Path

from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.pipeline import Pipeline

from sk_mnist_cnn import (
    CNNDigitClassifier,
    ImagePreprocessor,
    MisclassifiedDisplay,
    TrainingHistoryDisplay,
    evaluation_report,
    load_mnist,
    load_mnist_sample,
)

# %%
# The digits: images of 28x28 grey pixels from 0 to 255, already split into training and test sets.
full_data = os.environ.get("SK_MNIST_CNN_DATA")
mnist = load_mnist(full_data) if full_data else load_mnist_sample()
print(f"{len(mnist.x_train):,} digits to train on, {len(mnist.x_test):,} to test on")

# %%
# One estimator from raw pixels to labels. A tenth of the training digits is set aside, to see after every
# epoch how well the network does on digits that it does not learn from. An epoch of the sample has a seventh
# of the steps that one of all MNIST has, so it gets 15 epochs, and MNIST ten.
epochs = 10 if full_data else 15
model = Pipeline(
    [
        ("images", ImagePreprocessor()),
        ("cnn", CNNDigitClassifier(epochs=epochs, validation_split=0.1, random_state=0, verbose=1)),
    ]
)
model.fit(mnist.x_train, mnist.y_train)

# %%
# What it learnt, on digits that it has never seen.
report = evaluation_report(model, mnist.x_test, mnist.y_test)
print(f"On the {report.n_samples:,} test digits:")
print(report.to_text())

# %%
# Loss and accuracy over the epochs.
history = TrainingHistoryDisplay.from_estimator(model)

# %%
# Which digits are taken for which.
confusion = ConfusionMatrixDisplay.from_predictions(report.y_true, report.y_pred, cmap="cividis")

# %%
# The digits it got wrong, those that it was surest of first.
mistakes = MisclassifiedDisplay.from_predictions(
    mnist.x_test, report.y_true, report.y_pred, y_proba=report.y_proba
)

# %%
# As a script, it writes its pictures into a folder, and a page that has it all.
if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the reference network on MNIST, and report.")
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder for what it writes")
    folder = parser.parse_known_args()[0].output
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {"training_history": history, "confusion_matrix": confusion, "misclassified": mistakes}
    for name, display in pictures.items():
        display.figure_.savefig(folder / f"{name}.png", dpi=150)
        print(f"Wrote {(folder / f'{name}.png').resolve()}")
    report.to_html(folder / "report.html")
    print(f"Wrote {(folder / 'report.html').resolve()}")
