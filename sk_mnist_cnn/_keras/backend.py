"""Import TensorFlow, Keras and scikeras without their log messages, and configure them once per process.

All other modules import them from here. The import has effects on the whole process: it sets the backend of
Keras (``KERAS_BACKEND``), the growth of GPU memory and, if OMP_NUM_THREADS is set, the numbers of
TensorFlow's threads. The log level of TensorFlow is set during the import only. Set the environment variable
``TF_CPP_MIN_LOG_LEVEL`` to 0 to see all log messages.
"""

import contextlib
import gc
import os
import random
import re
import sys
import tempfile
import threading
from pathlib import Path

from .._process import allowed_threads

_CHATTER = re.compile(
    r"WARNING: All log messages before absl"
    r"|[IW]\d{4} [\d:. ]+\d+ \S+:\d+\]"
    r"|\d{4}-\d\d-\d\d [\d:. ]+: [IW] "
    r"|To enable the following instructions"
)


@contextlib.contextmanager
def _same_random_state():
    """Restore the state of Python's random generator, which older TensorFlow versions use while imported."""
    state = random.getstate()
    yield
    random.setstate(state)


@contextlib.contextmanager
def _no_garbage_collection():
    """Disable garbage collection during the import (about 20% faster)."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextlib.contextmanager
def _log_level():
    """Set the log level that TensorFlow reads when it is imported, unless the user has set one.

    Errors are shown on machines with an NVIDIA GPU. On other machines, they only say that CUDA is missing.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2" if _has_nvidia_gpu() else "3"
    try:
        yield
    finally:
        os.environ.pop("TF_CPP_MIN_LOG_LEVEL", None)


def _has_nvidia_gpu():
    drivers = map(Path, ("/dev/nvidiactl", "/dev/dxg"))
    vendors = Path("/sys/bus/pci/devices").glob("*/vendor")
    return any(driver.exists() for driver in drivers) or any(
        vendor.read_text().strip() == "0x10de" for vendor in vendors
    )


@contextlib.contextmanager
def _no_chatter():
    """Remove TensorFlow's messages from standard error during its import; write all others afterwards.

    Its libraries write to file descriptor 2 before they read their log level.
    """
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] < "2" or sys.stderr is None or "tensorflow" in sys.modules:
        yield
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile("w+", errors="replace") as held_back:
        terminal = os.dup(2)
        os.dup2(held_back.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            held_back.seek(0)
            for line in held_back:
                if not _CHATTER.match(line):
                    sys.stderr.write(line)


os.environ.setdefault("KERAS_BACKEND", "tensorflow")
with _log_level(), _no_chatter(), _same_random_state(), _no_garbage_collection():
    import keras
    import tensorflow as tf
    from scikeras.wrappers import BaseWrapper

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "sk_mnist_cnn runs Keras on TensorFlow, but Keras was imported with the "
        f"{keras.backend.backend()!r} backend. Set KERAS_BACKEND=tensorflow before importing it."
    )


class DefaultFloatx:
    """Context manager that sets Keras' default dtype to "float32", and restores the previous one.

    Variables, losses and metrics use the default dtype. It is global: the first of several threads sets it,
    and the last one restores it, unless another thread has set it in the meantime. Nothing is set or restored
    if it is "float32" already, as it is unless the user has changed it.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._n_inside = 0

    def __enter__(self):
        with self._lock:
            if not self._n_inside:
                self._before = keras.config.floatx()
                if self._before != "float32":
                    keras.config.set_floatx("float32")
            self._n_inside += 1

    def __exit__(self, *exception):
        with self._lock:
            self._n_inside -= 1
            if not self._n_inside and keras.config.floatx() == "float32" != self._before:
                keras.config.set_floatx(self._before)


default_floatx = DefaultFloatx()


def _share_gpus():
    """Let GPU memory grow on demand, so that several processes can share a GPU."""
    for gpu in tf.config.list_physical_devices("GPU"):
        # These errors mean that TensorFlow is in use already; then its configuration is kept.
        with contextlib.suppress(RuntimeError, ValueError):
            tf.config.experimental.set_memory_growth(gpu, True)


def _share_cores():
    """Limit TensorFlow's two thread pools to OMP_NUM_THREADS, which they ignore."""
    allowed = allowed_threads()
    if allowed is None:
        return
    threading = tf.config.threading
    # This error means that TensorFlow is in use already, as above.
    with contextlib.suppress(RuntimeError):
        if not (threading.get_intra_op_parallelism_threads() or "TF_NUM_INTRAOP_THREADS" in os.environ):
            threading.set_intra_op_parallelism_threads(allowed)
        if not (threading.get_inter_op_parallelism_threads() or "TF_NUM_INTEROP_THREADS" in os.environ):
            threading.set_inter_op_parallelism_threads(allowed)


_share_gpus()
_share_cores()


def _is_shown(record):
    """Return whether to show a TensorFlow message. Warnings about retracing in this package are not shown.

    Each compiled network is traced once, so retracing is intended here.
    """
    frame = sys._getframe(1)
    while frame and not frame.f_globals.get("__name__", "").startswith("sk_mnist_cnn._keras."):
        frame = frame.f_back
    return frame is None or "triggered tf.function retracing" not in record.getMessage()


tf.get_logger().addFilter(_is_shown)

__all__ = ["BaseWrapper", "default_floatx", "keras", "tf"]
