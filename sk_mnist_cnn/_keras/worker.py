"""The engine in a process of its own, for processes forked from one in which TensorFlow was running.

TensorFlow's threads do not survive a fork, and whatever waits for them waits for ever. The engine's functions
take arrays and give arrays, so that a fresh process can run them instead.
"""

import contextlib
import functools
import os
import pickle
import signal
import subprocess
import sys
import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from joblib import wrap_non_picklable_objects

_forked = False
_lock = threading.Lock()
_engine_process = None


def _mark_child():
    global _forked, _lock, _engine_process
    _forked, _lock, _engine_process = "tensorflow" in sys.modules, threading.Lock(), None


# When the package is imported, since its users may run TensorFlow themselves, and fork then.
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
    global _engine_process
    call = wrap_non_picklable_objects((name, args, kwargs), keep_wrapper=False)
    with _lock:
        engine, _engine_process = _engine_process or _EngineProcess(), None
        result, error = engine.answer(call)
        _engine_process = engine
    if error is not None:
        raise error
    return result


class _EngineProcess:
    """A process that answers calls one by one. It ends when one is interrupted, and with it the call."""

    def __init__(self):
        self._connection, there = Pipe()
        command = f"from {__name__} import _serve; _serve({there.fileno()})"
        self._process = subprocess.Popen(
            [sys.executable, "-c", command],
            pass_fds=[there.fileno()],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        there.close()

    def answer(self, call):
        try:
            self._connection.send(call)
            return self._connection.recv()
        except BaseException as failure:
            self._connection.close()
            self._process.kill()
            self._process.wait()
            if isinstance(failure, EOFError | ConnectionError):
                raise RuntimeError("The process that runs the network has died.") from failure
            raise


def _serve(descriptor):
    """Answer calls until the other side goes away."""
    from . import engine

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the caller
    connection = Connection(descriptor)
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            call = connection.recv_bytes()
            try:
                name, args, kwargs = pickle.loads(call)
                answer = getattr(engine, name)(*args, **kwargs), None
            except Exception as error:
                answer = None, error
            connection.send(answer)
