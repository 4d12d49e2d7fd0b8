"""Searches on Dask and Ray, and data larger than memory.

Dask and Ray come with the dependency group `test-all`; the tests of a missing one are skipped.
"""

import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from unittest import mock

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline

from sk_mnist_cnn import ImagePreprocessor
from tests.benchmarks.measuring import in_fresh_process
from tests.benchmarks.memory import process_memory
from tests.estimators import small_classifier

pytestmark = pytest.mark.slow


# The same in every process, since the last digits of weights depend on it.
THREADS = {"OMP_NUM_THREADS": str(os.cpu_count())}


def search_over(n_candidates=6, cv=2):
    model = Pipeline([("images", ImagePreprocessor()), ("cnn", small_classifier(epochs=2))])
    grid = {"cnn__learning_rate": np.geomspace(1e-6, 0.01, n_candidates).tolist()}
    return GridSearchCV(model, grid, cv=cv, error_score="raise")


@pytest.fixture(scope="module")
def alone(digits):
    """A search in this process alone, never refitted."""
    return search_over().fit(*digits)


def outcome(search):
    """Return the scores of every fold and the best parameters, which must not depend on the backend."""
    return np.array([search.cv_results_[f"split{i}_test_score"] for i in range(2)]), search.best_params_


def assert_same(search, alone):
    scores, best = outcome(search)
    expected_scores, expected_best = outcome(alone)
    assert_array_equal(scores, expected_scores)
    assert best == expected_best


def test_two_processes_give_same_search_results(digits, alone):
    with joblib.parallel_config("loky", n_jobs=2, inner_max_num_threads=os.cpu_count()):
        assert_same(search_over().fit(*digits), alone)


# Dask


@contextmanager
def two_dask_workers():
    """Yield a client of two Dask workers in separate processes."""
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0", "env": THREADS}
    with mock.patch.dict(os.environ):  # in which Dask sets the number of threads
        cluster = distributed.LocalCluster(**options)
    with cluster, distributed.Client(cluster) as client:
        yield client


@pytest.fixture(scope="module")
def dask_client():
    """A client of two Dask workers, which import TensorFlow once for all tests."""
    with two_dask_workers() as client:
        yield client


@pytest.fixture
def new_dask_client():
    """A client of two Dask workers of its own, of which a test may kill one."""
    with two_dask_workers() as client:
        yield client


def test_dask_gives_same_search_results(digits, alone, dask_client):
    with joblib.parallel_config("dask"):
        search = search_over().fit(*digits)
    assert_same(search, alone)
    assert_array_equal(search.predict_proba(digits[0]), alone.predict_proba(digits[0]))


def test_search_survives_killed_worker(digits, alone, new_dask_client):
    X, y = digits
    folds = list(StratifiedKFold(2).split(X, y))
    process_ids = new_dask_client.run(os.getpid)
    killed = threading.Event()

    def kill_a_busy_worker():
        while not (busy := [worker for worker, tasks in new_dask_client.processing().items() if tasks]):
            time.sleep(0.01)
        os.kill(process_ids[busy[0]], signal.SIGKILL)
        killed.set()

    killer = threading.Thread(target=kill_a_busy_worker)
    with joblib.parallel_config("dask", scatter=[X, y, *(part for fold in folds for part in fold)]):
        killer.start()
        search = search_over(cv=folds).fit(X, y)
    killer.join()
    assert killed.is_set()
    assert_same(search, alone)
    new_dask_client.wait_for_workers(2, timeout=60)
    assert len(set(process_ids.values()) & set(new_dask_client.run(os.getpid).values())) == 1


def count_sent_bytes():
    """Count the bytes that this process sends to the other processes of its Dask cluster."""
    from distributed.comm.tcp import TCP

    TCP.n_sent, write = 0, TCP.write

    async def counting(*args, **kwargs):
        n_bytes = await write(*args, **kwargs)
        TCP.n_sent += n_bytes
        return n_bytes

    TCP.write = counting


def sent_bytes():
    from distributed.comm.tcp import TCP

    return TCP.n_sent


