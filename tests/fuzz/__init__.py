"""Tests that read damaged and forged files. They are slow; see `make fuzz`."""

import os


def n_examples(n):
    """Return how many of `n` examples a test runs: all of them in `make fuzz`, the first fourth otherwise."""
    return n if os.environ.get("SK_MNIST_CNN_FUZZ") == "all" else n // 4
