"""Predictions with ONNX Runtime: bit-identical results, bounded memory, and no TensorFlow."""

import gc
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils.estimator_checks import (
    check_methods_sample_order_invariance,
    check_methods_subset_invariance,
)

from sk_mnist_cnn import CNNDigitClassifier, save_model
from sk_mnist_cnn._architecture import Architecture
from sk_mnist_cnn._onnx import session
from tests.estimators import small_classifier
from tests.logs import without_logs

SMALL = {"filters": (8, 16), "kernel_size": 3, "dense_units": (32, 16)}
DEFAULT = {"filters": (32, 64), "kernel_size": 5, "dense_units": (120, 84)}

needs_proc = pytest.mark.skipif(not os.path.exists("/proc/self"), reason="needs /proc")


def architecture(image_shape=(8, 8, 1), n_classes=10, activation="relu", **params):
    params = {"pool_size": 2, "dtype": "float32"} | (params or SMALL)
    return Architecture.resolve(image_shape, n_classes, activation=activation, **params)


def random_weights(arch, seed=0):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(0, 0.2, shape).astype(np.float32) for shape in arch.weight_shapes)


def random_rows(arch, n_images):
    n_features = int(np.prod(arch.image_shape))
    return np.random.default_rng(0).random((n_images, n_features), dtype=np.float32)


@pytest.fixture
def created(monkeypatch):
    """The architectures of the sessions that are created, in a process that has none."""
    calls, create = [], session._create

    def counted(architecture, *args):
        calls.append(architecture)
        return create(architecture, *args)

    monkeypatch.setattr(session, "_create", counted)
    session._sessions.clear()
    return calls


def run_script(script, *args, **environment):
    """Run a script in a new process, and return what it prints."""
    shown = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, args)],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | environment,
    )
    assert shown.returncode == 0, shown.stderr
    return shown.stdout + without_logs(shown.stderr)


@pytest.fixture
def pickled(fitted_pipeline, tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(fitted_pipeline))
    return path


