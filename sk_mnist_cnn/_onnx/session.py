"""Predict with ONNX Runtime. All estimators of a process share its sessions, by output and weights."""

import _thread
import contextlib
import functools
import os
import threading
import weakref
from collections import OrderedDict
from queue import SimpleQueue
from typing import NamedTuple

import numpy as np
import onnxruntime

from .._process import CppCall, allowed_threads, available_cores, is_ending
from . import graph

# Maximum memory of the sessions in a process, in bytes; the least recently used are removed. Larger ensembles
# create sessions at each call. A session takes about as much memory as its weights, and an overhead.
MAX_BYTES = 256 * 2**20
OVERHEAD = 200_000

# Pixels per call, those of 16 images of 28x28: so many that the call itself costs little, and so few that the
# feature maps stay in the CPU cache, and take little memory per thread.
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
        Without float64, in which ONNX Runtime has no convolution.
    weights : tuple of ndarray
        Not to be changed in place, since a session reads some of them and has copies of others.
    rows : ndarray of shape (n, h * w * c)
    output : {"probabilities", "embeddings"}, default="probabilities"

    Returns
    -------
    ndarray of shape (n, architecture.output_size(output))
    """
    session = _session(architecture, weights, output)
    values = np.empty((len(rows), architecture.output_size(output)), np.float32)
    size = max(1, PIXELS_PER_CALL // rows.shape[1])

    def run(start, weights=weights):  # the session reads the weights, also if this call is interrupted
        part = slice(start, start + size)
        with np.errstate(over="ignore"):
            pixels = rows[part].astype(np.float32, copy=False)
        images = pixels.reshape(-1, *architecture.image_shape)
        with CppCall():
            (values[part],) = session.runtime.run([output], {"X": images})
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

    if len(items) > 1 and not is_ending():
        with contextlib.suppress(RuntimeError):  # without further threads this one makes all calls
            for _ in range(min(len(items), allowed_threads() or available_cores()) - 1):
                _thread.start_new_thread(work, ())
    work()
    for error in [outcomes.get() for _ in items]:
        if error is not None:
            raise error


class _Session(NamedTuple):
    """A session of ONNX Runtime, and what has to exist while it is used."""

    runtime: onnxruntime.InferenceSession
    copies: list  # of weights that ONNX Runtime needs in another memory layout
    references: list  # weak; they remove the session when one of its weights is garbage collected
    n_bytes: int


# Sessions by the output and the identities of the weights.
_sessions: OrderedDict[tuple, _Session] = OrderedDict()
_lock = threading.RLock()

# In a forked process, the sessions of its parent process. They are neither used nor destroyed.
_inherited: list[_Session] = []

# All sessions allocate their feature maps in one arena. Its size depends on the number of threads, and not on
# the number of sessions. The sessions of a forked process do not use it, because a thread of the parent
# process may have locked it.
_ARENA = onnxruntime.OrtMemoryInfo(
    "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
)
with contextlib.suppress(RuntimeError):  # older versions raise if other code has registered one
    onnxruntime.create_and_register_allocator(_ARENA, None)
_shares_arena = True


def _session(architecture, weights, output):
    key = output, *map(id, weights)
    with CppCall(), _lock:
        session = _sessions.pop(key, None)
        if session is None:
            session = _create(architecture, weights, output, _drop(key))
            _make_room(session.n_bytes)
        _sessions[key] = session
    return session


def _make_room(n_bytes):
    """Remove the least recently used sessions, so that another one may take this memory."""
    used = sum(session.n_bytes for session in list(_sessions.values()))
    while _sessions and used + n_bytes > MAX_BYTES:
        used -= _sessions.popitem(last=False)[1].n_bytes


def _create(architecture, weights, output, drop):
    architecture, folded = architecture.folded(weights)
    names = graph.external_names(architecture, output)
    used = graph.in_onnx_layout(folded[: len(names)])
    arrays = [np.require(array, requirements="CA") for array in used]
    copies = [array for array in arrays if not any(np.may_share_memory(array, given) for given in weights)]
    return _Session(
        load(_model(architecture, output), dict(zip(names, arrays, strict=True))),
        copies,
        references=[weakref.ref(array, drop) for array in weights],
        n_bytes=OVERHEAD + sum(array.nbytes for array in arrays + copies),
    )


def load(model, external=None, n_threads=1):
    """Return a session for the content of an ONNX file, which computes in `n_threads`, or in its caller's.

    Call it in the context `CppCall`, as the sessions themselves.
    `external` has its external constants, by name. The session reads these arrays where they are, but holds
    no references to them.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = n_threads, 1
    options.enable_mem_pattern = False  # costs memory for every size of a batch
    options.log_severity_level = 3  # errors only
    options.add_session_config_entry("session.disable_quant_qdq", "1")  # no graph is quantized
    options.add_session_config_entry("session.use_env_allocators", str(int(_shares_arena)))
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")  # not the arena
    external = external or {}
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in external.values()]
    options.add_external_initializers([*external], values)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@functools.lru_cache(maxsize=64)
def _model(architecture, output):
    """Return the graph of all networks with an architecture."""
    return graph.network(architecture, output=output).model()


def _drop(key, pop=_sessions.pop):
    return lambda _: pop(key, None)


def _set_inherited_aside():
    global _shares_arena
    _shares_arena = False
    _inherited.extend(_sessions.values())
    _sessions.clear()
    _lock.release()


# A fork waits until no session is being created, so that the child finds ONNX Runtime's locks open.
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_set_inherited_aside
    )
