"""Evaluate fitted classifiers. `_report` computes the scores, and writes them as text and as HTML."""

from collections.abc import Sequence
from datetime import UTC, datetime

from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from ._base import installed_versions
from ._fitted import Estimator, find_images, fitted_steps, predict_labels_and_proba
from ._packages import require
from ._report.report import EvaluationReport
from ._training.targets import encode_labels
from .classifier import CNNDigitClassifier

__all__ = ["EvaluationReport", "evaluation_report"]


def evaluation_report(
    estimator: Estimator,
    X: ArrayLike,
    y: ArrayLike,
    *,
    image_shape: Sequence[int] | None = None,
    name: str | None = None,
) -> EvaluationReport:
    """Evaluate a fitted classifier on labeled data.

    The report shows the accuracy, the scores of each class, the calibration of the probabilities and the most
    frequent misclassifications. The classifier predicts once, and the report stores the predictions for other
    metrics and displays. Read more in the :ref:`User Guide <guide-results>`.

    Parameters
    ----------
    estimator : estimator
        Any fitted scikit-learn classifier, or a Pipeline or search that ends in one.
    X : array-like of shape (n_samples, ...)
        Data in any form that `estimator` accepts: images, flat rows, a frame, text or anything else.
    y : array-like of shape (n_samples,)
        True labels. Some classes may be missing.
    image_shape : tuple of int, (h, w) or (h, w, c), or None, default=None
        Shape of one image in pixels, to show the misclassified images in the HTML page. None is the shape of
        the images in `X`, or for flat rows the shape that `estimator` was fitted on. If neither is known, no
        images are shown.
    name : str or None, default=None
        Name of the data set, for the report.

    Returns
    -------
    report : EvaluationReport
        The scores. `print` shows them as text, and `to_html` writes an HTML page with figures.

    Raises
    ------
    ImportError
        If pandas is not installed.
    NotFittedError
        If `estimator` is not fitted.
    ValueError
        If `estimator` is not a classifier, `y` differs from `X` in length or has unknown labels, or `X` does
        not hold images of the given `image_shape`.

    See Also
    --------
    MisclassifiedDisplay : Draws the misclassified images.
    sklearn.metrics.classification_report : Precision, recall and F1 score as text.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sk_mnist_cnn import evaluation_report
    >>> X, y = load_digits(return_X_y=True)
    >>> report = evaluation_report(GaussianNB().fit(X[:900], y[:900]), X[900:], y[900:])
    >>> round(report.accuracy, 2)
    0.81
    >>> report.confusion_pairs.head(3)
       true  predicted  count
    0     4          7     22
    1     1          8     12
    2     9          8     12
    """
    require("Reports", "pandas")
    check_is_fitted(estimator)
    classes = getattr(estimator, "classes_", None)
    if classes is None:
        raise ValueError(
            f"estimator must be a fitted classifier, with classes_, got {estimator!r}. Pass a classifier."
        )
    y = column_or_1d(y)
    check_consistent_length(X, y)
    y_true = classes[encode_labels(y, classes, "y")]
    y_pred, y_proba = predict_labels_and_proba(estimator, X)
    classifier = fitted_steps(estimator)[-1]
    history = getattr(classifier, "history_", None)
    packages = ["sk_mnist_cnn", "scikit-learn"]
    if isinstance(classifier, CNNDigitClassifier):
        packages.append("keras")
    return EvaluationReport(
        y_true,
        y_pred,
        classes=classes,
        y_proba=y_proba,
        images=find_images(X, image_shape, estimator, y_true != y_pred),
        history=history if isinstance(history, dict) and history.get("loss") else None,
        model=repr(estimator),
        name=name,
        date=datetime.now(UTC),
        versions=installed_versions(*packages),
    )
