"""Accuracy on the complete MNIST."""

import numpy as np
import pytest
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor

pytestmark = pytest.mark.slow


def test_defaults_reach_accuracy_of_reference_notebook(mnist):
    clf = CNNDigitClassifier(validation_split=0.2, random_state=0)
    model = make_pipeline(ImagePreprocessor(), clf).fit(mnist.x_train, mnist.y_train)
    accuracy = model.score(mnist.x_test, mnist.y_test)
    loss = log_loss(mnist.y_test, model.predict_proba(mnist.x_test))
    print(f"accuracy {accuracy:.4f}, loss {loss:.4f}")
    assert accuracy >= 0.9915
    assert loss < 0.03
    assert clf.model_.count_params() == 186_110
    assert {name: len(values) for name, values in clf.history_.items()} == dict.fromkeys(
        ["accuracy", "loss", "val_accuracy", "val_loss"], 10
    )
    assert np.argmax(clf.history_["accuracy"]) > np.argmin(clf.history_["accuracy"])


def test_one_epoch_recipe_reaches_this_accuracy_too(mnist):
    clf = CNNDigitClassifier.from_recipe("one_epoch", random_state=0)
    model = make_pipeline(ImagePreprocessor(), clf).fit(mnist.x_train, mnist.y_train)
    assert model.score(mnist.x_test, mnist.y_test) >= 0.9915
