"""
Calibrate probabilities, reject uncertain images, and average networks
=======================================================================

This example measures the calibration of a network on images that were used for neither training nor
calibration, before and after temperature scaling. It shows the accuracy if the least confident predictions
are rejected. The mean probabilities of five networks are measured in the same way.

Five networks are trained with label smoothing and five without, on 2,000 of the digits that are shipped with
the package. The user guide describes the methods, with the results of more networks and more training
images: :ref:`guide-probabilities`.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, evaluation_report, load_mnist_sample

# %%
# Use 1,000 of the 8,000 training images for calibration, and train on some of the others, with augmentation.
mnist = load_mnist_sample()
X_train, X_calib, y_train, y_calib = train_test_split(
    mnist.x_train,
    mnist.y_train,
    train_size=2000,
    test_size=1000,
    stratify=mnist.y_train,
    random_state=0,
)
X_test, y_test = mnist.x_test, mnist.y_test


def network(seed, label_smoothing=0.0):
    return make_pipeline(
        ImagePreprocessor(flatten=True),
        CNNDigitClassifier(
            filters=(16, 32),
            optimizer="adam",
            learning_rate=0.003,
            learning_rate_schedule="one_cycle",
            epochs=7,
            augmentation="affine",
            dense_dropout=0.2,
            label_smoothing=label_smoothing,
            random_state=seed,
        ),
    )


def calibrate(model):
    """Return the model with temperature scaling, which has one parameter and keeps the predicted labels."""
    return CalibratedClassifierCV(FrozenEstimator(model), method="temperature").fit(X_calib, y_calib)


# %%
# Train the networks. ``VotingClassifier(voting="soft")`` averages the probabilities of its members. The
# members of a committee differ only in ``random_state``, so they share one compiled network.
reports = {}
for label_smoothing in (0.0, 0.05):
    members = [(f"seed{seed}", network(seed, label_smoothing)) for seed in range(5)]
    committee = VotingClassifier(members, voting="soft").fit(X_train, y_train)
    candidates = [("network", member) for member in committee.estimators_] + [("committee", committee)]
    for name, model in candidates:
        for scaling, scaled in (("none", model), ("temperature", calibrate(model))):
            report = evaluation_report(scaled, X_test, y_test)
            reports.setdefault((name, label_smoothing, scaling), []).append(report)

# %%
# Compare the means over the runs. Temperature scaling does not change the predicted labels of a network, and
# it corrects probabilities that label smoothing has made too low.


def scores(report):
    return {
        "errors": len(report.misclassified),
        "log loss": report.log_loss,
        "calibration error": report.calibration_error,
    }


means = {key: pd.DataFrame(map(scores, group)).mean() for key, group in reports.items()}
table = pd.DataFrame(means).T.rename_axis(["model", "smoothing", "scaling"])
print(table.to_string(formatters={"errors": "{:.1f}".format}, float_format="{:.4f}".format))
for smoothing in (0.0, 0.05):
    errors = [len(report.misclassified) for report in reports["network", smoothing, "none"]]
    print(f"label_smoothing={smoothing}: {min(errors)} to {max(errors)} errors of the networks")

# %%
# Plot the accuracy as a function of the coverage: the fraction of the images that are not rejected.
fig, ax = plt.subplots(layout="constrained")
for name, style in (("network", "--"), ("committee", "-")):
    curve = reports[name, 0.0, "temperature"][0].coverage
    ax.plot(curve["coverage"], 100 * curve["accuracy"], style, label=name)
ax.set(xlabel="coverage (fraction of images not rejected)", ylabel="accuracy in %", xlim=(0.8, 1))
ax.grid(alpha=0.3)
ax.legend()
plt.show()
