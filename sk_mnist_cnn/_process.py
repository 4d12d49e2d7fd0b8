"""The threads of a process: how many to use, what forks of it lack, and how its exit waits for them."""

import _thread
import atexit
import os
import sys
import time

import joblib

_forked = False

# The calls of C++ code that run now, and the thread that ends the interpreter, once it does.
_cpp_calls: set["CppCall"] = set()
_ending_thread = None

# The number of cores may change while the process runs. Reading it takes about 0.1 ms.
available_cores = joblib.cpu_count


def _mark_child():
    global _forked
    _forked = "tensorflow" in sys.modules
    _cpp_calls.clear()  # threads of the parent process do not exist here


# Registered when the package is imported, because users may load TensorFlow and fork without it.
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_mark_child)


def refuse_fork():
    """Raise a RuntimeError in a process that was forked after TensorFlow was loaded."""
    if _forked:
        raise RuntimeError(
            'Fits, Keras models and predictions with dtype="float64" are not available in a process forked '
            "after TensorFlow was loaded, because TensorFlow's threads do not exist there. Start the process "
            'with "spawn" or "forkserver" instead.'
        )


def allowed_threads():
    """Return the value of OMP_NUM_THREADS, limited to the available cores; None if it is not a number.

    joblib, Dask and Ray share cores among their workers with it. For a list such as "4,2", it is the first
    number.
    """
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if not first.isdecimal() or int(first) == 0:
        return None
    return min(int(first), available_cores())


class CppCall:
    """Context of a call of C++ code that may be made by a daemon thread.

    If C++ code returns to an interpreter that has ended, the process aborts (before Python 3.14). So the
    interpreter ends when the calls that run have returned, and a thread that would begin another one stops.
    """

    def __enter__(self):
        _cpp_calls.add(self)
        if is_ending() and _thread.get_ident() != _ending_thread:
            _cpp_calls.discard(self)
            never = _thread.allocate_lock()
            never.acquire()
            never.acquire()

    def __exit__(self, *exception):
        _cpp_calls.discard(self)


def is_ending():
    """Return whether the interpreter ends, so that other threads do no more work."""
    return _ending_thread is not None


class _AfterExitFunctions:
    """Waits for `CppCall` after all functions of atexit, which may wait for threads that make such calls.

    atexit drops what it holds when all functions have returned. Without an exit, nothing happens.
    """

    _is_exit = False

    def __call__(self):
        self._is_exit = True

    def __del__(self):
        global _ending_thread
        if self._is_exit:
            _ending_thread = _thread.get_ident()
            while _cpp_calls:
                time.sleep(0.001)


atexit.register(_AfterExitFunctions())
