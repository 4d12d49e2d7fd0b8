"""`evaluation_report` and `EvaluationReport`: the scores of a fitted classifier. `_report` computes them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from ._base import installed_versions
from ._files import as_destination, replacing
from ._fitted import Estimator, find_images, fitted_steps, predict_labels_and_proba
from ._packages import require
from ._report.metrics import compute_scores, to_plain_data, write_text
from ._training.targets import encode_labels
from .classifier import CNNDigitClassifier

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from sklearn.metrics import ConfusionMatrixDisplay

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


class EvaluationReport:
    """Scores of a classifier on labeled data.

    Create it with `evaluation_report`. `print` shows the scores as text, and `to_html` writes an HTML page.
    Read more in the :ref:`User Guide <guide-results>`.

    Parameters
    ----------
    y_true, y_pred : ndarray of shape (n_samples,)
        True and predicted labels.
    classes : ndarray of shape (n_classes,)
        All labels, sorted.
    y_proba : ndarray of shape (n_samples, n_classes) or None, default=None
        Probability of each class.
    images : ndarray of shape (n_misclassified, h, w, c) or None, default=None
        The misclassified images.
    history : dict of str to list of float, or None, default=None
        Metrics per epoch of the training, as in `CNNDigitClassifier.history_`.
    model : str, default=""
        Description of the classifier.
    name : str or None, default=None
        Name of the data set.
    date : datetime or None, default=None
        When the predictions were made.
    versions : dict of str to str, or None, default=None
        Versions of the packages that made the predictions.

    Attributes
    ----------
    y_true, y_pred, classes, y_proba, images, history, model, name, date, versions : object
        The parameters.
    n_samples : int
        Number of samples.
    accuracy : float
        Fraction of the samples whose label was predicted correctly.
    log_loss : float or None
        Cross-entropy of the probabilities, in nats. None without probabilities.
    calibration_error : float or None
        Expected calibration error [1]_: absolute difference between the accuracy and the mean confidence
        (probability of the most probable class) in 15 bins of equal width, averaged with the number of
        samples as weights. None without probabilities.
    reliability : DataFrame or None
        `count` of samples, mean `confidence` and `accuracy` of these bins. None without probabilities.
    coverage : DataFrame or None
        Accuracy if all predictions whose confidence is below a threshold are rejected. One row per threshold,
        sorted by coverage: `coverage` (fraction of the samples that are not rejected), `accuracy` and number
        of `errors` on these samples, and the `threshold`. The last row has all samples. None without
        probabilities.
    per_class : DataFrame
        `precision`, `recall`, `f1` and `support` by label; 0 where they are not defined.
    averages : DataFrame
        Macro and weighted average of `per_class`.
    confusion : DataFrame
        Confusion matrix: number of samples by true label (rows) and predicted label (columns).
    confusion_pairs : DataFrame
        `true` label, `predicted` label and `count` of all misclassifications, most frequent first.
    misclassified : ndarray of int
        Indices of the misclassified samples.

    See Also
    --------
    evaluation_report : Creates a report from a fitted classifier.
    MisclassifiedDisplay : Draws the misclassified images.
    TrainingHistoryDisplay : Draws loss and accuracy per epoch.

    References
    ----------
    .. [1] Guo, C. et al. (2017). "On calibration of modern neural networks". ICML. arXiv:1706.04599.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_mnist_cnn import EvaluationReport
    >>> y_true, y_pred = np.array(["cat", "dog", "dog"]), np.array(["cat", "cat", "dog"])
    >>> report = EvaluationReport(y_true, y_pred, classes=np.array(["cat", "dog"]))
    >>> report
    EvaluationReport(n_samples=3, accuracy=0.6667)
    >>> report.confusion_pairs
      true predicted  count
    0  dog       cat      1
    """

    n_samples: int
    accuracy: float
    log_loss: float | None
    calibration_error: float | None
    reliability: pd.DataFrame | None
    coverage: pd.DataFrame | None
    per_class: pd.DataFrame
    averages: pd.DataFrame
    confusion: pd.DataFrame
    confusion_pairs: pd.DataFrame
    misclassified: NDArray[np.intp]

    def __init__(
        self,
        y_true: NDArray[Any],
        y_pred: NDArray[Any],
        *,
        classes: NDArray[Any],
        y_proba: NDArray[Any] | None = None,
        images: NDArray[Any] | None = None,
        history: dict[str, list[float]] | None = None,
        model: str = "",
        name: str | None = None,
        date: datetime | None = None,
        versions: dict[str, str] | None = None,
    ) -> None:
        self.y_true = y_true
        self.y_pred = y_pred
        self.classes = classes
        self.y_proba = y_proba
        self.images = images
        self.history = history
        self.model = model
        self.name = name
        self.date = date
        self.versions = versions
        true, predicted = encode_labels(y_true, classes, "y_true"), encode_labels(y_pred, classes, "y_pred")
        vars(self).update(compute_scores(true, predicted, classes, y_proba))

    def to_text(self) -> str:
        """Return the scores as text, as `print` shows them.

        Returns
        -------
        text : str
            Several lines, followed by scikit-learn's `classification_report`.

        Examples
        --------
        >>> import numpy as np
        >>> from sk_mnist_cnn import EvaluationReport
        >>> y_true, y_pred = np.array(["cat", "dog", "dog"]), np.array(["cat", "cat", "dog"])
        >>> report = EvaluationReport(y_true, y_pred, classes=np.array(["cat", "dog"]))
        >>> report.to_text().splitlines()[:2]
        ['Accuracy: 66.67%', 'Misclassified: 1 of 3']
        """
        return write_text(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the scores as plain data, for logs and programs.

        Returns
        -------
        scores : dict
            Lists, dicts, numbers and strings, which can be written as JSON. The rows of `coverage` are those
            with all, 99%, 98%, 95%, 90%, 80%, 70% and 50% of the samples.

        Examples
        --------
        >>> import numpy as np
        >>> from sk_mnist_cnn import EvaluationReport
        >>> y_true, y_pred = np.array(["cat", "dog", "dog"]), np.array(["cat", "cat", "dog"])
        >>> report = EvaluationReport(y_true, y_pred, classes=np.array(["cat", "dog"]))
        >>> report.to_dict()["confusion_pairs"]
        [{'true': 'dog', 'predicted': 'cat', 'count': 1}]
        """
        return to_plain_data(self)

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the report as a self-contained HTML page with figures, which works offline.

        Parameters
        ----------
        path : str or PathLike
            The file, in an existing directory. An existing file is replaced when the new one is complete.

        Raises
        ------
        FileNotFoundError
            If the directory does not exist, or `path` is a directory, a device or a pipe.
        OSError
            If the file cannot be written, for instance on a full disk.
        TypeError
            If `path` is neither a str nor a PathLike.
        ValueError
            If no file can have this name.

        Examples
        --------
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> from sk_mnist_cnn import EvaluationReport
        >>> y_true, y_pred = np.array(["cat", "dog", "dog"]), np.array(["cat", "cat", "dog"])
        >>> report = EvaluationReport(y_true, y_pred, classes=np.array(["cat", "dog"]), name="pets")
        >>> with TemporaryDirectory() as folder:
        ...     report.to_html(Path(folder, "report.html"))
        ...     Path(folder, "report.html").read_text(encoding="utf-8")[:15]
        '<!DOCTYPE html>'
        """
        from ._report.html import write_page

        target = as_destination(path)
        with replacing(target) as file:
            file.write(write_page(self).encode("utf-8"))

    def plot_confusion_matrix(
        self, *, normalize: Literal["true", "pred", "all"] | None = None, ax: Axes | None = None
    ) -> ConfusionMatrixDisplay:
        """Draw the confusion matrix as in the HTML page: zeros are blank, and small counts are visible.

        Parameters
        ----------
        normalize : {"true", "pred", "all"} or None, default=None
            Divide the counts by the number of samples with the same true label ("true"), with the same
            predicted label ("pred") or in total ("all"). None draws the counts.
        ax : Axes or None, default=None
            Axes to draw on. None creates a figure.

        Returns
        -------
        display : sklearn.metrics.ConfusionMatrixDisplay
            The display, drawn. Colors are on a square-root scale.

        Raises
        ------
        ValueError
            If `normalize` is not one of these values.

        Examples
        --------
        >>> import numpy as np
        >>> from sk_mnist_cnn import EvaluationReport
        >>> y_true, y_pred = np.array(["cat", "dog", "dog"]), np.array(["cat", "cat", "dog"])
        >>> report = EvaluationReport(y_true, y_pred, classes=np.array(["cat", "dog"]))
        >>> report.plot_confusion_matrix(normalize="true").ax_.get_ylabel()
        'True label'
        """
        from .plotting._evaluation import plot_confusion_matrix

        return plot_confusion_matrix(self.confusion.to_numpy(), self.classes, normalize=normalize, ax=ax)

    def __repr__(self) -> str:
        names = "accuracy", "log_loss", "calibration_error"
        scores = [f"{name}={getattr(self, name):.4f}" for name in names if getattr(self, name) is not None]
        return f"EvaluationReport({', '.join([f'n_samples={self.n_samples}', *scores])})"

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        from ._report.html import write_scores

        return write_scores(self)
