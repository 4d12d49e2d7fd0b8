"""The benchmarks. Each takes the peers and a scale, and returns its rows, with sk_mnist_cnn first."""

import pickle
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import validate_data

from . import memory, search, starting
from .data import digits
from .libraries import OURS, SCIKERAS, SKORCH, BareKeras, BareRuntime, BareTensorFlow, Ours
from .measuring import Case, Row, attempt, in_fresh_process, seconds, take_turns


@dataclass(frozen=True)
class Scale:
    """Size of a run."""

    rounds: int
    searches: int
    training_rounds: int
    training_images: int
    rows: int
    batch: int
    calls: int
    small_fit: int
    search_images: int
    filters: tuple  # of the architectures in the grid search
    fits: int
    peer_fits: int
    memory_rounds: int
    starts: int
    imports: int


FULL = Scale(
    rounds=7,
    searches=5,
    training_rounds=7,
    training_images=4_096,
    rows=10_000,
    batch=128,
    calls=30,
    small_fit=200,
    search_images=2_000,
    filters=((16, 32), (32, 32), (32, 64)),
    fits=100,
    peer_fits=25,
    memory_rounds=1,
    starts=7,
    imports=9,
)
QUICK = Scale(
    rounds=2,
    searches=1,
    training_rounds=2,
    training_images=256,
    rows=600,
    batch=64,
    calls=3,
    small_fit=64,
    search_images=150,
    filters=((8, 16),),
    fits=7,
    peer_fits=7,
    memory_rounds=1,
    starts=1,
    imports=1,
)


def training(peers, scale, name, batch_size=128, filters=(32, 64)):
    libraries = [
        replace(library, batch_size=batch_size, filters=filters)
        for library in (OURS, Ours(dtype="mixed_bfloat16"), *peers, BareTensorFlow())
    ]
    return Case(
        name,
        f"Training, filters={filters}, batch_size={batch_size}",
        f"Images per second in the second epoch of a fit with {scale.training_images:,} images per epoch, "
        "without the time to build and trace the network. The last row computes the gradients of one batch "
        "and does nothing else: it shows how much of the time the gradients take.",
        "images/s",
        take_turns(each(libraries, partial(training_throughput, scale)), scale.training_rounds),
        higher_is_better=True,
    )


def refit(peers, scale):
    def duration(library):
        X, y = digits(scale.small_fit, library)
        return lambda: 1e3 * seconds(library.fit, X, y)

    return Case(
        "refit",
        "Refitting a known network",
        f"A complete fit of a new estimator, one epoch of {scale.small_fit} images, in a process that has "
        "fitted the same network before.",
        "ms",
        take_turns(each([OURS, *peers], duration), scale.rounds, warm_up=1),
    )


def cold_start(peers, scale):
    rows = _starts(peers, scale, lambda duration, peak: duration)
    return Case(
        "cold_start",
        "Starting a process and predicting",
        "From the start of a process to its first prediction, of one image with a pickled pipeline. The last "
        "row is a process that only imports scikit-learn's pipelines and ensembles.",
        "s",
        rows,
    )


def start_memory(peers, scale):
    rows = _starts(peers, scale, lambda duration, peak: peak)
    return Case(
        "start_memory",
        "Memory of a process that predicts",
        "Peak resident memory of the same processes.",
        "MB",
        rows,
    )


def first_prediction(peers, scale):
    def duration(library):
        X, _ = digits(1, library)
        fitted = library.fit(*digits(scale.small_fit, library))
        stored = pickle.dumps(fitted)
        return lambda: 1e3 * seconds(library.predict_proba, pickle.loads(stored), X)

    return Case(
        "first_prediction",
        "First prediction of a model",
        "Probabilities of one image with a newly loaded model, in a process that has predicted with other "
        "models before.",
        "ms",
        take_turns(each([OURS, *peers], duration), scale.rounds, warm_up=1),
    )


def one_row(peers, scale):
    actions = each(_predicting(peers), partial(latency, scale, 1))
    actions["validation alone"] = attempt(_validation, scale)
    return Case(
        "one_row",
        "Predicting one image",
        "Probabilities of one image, including the validation of the input. The value of a round is the "
        f"median of {scale.calls} calls. The last row is scikit-learn's validation of the image alone.",
        "ms",
        take_turns(actions, scale.rounds, warm_up=1),
    )


def batch(peers, scale):
    actions = each(_predicting(peers), partial(latency, scale, scale.batch))
    return Case(
        "batch",
        f"Predicting {scale.batch} images",
        f"Probabilities of {scale.batch} images in one call. The value of a round is the median of "
        f"{scale.calls} calls.",
        "ms",
        take_turns(actions, scale.rounds, warm_up=1),
    )


def many_rows(peers, scale):
    def throughput(library):
        predict = _prediction(library, scale.rows, scale)
        return lambda: scale.rows / seconds(predict)

    return Case(
        "many_rows",
        f"Predicting {scale.rows:,} images",
        f"Probabilities of {scale.rows:,} images in one call, in images per second.",
        "images/s",
        take_turns(each(_predicting(peers), throughput), scale.rounds, warm_up=1),
        higher_is_better=True,
    )


