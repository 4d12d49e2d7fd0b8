"""The engine in a process of its own, for processes forked from one in which TensorFlow was running.

TensorFlow's threads do not survive a fork, and whatever waits for them waits for ever. The engine's functions
take arrays and give arrays, so that a fresh process can run them instead.
"""

import functools
import os
import subprocess
import sys
import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection

_forked = False
_lock = threading.Lock()
_connection = None


def _mark_child():
    global _forked, _lock, _connection
    _forked, _lock, _connection = True, threading.Lock(), None


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_mark_child)


def survives_fork(function):
    """Run a function of the engine where TensorFlow can run."""

    @functools.wraps(function)
    def run(*args, **kwargs):
        if not _forked:
            return function(*args, **kwargs)
        return _run_elsewhere(function.__name__, args, kwargs)

    return run


def refuse_fork(what):
    """Raise where something needs TensorFlow in this very process, and it cannot run.

    Raises
    ------
    RuntimeError
        In a process forked from one in which TensorFlow was running.
    """
    if _forked:
        raise RuntimeError(
            f"{what} is not to be had in a process forked from one that has used TensorFlow. Start the "
            'process by "spawn" or "forkserver" instead.'
        )


def _run_elsewhere(name, args, kwargs):
    global _connection
    with _lock:
        if _connection is None:
            _connection = _start_process()
        try:
            _connection.send((name, args, kwargs))
            result, error = _connection.recv()
        except (EOFError, OSError) as lost:
            _connection = None
            raise RuntimeError("The process that runs the network has died.") from lost
    if error is not None:
        raise error
    return result


def _start_process():
    here, there = Pipe()
    subprocess.Popen(
        [sys.executable, "-c", f"from {__name__} import _serve; _serve({there.fileno()})"],
        pass_fds=[there.fileno()],
    )
    there.close()
    return here


def _serve(descriptor):
    """Answer calls until the other side goes away."""
    from . import _engine

    connection = Connection(descriptor)
    while True:
        try:
            name, args, kwargs = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer = getattr(_engine, name)(*args, **kwargs), None
        except Exception as error:
            answer = None, error
        connection.send(answer)
