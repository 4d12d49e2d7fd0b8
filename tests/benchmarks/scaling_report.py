"""Tables and figures of the scaling study, with the predictions of its cost model."""

from dataclasses import replace
from functools import partial

from matplotlib.figure import Figure

from . import figures
from .cost import CostModel, Search
from .table import measured_with, number, rst_table

WORKERS = 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000


def write(results, large, is_held_out, folder):
    """Fit the cost model to the searches that are not held out, and predict a large one."""
    searches = measured_searches(results)
    model = fit_model(searches, is_held_out)
    pages = {
        "scaling": [_images(results), _model(model), _prediction(model, large)],
        "scaling_searches": [_searches(searches, model, is_held_out)],
    }
    for name, tables in pages.items():
        parts = [
            ".. This file is written by tests/benchmarks/scaling.py.",
            measured_with(results["machine"]),
            *tables,
        ]
        (folder / f"{name}.rst").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    figures.save(partial(_draw, results, searches, model, large), folder, "scaling")


def measured_searches(results):
    return [(Search(**row["search"]), row) for row in results["one_worker"] + results["two_workers"]]


def fit_model(searches, is_held_out):
    fitted = [(search, row["seconds"]) for search, row in searches if not is_held_out(search)]
    return CostModel.fitted(*zip(*fitted, strict=True))


def _images(results):
    sizes = "images/s", "memory, MB"
    cells = [("images", "float32 array: s", *sizes, "float16 mapped file: s", *sizes)]
    for rows in zip(results["array"], results["mapped"], strict=True):
        cells.append([f"{rows[0]['images']:,}"])
        for row in rows:
            cells[-1] += [number(row[key]) for key in ("seconds", "speed", "memory")]
    return rst_table("One epoch of the reference network, on all cores", cells)


def _searches(searches, model, is_held_out):
    cells = [
        ("workers", "candidates", "networks", "images", "epochs", "measured, s", "model, s", "MB per worker")
    ]
    for search, row in searches:
        sizes = search.candidates, search.architectures, search.images, search.epochs
        held_out = " (held out)" if is_held_out(search) else ""
        seconds = number(row["seconds"]), number(model.seconds(search)) + held_out
        cells.append((str(search.workers), *(f"{n:,}" for n in sizes), *seconds, number(row["memory"])))
    return rst_table("Searches with two folds, on new workers with one core each", cells)


def _model(model):
    cells = [
        ("action of a worker", "cost"),
        ("start: load TensorFlow, receive the images", f"{number(model.start)} s"),
        ("trace a network for the first time", f"{number(model.trace)} s"),
        ("begin and end a fit", f"{number(1e3 * model.fit)} ms"),
        ("begin and end an epoch", f"{number(1e3 * model.epoch)} ms"),
        ("train on an image for an epoch", f"{number(1e6 * model.image_epoch)} µs"),
    ]
    return rst_table("The cost model", cells)


def _prediction(model, large):
    title = (
        f"{large.candidates:,} candidates of {large.architectures} networks, {large.folds} folds, "
        f"{large.images:,} images, {large.epochs} epochs: predicted"
    )
    cells = [("workers", "fits per worker", "hours")]
    for workers in WORKERS:
        search = replace(large, workers=workers)
        hours = number(model.seconds(search) / 3600)
        cells.append((f"{workers:,}", f"{search.fits_per_worker:,}", hours))
    return rst_table(title, cells)


def _draw(results, searches, model, large, phone):
    figure = Figure(figsize=(4.2, 14) if phone else (11, 8), layout="constrained")
    time, memory, check, prediction = figure.subplots(*((4, 1) if phone else (2, 2))).flat
    for name, label in (("array", "array of float32"), ("mapped", "mapped file of float16")):
        n_images = [row["images"] for row in results[name]]
        time.loglog(n_images, [row["seconds"] for row in results[name]], "o-", label=label)
        memory.loglog(n_images, [row["memory"] for row in results[name]], "o-", label=label)
    time.set(title="One epoch", xlabel="images", ylabel="seconds")
    memory.set(title="Memory for it, images included", xlabel="images", ylabel="MB")
    for marker, workers in (("o", 1), ("s", 2)):
        chosen = [(search, row["seconds"]) for search, row in searches if search.workers == workers]
        predicted = [model.seconds(search) for search, _ in chosen]
        label = f"{workers} worker{'s' * (workers > 1)}"
        check.plot([seconds for _, seconds in chosen], predicted, marker, label=label)
    longest = max(row["seconds"] for _, row in searches)
    check.plot([0, longest], [0, longest], color="0.7", zorder=0)
    check.set(title="Searches", xlabel="measured seconds", ylabel="seconds by the model")
    hours = [model.seconds(replace(large, workers=workers)) / 3600 for workers in WORKERS]
    prediction.loglog(WORKERS, hours, "o-", label="predicted")
    prediction.loglog(WORKERS, [hours[0] / workers for workers in WORKERS], color="0.6", label="ideal")
    prediction.set(title=f"{large.candidates:,} candidates", xlabel="workers", ylabel="hours")
    for ax in (time, memory, check, prediction):
        ax.grid(alpha=0.3)
        ax.legend()
        ax.spines[["top", "right"]].set_visible(False)
    return figure
