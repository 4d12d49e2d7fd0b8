import copy

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, load_mnist_sample
from sk_mnist_cnn.draw._recognizer import Recognizer


@pytest.fixture(scope="package")
def quick_model():
    """A pipeline fitted on 2,000 of the shipped digits; labels are strings. Never refitted."""
    mnist = load_mnist_sample()
    classifier = CNNDigitClassifier(
        (8, 16), dense_units=(64,), optimizer="adam", learning_rate=0.003, epochs=8, random_state=0
    )
    labels = mnist.y_train[:2000].astype(np.str_)
    return make_pipeline(ImagePreprocessor(), classifier).fit(mnist.x_train[:2000], labels)


@pytest.fixture(scope="package")
def first_recognizer(quick_model):
    """A recognizer, never corrected."""
    return Recognizer(quick_model)


@pytest.fixture
def recognizer(first_recognizer):
    recognizer = copy.copy(first_recognizer)
    recognizer._random = np.random.default_rng(0)
    recognizer.reset()
    return recognizer