def test_images_are_sent_once_per_worker_and_not_per_task(digits, dask_client, monkeypatch):
    from distributed.comm.tcp import TCP

    X, y = np.repeat(digits[0], 4, axis=3), digits[1]
    monkeypatch.setattr(TCP, "write", TCP.write)  # restored after the test
    count_sent_bytes()  # those of the client and of the scheduler, which run in this process
    dask_client.run(count_sent_bytes)

    def bytes_of_search(n_candidates):
        before = sent_bytes() + sum(dask_client.run(sent_bytes).values())
        search_over(n_candidates).set_params(refit=False).fit(X, y)
        return sent_bytes() + sum(dask_client.run(sent_bytes).values()) - before

    with joblib.parallel_config("dask"):
        few, many = bytes_of_search(2), bytes_of_search(12)
    per_task = (many - few) / (2 * 10)
    # Dask sends the images again at times, for example when a worker takes over a task, but never for each.
    assert X.nbytes < few
    assert per_task < 0.3 * X.nbytes, (few, many)


# Ray


def ray_outcome():
    """Run the search on Ray. Use a new process, since Ray changes joblib's classes."""
    import ray
    from ray.util.joblib import register_ray

    X, y = load_digits(return_X_y=True)
    register_ray()
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": THREADS})
    with joblib.parallel_config("ray"):
        return outcome(search_over().fit((X / 16).astype(np.float32).reshape(-1, 8, 8, 1), y))


def test_ray_gives_same_search_results(alone):
    pytest.importorskip("ray")
    scores, best = in_fresh_process(ray_outcome)
    expected_scores, expected_best = outcome(alone)
    assert_array_equal(scores, expected_scores)
    assert best == expected_best


# Data larger than memory: a process may allocate a fifth of the size of the images.

SHAPE = (80_000, 28, 28)  # 251 MB in float32
BLOCK = 2_000


def write_images(path):
    images = np.lib.format.open_memmap(path, "w+", np.float32, SHAPE)
    rng = np.random.default_rng(0)
    for start in range(0, len(images), BLOCK):
        images[start : start + BLOCK] = rng.random((BLOCK, *SHAPE[1:]), np.float32)
    images.flush()


def limit_memory(n_bytes):
    """Limit the memory of this process to its current memory plus `n_bytes`, without memory-mapped files."""
    import resource

    has = process_memory("VmData") * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (has + n_bytes,) * 2)


def fit(clf, images, y):
    clf.fit(images, y)


def partial_fit(clf, images, y):
    for start in range(0, len(images), BLOCK):
        part = slice(start, start + BLOCK)
        clf.partial_fit(images[part], y[part])


def dask_array_of(images):
    """Return a Dask array that reads blocks of a memory-mapped file when needed; `from_array` copies it."""
    import dask.array

    def read(path, block_info):
        (start, stop), *_ = block_info[None]["array-location"]
        return np.array(np.load(path, mmap_mode="r")[start:stop])

    chunks = ((BLOCK,) * (len(images) // BLOCK), *images.shape[1:])
    return dask.array.map_blocks(read, images.filename, chunks=chunks, meta=np.empty((0, 0, 0), images.dtype))


def partial_fit_on_dask(clf, images, y):
    import dask.array

    labels = dask.array.from_array(y, chunks=BLOCK)
    for image_block, label_block in zip(dask_array_of(images).blocks, labels.blocks, strict=True):
        clf.partial_fit(image_block.compute(), label_block.compute())


def predict(clf, images, y):
    assert clf.predict(images).shape == y.shape


def predict_on_dask(clf, images, y):
    predicted = dask_array_of(images).map_blocks(clf.predict, dtype=y.dtype, drop_axis=(1, 2))
    assert predicted.compute().shape == y.shape


def load(clf, images, y):
    np.array(images)


def use_with_a_fifth_of_the_memory(uses, path):
    """Use some images, so that everything is imported and traced; then limit the memory and use them all."""
    images, y = np.load(path, mmap_mode="r"), np.arange(SHAPE[0]) % 2
    some = slice(4 * BLOCK)
    clf = small_classifier(filters=(4,), pool_size=4, batch_size=256, epochs=1).fit(images[some], y[some])
    for use in uses:
        use(clf, images[some], y[some])
    limit_memory(images.nbytes // 5)
    for use in uses:
        use(clf, images, y)


@pytest.fixture(scope="module")
def image_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "images.npy"
    write_images(path)
    yield path
    path.unlink()


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_memory_mapped_file_is_not_loaded_as_a_whole(image_file):
    in_fresh_process(use_with_a_fifth_of_the_memory, [fit, partial_fit, predict], image_file)


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_dask_array_is_loaded_block_by_block(image_file):
    pytest.importorskip("dask.array")
    in_fresh_process(use_with_a_fifth_of_the_memory, [partial_fit_on_dask, predict_on_dask], image_file)


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_memory_limit_is_too_low_to_load_all_images(image_file):
    with pytest.raises(MemoryError):
        in_fresh_process(use_with_a_fifth_of_the_memory, [load], image_file)
