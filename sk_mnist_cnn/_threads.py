"""The number of threads that a process may use."""

import functools
import os

import joblib

# It reads files, because containers may limit the number of cores.
available_cores = functools.cache(joblib.cpu_count)


def allowed_threads():
    """Return the value of OMP_NUM_THREADS, by which joblib, Dask and Ray share the cores among their workers.

    Of a list such as "4,2", the first number counts. There are never more threads than available cores.

    Returns
    -------
    int or None
        None if the variable is not set, or is not a positive integer.
    """
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if not first.isdecimal() or int(first) == 0:
        return None
    return min(int(first), available_cores())