class TestResults:
    @pytest.mark.parametrize(
        "arch",
        [
            architecture(),
            architecture((28, 28, 1), **DEFAULT),
            architecture((9, 7, 3), filters=(5, 7), kernel_size=2, dense_units=(13,), activation="gelu"),
            architecture(filters=(), dense_units=(1,), kernel_size=3),
            architecture(filters=(3,), dense_units=(), kernel_size=3, n_classes=2),
        ],
        ids=["small", "default", "odd sizes", "no blocks", "no dense layers"],
    )
    def test_probabilities_are_bit_identical_in_every_batch(self, arch, monkeypatch):
        weights, rows = random_weights(arch), random_rows(arch, 80)
        expected = session.predict(arch, weights, rows)
        for n_images in (1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 64, 65):
            probabilities = session.predict(arch, weights, rows[-n_images:])
            assert_array_equal(probabilities, expected[-n_images:])
        monkeypatch.setattr(session, "PIXELS_PER_CALL", rows[:5].size)
        assert_array_equal(session.predict(arch, weights, rows[::-1]), expected[::-1])

    @pytest.mark.parametrize(
        ("output", "last"), [("probabilities", "Softmax"), ("embeddings", "FusedGemm")], ids=lambda name: name
    )
    def test_sessions_execute_nothing_behind_their_output(self, output, last, tmp_path, monkeypatch):
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
        monkeypatch.setattr(onnxruntime, "SessionOptions", lambda: options)
        arch = architecture()
        created = session._create(arch, random_weights(arch), output, drop=None)
        assert [found.name for found in created.runtime.get_outputs()] == [output]
        assert onnx.load(options.optimized_model_filepath).graph.node[-1].op_type == last

    @pytest.mark.parametrize("n_threads", [1, 2, 7])
    def test_probabilities_are_bit_identical_with_any_number_of_threads(self, n_threads, monkeypatch):
        arch = architecture((28, 28, 1), **DEFAULT)
        weights, rows = random_weights(arch), random_rows(arch, 300)
        monkeypatch.setattr(session, "allowed_threads", lambda: 3)
        expected = session.predict(arch, weights, rows)
        monkeypatch.setattr(session, "allowed_threads", lambda: n_threads)
        assert_array_equal(session.predict(arch, weights, rows), expected)

    @pytest.mark.parametrize("dtype", [np.uint8, np.float64, ">f4", np.float16, bool])
    def test_rows_of_other_dtypes(self, dtype):
        arch = architecture()
        weights, rows = random_weights(arch), np.rint(random_rows(arch, 20))
        expected = session.predict(arch, weights, rows)
        assert_array_equal(session.predict(arch, weights, rows.astype(dtype)), expected)

    @pytest.mark.parametrize("order", ["F", "strided", "mapped", "read-only"])
    def test_rows_in_other_memory_layouts(self, order, tmp_path):
        arch = architecture()
        weights, rows = random_weights(arch), random_rows(arch, 500)
        expected = session.predict(arch, weights, rows)
        if order == "F":
            rows = np.asfortranarray(rows)
        elif order == "strided":
            rows = np.repeat(rows, 2, axis=1)[:, ::2]
        elif order == "mapped":
            np.save(tmp_path / "rows.npy", rows)
            rows = np.load(tmp_path / "rows.npy", mmap_mode="r")
        else:
            rows.flags.writeable = False
        assert_array_equal(session.predict(arch, weights, rows), expected)

    @pytest.mark.parametrize("layout", ["F", "swapped", "double", "mapped", "read-only", "unaligned"])
    def test_weights_in_other_memory_layouts(self, layout, tmp_path):
        arch = architecture((28, 28, 1), **DEFAULT)
        weights, rows = random_weights(arch), random_rows(arch, 10)
        dtype = {"swapped": ">f4", "double": np.float64}.get(layout)

        def converted(array):
            if layout == "unaligned":
                buffer = np.empty(array.nbytes + 1, np.uint8)[1:]
                other = buffer.view(np.float32).reshape(array.shape)
                other[...] = array
                return other
            if layout == "mapped":
                path = tmp_path / f"{id(array)}.npy"
                np.save(path, array)
                return np.load(path, mmap_mode="r")
            other = np.array(array, dtype, order="F" if layout == "F" else "C")
            other.flags.writeable = layout != "read-only"
            return other

        for output in ("probabilities", "embeddings"):
            expected = session.predict(arch, weights, rows, output)
            others = tuple(map(converted, weights))
            assert_array_equal(session.predict(arch, others, rows, output), expected)
            n_sessions = len(session._sessions)
            del others
            assert len(session._sessions) == n_sessions - 1

    def test_sessions_hold_no_references_to_kernels_that_need_no_transposition(self, created):
        arch = architecture(filters=(1,), dense_units=(), kernel_size=3)
        weights = random_weights(arch)
        session.predict(arch, weights, random_rows(arch, 1))
        del weights
        assert not session._sessions

    def test_weights_exist_as_long_as_a_thread_predicts(self, monkeypatch):
        functions = []
        monkeypatch.setattr(session, "_for_each", lambda items, function: functions.append(function))
        arch = architecture()
        weights = random_weights(arch)
        references = [weakref.ref(array) for array in weights]
        session.predict(arch, weights, random_rows(arch, 1))
        (found,) = (each for each in session._sessions.values() if each.references[0]() is weights[0])
        references += [weakref.ref(array) for array in found.copies]
        assert len(references) > len(weights)
        session._sessions.clear()  # as if other sessions had replaced it
        del weights, found
        assert all(reference() is not None for reference in references)
        functions.clear()
        assert all(reference() is None for reference in references)

    @pytest.mark.parametrize("filters", [(), (4,)])
    def test_embeddings_without_dense_layers(self, filters):
        arch = architecture(filters=filters, dense_units=(), kernel_size=3)
        rows = random_rows(arch, 3)
        embeddings = session.predict(arch, random_weights(arch), rows, "embeddings")
        assert embeddings.shape == (3, arch.output_size("embeddings"))
        if not filters:
            assert_array_equal(embeddings, rows)

    def test_agrees_with_keras(self, fitted, digits):
        expected = fitted.model_.predict(digits[0], verbose=0)
        assert_allclose(fitted.predict_proba(digits[0]), expected, rtol=0, atol=2e-6)

    @pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
    def test_mixed_precision_networks_predict_in_float32(self, dtype, digits):
        clf = small_classifier(dtype=dtype, epochs=1).fit(*digits)
        arch = architecture(**SMALL, dtype="float32")
        rows = digits[0].reshape(-1, 64)
        expected = session.predict(arch, clf._weights, rows)
        assert_array_equal(clf.predict_proba(digits[0]), expected)
        assert_allclose(clf.model_.predict(digits[0], verbose=0), expected, rtol=0, atol=0.05)

    @pytest.mark.parametrize(
        "check", [check_methods_sample_order_invariance, check_methods_subset_invariance]
    )
    @pytest.mark.filterwarnings("ignore:.*read as one row")
    def test_default_classifier_passes_invariance_checks(self, check):
        check("CNNDigitClassifier", CNNDigitClassifier(epochs=10))

    @pytest.mark.parametrize("pixel", [1e300, -1e300, 3e38, -1e20])
    def test_raises_for_pixels_that_overflow(self, fitted, digits, pixel):
        X = digits[0][:500].astype(np.float64)
        X[450, 3, 3] = pixel
        message = r"X must hold pixels in \[0, 1\], got pixels from .* Put an ImagePreprocessor before"
        with pytest.raises(ValueError, match=message):
            fitted.predict(X)

    def test_large_pixels_do_not_change_other_images(self):
        arch = architecture()
        weights, rows = random_weights(arch), random_rows(arch, 20)
        expected = session.predict(arch, weights, rows)
        rows[7, 5] = np.inf
        probabilities = session.predict(arch, weights, rows)
        assert np.isnan(probabilities[7]).all()
        assert_array_equal(np.delete(probabilities, 7, axis=0), np.delete(expected, 7, axis=0))


