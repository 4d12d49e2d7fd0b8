"""TensorFlow, Keras and scikeras, imported late, quietly, and set up once a process.

Everything that needs them imports them from here, so that none of the start-up chatter reaches a terminal.
Set the environment variable ``TF_CPP_MIN_LOG_LEVEL`` to 0 to see it.
"""

import contextlib
import gc
import os
import random
import re
import sys
import tempfile

_CHATTER = re.compile(
    r"WARNING: All log messages before absl"
    r"|[IWE]\d{4} [\d:. ]+\d+ \S+:\d+\]"
    r"|\d{4}-\d\d-\d\d [\d:. ]+: [IWE] "
    r"|To enable the following instructions"
)


@contextlib.contextmanager
def _same_random_state():
    """Undo what older TensorFlows draw from Python's generator while they are imported."""
    state = random.getstate()
    yield
    random.setstate(state)


@contextlib.contextmanager
def _no_garbage_collection():
    """Spare the import some 650 looks for garbage among ever more objects, a fifth of its time."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextlib.contextmanager
def _no_chatter():
    """Hold back what is written to standard error, and hand on all that is not TensorFlow's log.

    Its libraries log before their own log level can be set, straight to file descriptor 2.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3" or sys.stderr is None:
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
with _no_chatter(), _same_random_state(), _no_garbage_collection():
    import keras
    import tensorflow as tf
    from scikeras.wrappers import BaseWrapper

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "sk_mnist_cnn runs Keras on TensorFlow, but Keras was imported with the "
        f"{keras.backend.backend()!r} backend. Set KERAS_BACKEND=tensorflow before importing it."
    )


def _share_gpus():
    """Let GPUs give memory as it is needed, so that processes side by side find room on a card."""
    for gpu in tf.config.list_physical_devices("GPU"):
        # Too late where TensorFlow has been used already, and then it is its user's choice.
        with contextlib.suppress(RuntimeError, ValueError):
            tf.config.experimental.set_memory_growth(gpu, True)


def _share_cores():
    """Give TensorFlow's two pools the threads that joblib, Dask and Ray allow each of their workers.

    They say it in OMP_NUM_THREADS, which the pools would not look at: every worker would use every core.
    """
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    if not allowed.isdecimal():
        return
    threading = tf.config.threading
    # As above, too late where TensorFlow has been used already.
    with contextlib.suppress(RuntimeError):
        if not (threading.get_intra_op_parallelism_threads() or "TF_NUM_INTRAOP_THREADS" in os.environ):
            threading.set_intra_op_parallelism_threads(int(allowed))
        if not (threading.get_inter_op_parallelism_threads() or "TF_NUM_INTEROP_THREADS" in os.environ):
            threading.set_inter_op_parallelism_threads(int(allowed))


with _no_chatter():
    _share_gpus()
    _share_cores()

# A network for every architecture is what the engine is for.
tf.get_logger().addFilter(lambda record: "triggered tf.function retracing" not in record.getMessage())

__all__ = ["BaseWrapper", "keras", "tf"]
