"""Results as a figure: one panel per case, one bar per row, and whiskers for the range."""

from statistics import median
from textwrap import fill

from matplotlib import rcParams
from matplotlib.figure import Figure

from .table import number

OURS, OTHERS = "tab:blue", "0.6"


def draw(results, phone=False):
    """Return the figure, with one column of panels on phones and two elsewhere."""
    n_columns = 1 if phone else 2
    n_rows = -(-len(results.cases) // n_columns)
    figure = Figure(figsize=(4.2 if phone else 11, 2.6 * n_rows), layout="constrained")
    for i, case in enumerate(results.cases, 1):
        _panel(figure.add_subplot(n_rows, n_columns, i), case, line_width=32 if phone else 64)
    return figure


def _panel(ax, case, line_width):
    rows = [row for row in case.rows if row.values]
    middle = [median(row.values) for row in rows]
    below = [m - min(row.values) for m, row in zip(middle, rows, strict=True)]
    above = [max(row.values) - m for m, row in zip(middle, rows, strict=True)]
    labels = [row.label.replace(", ", "\n", 1) for row in rows]
    colours = [OURS if "sk_mnist_cnn" in row.label else OTHERS for row in rows]
    whiskers = {"elinewidth": 1, "ecolor": rcParams["text.color"]}
    bars = ax.barh(labels, middle, xerr=[below, above], color=colours, error_kw=whiskers)
    ax.bar_label(bars, fmt=number, padding=4, fontsize=8)
    ax.margins(x=0.15)
    ax.invert_yaxis()
    ax.tick_params(labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    better = "more" if case.higher_is_better else "less"
    title = fill(case.title, line_width)
    ax.set_title(f"{title}\n{case.unit}, {better} is better", fontsize=10, loc="left")
