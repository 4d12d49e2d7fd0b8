"""Predict with the network that finds digits on pages, which ships with the package."""

import functools
import os
from importlib import resources
from math import ceil

import numpy as np

from .._process import CppCall, allowed_threads, available_cores
from . import session

_FILE = resources.files("sk_mnist_cnn") / "data" / "page_network.onnx"
_MULTIPLE = 16  # of the height and the width that the network needs, in pixels
_FIELD = 96  # distance from which a pixel changes no output, in pixels; a multiple of `_MULTIPLE`
_STRIP = 600_000  # pixels that are predicted at once, beside those that only surround them


def predict(picture):
    """Return the maps of centers and of ink, of shape (channels, h, w), of a picture of any size, float32.

    `_pictures.detection` describes the maps. The network sees the picture in a border of 0. It sees a large
    picture strip by strip, because the feature maps take 250 bytes per pixel.
    """
    padded = np.pad(picture, [(_MULTIPLE, _MULTIPLE + -side % _MULTIPLE) for side in picture.shape])
    axis = int(np.argmax(padded.shape))
    length = padded.shape[axis]
    step = ceil(length / ceil(padded.size / _STRIP) / _MULTIPLE) * _MULTIPLE
    strips = []
    for start in range(0, length, step):
        end = min(start + step, length)
        low, high = max(start - _FIELD, 0), min(end + _FIELD, length)
        maps = _run(np.take(padded, range(low, high), axis))
        strips.append([_middle(values, axis, (start - low, end - low), high - low) for values in maps])
    centers, ink = (np.concatenate(values, axis=axis + 1) for values in zip(*strips, strict=True))
    return tuple(_inside(values, len(padded) // values.shape[1], picture.shape) for values in (centers, ink))


def _run(picture):
    with CppCall():
        centers, ink = _load(os.getpid()).run(None, {"picture": picture[None, None]})
    return centers[0], ink[0]


def _middle(values, axis, limits, length):
    """Return the part of a map between two limits of a strip of this length, all in pixels."""
    stride = length // values.shape[axis + 1]
    return np.take(values, range(*(limit // stride for limit in limits)), axis + 1)


def _inside(values, stride, shape):
    """Return the part of a map that shows the picture, without the border."""
    start = _MULTIPLE // stride
    rows, columns = (slice(start, start + ceil(side / stride)) for side in shape)
    return values[:, rows, columns]


@functools.cache
def _load(process):  # threads do not survive a fork, so that each process has a session of its own
    return session.load(_FILE.read_bytes(), n_threads=allowed_threads() or available_cores())
