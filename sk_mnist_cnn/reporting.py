"""`evaluation_report`: how well a fitted classifier does, in numbers. `_report_html` makes their page."""

import os
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.metrics import (
    accuracy_score,
    classification_report,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
)
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from ._files import as_destination, replacing
from ._fitted import as_images, fitted_image_shape, predictions, steps
from ._targets import encode_labels

_N_BINS = 15  # as in Guo et al. (2017)


def evaluation_report(
    estimator: BaseEstimator, X: ArrayLike, y: ArrayLike, *, image_shape: Sequence[int] | None = None
) -> "EvaluationReport":
    """Find out how well a fitted classifier does on labelled data.

    It predicts once. What the report holds is enough for other metrics and displays to need no second time.

    Parameters
    ----------
    estimator : estimator
        Any fitted scikit-learn classifier, or a Pipeline or search that ends in one.
    X : array-like of shape (n_samples, ...)
        Data as `estimator` takes them: images, flat rows, a frame or anything else.
    y : array-like of shape (n_samples,)
        True labels. Some of the classes may be missing.
    image_shape : tuple of int, (h, w) or (h, w, c), or None, default=None
        Shape of one image, in pixels, for the page to show those misclassified. None is the shape of `X`, or
        for flat rows that which `estimator` was fitted on, as `CNNDigitClassifier` knows it. Otherwise
        none are shown.

    Returns
    -------
    report : EvaluationReport
        The numbers, which print themselves; `to_html` writes a page with pictures.

    Raises
    ------
    ValueError
        If `estimator` is no classifier, `y` does not fit `X` or holds a label that `estimator` does not
        know, or `image_shape` does not fit `X`.

    See Also
    --------
    MisclassifiedDisplay : The misclassified images alone.
    sklearn.metrics.classification_report : Precision and recall alone.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sk_mnist_cnn.reporting import evaluation_report
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
    check_is_fitted(estimator)
    classes = getattr(estimator, "classes_", None)
    if classes is None:
        raise ValueError(f"estimator must be a fitted classifier, with classes_; got {estimator!r}.")
    labels = column_or_1d(y)
    check_consistent_length(X, labels)
    y_true = classes[encode_labels(labels, classes, "y")]
    y_pred, y_proba = predictions(estimator, X)
    y_pred = np.asarray(y_pred)
    history = getattr(steps(estimator)[-1], "history_", None)
    return EvaluationReport(
        y_true,
        y_pred,
        classes=classes,
        y_proba=None if y_proba is None else np.asarray(y_proba),
        images=_known_images(X, image_shape, estimator, y_true != y_pred),
        history=history if isinstance(history, dict) and history.get("loss") else None,
        model=repr(estimator),
    )


class EvaluationReport:
    """What a classifier gets right and wrong; made by `evaluation_report`.

    Parameters
    ----------
    y_true, y_pred : ndarray of shape (n_samples,)
        True and predicted labels.
    classes : ndarray of shape (n_classes,)
        All labels there are, sorted.
    y_proba : ndarray of shape (n_samples, n_classes) or None, default=None
        Probability of each class.
    images : ndarray of shape (n_misclassified, h, w, c) or None, default=None
        The misclassified images.
    history : dict of list of float or None, default=None
        What was recorded in each epoch of the training.
    model : str, default=""
        What the classifier is, for the page.

    Attributes
    ----------
    n_samples : int
        Number of labels.
    accuracy : float
        Fraction of them that was predicted.
    log_loss : float or None
        Cross-entropy of the probabilities, in nats. None without probabilities.
    calibration_error : float or None
        Expected calibration error [1]_: by how much the probability of the most probable class differs
        from the accuracy, on average over 15 bins of equal width. None without probabilities.
    reliability : DataFrame or None
        These bins: `count` of samples, mean `confidence`, `accuracy`. None without probabilities.
    per_class : DataFrame
        `precision`, `recall`, `f1` and `support` by label; 0 where there is nothing to divide by.
    confusion : DataFrame
        Number of samples, by true label (rows) and predicted label (columns).
    confusion_pairs : DataFrame
        `true` label, `predicted` label and `count` of all mistakes, most frequent first.
    misclassified : ndarray of int
        Positions of the misclassified samples in the data.

    References
    ----------
    .. [1] Guo, C. et al. (2017). "On calibration of modern neural networks". ICML. arXiv:1706.04599.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_mnist_cnn.reporting import EvaluationReport
    >>> y_true, y_pred = np.array(["cat", "dog", "dog"]), np.array(["cat", "cat", "dog"])
    >>> EvaluationReport(y_true, y_pred, classes=np.array(["cat", "dog"]))
    EvaluationReport(n_samples=3, accuracy=0.6667)
    """

    def __init__(
        self,
        y_true: np.ndarray,
        y_pred: np.ndarray,
        *,
        classes: np.ndarray,
        y_proba: np.ndarray | None = None,
        images: np.ndarray | None = None,
        history: dict | None = None,
        model: str = "",
    ) -> None:
        self.y_true = y_true
        self.y_pred = y_pred
        self.classes = classes
        self.y_proba = y_proba
        self.images = images
        self.history = history
        self.model = model
        self.n_samples = len(y_true)
        self.accuracy = float(accuracy_score(y_true, y_pred))
        self.misclassified = np.flatnonzero(y_true != y_pred)
        self.per_class = _per_class(y_true, y_pred, classes)
        counts = confusion_matrix(y_true, y_pred, labels=classes)
        self.confusion = pd.DataFrame(
            counts, pd.Index(classes, name="true"), pd.Index(classes, name="predicted")
        )
        self.confusion_pairs = _rank_mistakes(counts, classes)
        self.log_loss = self.reliability = self.calibration_error = None
        if y_proba is not None:
            self.log_loss = float(log_loss(y_true, y_proba, labels=classes))
            self.reliability = _reliability(y_true, y_proba, classes)
            gaps = (self.reliability["accuracy"] - self.reliability["confidence"]).abs()
            self.calibration_error = float((gaps * self.reliability["count"]).sum() / self.n_samples)

    def to_text(self) -> str:
        """Give the numbers as text, for people.

        Returns
        -------
        text : str
            Several lines, of which scikit-learn's `classification_report` is the last part.
        """
        lines = [f"{name}: {value}" for name, value in self._headline().items()]
        if len(self.confusion_pairs):
            lines.append(f"Most frequent mistakes: {', '.join(self._mistakes()[:5])}")
        table = classification_report(
            self.y_true, self.y_pred, labels=self.classes, digits=4, zero_division=0
        )
        return "\n".join([*lines, "", table])

    def to_dict(self) -> dict:
        """Give the numbers as plain data, for programs.

        Returns
        -------
        numbers : dict
            Lists, dicts, numbers and strings, which `json.dump` takes.
        """
        return {
            "n_samples": self.n_samples,
            "accuracy": self.accuracy,
            "log_loss": self.log_loss,
            "calibration_error": self.calibration_error,
            "per_class": self.per_class.reset_index().to_dict("records"),
            "confusion": {"labels": self.classes.tolist(), "counts": self.confusion.to_numpy().tolist()},
            "confusion_pairs": self.confusion_pairs.to_dict("records"),
            "misclassified": self.misclassified.tolist(),
        }

    def to_html(self, path: str | os.PathLike) -> None:
        """Write the numbers and pictures to a page that needs no other file and no network.

        Parameters
        ----------
        path : str or PathLike
            The file, in a folder that exists. It takes the place of an older one when it is complete.

        Raises
        ------
        FileNotFoundError
            If the folder does not exist, or `path` is one.
        TypeError
            If `path` is something else.
        """
        from ._report_html import write_page

        target = as_destination(path)
        with replacing(target) as file:
            file.write(write_page(self).encode("utf-8"))

    def __repr__(self):
        names = "accuracy", "log_loss", "calibration_error"
        numbers = [f"{name}={getattr(self, name):.4f}" for name in names if getattr(self, name) is not None]
        return f"EvaluationReport({', '.join([f'n_samples={self.n_samples}', *numbers])})"

    def _repr_html_(self):
        from ._report_html import write_numbers

        return write_numbers(self)

    def _headline(self):
        """The most important numbers by name, as people read them."""
        numbers = {
            "Accuracy": f"{self.accuracy:.2%}",
            "Misclassified": f"{len(self.misclassified):,} of {self.n_samples:,}",
        }
        if self.y_proba is not None:
            numbers["Log loss"] = f"{self.log_loss:.4f}"
            numbers["Calibration error"] = f"{self.calibration_error:.4f}"
        return numbers

    def _mistakes(self):
        """The mistakes in words, most frequent first."""
        return [
            f"{true} taken for {predicted} ({count})"
            for true, predicted, count in self.confusion_pairs.itertuples(index=False)
        ]


def _known_images(X, image_shape, estimator, wrong):
    """The misclassified images, or None where nothing says that `X` holds images of one shape."""
    if image_shape is None:
        try:
            shape = np.shape(X)[1:]
        except ValueError:  # a list of images of any size
            return None
        image_shape = (*shape, 1)[:3] if len(shape) > 1 else fitted_image_shape(estimator, np.prod(shape))
    return None if image_shape is None else as_images(X, image_shape)[wrong]


def _per_class(y_true, y_pred, classes):
    columns = precision_recall_fscore_support(y_true, y_pred, labels=classes, zero_division=0)
    names = "precision", "recall", "f1", "support"
    return pd.DataFrame(dict(zip(names, columns, strict=True)), pd.Index(classes, name="label"))


def _rank_mistakes(counts, classes):
    """The non-zero counts off the diagonal, largest first."""
    mistakes = counts * ~np.eye(len(classes), dtype=bool)
    order = np.argsort(-mistakes, axis=None, kind="stable")[: np.count_nonzero(mistakes)]
    true, predicted = np.unravel_index(order, mistakes.shape)
    return pd.DataFrame(
        {"true": classes[true], "predicted": classes[predicted], "count": mistakes[true, predicted]}
    )


def _reliability(y_true, y_proba, classes):
    """Mean confidence and accuracy of the samples, in bins of confidence that are open below."""
    confidence = y_proba.max(axis=1).astype(float).clip(0, 1)
    samples = pd.DataFrame({"confidence": confidence, "accuracy": classes[y_proba.argmax(axis=1)] == y_true})
    bins = pd.cut(confidence, np.linspace(0, 1, _N_BINS + 1), include_lowest=True)
    groups = samples.groupby(bins, observed=False)
    return pd.concat([groups.size().rename("count"), groups.mean()], axis=1)
