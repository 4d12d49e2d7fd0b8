"""Images of animals, on which no recipe was tuned, for the measurement of the recipes.

Run ``python -m tests.benchmarks.animals animals.npz``, then
``python -m tests.benchmarks.recipes --seeds 3 --images animals.npz``. The package animal-mnist has
silhouettes of ten animals, of 28x28 pixels.
"""

import sys
import warnings

import numpy as np
from sklearn.model_selection import train_test_split

from .libraries import load_keras


def main(path):
    load_keras()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the arrays were pickled with NumPy 1
        from animal_mnist.dataset_Loader import load_animal_mnist_dataset

        X, y = load_animal_mnist_dataset()
    _, unique = np.unique(X, axis=0, return_index=True)  # some images occur twice
    x_train, x_test, y_train, y_test = train_test_split(
        X[unique], y[unique], test_size=2000, stratify=y[unique], random_state=0
    )
    np.savez(path, x_train=x_train, x_test=x_test, y_train=y_train, y_test=y_test)
    print(f"{len(x_train):,} training images and {len(x_test):,} test images in {path}")


if __name__ == "__main__":
    main(sys.argv[1])
