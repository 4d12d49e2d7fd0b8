"""Predict with the network that finds digits on pages, which ships with the package."""

import functools
import os
from importlib import resources

from .._process import CppCall, allowed_threads, available_cores
from . import session

_FILE = resources.files("sk_mnist_cnn") / "data" / "page_network.onnx"


def predict(picture):
    """Return the maps of centers and of ink, of shape (channels, h, w).

    The picture is of shape (h, w), float32, with multiples of 16. `_pictures.detection` describes the maps.
    """
    with CppCall():
        centers, ink = _load(os.getpid()).run(None, {"picture": picture[None, None]})
    return centers[0], ink[0]


@functools.cache
def _load(process):  # threads do not survive a fork, so that each process has a session of its own
    return session.load(_FILE.read_bytes(), n_threads=allowed_threads() or available_cores())
