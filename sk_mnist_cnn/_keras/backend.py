"""Import TensorFlow, Keras and scikeras, and configure them once per process.

All other modules import them from here. The import has effects on the whole process: it sets the backend of
Keras (``KERAS_BACKEND``), TensorFlow's log level (``TF_CPP_MIN_LOG_LEVEL``), the growth of GPU memory and, if
OMP_NUM_THREADS is set, the numbers of TensorFlow's threads. Variables that are set already are kept.
"""

import contextlib
import os
import random
import sys
import threading

from .._process import allowed_threads

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # set it to 0 to see all messages

_random_state = random.getstate()  # older versions of TensorFlow draw while they are imported
import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from scikeras.wrappers import BaseWrapper  # noqa: E402

random.setstate(_random_state)

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
