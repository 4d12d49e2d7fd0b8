"""Predict with ONNX Runtime. Sessions belong to the process and are looked up by the arrays they run."""

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

# Pixels in one call, those of 32 images of 28x28: enough that the call itself costs little, few enough that
# feature maps stay in the processor's cache and that memory stays small.
PIXELS_PER_CALL = 32 * 28 * 28


def predict_proba(architecture, weights, rows):
    """Return class probabilities of flat rows, in float32.

    Every image is computed for itself, so that its probabilities are the same bits in any batch and with any
    number of threads.

    Parameters
    ----------
    architecture : Architecture
        One that `graph.supports`.
    weights : tuple of ndarray
        Not to be changed in place, since a session holds a copy of them.
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
    """Return the number of threads to use: OMP_NUM_THREADS, by which joblib, Dask and Ray share the cores
    among their workers, else the cores available to the process.
    """
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    return int(allowed) if allowed.isdecimal() and int(allowed) else joblib.cpu_count()


def _for_each(items, function):
    """Call a function with every item, in this thread and in as many others as may be used.

    The threads are plain ones: executors of concurrent.futures accept nothing once the main thread has ended.
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
        with contextlib.suppress(RuntimeError):  # where no thread can be started, this one does it all
            for _ in range(min(len(items), n_threads()) - 1):
                helper = threading.Thread(target=work)
                helper.start()
                helpers.append(helper)
    work()
    for helper in helpers:
        helper.join()
    if errors:
        raise errors[0]


# Sessions by the identities of the arrays, with weak references to them, of which any drops the session.
_sessions: OrderedDict[tuple, tuple] = OrderedDict()
_lock = threading.RLock()

# Sessions of the parent process in a forked one. They are neither used nor destroyed.
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
    """Create a session that computes in the thread which calls it, keeps no memory, and logs errors alone."""
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


# A fork waits until no session is being created, so that the child finds ONNX Runtime's locks open.
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_set_inherited_aside
    )
