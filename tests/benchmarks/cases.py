"""Benchmark cases. Each takes the other libraries and a scale, and returns a `Case`, this package first."""

import pickle
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from statistics import median

from . import memory, search
from .data import digits
from .libraries import OURS, SCIKERAS, SKORCH, BareFunction
from .measuring import Case, Row, attempt, in_fresh_process, seconds, take_turns


@dataclass(frozen=True)
class Scale:
    """Amount of work of a run."""

    rounds: int
    searches: int
    training_rounds: int
    training_images: int
    rows: int
    calls: int
    small_fit: int
    search_images: int
    filters: tuple  # of the architectures in the grid
    fits: int
    peer_fits: int
    memory_rounds: int
    imports: int


FULL = Scale(
    rounds=7,
    searches=5,
    training_rounds=17,
    training_images=2_000,
    rows=10_000,
    calls=30,
    small_fit=200,
    search_images=2_000,
    filters=((16, 32), (32, 32), (32, 64)),
    fits=100,
    peer_fits=25,
    memory_rounds=1,
    imports=9,
)
QUICK = Scale(
    rounds=2,
    searches=1,
    training_rounds=2,
    training_images=256,
    rows=600,
    calls=3,
    small_fit=64,
    search_images=150,
    filters=((8, 16),),
    fits=7,
    peer_fits=7,
    memory_rounds=1,
    imports=1,
)


def training(peers, scale):
    def throughput(library):
        X, y = digits(scale.training_images, library)
        return lambda: len(X) / library.seconds_per_epoch(X, y)

    return Case(
        "training",
        "Training",
        f"Images per second in the second epoch of a fit, with {scale.training_images:,} images per epoch. "
        "The time to build and trace the network is not included.",
        "images/s",
        take_turns(_each([OURS, *peers], throughput), scale.training_rounds),
        higher_is_better=True,
    )


def refit(peers, scale):
    def duration(library):
        X, y = digits(scale.small_fit, library)
        return lambda: 1e3 * seconds(library.fit, X, y)

    return Case(
        "refit",
        "Refitting a known network",
        f"A fit of a new estimator, with one epoch of {scale.small_fit} images, in a process that has fitted "
        "the same network before.",
        "ms",
        take_turns(_each([OURS, *peers], duration), scale.rounds, warm_up=1),
    )


def one_row(peers, scale):
    def latency(library):
        predict = _prediction(library, 1, scale)
        return lambda: 1e3 * median(seconds(predict) for _ in range(scale.calls))

    return Case(
        "one_row",
        "Predicting one image",
        f"Probabilities of one image, including input validation. The value of a round is the median of "
        f"{scale.calls} calls.",
        "ms",
        take_turns(_each(_predicting(peers), latency), scale.rounds, warm_up=1),
    )


def many_rows(peers, scale):
    def throughput(library):
        predict = _prediction(library, scale.rows, scale)
        return lambda: scale.rows / seconds(predict)

    return Case(
        "many_rows",
        f"Predicting {scale.rows:,} images",
        f"Probabilities of {scale.rows:,} images in one call, in images per second. The bare tf.function "
        "predicts in chunks of the same size as sk_mnist_cnn.",
        "images/s",
        take_turns(_each(_predicting(peers), throughput), scale.rounds, warm_up=1),
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
        f"{n_candidates} candidates: {len(scale.filters)} architectures and {len(search.CONV_DROPOUT)} "
        f"dropout rates; {search.N_FOLDS} folds, {scale.search_images:,} images, {search.EPOCHS} epochs, no "
        "refit. Each search runs in a new process, like a script: the time includes the import of TensorFlow "
        'and, with n_jobs=2, the start of two workers, which import it too. "Again" is a second search in '
        "the same process, with running workers and compiled networks.",
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
        f"Growth of the resident memory per fit after the first {memory.WARM_UP} fits, in a new process: "
        f"{scale.fits} fits of sk_mnist_cnn and {scale.peer_fits} of the other libraries, each with one "
        f"epoch of {scale.small_fit} images.",
        "MB",
        take_turns(_each(measured, growth, also=["psutil"]), scale.memory_rounds),
    )


def pickle_size(peers, scale):
    def size(library):
        fitted = library.fit(*digits(scale.small_fit, library))
        return lambda: len(pickle.dumps(fitted)) / 1e3

    weights = {"the weights alone": lambda: 4 * 186_110 / 1e3}
    return Case(
        "pickle_size",
        "Pickled size of a fitted estimator",
        "Compared with the 186,110 weights of 4 bytes each.",
        "kB",
        take_turns({**_each([OURS, *peers], size), **weights}, 1),
    )


def import_time(peers, scale):
    def duration(module):
        code = f"from time import perf_counter as t; s = t(); import {module}; print(t() - s)"
        return lambda: 1e3 * float(subprocess.check_output([sys.executable, "-c", code], text=True))

    modules = ["sk_mnist_cnn", "sklearn"]
    return Case(
        "import_time",
        "Importing",
        "Time of the import statement in a new interpreter.",
        "ms",
        take_turns({f"import {m}": duration(m) for m in modules}, scale.imports, warm_up=1),
    )


ALL = {
    case.__name__: case
    for case in (
        training,
        refit,
        one_row,
        many_rows,
        grid_search,
        memory_growth,
        pickle_size,
        import_time,
    )
}


def _each(libraries, prepare, also=()):
    """Return the result of `prepare` for each library by name, or a str with the reason of its failure."""
    return {library.name: library.absent(also) or attempt(prepare, library) for library in libraries}


def _predicting(peers):
    return [OURS, BareFunction(), *peers]


def _prediction(library, n_rows, scale):
    """Return a function that predicts `n_rows` images, to measure its time."""
    X, _ = digits(n_rows, library)
    fitted = library.fit(*digits(scale.small_fit, library))
    return lambda: library.predict_proba(fitted, X)