def grid_search(peers, scale):
    work = scale.search_images, scale.filters
    n_candidates = len(scale.filters) * len(search.CONV_DROPOUT)
    again = {n_jobs: Row(f"sk_mnist_cnn, n_jobs={n_jobs}, again") for n_jobs in (1, 2)}

    def ours(n_jobs):
        first, second = in_fresh_process(search.ours, *work, n_jobs)
        again[n_jobs].values.append(second)
        return first

    searches = {f"sk_mnist_cnn, n_jobs={n_jobs}": partial(ours, n_jobs) for n_jobs in again}
    if SCIKERAS in peers:
        scikeras = partial(in_fresh_process, search.scikeras, *work)
        searches["scikeras, n_jobs=1"] = SCIKERAS.absent() or scikeras
    one_job, two_jobs, *others = take_turns(searches, scale.searches)
    n_traced = in_fresh_process(search.n_traced, *work)
    one_job.note = f"{n_traced} training graphs traced for {n_candidates * search.N_FOLDS} fits"
    return Case(
        "grid_search",
        "Grid search",
        f"{n_candidates} candidates of {len(scale.filters)} architectures and {len(search.CONV_DROPOUT)} "
        f"dropout rates, {search.N_FOLDS} folds, {scale.search_images:,} images, {search.EPOCHS} epochs, no "
        "refit. Each search runs in a new process, like a script: the time includes loading TensorFlow, and "
        'with n_jobs=2 the start of two workers that load it too. "Again" is a second search in the same '
        "process, with its workers and traced networks.",
        "s",
        [one_job, again[1], two_jobs, again[2], *others],
    )


def memory_growth(peers, scale):
    measured = [OURS, *(peer for peer in peers if peer in (SCIKERAS, SKORCH))]

    def growth(library):
        n_fits = scale.fits if library is OURS else scale.peer_fits
        return lambda: in_fresh_process(memory.growth_per_fit, library, n_fits, scale.small_fit)

    return Case(
        "memory_growth",
        "Memory growth per fit",
        f"Growth of the resident memory per fit, after the first {memory.WARM_UP}, in a new process: over "
        f"{scale.fits} fits of sk_mnist_cnn and {scale.peer_fits} of the others, of one epoch with "
        f"{scale.small_fit} images each.",
        "MB",
        take_turns(each(measured, growth, also=["psutil"]), scale.memory_rounds),
    )


def pickle_size(peers, scale):
    def size(library):
        fitted = library.fit(*digits(scale.small_fit, library))
        return lambda: len(pickle.dumps(fitted)) / 1e3

    weights = {"the weights alone": lambda: 4 * 186_110 / 1e3}
    return Case(
        "pickle_size",
        "Pickled size of a fitted estimator",
        "In kB, compared with the 186,110 weights of four bytes each.",
        "kB",
        take_turns({**each([OURS, *peers], size), **weights}, 1),
    )


def import_time(peers, scale):
    def duration(module):
        code = f"from time import perf_counter as t; s = t(); import {module}; print(t() - s)"
        return lambda: 1e3 * float(subprocess.check_output([sys.executable, "-c", code], text=True))

    modules = ["sk_mnist_cnn", "sklearn"]
    return Case(
        "import_time",
        "Importing",
        "The import statement in a new interpreter.",
        "ms",
        take_turns({f"import {m}": duration(m) for m in modules}, scale.imports, warm_up=1),
    )


TRAININGS = {
    "training": {},
    "training_batch_32": {"batch_size": 32},
    "training_batch_512": {"batch_size": 512},
    "training_small_network": {"filters": (16, 32)},
}
ALL = {name: partial(training, name=name, **settings) for name, settings in TRAININGS.items()} | {
    case.__name__: case
    for case in (
        refit,
        cold_start,
        start_memory,
        first_prediction,
        one_row,
        batch,
        many_rows,
        grid_search,
        memory_growth,
        pickle_size,
        import_time,
    )
}


def each(libraries, prepare, also=()):
    """Return the action that `prepare` makes for each library, by its name; or a note why there is none."""
    return {library.name: library.absent(also) or attempt(prepare, library) for library in libraries}


def _predicting(peers):
    return [OURS, BareRuntime(), *peers]


def training_throughput(scale, library):
    """Return a function that measures the images per second of an epoch of training."""
    X, y = digits(scale.training_images, library)
    return lambda: len(X) / library.seconds_per_epoch(X, y)


def _prediction(library, n_rows, scale):
    """Return a function that predicts `n_rows` images."""
    X, _ = digits(n_rows, library)
    fitted = library.fit(*digits(scale.small_fit, library))
    return lambda: library.predict_proba(fitted, X)


def latency(scale, n_rows, library):
    """Return a function that measures the milliseconds of a prediction of `n_rows` images."""
    predict = _prediction(library, n_rows, scale)
    return lambda: 1e3 * median(seconds(predict) for _ in range(scale.calls))


def _validation(scale):
    """Return a function that measures the milliseconds of validating one image."""
    X, y = digits(scale.small_fit, OURS)
    rows = X.reshape(len(X), -1)
    validate = partial(validate_data, OURS.fit(rows, y), rows[:1], dtype="numeric", reset=False)
    return lambda: 1e3 * median(seconds(validate) for _ in range(scale.calls))


def _starts(peers, scale, value):
    """Return rows of new processes that predict one image, with the `value` of their seconds and peak MB."""
    with tempfile.TemporaryDirectory() as folder:

        def start(library):
            fitted = make_pipeline(library.fit(*digits(scale.small_fit, library)))
            path = starting.store(Path(folder, library.name), library, fitted, digits(1, library)[0])
            return lambda: value(*starting.run(starting.PREDICT, path))

        estimators = [OURS, *(peer for peer in peers if not isinstance(peer, BareKeras))]
        actions = each(estimators, start)
        actions[starting.IMPORT_SKLEARN] = lambda: value(*starting.run(starting.IMPORT_SKLEARN))
        return take_turns(actions, scale.starts, warm_up=1)
