"""scikit-learn's own checks of both estimators, with no failure expected."""

from unittest import SkipTest

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor

# Full batches without dropout, in float64: check_sample_weight_equivalence compares to 1e-7.
CLASSIFIER = CNNDigitClassifier(
    filters=(8,),
    dense_units=(16,),
    optimizer="adam",
    learning_rate=0.01,
    epochs=20,
    batch_size=1000,
    conv_dropout=0,
    dense_dropout=0,
    dtype="float64",
    random_state=0,
)


# The checks' data is no images: most of it has no square number of features, and some is whole numbers.
@pytest.mark.filterwarnings("ignore:.* features are not a square gray image:UserWarning")
@pytest.mark.filterwarnings("ignore:X holds integer pixels:UserWarning")
@parametrize_with_checks([ImagePreprocessor(), CLASSIFIER])
def test_scikit_learns_checks_pass(estimator, check):
    try:
        check(estimator)
    except SkipTest:
        name = check.func.__name__
        assert name == "check_array_api_input", f"{name} was skipped"
        raise
