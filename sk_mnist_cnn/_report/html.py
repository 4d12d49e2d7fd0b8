"""Write an `EvaluationReport` as one HTML file with figures and CSS, from the files in the folder `page`."""

from html import escape
from importlib import resources

from .._fitted import proba_of_predicted
from ..plotting import MisclassifiedDisplay, TrainingHistoryDisplay
from ..plotting._evaluation import plot_coverage, plot_reliability
from ..plotting._image_grid import rescale_pixels
from ..plotting._matplotlib import as_data_url, plt
from .metrics import describe_confusions, describe_coverage, select_coverages, summarize

_DARK = "#14171b"  # as in page.css
_THEMES = {"light": ["default"], "dark": ["default", "dark_background", {"axes.facecolor": _DARK}]}
_N_PAIRS = 10


def write_page(report):
    """Return the report as an HTML page."""
    return _read("page.html").format(
        title="Evaluation report" if report.name is None else f"Evaluation report: {escape(report.name)}",
        style=_read("scores.css") + _read("page.css"),
        n_samples=report.n_samples,
        n_classes=len(report.classes),
        scores=_scores(report),
        sections="\n".join(_sections(report)),
        model=escape(report.model),
        footer=_footer(report),
    )


def write_scores(report):
    """Return the scores as HTML without figures, with their CSS, for notebooks."""
    return f'<style>{_read("scores.css")}</style>\n<div class="evaluation">\n{_scores(report)}\n</div>'


def _read(name):
    return resources.files(__package__).joinpath("page", name).read_text("utf-8")


def _scores(report):
    scores = "".join(
        f'<div class="score"><span>{name}</span> <strong>{value}</strong></div>\n'
        for name, value in summarize(report).items()
    )
    tables = [_table("Scores per class", _format_floats(report.per_class), _format_floats(report.averages))]
    if len(report.confusion_pairs):
        pairs = report.confusion_pairs.head(_N_PAIRS).set_index("true")
        tables.append(_table("Most frequent misclassifications", pairs))
    return f'<div class="scores">\n{scores}</div>\n<div class="tables">\n{"".join(tables)}</div>'


def _format_floats(frame):
    return frame.apply(lambda column: column.map("{:.4f}".format) if column.dtype.kind == "f" else column)


def _table(caption, frame, footer=None):
    """Return a DataFrame as an HTML table, with its index first; `footer` has the same columns.

    `DataFrame.to_html` writes no caption, no footer and no scope of headers, which screen readers use.
    """
    columns = [frame.index.name, *frame.columns]
    head = "".join(f'<th scope="col">{name}</th>' for name in columns)
    foot = "" if footer is None else f"<tfoot>\n{_rows(footer)}</tfoot>\n"
    return (
        f"<div><table><caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{_rows(frame)}</tbody>\n{foot}</table></div>\n"
    )


def _rows(frame):
    rows = []
    for row in frame.itertuples():
        label, *cells = [escape(str(value)) for value in row]
        rows.append(f'<tr><th scope="row">{label}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>\n')
    return "".join(rows)


def _footer(report):
    """Return the date and the package versions of the report, if known."""
    parts = [] if report.date is None else [f"Created on {report.date:%Y-%m-%d %H:%M %Z}".rstrip()]
    parts += [f"{package} {version}" for package, version in (report.versions or {}).items()]
    return f"<footer>{escape(' · '.join(parts))}</footer>" if parts else ""


def _sections(report):
    """Yield the sections with figures for which there is data."""
    n_correct = report.n_samples - len(report.misclassified)
    alt = f"Confusion matrix of true and predicted labels: {n_correct} of {report.n_samples} on the diagonal."
    if len(report.confusion_pairs):
        alt += f" Most frequent misclassifications: {', '.join(describe_confusions(report, 3))}."
    yield _section("Confusion matrix", _figure(alt, lambda: report.plot_confusion_matrix().figure_))
    if report.images is not None and len(report.images):
        alt = "Misclassified images, each with its true and its predicted label."
        yield _section("Misclassified images", _figure(alt, lambda: _plot_misclassified(report)))
    if report.y_proba is not None:
        alt = (
            "Reliability diagram: accuracy and number of samples by confidence. Expected calibration error "
            f"{report.calibration_error:.4f}."
        )
        yield _section("Calibration", _figure(alt, lambda: plot_reliability(report.reliability)))
        alt = f"Accuracy by coverage: {', '.join(describe_coverage(report))}."
        figure = _figure(alt, lambda: plot_coverage(report.coverage))
        yield _section("Accuracy by coverage", figure, _coverage_table(report.coverage))
    if report.history:
        metrics = [metric for metric in ("loss", "accuracy") if metric in report.history]
        yield _section("Training history", *[_history_figure(report.history, metric) for metric in metrics])


def _coverage_table(curve):
    rows = select_coverages(curve).set_index("coverage")
    rows.index = rows.index.map("{:.1%}".format)
    table = _table("If less confident samples are rejected", _format_floats(rows.rename_axis("coverage")))
    return f'<div class="tables">{table}</div>'


def _section(heading, *figures):
    return f'<section><h2>{heading}</h2>\n<div class="figures">\n{"".join(figures)}</div></section>'


def _figure(alt, plot):
    """Return a figure as HTML; `plot` draws it for the light and for the dark theme."""
    images = {}
    for theme, styles in _THEMES.items():
        with plt.style.context(styles), plt.ioff():
            figure = plot()
            images[theme] = as_data_url(figure)
    width = round(figure.get_size_inches()[0] * 96)
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{images["dark"]}">\n'
        f'<img src="{images["light"]}" width="{width}" alt="{escape(alt)}"></picture>\n'
    )


def _plot_misclassified(report):
    indices, y_proba = report.misclassified, None
    if report.y_proba is not None:
        y_proba = proba_of_predicted(report.y_proba[indices], report.y_pred[indices], report.classes)
    display = MisclassifiedDisplay(
        rescale_pixels(report.images), report.y_true[indices], report.y_pred[indices], y_proba=y_proba
    )
    return display.plot().figure_


def _history_figure(history, metric):
    n_epochs = len(history["loss"])
    changes = [
        f"{name} from {values[0]:.4f} to {values[-1]:.4f}"
        for name, values in history.items()
        if name in (metric, f"val_{metric}") and len(values) == n_epochs
    ]
    alt = f"Training history, from the first of {n_epochs} epochs to the last: {', '.join(changes)}."
    return _figure(alt, lambda: TrainingHistoryDisplay({None: history}).plot(metrics=metric).figure_)