class TestTensorFlow:
    def test_predicts_in_float64(self, digits, created):
        clf = small_classifier(epochs=1, dtype="float64").fit(*digits)
        probabilities = clf.predict_proba(digits[0])
        assert probabilities.dtype == np.float64
        assert not created
        expected = clf.model_.predict(digits[0], verbose=0)
        assert_allclose(probabilities, expected, rtol=0, atol=10 * np.finfo(np.float64).eps)

    def test_tensorflow_is_not_imported_for_predictions(self, pickled):
        script = """
            import pickle, sys
            from sklearn.datasets import load_digits
            import sk_mnist_cnn
            assert not {"onnx", "onnxruntime"} & sys.modules.keys()
            X, y = load_digits(return_X_y=True)
            model = pickle.load(open(sys.argv[1], "rb"))
            model.predict(X[:1]), model.predict_proba(X), model.predict_log_proba(X[:5])
            assert model.score(X, y) > 0.8
            assert "onnxruntime" in sys.modules
            assert not {"tensorflow", "keras", "scikeras", "matplotlib"} & sys.modules.keys()
        """
        assert run_script(script, pickled) == ""

    @pytest.mark.slow
    def test_tensorflow_is_not_imported_for_a_saved_model(self, fitted_pipeline, tmp_path):
        save_model(fitted_pipeline, tmp_path / "model.skops")
        script = """
            import sys
            from sklearn.datasets import load_digits
            from sk_mnist_cnn import load_model
            print(load_model(sys.argv[1]).score(*load_digits(return_X_y=True)) > 0.8)
            assert not {"tensorflow", "keras", "scikeras", "matplotlib"} & sys.modules.keys()
        """
        assert run_script(script, tmp_path / "model.skops") == "True\n"


