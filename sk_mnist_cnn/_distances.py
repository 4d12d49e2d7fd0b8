"""Distances of images, described by a few components, to classes and to other images."""

import numpy as np
from scipy import linalg
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d

from ._training.targets import as_labels

_IMAGES_PER_COMPONENT = 20
_LEVELS = 127  # by which coordinates in [-1, 1] are multiplied to store them as int8


def group_by_label(y, n_samples):
    """Return the indices of the samples of each class."""
    if y is None:
        labels = np.zeros(n_samples, int)
    else:
        labels = column_or_1d(as_labels(y), warn=True)
        check_consistent_length(labels, range(n_samples))
        check_classification_targets(labels)
    _, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if counts.min() < 2:
        raise ValueError(
            f"X must hold at least two images of each class, got n_samples = {counts.min()} of a class. "
            "Drop this class, or pass y=None."
        )
    return [np.flatnonzero(index == label) for label in range(len(counts))]


def limit_components(n_components, groups):
    """Return at most one component for every 20 images of the smallest group, and at least one.

    With fewer images, the covariance of a group is uncertain.
    """
    return max(1, min(n_components, min(map(len, groups)) // _IMAGES_PER_COMPONENT))


def principal_components(features, n_components):
    """Return the directions with the largest sums of squares, as rows.

    The features are not centered, so that images without edges are far from all others.
    """
    n_features = features.shape[1]
    n_components = min(n_components, n_features)
    largest = [n_features - n_components, n_features - 1]
    return linalg.eigh(features.T @ features, subset_by_index=largest)[1].T.astype(np.float32)


def inverse_covariance(points):
    """Return the inverse of the covariance with Ledoit-Wolf shrinkage."""
    from sklearn.covariance import ledoit_wolf  # slow to import, and only needed by fit

    return linalg.pinvh(ledoit_wolf(points)[0]).astype(np.float32)


def distance_to_class(points, locations, precisions):
    """Return the Mahalanobis distance of each point to the nearest class."""
    squares = []
    for location, precision in zip(locations, precisions, strict=True):
        deviation = points - location
        squares.append(np.sum(deviation @ precision * deviation, axis=1))
    return np.sqrt(np.maximum(np.min(squares, axis=0), 0))


def compress(points, n_points):
    """Return at most `n_points` of the points, at equal intervals, as int8.

    Their coordinates are at most 1, because the points are projections of rows of length 1.
    """
    chosen = np.linspace(0, len(points) - 1, min(n_points, len(points))).astype(int)
    return np.round(_LEVELS * points[chosen]).astype(np.int8)


def distance_to_neighbor(points, compressed):
    """Return the Euclidean distance of each point to the second nearest of the compressed points.

    The nearest one of a compressed point is itself.
    """
    from sklearn.neighbors import NearestNeighbors  # slow to import

    neighbors = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(compressed / _LEVELS)
    return neighbors.kneighbors(points)[0][:, 1]
