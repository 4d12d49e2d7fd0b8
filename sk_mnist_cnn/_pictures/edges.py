"""Describe images by the places and directions of their edges, for `ImageNoveltyDetector`."""

import numpy as np
from scipy import ndimage

_CELLS = 14  # height and width of a map of edges, approximately
_CHUNK = 2000  # images that are described at a time, which limits the memory


def describe_edges(images):
    """Return blurred maps of the edges in four directions, for each image.

    Blurring makes the description insensitive to small shifts, and the directions make it sensitive to shape.

    Parameters
    ----------
    images : ndarray of shape (n, h, w, c)
        Finite pixels of any scale.

    Returns
    -------
    features : ndarray of shape (n, n_features), float64
        Rows of length 1, or 0 for images without edges.
    """
    chunks = [_describe(images[start : start + _CHUNK]) for start in range(0, len(images), _CHUNK)]
    return np.concatenate(chunks)


def _describe(images):
    step = max(1, round(max(images.shape[1:3]) / _CELLS))
    rows, columns = (_blur(side, 0.35 * step) for side in images.shape[1:3])
    gray = rows @ images.mean(axis=-1, dtype=np.float64) @ columns.T
    down, right = np.gradient(gray, axis=(1, 2))
    strength = np.hypot(down, right)
    # The cosine and the sine of twice the angle, which are equal on both sides of a stroke.
    straight = np.divide(right**2 - down**2, strength, out=np.zeros_like(gray), where=strength > 0)
    diagonal = np.divide(2 * down * right, strength, out=np.zeros_like(gray), where=strength > 0)
    maps = np.maximum(np.stack([straight, diagonal, -straight, -diagonal], axis=1), 0)
    rows, columns = (_blur(side, 0.75 * step)[1:-1:step] for side in gray.shape[1:])
    features = (rows @ maps @ columns.T).reshape(len(images), -1)
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return np.divide(features, length, out=np.zeros_like(features), where=length > 0)


def _blur(side, sigma):
    """Return the matrix that blurs `side` pixels, and repeats the outer ones for the gradient."""
    matrix = ndimage.gaussian_filter1d(np.eye(side), sigma, axis=0, mode="nearest")
    return np.pad(matrix, [(1, 1), (0, 0)], mode="edge")
