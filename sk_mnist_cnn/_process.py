"""The number of threads of a process, and a worker process for processes that were forked.

A process that was forked after TensorFlow was used does not have TensorFlow's threads, and calls that wait
for them never return. Functions of `_keras` that take and return arrays run in a new process instead.
"""

import contextlib
import functools
import multiprocessing
import os
import pickle
import select
import signal
import subprocess
import sys
import threading
import time
from importlib import import_module
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import joblib

_forked = False
_serving = False
_lock = threading.Lock()
_worker = None


def _mark_child():
    global _forked, _lock, _worker
    _forked, _lock, _worker = "tensorflow" in sys.modules, threading.Lock(), None


# Registered when the package is imported, because users may use TensorFlow and fork without it.
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_mark_child)


# The number of cores may change while the process runs. Reading it takes about 0.1 ms.
available_cores = joblib.cpu_count


def allowed_threads():
    """Return the value of OMP_NUM_THREADS, with which joblib, Dask and Ray share cores among their workers.

    For a list such as "4,2", this is the first number. It is limited to the number of available cores.

    Returns
    -------
    int or None
        None if the variable is not set, or is not a positive integer.
    """
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if not first.isdecimal() or int(first) == 0:
        return None
    return min(int(first), available_cores())


def in_worker_if_forked(function):
    """Run a function of a module in a worker process if this process was forked after using TensorFlow."""

    @functools.wraps(function)
    def run(*args, **kwargs):
        if not _forked:
            return function(*args, **kwargs)
        return _run_in_worker(function, args, kwargs)

    return run


def refuse_fork(what):
    """Raise an error if this process was forked after TensorFlow was used; `what` begins the message.

    Raises
    ------
    RuntimeError
        In such a process.
    """
    if _forked:
        raise RuntimeError(
            f"{what} is not available in a process forked after TensorFlow was used. Start the process with "
            '"spawn" or "forkserver" instead.'
        )


def is_worker_process():
    """Return whether this process was started by another one, which may have several workers."""
    return _serving or multiprocessing.parent_process() is not None


def _run_in_worker(function, args, kwargs):
    global _worker
    request = function.__module__, function.__name__, args, kwargs
    call = joblib.wrap_non_picklable_objects(request, keep_wrapper=False)
    with _lock:
        worker, _worker = _worker or _Worker(), None
        result, error = worker.answer(call)
        _worker = worker
    if error is not None:
        raise error
    return result


class _Worker:
    """Process that answers one call at a time. An interrupted call terminates it."""

    def __init__(self):
        self._connection, theirs = map(_above_standard_streams, Pipe())
        command = f"from {__name__} import _serve; _serve({theirs.fileno()}, {os.getpid()})"
        # -P: do not search the current directory, unless it is in this process's path.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", command],
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            **_closed_standard_streams(),
        )
        theirs.close()

    def answer(self, call):
        """Send a call, and return its result and its error."""
        try:
            self._connection.send(call)
            return self._connection.recv()
        except BaseException as failure:
            self._connection.close()
            self._process.kill()
            self._process.wait()
            if isinstance(failure, EOFError | ConnectionError):
                raise RuntimeError("The process that trains the network was terminated.") from failure
            raise


def _above_standard_streams(connection):
    """Return a connection whose descriptor is not that of a standard stream that a daemon has closed."""
    import fcntl  # not on Windows, where no process is forked

    descriptor = fcntl.fcntl(connection.fileno(), fcntl.F_DUPFD_CLOEXEC, 3)
    connection.close()
    return Connection(descriptor)


def _closed_standard_streams():
    """Return arguments of Popen that replace the standard streams that this process has closed."""
    replaced = {}
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            replaced[name] = subprocess.DEVNULL
    return replaced


def _serve(descriptor, parent):
    """Answer calls until the connection is closed, or until the parent process has ended."""
    global _serving
    _serving = True
    threading.Thread(target=_end_with, args=[parent], daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the caller
    connection = Connection(descriptor)
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            call = connection.recv_bytes()
            try:
                module, name, args, kwargs = pickle.loads(call)
                answer = getattr(import_module(module), name)(*args, **kwargs), None
            except Exception as error:
                answer = None, _picklable(error)
            connection.send(answer)


def _end_with(parent):
    """End this process as soon as its parent has ended, also in the middle of a training.

    The parent holds the lock of the checkpoint. After it has ended, another fit may use the file.
    """
    with contextlib.suppress(AttributeError, OSError):  # only on Linux, and not in each container
        select.select([os.pidfd_open(parent)], [], [])
    while os.getppid() == parent:
        time.sleep(0.02)
    os._exit(1)


def _picklable(error):
    """Return the error if it survives pickling, otherwise a RuntimeError with its type and its text."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # the error's own methods may raise anything
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
