"""The number of threads of a process, and whether it was forked after TensorFlow was loaded."""

import os
import sys

import joblib

_forked = False

# The number of cores may change while the process runs. Reading it takes about 0.1 ms.
available_cores = joblib.cpu_count


def _mark_child():
    global _forked
    _forked = "tensorflow" in sys.modules


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
