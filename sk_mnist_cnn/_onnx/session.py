"""Predict with ONNX Runtime. All estimators of a process share its sessions, by output and weights."""

import _thread
import contextlib
import os
import threading
import weakref
from collections import OrderedDict
from queue import SimpleQueue

import numpy as np
import onnxruntime

from .._process import allowed_threads, available_cores
from . import graph

# Maximum number of sessions in a process; the least recently used are removed. For 28x28 images, each takes
# about 2 MB, and 1 MB more per thread after a large batch. Larger ensembles create sessions at each call.
MAX_SESSIONS = 128

# Pixels per call, those of 16 images of 28x28: so many that the call itself costs little, and so few that the
# feature maps stay in the CPU cache. A session also keeps the memory of its largest calls.
PIXELS_PER_CALL = 16 * 28 * 28

# Products of larger pixels may overflow.
LARGEST_PIXEL = np.sqrt(np.finfo(np.float32).max)


def predict(architecture, weights, rows, output="probabilities"):
    """Return an output of a network for flat rows, in float32.

    On one machine, the values of an image are bit-identical in any batch and with any number of threads. They
    are NaN if a pixel is so large that float32 may overflow: ONNX Runtime's max-pooling ignores NaN, and
    would hide that.

    Parameters
    ----------
    architecture : Architecture
        One that `graph.supports`.
    weights : tuple of ndarray
        Not to be changed in place, since a session holds a copy of them.
    rows : ndarray of shape (n, h * w * c)
    output : {"probabilities", "embeddings"}, default="probabilities"

    Returns
    -------
    ndarray of shape (n, architecture.output_size(output))
    """
    session = _session(architecture, weights, output)
    values = np.empty((len(rows), architecture.output_size(output)), np.float32)
    size = max(1, PIXELS_PER_CALL // rows.shape[1])

    def run(start):
        part = slice(start, start + size)
        with np.errstate(over="ignore"):
            pixels = rows[part].astype(np.float32, copy=False)
        images = pixels.reshape(-1, *architecture.image_shape)
        (values[part],) = session.run([output], {"X": images})
        values[part][np.abs(pixels).max(axis=1) > LARGEST_PIXEL] = np.nan

    _for_each(range(0, len(rows), size), run)
    return values


def _for_each(items, function):
    """Call a function with every item, in this thread and in as many others as may be used.

    Executors of concurrent.futures are not used, because they wait until their threads have started, which
    can take longer than the calls on a busy machine, and reject work after the main thread has ended.
    """
    remaining, outcomes = iter(items), SimpleQueue()

    def work():
        for item in remaining:
            try:
                function(item)
            except BaseException as error:
                for _ in remaining:  # let all threads end
                    outcomes.put(None)
                outcomes.put(error)
            else:
                outcomes.put(None)

    if len(items) > 1:
        with contextlib.suppress(RuntimeError):  # without further threads this one makes all calls
            for _ in range(min(len(items), allowed_threads() or available_cores()) - 1):
                _thread.start_new_thread(work, ())
    work()
    for error in [outcomes.get() for _ in items]:
        if error is not None:
            raise error


# Sessions by the output and the identities of the weights. Weak references remove a session when one of its
# weights is garbage collected.
_sessions: OrderedDict[tuple, tuple] = OrderedDict()
_lock = threading.RLock()

# In a forked process, the sessions of its parent process. They are neither used nor destroyed.
_inherited: list[tuple] = []


def _session(architecture, weights, output):
    key = output, *map(id, weights)
    with _lock:
        session, references = _sessions.pop(key, None) or (
            _create(architecture, weights, output),
            [weakref.ref(array, _drop(key)) for array in weights],
        )
        _sessions[key] = session, references
        if len(_sessions) > MAX_SESSIONS:
            _sessions.popitem(last=False)
    return session


def _create(architecture, weights, output):
    """Create a session that computes in the thread that calls it, and logs errors only."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # costs memory for every size of a batch
    options.log_severity_level = 3
    model = graph.network(architecture, weights, output).model().SerializeToString()
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
