"""Every warning points at the line that called the package, also through scikit-learn and joblib."""

import warnings

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import ImagePreprocessor, MNISTNormalizer
from sk_mnist_cnn._base import warn
from sk_mnist_cnn._fitted import to_images
from tests.estimators import small_classifier

RAW = (255 * np.random.default_rng(0).random((24, 4, 4))).astype(np.uint8)
ROWS = RAW.reshape(24, 16)[:, :15]
SCALED = RAW / 255
LABELS = np.arange(24) % 2
MINIMAL = {"filters": (2,), "dense_units": (4,), "epochs": 1, "random_state": 0}


@pytest.fixture(scope="module")
def classifier():
    """Fitted on scaled images, never refitted."""
    return small_classifier(**MINIMAL).fit(SCALED, LABELS)


def assert_warns_here(call, message):
    """Assert that all warnings of a call have this text, and that the line is in this file."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", ConvergenceWarning)  # of one epoch
        warnings.filterwarnings("ignore", r"\d+ of \d+ pictures (become black|seem to show)")  # of noise
        call()
    assert caught
    for warning in caught:
        assert message in str(warning.message)
        assert warning.filename == __file__
        assert warning.category is UserWarning


TRANSFORMERS = {
    "ImagePreprocessor.fit": lambda: ImagePreprocessor().fit(ROWS),
    "ImagePreprocessor.fit_transform": lambda: ImagePreprocessor().fit_transform(ROWS),
    "MNISTNormalizer.fit": lambda: MNISTNormalizer().fit(ROWS),
    "MNISTNormalizer.fit_transform": lambda: MNISTNormalizer().fit_transform(ROWS),
    "MNISTNormalizer.transform": lambda: MNISTNormalizer().transform(ROWS),
    "Pipeline.fit": lambda: make_pipeline(ImagePreprocessor()).fit(ROWS),
    "Pipeline.fit_transform": lambda: make_pipeline(ImagePreprocessor()).fit_transform(ROWS),
    "nested Pipeline": lambda: make_pipeline(make_pipeline(MNISTNormalizer()), ImagePreprocessor()).fit(ROWS),
    "to_images": lambda: to_images(ROWS),
}


@pytest.mark.parametrize("call", TRANSFORMERS.values(), ids=TRANSFORMERS)
def test_warning_about_flat_rows_points_here(call):
    assert_warns_here(call, "15 features are not a square gray image")


@pytest.mark.parametrize("wrap", [lambda step: step, make_pipeline], ids=["alone", "Pipeline"])
def test_warning_about_scaled_images_points_here(wrap):
    fitted = wrap(ImagePreprocessor()).fit(RAW)
    assert_warns_here(lambda: fitted.transform(SCALED), "is divided by max_value_=255")
    assert_warns_here(lambda: ImagePreprocessor(max_value=255).fit(SCALED), "is divided by max_value_=255")
    assert_warns_here(
        lambda: ImagePreprocessor(max_value=255).fit_transform(SCALED), "is divided by max_value_=255"
    )


FITS = {
    "fit": lambda clf: clf.fit(RAW, LABELS),
    "partial_fit": lambda clf: clf.partial_fit(RAW, LABELS, classes=[0, 1]),
    "Pipeline": lambda clf: make_pipeline(clf).fit(RAW, LABELS),
    "GridSearchCV": lambda clf: GridSearchCV(clf, {"epochs": [1]}, cv=2).fit(RAW, LABELS),
    "cross_val_score": lambda clf: cross_val_score(clf, RAW, LABELS, cv=2),
    "Parallel": lambda clf: Parallel()([delayed(clf.fit)(RAW, LABELS)]),
}


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_warning_about_raw_pixels_in_training_points_here(classifier, fit):
    assert_warns_here(lambda: fit(clone(classifier)), "X holds integer pixels up to 25")


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
@pytest.mark.parametrize("wrap", [lambda clf: clf, make_pipeline], ids=["alone", "Pipeline"])
def test_warning_about_raw_pixels_in_prediction_points_here(classifier, method, wrap):
    model = wrap(classifier)
    assert_warns_here(lambda: getattr(model, method)(RAW), "X holds integer pixels up to 25")


@pytest.mark.parametrize("wrap", [lambda clf: clf, make_pipeline], ids=["alone", "Pipeline"])
def test_warning_about_raw_pixels_in_score_points_here(classifier, wrap):
    model = wrap(classifier)
    assert_warns_here(lambda: model.score(RAW, LABELS), "X holds integer pixels up to 25")


def searches(X, y):
    """Call two searches, each of six fits that do not converge, and a fit, in three lines."""
    clf = small_classifier(**{**MINIMAL, "learning_rate": 1e-9})
    GridSearchCV(clf, {"learning_rate": [1e-9, 1e-8]}, cv=3).fit(X, y)
    cross_val_score(clf, X, y, cv=6)
    clf.fit(X, y)


@pytest.mark.parametrize(("action", "n_expected"), [("default", 3), ("always", 14), ("ignore", 0)])
def test_fits_of_a_search_warn_once_as_the_filter_of_the_user_says(action, n_expected):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(action, ConvergenceWarning)
        searches(SCALED, LABELS)
    found = [warning for warning in caught if warning.category is ConvergenceWarning]
    assert len(found) == n_expected
    assert {warning.filename for warning in found} <= {__file__}
    globals().pop("__warningregistry__", None)  # what has been shown


def test_warn_points_at_its_caller_outside_the_package():
    with pytest.warns(RuntimeWarning, match="text") as caught:
        warn("text", RuntimeWarning)
    assert caught[0].filename == __file__
