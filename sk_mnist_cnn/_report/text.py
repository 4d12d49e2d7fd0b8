"""Write an `EvaluationReport` as text, and as plain data. `html` writes it as HTML."""

from sklearn.metrics import classification_report

from .._training.targets import encode_labels
from .metrics import select_coverages

_N_PAIRS = 5
_N_COVERAGES = 5


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
