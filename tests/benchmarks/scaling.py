"""Time and memory over the number of images, candidates and workers.

Run ``python -m tests.benchmarks.scaling --help`` in a checkout. Each of the four parts can be measured alone
and replaces its earlier results; the cost model is fitted to the results of all parts. They are written to
``docs/benchmarks``.
"""

import tempfile
import threading
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np

from . import machine, scaling_report
from .cost import Search
from .libraries import OURS
from .measuring import in_fresh_process, seconds
from .memory import process_memory
from .options import benchmark_parser
from .saved import load, save

N_IMAGES = 1_000, 3_000, 10_000, 30_000, 60_000, 600_000
SEARCHES = (
    *(Search(1, candidates) for candidates in (2, 4, 8, 16)),
    *(Search(1, 4, architectures=n) for n in (2, 4)),
    *(Search(1, 4, images=n) for n in (2_000, 4_000)),
    *(Search(1, 4, epochs=n) for n in (4, 8)),
)
# Predicted, and not used for the fit.
HELD_OUT = (Search(1, 12, architectures=3, images=1_500, epochs=3),)
LARGE = Search(100, 1_000, architectures=4, images=60_000, epochs=10, folds=5)

# Each worker is a process with one core.
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def main(arguments=None):
    options = parse(arguments)
    results = load("scaling", options.output) if (options.output / "scaling.json").exists() else {}
    flags = " --quick" if options.quick else ""
    results["machine"] = machine.describe(f"python -m tests.benchmarks.scaling{flags}")
    for name in options.parts:
        print(f"{name} ...", flush=True)
        results[name] = []
        for row in PARTS[name](options.quick):
            print(row, flush=True)
            results[name].append(row)
        save(results, "scaling", options.output)
    if results.keys() >= PARTS.keys():
        scaling_report.write(results, LARGE, is_held_out, options.output)


def parse(arguments):
    parser = benchmark_parser("tests.benchmarks.scaling", __doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"any of {', '.join(PARTS)}; default: all")
    options = parser.parse_args(arguments)
    options.parts = options.parts or list(PARTS)
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"unknown parts: {', '.join(sorted(unknown))}; pass any of {', '.join(PARTS)}")
    return options


def is_held_out(search):
    return replace(search, workers=1) in HELD_OUT


# Images


def images(mapped, quick):
    for n_images in N_IMAGES[:1] if quick else N_IMAGES:
        yield in_fresh_process(fit_images, n_images, mapped)


def fit_images(n_images, mapped):
    """Return seconds and memory, in MB, of one epoch on the digits of the sample, repeated."""
    from sk_mnist_cnn import load_mnist_sample

    X, y = load_mnist_sample(return_X_y=True)
    OURS.fit(X[:256, ..., None] / np.float32(255), y[:256])
    with tempfile.TemporaryDirectory() as folder, peak_memory() as memory:
        scaled = repeated(X, n_images, Path(folder, "images.npy") if mapped else None)
        duration = seconds(OURS.fit, scaled, np.resize(y, n_images))
    return {
        "images": n_images,
        "seconds": duration,
        "speed": n_images / duration,
        "memory": memory["peak"],
    }


def repeated(X, n_images, path):
    """Return scaled images as an array of float32, or as a memory-mapped file of float16."""
    shape = n_images, *X.shape[1:], 1
    if path is None:
        scaled = np.empty(shape, np.float32)
    else:
        scaled = np.lib.format.open_memmap(path, "w+", np.float16, shape)
    for start in range(0, n_images, len(X)):
        part = scaled[start : start + len(X)]
        part[...] = X[: len(part), ..., None] / np.float32(255)
    if path is None:
        return scaled
    scaled.flush()
    return np.load(path, mmap_mode="r")


@contextmanager
def peak_memory():
    """Measure the growth of the memory of a process, in MB, without memory-mapped files."""
    before, done = process_memory("RssAnon"), threading.Event()
    memory = {"peak": 0.0}

    def watch():
        while not done.wait(0.02):
            memory["peak"] = max(memory["peak"], (process_memory("RssAnon") - before) / 1e3)

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield memory
    done.set()
    watcher.join()


# Searches


def searches(workers, quick):
    for search in SEARCHES[:2] if quick else SEARCHES + HELD_OUT:
        search = replace(search, workers=workers)
        yield {"search": asdict(search), **on_cluster(search)}


def on_cluster(search):
    """Return the seconds of a search on new workers, and the largest memory of a worker, in MB."""
    import joblib
    from distributed import Client, LocalCluster
    from sklearn.model_selection import GridSearchCV

    from .data import digits

    X, y = digits(search.images, OURS)
    grid = {
        "dense_units": [(120 - i, 84) for i in range(search.architectures)],
        "conv_dropout": np.linspace(0, 0.5, search.candidates // search.architectures).tolist(),
    }
    grid_search = GridSearchCV(OURS.estimator(search.epochs), grid, cv=search.folds, refit=False)
    cluster = LocalCluster(
        n_workers=search.workers, threads_per_worker=1, dashboard_address=":0", env=ONE_THREAD
    )
    with cluster, Client(cluster) as client, joblib.parallel_config("dask"):
        if search.workers == 1:  # joblib would run it in this process
            duration = seconds(lambda: client.submit(grid_search.fit, *client.scatter([X, y])).result())
        else:
            duration = seconds(grid_search.fit, X, y)
        memory = max(client.run(process_memory, "VmHWM").values()) / 1e3
    return {"seconds": duration, "memory": memory}


PARTS = {
    "array": partial(images, False),
    "mapped": partial(images, True),
    "one_worker": partial(searches, 1),
    "two_workers": partial(searches, 2),
}


if __name__ == "__main__":
    main()
