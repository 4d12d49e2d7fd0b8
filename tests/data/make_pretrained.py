"""Fit the networks and the novelty detector that ship with the package, and write their files.

Run ``make pretrained`` in a checkout, or ``python -m tests.data.make_pretrained FOLDER``, which installs the
fonts in the folder with npm. MNIST is read from the file whose path is in ``SK_MNIST_CNN_DATA``. The command
takes about half an hour on two cores. It prints the SHA-256 of each file, which `pretrained.py` verifies, and
the scores in the documentation. `make_page_network` trains the network that finds digits on pages.
"""

import os
import sys
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
    fetch_mnist,
    save_model,
)
from tests.data.compose import load_composer
from tests.data.hands import cut_digits, draw_digits

DATA = Path(__file__).parents[2] / "sk_mnist_cnn" / "data"
N_DRAWN = 20_000  # digits of many hands and pens, for each of two seeds
TILES = range(50_000, 53_000)  # seeds of composed tiles, of which the page network cuts about as many


def main():
    """Fit what ships with the package on MNIST's training images, and on digits that are composed of them."""
    (folder,) = sys.argv[1:]
    path = os.environ["SK_MNIST_CNN_DATA"]
    mnist = fetch_mnist(path)
    make_detector(mnist, DATA / "mnist_novelty.skops")
    composer = load_composer(folder, path)
    images = mnist.x_train, mnist.y_train
    drawn = [draw_digits(composer, N_DRAWN, seed) for seed in (1, 2)]
    # Twice, because the network is less accurate on MNIST's images if they are less than half.
    make_network([images, images, *drawn, cut_digits(composer, TILES)], mnist, DATA / "mnist.skops")


def make_detector(mnist, path):
    """Fit the detector, write its file, and print the share of test images that are outliers."""
    detector = ImageNoveltyDetector().fit(mnist.x_train, mnist.y_train)
    save(detector, path)
    print(f"outliers among the test images: {np.mean(detector.predict(mnist.x_test) < 0):.2%}")


def make_network(parts, mnist, path):
    """Train the network on all images of `parts`, and write its file."""
    X, y = map(np.concatenate, zip(*parts, strict=True))
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
