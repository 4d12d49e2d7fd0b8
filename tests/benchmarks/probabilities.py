"""Calibration, rejection of uncertain images, sets of labels, and committees, on the MNIST sample.

Run ``python -m tests.benchmarks.probabilities --help`` in a checkout. Networks with and without label
smoothing are trained on 7,000 of the training images of the sample, and calibrated on the other 1,000. The
results on the test images are written to ``docs/benchmarks/probabilities.json``.
"""

from mapie.classification import SplitConformalClassifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, evaluation_report, load_mnist_sample

from . import machine
from .options import benchmark_parser
from .saved import save

# Parameters of all networks, as in docs/guide/probabilities.md.
PARAMS = {
    "optimizer": "adam",
    "learning_rate": 0.003,
    "learning_rate_schedule": "one_cycle",
    "epochs": 7,
    "augmentation": "affine",
    "dense_dropout": 0.2,
}
SMOOTHINGS = 0.0, 0.05
COMMITTEES, MEMBERS = 3, 5
COVERAGES = 0.99, 0.95, 0.9
CONFIDENCE_LEVELS = 0.98, 0.99, 0.995
WANTED_ACCURACY = 0.998  # of the calibration images that are not rejected


def main(arguments=None):
    options = parse(arguments)
    flags = " --quick" if options.quick else ""
    command = f"python -m tests.benchmarks.probabilities{flags}"
    results = {"machine": machine.describe(command), "scores": [], "thresholds": [], "sets": []}
    data = load_data(options.quick)
    for label_smoothing in SMOOTHINGS:
        for first in range(0, MEMBERS * (1 if options.quick else COMMITTEES), MEMBERS):
            committee = fit_committee(data, first, label_smoothing)
            networks = committee.estimators_
            for name, model in [*(("network", network) for network in networks), ("committee", committee)]:
                for scaling, scaled in (("none", model), ("temperature", calibrate(model, data))):
                    row = {"model": name, "label_smoothing": label_smoothing, "scaling": scaling}
                    results["scores"].append({**row, **scores(scaled, data)})
                    print(results["scores"][-1], flush=True)
            if not label_smoothing:
                results["thresholds"] += [threshold(network, data) for network in networks]
                results["sets"] += [row for network in networks for row in sets_of_labels(network, data)]
    save(results, "probabilities", options.output)


def parse(arguments):
    return benchmark_parser("tests.benchmarks.probabilities", __doc__).parse_args(arguments)


def load_data(quick):
    mnist = load_mnist_sample()
    X_train, X_calib, y_train, y_calib = train_test_split(
        mnist.x_train,
        mnist.y_train,
        train_size=1000 if quick else 7000,
        test_size=1000,
        stratify=mnist.y_train,
        random_state=0,
    )
    return Bunch(
        X_train=X_train,
        y_train=y_train,
        X_calib=X_calib,
        y_calib=y_calib,
        X_test=mnist.x_test,
        y_test=mnist.y_test,
    )


def fit_committee(data, first_seed, label_smoothing):
    networks = []
    for seed in range(first_seed, first_seed + MEMBERS):
        classifier = CNNDigitClassifier(**PARAMS, label_smoothing=label_smoothing, random_state=seed)
        networks.append((f"seed{seed}", make_pipeline(ImagePreprocessor(flatten=True), classifier)))
    return VotingClassifier(networks, voting="soft").fit(data.X_train, data.y_train)


def calibrate(model, data):
    """Return the model with temperature scaling."""
    calibrated = CalibratedClassifierCV(FrozenEstimator(model), method="temperature")
    return calibrated.fit(data.X_calib, data.y_calib)


def scores(model, data):
    report = evaluation_report(model, data.X_test, data.y_test)
    curve = report.coverage
    return {
        "errors": len(report.misclassified),
        "accuracy": float(report.accuracy),
        "log_loss": report.log_loss,
        "calibration_error": report.calibration_error,
        **{
            f"accuracy_{coverage}": float(curve.query("coverage >= @coverage - 1e-9")["accuracy"].iloc[0])
            for coverage in COVERAGES
        },
    }


def threshold(model, data):
    """Return the threshold with the wanted accuracy on the calibration images, and its results."""
    curve = evaluation_report(model, data.X_calib, data.y_calib).coverage
    value = curve.loc[curve["accuracy"] >= WANTED_ACCURACY, "threshold"].min()
    answered = model.predict_proba(data.X_test).max(axis=1) >= value
    is_correct = model.predict(data.X_test) == data.y_test
    return {
        "threshold": float(value),
        "coverage": float(answered.mean()),
        "accuracy": float(is_correct[answered].mean()),
    }


def sets_of_labels(model, data):
    """Yield the fraction of sets with the true label, and of the sets of each size, for each level."""
    conformal = SplitConformalClassifier(model, confidence_level=list(CONFIDENCE_LEVELS))
    conformal.conformalize(data.X_calib, data.y_calib)
    _, sets = conformal.predict_set(data.X_test)
    for i, level in enumerate(CONFIDENCE_LEVELS):
        sizes = sets[:, :, i].sum(axis=1)
        yield {
            "confidence_level": level,
            "true_label": float(sets[range(len(sets)), data.y_test, i].mean()),
            **{f"size_{size}": float((sizes == size).mean()) for size in range(3)},
            "size_3_or_more": float((sizes >= 3).mean()),
        }


if __name__ == "__main__":
    main()
