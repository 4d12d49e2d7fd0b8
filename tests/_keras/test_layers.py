"""The loss with label smoothing."""

import pytest
from numpy.testing import assert_array_equal

from sk_mnist_cnn._keras.backend import keras
from tests.estimators import small_classifier


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_label_smoothing_equals_keras(digits, smoothing):
    X, y = digits[0][:300], digits[1][:300]
    clf = small_classifier(epochs=1, optimizer="sgd", learning_rate=1e-30, label_smoothing=smoothing)
    clf.set_params(conv_dropout=0.0, dense_dropout=0.0).fit(X, y, X_val=X, y_val=y)
    targets = keras.utils.to_categorical(y)
    expected = keras.losses.categorical_crossentropy(
        targets, clf.predict_proba(X), label_smoothing=smoothing
    ).numpy()
    assert clf.history_["loss"] == pytest.approx([expected.mean()], rel=1e-5)
    assert clf.history_["val_loss"] == pytest.approx([expected.mean()], rel=1e-5)


def test_label_smoothing_lowers_confidence(digits):
    plain, smoothed = (small_classifier(label_smoothing=s).fit(*digits) for s in (0.0, 0.3))
    confidence = [clf.predict_proba(digits[0]).max(axis=1).mean() for clf in (plain, smoothed)]
    assert confidence[1] < confidence[0] - 0.05
    again = small_classifier().fit(*digits)
    assert_array_equal(again.predict_proba(digits[0]), plain.predict_proba(digits[0]))
