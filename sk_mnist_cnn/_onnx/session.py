"""Predict with ONNX Runtime. Sessions are cached per process, by the `id` of the weight arrays."""

import contextlib
import os
import threading
import weakref
from collections import OrderedDict, deque

import joblib
import numpy as np
import onnxruntime

from . import graph

# Sessions kept in a process; the least recently used are dropped.
MAX_SESSIONS = 32

# Pixels per call of a session, those of 32 images of 28x28: enough to make the overhead of a call small, and
# few enough to keep feature maps in the processor's cache and memory use low.
PIXELS_PER_CALL = 32 * 28 * 28


def predict_proba(architecture, weights, rows):
    """Return class probabilities of flat rows, in float32.

    Each image is computed independently, so that its probabilities are bit-identical in any batch and with
    any number of threads.

    Parameters
    ----------
    architecture : Architecture
        It must be supported, see `graph.supports`.
    weights : tuple of ndarray
        They must not be changed in place, since a session holds a copy of them.
    rows : ndarray of shape (n, h * w * c)

    Returns
    -------
    ndarray of shape (n, n_classes)
    """
    session = _session(architecture, weights)
    probabilities = np.empty((len(rows), architecture.n_classes), np.float32)
    size = max(1, PIXELS_PER_CALL // rows.shape[1])

    def predict(start):
        part = slice(start, start + size)
        with np.errstate(over="ignore"):
            images = rows[part].astype(np.float32, copy=False).reshape(-1, *architecture.image_shape)
        (probabilities[part],) = session.run(["probabilities"], {"X": images})

    _for_each(range(0, len(rows), size), predict)
    return probabilities


def n_threads():
    """Return the number of threads: OMP_NUM_THREADS if it is set, otherwise the number of available cores.

    joblib, Dask and Ray set OMP_NUM_THREADS in their workers, to share the cores.
    """
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    return int(allowed) if allowed.isdecimal() and int(allowed) else joblib.cpu_count()


def _for_each(items, function):
    """Call a function with every item, in `n_threads()` threads including this one.

    Executors of concurrent.futures are not used: they accept no calls after the main thread has ended.
    """
    remaining, errors = iter(items), []

    def work():
        try:
            for item in remaining:
                function(item)
        except BaseException as error:
            errors.append(error)
            deque(remaining, maxlen=0)  # so that the other threads end too

    helpers = []
    if len(items) > 1:
        with contextlib.suppress(RuntimeError):  # if no thread can be started, this one does all calls
            for _ in range(min(len(items), n_threads()) - 1):
                helper = threading.Thread(target=work)
                helper.start()
                helpers.append(helper)
    work()
    for helper in helpers:
        helper.join()
    if errors:
        raise errors[0]


# Sessions by the `id` of each array, with weak references that drop the session with any of its arrays.
_sessions: OrderedDict[tuple, tuple] = OrderedDict()
_lock = threading.RLock()

# Sessions of the parent process, in a forked process. They are neither used nor destroyed.
_inherited: list[tuple] = []


def _session(architecture, weights):
    key = tuple(map(id, weights))
    with _lock:
        session, references = _sessions.pop(key, None) or (
            _create(architecture, weights),
            [weakref.ref(array, _drop(key)) for array in weights],
        )
        _sessions[key] = session, references
        if len(_sessions) > MAX_SESSIONS:
            _sessions.popitem(last=False)
    return session


def _create(architecture, weights):
    """Create a session that runs in the calling thread, keeps no memory arena, and logs only errors."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    model = graph.network(architecture, weights).model().SerializeToString()
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _drop(key, pop=_sessions.pop):
    return lambda _: pop(key, None)


def _set_inherited_aside():
    _inherited.extend(_sessions.values())
    _sessions.clear()
    _lock.release()


# A fork waits until no session is being created, so that ONNX Runtime's locks are free in the child.
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_set_inherited_aside
    )
