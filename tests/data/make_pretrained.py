"""Fit the networks and the novelty detector that ship with the package, and write their files.

Run ``make pretrained`` in a checkout, or ``python -m tests.data.make_pretrained``. MNIST is read from the
file whose path is in ``SK_MNIST_CNN_DATA``; if it is not set, Keras downloads MNIST. The command takes about
half an hour on two cores. It prints the SHA-256 of each file, which `pretrained.py` verifies, and the scores
in the documentation.
"""

import os
from hashlib import sha256
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import (
    CNNDigitClassifier,
    ImageNoveltyDetector,
    ImagePreprocessor,
    MNISTNormalizer,
    evaluation_report,
    load_mnist,
    save_model,
)
from tests.data.pieces import draw_clutter, label_pieces, turn_and_cut, write_and_cut

DATA = Path(__file__).parents[2] / "sk_mnist_cnn" / "data"
PIECE_PARAMS = {
    "filters": (32, 64, 96),
    "kernel_size": 3,
    "pool_size": (2, 2, 1),
    "conv_dropout": 0.05,
    "dense_units": (96,),
    "dense_dropout": 0.1,
    "optimizer": "adam",
    "learning_rate": 0.003,
    "learning_rate_schedule": "one_cycle",
    "epochs": 6,
    "random_state": 0,
}
N_WRITTEN = 48_000  # training images on the pages; the rules of `read_digits` were chosen on the others
N_TURNED = 9_000  # of these images that are also written on their side
N_CLUTTER = 800  # pages without digits


def main():
    """Fit what ships with the package on MNIST's training images."""
    mnist = load_mnist(os.environ.get("SK_MNIST_CNN_DATA"))
    written = write_and_cut(mnist.x_train[:N_WRITTEN], mnist.y_train[:N_WRITTEN])
    make_piece_classifier(mnist, written, DATA / "mnist_pieces.skops")
    make_detector(mnist, DATA / "mnist_novelty.skops")
    make_network(mnist, written, DATA / "mnist.skops")


def make_detector(mnist, path):
    """Fit the detector, write its file, and print the share of test images that are outliers."""
    detector = ImageNoveltyDetector().fit(mnist.x_train, mnist.y_train)
    save(detector, path)
    print(f"outliers among the test images: {np.mean(detector.predict(mnist.x_test) < 0):.2%}")


def make_piece_classifier(mnist, written, path):
    """Train the network that recognizes pieces of marks which are exactly one digit, and write its file."""
    turned = turn_and_cut(mnist.x_train[:N_TURNED], mnist.y_train[:N_TURNED])
    X, y, sample_weight = label_pieces(written, turned, draw_clutter(N_CLUTTER))
    classifier = CNNDigitClassifier(**PIECE_PARAMS, dtype="mixed_bfloat16", verbose=1)
    write(classifier.fit(X, y, sample_weight=sample_weight), path)


def make_network(mnist, written, path):
    """Train the network on MNIST and on the same digits as `read_digits` cuts them, and write its file."""
    X = np.concatenate([mnist.x_train, written.digits])
    y = np.concatenate([mnist.y_train, written.digit_labels])
    # Half precision is faster on processors that support it.
    classifier = CNNDigitClassifier.from_recipe("best", random_state=0, dtype="mixed_bfloat16", verbose=1)
    model = make_pipeline(ImagePreprocessor(), classifier).fit(X, y)
    write(model[-1], path)
    for name, values in measure(model, mnist).items():
        print(name, values)


def write(classifier, path):
    """Write a network for training in single precision."""
    classifier.set_params(dtype="float32", verbose=0)
    # The weights are already in single precision, and most processors train faster in single precision.
    classifier._architecture["dtype"] = "float32"
    save(classifier, path)


def save(estimator, path):
    """Write the file of an estimator, and print its checksum."""
    save_model(estimator, path)
    print(f"{path.name}: {path.stat().st_size:,} bytes, SHA-256 {sha256(path.read_bytes()).hexdigest()}")


def measure(model, mnist):
    """Return accuracy, log loss and calibration error on the test images of MNIST and on `load_digits`."""
    digits = load_digits()
    reports = {
        "MNIST": evaluation_report(model, mnist.x_test, mnist.y_test),
        "load_digits": evaluation_report(
            make_pipeline(MNISTNormalizer(), model), digits.images / 16, digits.target
        ),
    }
    return {
        name: (report.accuracy, report.log_loss, report.calibration_error) for name, report in reports.items()
    }


if __name__ == "__main__":
    main()
