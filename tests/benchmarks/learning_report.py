"""Table and figures of the learning curves."""

from functools import partial

from matplotlib.figure import Figure
from pandas import DataFrame

from . import figures
from .table import measured_with, rst_table

PERCENT = 0.5, 1, 2, 5, 10, 20, 50, 100  # labels of the axis of errors


def write(results, folder):
    """Write the mean accuracies over the draws as tables, and figures of MNIST's."""
    runs = DataFrame(results["runs"])
    parts = [
        ".. This file is written by tests/benchmarks/learning_curves.py.",
        measured_with(results["machine"]),
        *(_table(name, group) for name, group in runs.groupby("data", sort=False)),
    ]
    (folder / "learning_curves.rst").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    first = next(iter(runs.groupby("data", sort=False)))[1]
    figures.save(partial(_draw, first), folder, "learning_curves")


def _table(name, runs):
    accuracies = runs.groupby(["classifier", "images"], sort=False)["accuracy"]
    means, lowest, highest = (
        100 * values.unstack().sort_index(axis=1)
        for values in (accuracies.mean(), accuracies.min(), accuracies.max())
    )
    counts = accuracies.count().unstack().sort_index(axis=1)
    draws = counts.max()
    cells = [["training images", *(f"{n:,}" for n in means.columns)], ["draws", *map(str, draws)]]
    for classifier in runs["classifier"].unique():
        own = counts.loc[classifier]
        cells.append([classifier if own.equals(draws) else f"{classifier}, at most {own.max()} draws"])
        for n_images in means.columns:
            of_run = (values.loc[classifier, n_images] for values in (means, lowest, highest))
            mean, low, high = (f"{value:.1f}" for value in of_run)
            cells[-1].append(mean if low == high else f"{mean} ({low} - {high})")
    return rst_table(f"{name}: test accuracy in %, mean and range over the draws", cells)


def _draw(runs, phone):
    figure = Figure(figsize=(4.2, 6.4) if phone else (8, 5), layout="constrained")
    ax = figure.subplots()
    means = runs.groupby(["classifier", "images"], sort=False)["accuracy"].mean().unstack().sort_index(axis=1)
    for classifier in runs["classifier"].unique():
        is_ours = classifier.startswith("CNN")
        ax.plot(
            means.columns,
            100 * (1 - means.loc[classifier]),
            "o-" if is_ours else "s--",
            label=classifier,
            linewidth=2 if is_ours else 1,
            markersize=5 if is_ours else 3,
        )
    ax.set(xscale="log", yscale="log", xlabel="training images", ylabel="test errors in %")
    ax.set_xticks(means.columns, [_short(n) if phone else f"{n:,}" for n in means.columns])
    ax.set_yticks(PERCENT, [f"{value:g}" for value in PERCENT])
    ax.minorticks_off()
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center" if phone else "outside right upper", fontsize=9, frameon=False)
    return figure


def _short(n_images):
    return f"{n_images // 1000}k" if n_images >= 1000 else str(n_images)
