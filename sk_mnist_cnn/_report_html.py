"""The page of an `EvaluationReport`: HTML, CSS and pictures in one file. `reporting` has the numbers."""

import base64
import io
from html import escape

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import PowerNorm
from sklearn.metrics import ConfusionMatrixDisplay

from ._targets import encode_labels
from .plotting import MisclassifiedDisplay, TrainingHistoryDisplay
from .plotting._image_grid import as_pixels

_THEMES = {"light": ["default"], "dark": ["default", "dark_background"]}
_N_PAIRS = 10
_MOST_LEGIBLE = 20  # classes of a confusion matrix with a number in every cell

_STYLE = """
.evaluation { --line: #8884; font: 1rem/1.5 system-ui, sans-serif; }
.evaluation dl { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.5rem 0; padding: 0; }
.evaluation dl div { flex: 1 1 9rem; padding: .75rem 1rem; border: 1px solid var(--line);
 border-radius: .5rem; }
.evaluation dt { font-size: .875rem; font-weight: 400; }
.evaluation dd { margin: 0; font-size: 1.5rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.evaluation .side-by-side { display: flex; flex-wrap: wrap; gap: 2rem; align-items: flex-start; }
.evaluation .side-by-side > * { flex: 1 1 20rem; min-width: 0; }
.evaluation .table { overflow-x: auto; }
.evaluation table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
.evaluation caption { padding: .5rem 0; font-weight: 600; text-align: left; }
.evaluation th, .evaluation td { padding: .25rem .75rem; border-top: 1px solid var(--line);
 text-align: right; }
.evaluation th:first-child { text-align: left; }
"""