class TestSessions:
    def test_sessions_are_created_once_per_set_of_arrays(self, created):
        arch = architecture()
        weights = random_weights(arch)
        for n_images in (1, 50):
            session.predict(arch, weights, random_rows(arch, n_images))
        assert len(created) == 1
        session.predict(arch, tuple(array.copy() for array in weights), random_rows(arch, 1))
        assert len(created) == 2
        for _ in range(2):
            session.predict(arch, weights, random_rows(arch, 1), "embeddings")
        assert len(created) == 3

    @pytest.mark.parametrize("position", [0, 3, -1])
    def test_sessions_are_dropped_with_any_of_the_arrays(self, created, position):
        arch = architecture()
        weights = list(random_weights(arch))
        session.predict(arch, weights, random_rows(arch, 1))
        assert len(session._sessions) == 1
        weights[position] = weights[position].copy()
        assert len(session._sessions) == 0
        session.predict(arch, weights, random_rows(arch, 1))
        assert len(created) == 2

    def test_sessions_are_dropped_with_the_estimator(self, digits, created):
        clf = small_classifier(epochs=1).fit(*digits)
        clf.predict(digits[0][:1])
        assert len(session._sessions) == 1
        clf.fit(*digits)
        gc.collect()
        assert len(session._sessions) == 0

    def test_sessions_are_not_pickled(self, fitted, digits):
        before = len(pickle.dumps(fitted))
        fitted.predict(digits[0])
        assert len(pickle.dumps(fitted)) == before

    def test_graph_is_written_once_per_architecture(self, monkeypatch):
        arch, other = architecture(), architecture(n_classes=7)
        written, network = [], session.graph.network
        monkeypatch.setattr(
            session.graph, "network", lambda arch, **kw: (written.append(arch), network(arch, **kw))[1]
        )
        session._model.cache_clear()
        for seed in range(3):
            for network_architecture in (arch, other):
                weights = random_weights(network_architecture, seed)
                session.predict(network_architecture, weights, random_rows(arch, 1))
        assert written == [arch, other]

    def test_least_recently_used_sessions_are_dropped(self, created, monkeypatch):
        arch = architecture()
        n_bytes = session._create(arch, random_weights(arch), "probabilities", None).n_bytes
        monkeypatch.setattr(session, "MAX_BYTES", 2 * n_bytes)
        created.clear()
        rows, models = random_rows(arch, 1), {name: random_weights(arch, ord(name)) for name in "abc"}
        new = []
        for name in "abacabc":
            n_created = len(created)
            session.predict(arch, models[name], rows)
            new.append(len(created) - n_created)
            assert len(session._sessions) <= 2
        assert new == [1, 1, 0, 1, 0, 1, 1]
        monkeypatch.setattr(session, "MAX_BYTES", 0)  # the session in use is kept
        session.predict(arch, models["a"], rows)
        assert len(session._sessions) == 1

    @pytest.mark.slow
    @needs_proc
    def test_memory_does_not_grow_with_models_and_batches(self):
        script = """
            import re
            import numpy as np
            from sk_mnist_cnn._architecture import Architecture
            from sk_mnist_cnn._onnx import session

            def resident():
                return int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1])

            layers = {"filters": (8, 16), "kernel_size": 3, "pool_size": 2, "dense_units": (200,)}
            arch = Architecture.resolve((8, 8, 1), 10, **layers, activation="relu", dtype="float32")
            rows = np.ones((20_000, 64), np.float32)
            for i in range(300):
                if i == 50:
                    before = resident()
                weights = tuple(np.full(shape, 1 / (i + 9), np.float32) for shape in arch.weight_shapes)
                session.predict(arch, weights, rows[: 20_000 if i % 50 == 49 else i])
            print(resident() - before)
        """
        growth = int(run_script(script))
        assert growth < 10_000  # kB

    @pytest.mark.slow
    @needs_proc
    def test_memory_of_a_hundred_models(self):
        script = """
            import re
            import numpy as np
            from sk_mnist_cnn._architecture import Architecture
            from sk_mnist_cnn._onnx import session

            def resident():
                return int(re.search(r"RssAnon:\\s+(\\d+)", open("/proc/self/status").read())[1])

            layers = {"filters": (32, 64), "kernel_size": 5, "pool_size": 2, "dense_units": (120, 84)}
            arch = Architecture.resolve((28, 28, 1), 10, **layers, activation="relu", dtype="float32")
            random = np.random.default_rng(0)
            models = [
                tuple(random.random(shape, np.float32) for shape in arch.weight_shapes) for _ in range(101)
            ]
            rows = np.ones((500, 784), np.float32)
            session.predict(arch, models[-1], rows[:1])
            before = resident()
            for weights in models[:-1]:
                session.predict(arch, weights, rows)
            assert len(session._sessions) == 101
            print(resident() - before)
        """
        growth = int(run_script(script, OMP_NUM_THREADS="2"))
        assert growth < 130_000  # kB; about 1 MB per session

    @pytest.mark.skipif(sys.platform != "linux", reason="needs the mallopt of glibc")
    def test_reuse_memory_after_tensorflow_has_trained(self):
        script = """
            import ctypes, resource
            import numpy as np
            from sk_mnist_cnn._architecture import Architecture
            from sk_mnist_cnn._onnx import session

            # As tf.data does: from then on, malloc returns large blocks to the system when they are freed.
            assert ctypes.CDLL(None).mallopt(-3, 131072)
            layers = {"filters": (32, 64), "kernel_size": 5, "pool_size": 2, "dense_units": (120, 84)}
            arch = Architecture.resolve((28, 28, 1), 10, **layers, activation="relu", dtype="float32")
            weights = tuple(np.full(shape, 0.01, np.float32) for shape in arch.weight_shapes)
            rows = np.ones((1_000, 784), np.float32)
            session.predict(arch, weights, rows)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            session.predict(arch, weights, rows)
            print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
        """
        assert int(run_script(script)) < 1_000  # page faults, one per image; without reuse there are 23


