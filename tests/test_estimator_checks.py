"""scikit-learn's estimator checks, with no expected failures."""

from unittest import SkipTest

import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor

# Full batches, no dropout and float64, since check_sample_weight_equivalence has a tolerance of 1e-7.
CLASSIFIER = CNNDigitClassifier(
    filters=(8,),
    dense_units=(16,),
    optimizer="adam",
    learning_rate=0.03,
    epochs=8,
    batch_size=1000,
    conv_dropout=0,
    dense_dropout=0,
    dtype="float64",
    random_state=0,
)
NORMALIZED = clone(CLASSIFIER).set_params(
    padding="same", batch_normalization=True, global_average_pooling=True, epochs=40
)


# The number of features is not a square in most checks, and some checks use integers.
@pytest.mark.filterwarnings("ignore:.* features are not a square gray image:UserWarning")
@pytest.mark.filterwarnings("ignore:X holds integer pixels:UserWarning")
@parametrize_with_checks([ImagePreprocessor(), ImagePreprocessor(flatten=True), CLASSIFIER, NORMALIZED])
def test_estimator_checks(estimator, check):
    try:
        check(estimator)
    except SkipTest:
        name = check.func.__name__
        assert name == "check_array_api_input", f"{name} was skipped"
        raise