_PAGE_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --ink: #e4e7eb; } }
body { margin: 0; background: var(--paper); color: var(--ink); }
main { max-width: 64rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; }
h2 { margin: 2.5rem 0 .5rem; font-size: 1.2rem; }
p { margin: .25rem 0; max-width: 44rem; }
img { display: block; max-width: 100%; height: auto; margin: .5rem auto; }
pre { overflow-x: auto; padding: .75rem 1rem; border: 1px solid var(--line); border-radius: .5rem; }
summary { cursor: pointer; margin-top: 2.5rem; font-weight: 600; }
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<link rel="icon" href="data:,">
<title>Evaluation report</title>
<style>{style}</style>
</head>
<body>
<main class="evaluation">
<h1>Evaluation report</h1>
<p>{n_samples:,} samples of {n_classes} classes</p>
{numbers}
{pictures}
<details><summary>The model</summary><pre>{model}</pre></details>
</main>
</body>
</html>
"""


def write_page(report):
    """The whole page."""
    return _PAGE.format(
        style=_STYLE + _PAGE_STYLE,
        n_samples=report.n_samples,
        n_classes=len(report.classes),
        numbers=_numbers(report),
        pictures="\n".join(_sections(report)),
        model=escape(report.model),
    )


def write_numbers(report):
    """The numbers alone, with the style that they need, as notebooks show them."""
    return f'<style>{_STYLE}</style>\n<div class="evaluation">\n{_numbers(report)}\n</div>'


def _numbers(report):
    cards = [f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in report._headline().items()]
    scores = report.per_class.apply(lambda c: c.map("{:.4f}".format) if c.dtype.kind == "f" else c)
    tables = [_table("By class", scores.reset_index())]
    if len(report.confusion_pairs):
        tables.append(_table("Most frequent mistakes", report.confusion_pairs.head(_N_PAIRS)))
    return f'<dl>{"".join(cards)}</dl>\n<div class="side-by-side">{"".join(tables)}</div>'


def _table(caption, frame):
    """A frame as a table, whose first column is a header."""
    head = "".join(f'<th scope="col">{name}</th>' for name in frame.columns)
    rows = []
    for row in frame.itertuples(index=False):
        label, *cells = [escape(str(value)) for value in row]
        rows.append(f'<tr><th scope="row">{label}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>')
    return (
        f'<div class="table"><table><caption>{caption}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _sections(report):
    """Yield the pictures, each under its heading."""
    right = report.n_samples - len(report.misclassified)
    alt = f"Confusion matrix of true and predicted labels: {right} of {report.n_samples} on the diagonal."
    if len(report.confusion_pairs):
        alt += f" Most frequent mistakes: {', '.join(report._mistakes()[:3])}."
    yield _section("What is taken for what", alt, _draw_confusion, report)
    if report.images is not None and len(report.images):
        alt = "Misclassified images, each with its true and its predicted label, which the tables count."
        yield _section("What it got wrong", alt, _draw_mistakes, report)
    if report.y_proba is not None:
        alt = (
            "Reliability diagram: accuracy by confidence, with the number of samples. Expected calibration "
            f"error {report.calibration_error:.4f}."
        )
        yield _section("How far to trust its probabilities", alt, _draw_reliability, report)
    if report.history:
        n_epochs = len(report.history["loss"])
        whole = {name: values for name, values in report.history.items() if len(values) == n_epochs}
        metrics = [f"{name} from {values[0]:.4f} to {values[-1]:.4f}" for name, values in whole.items()]
        alt = f"Training, from the first of {n_epochs} epochs to the last: {', '.join(metrics)}."
        yield _section("How it was trained", alt, _draw_history, report)


def _section(heading, alt, draw, report):
    """A heading and a picture, drawn for light pages and for dark ones."""
    pictures = {}
    for theme, styles in _THEMES.items():
        with plt.style.context(styles), plt.ioff():
            figure = draw(report)
            file = io.BytesIO()
            figure.savefig(file, format="png", dpi=120, transparent=True)
            plt.close(figure)
        pictures[theme] = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    width = round(figure.get_size_inches()[0] * 96)
    return (
        f'<section><h2>{heading}</h2>\n<picture><source media="(prefers-color-scheme: dark)" '
        f'srcset="{pictures["dark"]}">\n'
        f'<img src="{pictures["light"]}" width="{width}" alt="{escape(alt)}"></picture></section>'
    )


def _draw_confusion(report):
    counts, n_classes = report.confusion.to_numpy(), len(report.classes)
    side = np.clip(2.5 + 0.42 * n_classes, 4, 12)
    figure, ax = plt.subplots(figsize=(side + 1, side), layout="constrained")
    display = ConfusionMatrixDisplay(counts, display_labels=report.classes)
    long = max(len(str(label)) for label in report.classes) > 3
    display.plot(
        ax=ax,
        cmap="cividis",
        im_kw={"norm": PowerNorm(0.5, vmin=0)},  # few mistakes are seen beside many hits
        include_values=n_classes <= _MOST_LEGIBLE,
        xticks_rotation="vertical" if long else "horizontal",
    )
    if display.text_ is not None:
        for text, count in zip(display.text_.flat, counts.flat, strict=True):
            text.set_color("black" if display.im_.norm(count) > 0.5 else "white")
    return figure


def _draw_mistakes(report):
    wrong, y_proba = report.misclassified, None
    if report.y_proba is not None:
        positions = encode_labels(report.y_pred[wrong], report.classes, "y_pred")
        y_proba = report.y_proba[wrong, positions]
    display = MisclassifiedDisplay(
        as_pixels(report.images), report.y_true[wrong], report.y_pred[wrong], y_proba=y_proba
    )
    return display.plot().figure_


def _draw_reliability(report):
    bins = report.reliability
    edges = np.linspace(0, 1, len(bins) + 1)
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(6.5, 6), height_ratios=[3, 1], sharex=True, layout="constrained"
    )
    top.plot([0, 1], [0, 1], "--", color="#808080", label="as accurate as confident")
    top.stairs(bins["accuracy"].fillna(0), edges, fill=True, color="#56B4E9", alpha=0.6, label="accuracy")
    top.plot(bins["confidence"], bins["accuracy"], "o", color="#D55E00", label="at the mean confidence")
    top.set(ylabel="accuracy", ylim=(0, 1.05), xlim=(0, 1))
    top.legend(loc="upper left", fontsize="small")
    bottom.stairs(bins["count"], edges, fill=True, color="#0072B2")
    bottom.set(xlabel="confidence: probability of the predicted label", ylabel="samples", yscale="log")
    bottom.set_ylim(bottom=0.5)
    return figure


def _draw_history(report):
    metrics = [name for name in ("loss", "accuracy") if name in report.history]
    return TrainingHistoryDisplay({None: report.history}).plot(metrics=metrics).figure_