class TestThreads:
    def test_every_item_is_processed_once(self, monkeypatch):
        monkeypatch.setattr(session, "allowed_threads", lambda: 4)
        processed, threads = [], set()
        started = threading.Barrier(4, timeout=10)

        def process(item):
            if item < 4:
                started.wait()  # so that each thread has one of the first four
            processed.append(item)
            threads.add(threading.get_ident())

        session._for_each(range(200), process)
        assert sorted(processed) == list(range(200))
        assert len(threads) == 4

    @pytest.mark.parametrize("in_helper", [True, False])
    def test_errors_are_raised_and_end_all_threads(self, in_helper, monkeypatch):
        monkeypatch.setattr(session, "allowed_threads", lambda: 3)
        this, processed = threading.get_ident(), []
        started = threading.Barrier(3, timeout=10)

        def process(item):
            if item < 3:
                started.wait()
                if (threading.get_ident() != this) == in_helper:
                    raise KeyboardInterrupt
            processed.append(item)

        with pytest.raises(KeyboardInterrupt):
            session._for_each(range(1_000_000), process)
        assert len(processed) < 1_000_000
        n_processed = len(processed)
        time.sleep(0.05)
        assert len(processed) == n_processed

    def test_calling_thread_waits_for_no_thread_to_start(self, monkeypatch):
        monkeypatch.setattr(session, "allowed_threads", lambda: 3)
        helpers, processed = [], []
        monkeypatch.setattr(session._thread, "start_new_thread", lambda work, _: helpers.append(work))
        session._for_each(range(10), processed.append)
        assert processed == list(range(10))
        for late in helpers:
            late()
        assert len(helpers) == 2
        assert len(processed) == 10

    def test_one_thread_processes_all_items_if_no_other_can_be_started(self, monkeypatch):
        monkeypatch.setattr(session, "allowed_threads", lambda: 3)
        arch = architecture()
        weights, rows = random_weights(arch), random_rows(arch, 2_000)
        expected = session.predict(arch, weights, rows)

        def start(*args):
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(session._thread, "start_new_thread", start)
        assert_array_equal(session.predict(arch, weights, rows), expected)

    def test_threads_can_share_models(self, created):
        arch = architecture()
        rows, models = random_rows(arch, 500), [random_weights(arch, seed) for seed in range(5)]
        expected = [session.predict(arch, weights, rows) for weights in models]
        session._sessions.clear()

        def same_bits(i):
            model = i % len(models)
            return np.array_equal(session.predict(arch, models[model], rows), expected[model])

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(same_bits, range(200)))
        assert len(created) == 2 * len(models)

    @needs_proc
    def test_one_image_starts_no_thread(self, pickled):
        script = """
            import os, pickle, sys
            from sklearn.datasets import load_digits

            X, n_threads = load_digits().data, len(os.listdir("/proc/self/task"))
            model = pickle.load(open(sys.argv[1], "rb"))
            model.predict(X[:1])
            print(len(os.listdir("/proc/self/task")) - n_threads)
        """
        assert run_script(script, pickled) == "0\n"

    def test_threads_can_predict_after_the_main_thread_ended(self, pickled):
        script = """
            import atexit, pickle, sys, threading
            from sklearn.datasets import load_digits

            model, X = pickle.load(open(sys.argv[1], "rb")), load_digits().data
            expected = model.predict_proba(X)

            def predict():
                print((model.predict_proba(X) == expected).all())

            def predict_after_main():
                threading.main_thread().join()
                predict()

            atexit.register(predict)
            threading.Thread(target=predict_after_main).start()
        """
        assert run_script(script, pickled, OMP_NUM_THREADS="2") == "True\nTrue\n"

    @pytest.mark.parametrize(("n_images", "n_threads"), [(1, 1), (1, 3), (500, 2)])
    def test_daemon_threads_that_predict_do_not_abort_the_exit(self, n_images, n_threads, pickled):
        script = f"""
            import pickle, sys, threading
            from sklearn.datasets import load_digits

            model, X = pickle.load(open(sys.argv[1], "rb")), load_digits().data[:{n_images}]
            predicted = threading.Semaphore(0)

            def predict():
                while True:
                    model.predict(X)
                    predicted.release()

            for _ in range({n_threads}):
                threading.Thread(target=predict, daemon=True).start()
            for _ in range(2 * {n_threads}):
                predicted.acquire()
            print("ends")
        """
        assert run_script(script, pickled, OMP_NUM_THREADS="2") == "ends\n"

    def test_functions_at_exit_may_wait_for_daemon_threads_that_predict(self, pickled):
        script = """
            import atexit, queue, threading
            images, answers = queue.Queue(), []

            def serve():
                while (X := images.get()) is not None:
                    answers.append(len(model.predict(X)))

            def stop():  # after the exit functions of the modules below
                for X in (digits[:1], digits[:100], None):
                    images.put(X)
                thread.join()
                print(answers)

            atexit.register(stop)
            import pickle, sys
            from sklearn.datasets import load_digits

            model, digits = pickle.load(open(sys.argv[1], "rb")), load_digits().data
            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
        """
        assert run_script(script, pickled, OMP_NUM_THREADS="2") == "[1, 100]\n"

    def test_threads_whose_call_was_interrupted_do_not_abort_the_exit(self, pickled):
        script = """
            import pickle, signal, sys, threading
            import numpy as np
            from sklearn.datasets import load_digits

            model, X = pickle.load(open(sys.argv[1], "rb")), np.repeat(load_digits().data, 50, axis=0)
            model.predict(X[:1])
            threading.Timer(0.02, signal.raise_signal, [signal.SIGINT]).start()
            try:
                while True:
                    model.predict(X)
            except KeyboardInterrupt:
                print("interrupted")
        """
        assert run_script(script, pickled, OMP_NUM_THREADS="4") == "interrupted\n"


