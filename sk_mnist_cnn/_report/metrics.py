"""Compute the scores of an `EvaluationReport`, and write them as text and as plain data."""

import numpy as np
from sklearn.metrics import classification_report, confusion_matrix, log_loss

from .._packages import pd
from .._training.targets import encode_labels

_N_BINS = 15  # as in Guo et al. (2017)
_N_PAIRS = 5
_N_COVERAGES = 5
_COVERAGES = (1.0, 0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.5)


def compute_scores(true, predicted, classes, y_proba):
    """Return the scores that are attributes of an `EvaluationReport`, by name.

    Parameters
    ----------
    true, predicted : ndarray of int of shape (n_samples,)
        Positions of the labels in `classes`: scikit-learn's metrics do not support some types of labels.
    classes : ndarray of shape (n_classes,)
    y_proba : ndarray of shape (n_samples, n_classes) or None
    """
    counts = confusion_matrix(true, predicted, labels=np.arange(len(classes)))
    per_class, averages = score_classes(true, predicted, classes)
    scores = {
        "n_samples": len(true),
        "misclassified": np.flatnonzero(true != predicted),
        "accuracy": float(np.mean(true == predicted)),
        "confusion": pd.DataFrame(
            counts, pd.Index(classes, name="true"), pd.Index(classes, name="predicted")
        ),
        "confusion_pairs": rank_confusions(counts, classes),
        "per_class": per_class,
        "averages": averages,
    }
    if y_proba is None:
        return {**scores, **dict.fromkeys(("log_loss", "reliability", "calibration_error", "coverage"))}
    bins = bin_by_confidence(true, y_proba)
    gaps = (bins["accuracy"] - bins["confidence"]).abs()
    return {
        **scores,
        "log_loss": cross_entropy(true, y_proba),
        "reliability": bins,
        "calibration_error": float((gaps * bins["count"]).sum() / len(true)),
        "coverage": trace_coverage(true == predicted, y_proba),
    }


def score_classes(true, predicted, classes):
    """Return precision, recall, F1 score and support by label, and their averages."""
    report = classification_report(
        true, predicted, labels=np.arange(len(classes)), output_dict=True, zero_division=0
    )
    averages = pd.DataFrame({name: report[name] for name in ("macro avg", "weighted avg")}).T
    per_class = pd.DataFrame([report[str(position)] for position in range(len(classes))])
    per_class.index = pd.Index(classes, name="label")
    return tuple(
        frame.rename(columns={"f1-score": "f1"}).astype({"support": int}) for frame in (per_class, averages)
    )


def cross_entropy(true, y_proba):
    """Return the log loss of probabilities that may be rounded to float32, as in an array of float64."""
    sums = y_proba.sum(axis=1, keepdims=True)
    rounded = np.allclose(sums, 1, rtol=0, atol=1e-5)
    return float(log_loss(true, y_proba / sums if rounded else y_proba, labels=np.arange(y_proba.shape[1])))


def rank_confusions(counts, classes):
    """Return the non-zero counts off the diagonal, largest first."""
    errors = counts * ~np.eye(len(classes), dtype=bool)
    order = np.argsort(-errors, axis=None, kind="stable")[: np.count_nonzero(errors)]
    true, predicted = np.unravel_index(order, errors.shape)
    return pd.DataFrame(
        {"true": classes[true], "predicted": classes[predicted], "count": errors[true, predicted]}
    )


def bin_by_confidence(true, y_proba):
    """Return count, mean confidence and accuracy of the samples in bins that include their right edge."""
    confidence = y_proba.max(axis=1).astype(float).clip(0, 1)
    samples = pd.DataFrame({"confidence": confidence, "accuracy": y_proba.argmax(axis=1) == true})
    bins = pd.cut(confidence, np.linspace(0, 1, _N_BINS + 1), include_lowest=True)
    groups = samples.groupby(bins, observed=False)
    return pd.concat([groups.size().rename("count"), groups.mean()], axis=1)


def trace_coverage(correct, y_proba):
    """Return coverage and accuracy if all samples below a threshold are rejected, for each threshold."""
    confidence, group = np.unique(-y_proba.max(axis=1).astype(float), return_inverse=True)
    answered = np.cumsum(np.bincount(group))
    n_correct = np.cumsum(np.bincount(group, weights=correct))
    return pd.DataFrame(
        {
            "coverage": answered / len(correct),
            "accuracy": n_correct / answered,
            "threshold": -confidence,
            "errors": answered - n_correct.astype(int),
        }
    )


def select_coverages(curve):
    """Return the rows of a coverage curve with all, at least 99%, at least 98% and so on of the samples."""
    rows = np.searchsorted(curve["coverage"], np.array(_COVERAGES) - 1e-9)
    return curve.iloc[list(dict.fromkeys(rows))]


def write_text(report):
    """Return the main scores and scikit-learn's `classification_report`."""
    lines = [f"{name}: {value}" for name, value in summarize(report).items()]
    if report.name is not None:
        lines.insert(0, f"Data set: {report.name}")
    if len(report.confusion_pairs):
        lines.append(f"Most frequent misclassifications: {', '.join(describe_confusions(report, _N_PAIRS))}")
    if report.coverage is not None:
        lines.append(f"Accuracy by coverage: {', '.join(describe_coverage(report))}")
    table = classification_report(
        encode_labels(report.y_true, report.classes, "y_true"),
        encode_labels(report.y_pred, report.classes, "y_pred"),
        labels=range(len(report.classes)),
        target_names=[str(label) for label in report.classes],
        digits=4,
        zero_division=0,
    )
    return "\n".join([*lines, "", table])


def to_plain_data(report):
    """Return the scores as lists, dicts, numbers and strings."""
    coverage = None if report.coverage is None else select_coverages(report.coverage).to_dict("records")
    return {
        "name": report.name,
        "date": None if report.date is None else report.date.isoformat(),
        "versions": report.versions,
        "n_samples": report.n_samples,
        "accuracy": report.accuracy,
        "log_loss": report.log_loss,
        "calibration_error": report.calibration_error,
        "coverage": coverage,
        "per_class": report.per_class.reset_index().to_dict("records"),
        "averages": report.averages.to_dict("index"),
        "confusion": {"labels": report.classes.tolist(), "counts": report.confusion.to_numpy().tolist()},
        "confusion_pairs": report.confusion_pairs.to_dict("records"),
        "misclassified": report.misclassified.tolist(),
    }


def summarize(report):
    """Return the main scores as text, by name."""
    scores = {
        "Accuracy": f"{report.accuracy:.2%}",
        "Misclassified": f"{len(report.misclassified):,} of {report.n_samples:,}",
    }
    if report.y_proba is not None:
        scores["Log loss"] = f"{report.log_loss:.4f}"
        scores["Calibration error"] = f"{report.calibration_error:.4f}"
    return scores


def describe_confusions(report, n_pairs):
    """Return the most frequent misclassifications as text."""
    return [
        f"{true} predicted as {predicted} ({count})"
        for true, predicted, count in report.confusion_pairs.head(n_pairs).itertuples(index=False)
    ]


def describe_coverage(report):
    """Return the accuracy at the largest coverages as text."""
    rows = select_coverages(report.coverage).head(_N_COVERAGES)
    return [f"{row.accuracy:.2%} at {row.coverage:.1%}" for row in rows.itertuples()]
