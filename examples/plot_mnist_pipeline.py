"""
Train and evaluate a classifier on MNIST
========================================

This example loads MNIST, scales the pixels, trains the default network, and evaluates it: the steps of the
classic Keras notebook, as a scikit-learn pipeline. It uses the 10,000 digits that ship with the package.
To use all of MNIST, set the environment variable ``SK_MNIST_CNN_DATA`` to the path of an ``mnist.npz``.

The user guide describes reports and displays: :ref:`guide-results`.
"""

import argparse
import os
from pathlib import Path

from sklearn.pipeline import Pipeline

from sk_mnist_cnn import (
    CNNDigitClassifier,
    ImagePreprocessor,
    MisclassifiedDisplay,
    TrainingHistoryDisplay,
    evaluation_report,
    fetch_mnist,
    load_mnist_sample,
)

# %%
# The images have 28x28 pixels with gray levels from 0 to 255. They are split into a training set and a test
# set.
full_data = os.environ.get("SK_MNIST_CNN_DATA")
mnist = fetch_mnist(full_data) if full_data else load_mnist_sample()
print(f"{len(mnist.x_train):,} training images, {len(mnist.x_test):,} test images")

# %%
# The pipeline maps raw pixels to labels. 10% of the training images are used as validation data, to record
# the validation accuracy after every epoch. The sample has fewer batches per epoch than all of MNIST,
# so it needs more epochs.
epochs = 10 if full_data else 15
model = Pipeline(
    [
        ("images", ImagePreprocessor()),
        ("cnn", CNNDigitClassifier(epochs=epochs, validation_split=0.1, random_state=0)),
    ]
)
if __name__ == "__main__":
    model.set_params(cnn__verbose=1)  # show the progress when run as a script
model.fit(mnist.x_train, mnist.y_train)

# %%
# Evaluate the classifier on the test images.
report = evaluation_report(model, mnist.x_test, mnist.y_test, name="MNIST test images")
print(report)

# %%
# Plot the loss and the accuracy per epoch.
history = TrainingHistoryDisplay.from_estimator(model)

# %%
# Plot the confusion matrix.
confusion = report.plot_confusion_matrix()

# %%
# Plot the misclassified images, the most confident mistakes first.
mistakes = MisclassifiedDisplay.from_predictions(
    mnist.x_test, report.y_true, report.y_pred, y_proba=report.y_proba
)

# %%
# When run as a script, the example writes the figures and an HTML report to a directory.
if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train and evaluate a classifier on MNIST.")
    parser.add_argument("--output", type=Path, default=Path("demo"), help="directory of the output files")
    folder = parser.parse_known_args()[0].output
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {"training_history": history, "confusion_matrix": confusion, "misclassified": mistakes}
    for name, display in pictures.items():
        display.figure_.savefig(folder / f"{name}.png", dpi=150)
        print(f"Wrote {(folder / f'{name}.png').resolve()}")
    report.to_html(folder / "report.html")
    print(f"Wrote {(folder / 'report.html').resolve()}")