FORK = """
    import os, pickle, sys, threading, warnings
    from sklearn.datasets import load_digits

    warnings.simplefilter("ignore", DeprecationWarning)  # of threads in a process that forks
    model, X = pickle.load(open(sys.argv[1], "rb")), load_digits().data
    expected = model.predict_proba(X)
    {before}

    children = []
    for _ in range({n_children}):
        child = os.fork()
        if not child:
            assert (model.predict_proba(X) == expected).all()
            from sk_mnist_cnn._onnx import session
            assert len(session._sessions) == 1 <= len(session._inherited)
            assert not session._shares_arena
            assert not {{"tensorflow", "subprocess"}} & (sys.modules.keys() - imported)
            {leave}
        children.append(child)
    print({{os.waitpid(child, 0)[1] for child in children}})
    assert (model.predict_proba(X) == expected).all()
    stop = True
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
class TestForks:
    @pytest.mark.slow
    @pytest.mark.parametrize("leave", ["sys.exit()", "os._exit(0)"])
    def test_child_process_creates_new_sessions(self, pickled, leave):
        script = FORK.format(before="imported = set(sys.modules)", n_children=2, leave=leave)
        assert run_script(script, pickled) == "{0}\n"

    @pytest.mark.slow
    def test_child_process_of_a_process_with_predicting_threads(self, pickled):
        before = """
    imported, stop = set(sys.modules), False

    def predict():
        while not stop:
            assert (pickle.loads(pickle.dumps(model)).predict_proba(X) == expected).all()

    for _ in range(3):
        threading.Thread(target=predict).start()
        """
        script = FORK.format(before=before, n_children=20, leave="os._exit(0)")
        assert run_script(script, pickled) == "{0}\n"

    @pytest.mark.slow
    def test_child_process_of_a_process_that_used_tensorflow(self, pickled):
        before = """
    model[-1].model_.predict(X[:5].reshape(-1, 8, 8, 1), verbose=0)
    imported = set(sys.modules)
        """
        script = FORK.format(before=before, n_children=2, leave="os._exit(0)")
        assert run_script(script, pickled) == "{0}\n"
