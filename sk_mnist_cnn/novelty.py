"""`ImageNoveltyDetector` detects images that are not digits, such as letters and blank pictures."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg, ndimage
from sklearn.base import OutlierMixin, _fit_context
from sklearn.utils._param_validation import Interval
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d

from ._base import ImageEstimator, commit_on_success, keep_types, observed_fit, snapshot
from ._images import validate_images
from ._training.targets import as_labels

__all__ = ["ImageNoveltyDetector"]

_CELLS = 14  # height and width of a map of edges, approximately
_CHUNK = 2000  # images that are described at a time, which limits the memory
_IMAGES_PER_COMPONENT = 20  # with which a covariance is certain enough
_LEVELS = 127  # by which coordinates in [-1, 1] are multiplied to store them as int8


class ImageNoveltyDetector(OutlierMixin, ImageEstimator):
    """Detect images that are unlike the training images.

    Images are described by the places and directions of their edges [1]_, reduced to a few components. The
    score of an image is the negative product of two distances: the Mahalanobis distance to the nearest class
    [2]_, and the distance to the most similar training image. The score does not depend on a
    network, because networks often predict a class with a high probability for images of no class [3]_. Read
    more in the :ref:`User Guide <guide-novelty>`.

    Parameters
    ----------
    contamination : float, default=0.01
        Fraction of the training images that `predict` labels as outliers, in (0, 0.5].
    n_components : int, default=70
        Number of components, >= 1. It is reduced to one component for every 20 images, because covariances
        are uncertain with fewer images.
    max_samples : int, default=8000
        Number of training images, >= 2, among which the most similar one is searched. They are taken from
        `X` at equal intervals, without repeated images, and stored.
    image_shape : tuple of int, (h, w) or (h, w, c), default=None
        Height, width and number of channels of one image, in pixels. None infers it, as in
        :class:`ImagePreprocessor`.

    Attributes
    ----------
    image_shape_ : tuple of int, (h, w, c)
        Height, width and number of channels of one image.
    components_ : ndarray of shape (n_components, n_edge_features)
        Components of the descriptions, computed without centering.
    location_ : ndarray of shape (n_classes, n_components)
        Mean of each class.
    precision_ : ndarray of shape (n_classes, n_components, n_components)
        Inverse covariance of each class, with Ledoit-Wolf shrinkage. The fewer images a class has, below 20
        per component, the more its covariance is shrunk to the mean covariance within the classes.
    samples_ : ndarray of shape (n_stored, n_components), int8
        The stored training images: their components, multiplied by 127.
    offset_ : float
        Score below which images are outliers.
    n_features_in_ : int
        Number of features seen in `fit`, ``X.shape[1]``: ``h * w * c`` for flat rows, otherwise ``h``.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names, if `fit` was given a frame with string column names.

    See Also
    --------
    load_pretrained : Returns a detector that was fitted on MNIST, with ``load_pretrained("mnist_novelty")``.
    sklearn.covariance.EllipticEnvelope : Detects outliers by the Mahalanobis distance to one center.

    Notes
    -----
    Images must be in the format of those of `fit`, such as that of :class:`MNISTNormalizer`.

    With ``contamination=0.01``, 1.21% of MNIST's test digits are outliers after a fit on the 60,000
    training digits, and 2.10% after a fit on the 8,000 of :func:`load_mnist_sample`. If few images are
    available, set the threshold on images that `fit` has not seen:
    ``detector.offset_ = np.quantile(detector.score_samples(X_held_out), 0.01)``.

    References
    ----------
    .. [1] Dalal, N. and Triggs, B., "Histograms of oriented gradients for human detection", CVPR 2005.
    .. [2] Lee, K., Lee, K., Lee, H. and Shin, J., "A simple unified framework for detecting
       out-of-distribution samples and adversarial attacks", NeurIPS 2018.
    .. [3] Nguyen, A., Yosinski, J. and Clune, J., "Deep neural networks are easily fooled: high confidence
       predictions for unrecognizable images", CVPR 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_mnist_cnn import ImageNoveltyDetector, load_mnist_sample
    >>> X, y = load_mnist_sample(return_X_y=True)
    >>> detector = ImageNoveltyDetector().fit(X, y)
    >>> blank = np.zeros((28, 28), dtype=np.uint8)
    >>> detector.predict(np.stack([X[0], X[0].T, blank]))
    array([ 1, -1, -1])
    """

    image_shape_: tuple[int, int, int]
    components_: NDArray[np.float32]
    location_: NDArray[np.float32]
    precision_: NDArray[np.float32]
    samples_: NDArray[np.int8]
    offset_: float
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]

    _parameter_constraints = {
        "contamination": [Interval(Real, 0, 0.5, closed="right")],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "max_samples": [Interval(Integral, 2, None, closed="left")],
    }

    def __init__(
        self,
        contamination: float = 0.01,
        *,
        n_components: int = 70,
        max_samples: int = 8000,
        image_shape: Sequence[int] | None = None,
    ):
        self.contamination = contamination
        self.n_components = n_components
        self.max_samples = max_samples
        self.image_shape = image_shape

    @keep_types(_fit_context(prefer_skip_nested_validation=True))
    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Fit the detector to images.

        Parameters
        ----------
        X : array-like of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
            Images, of which at most a few are outliers.
        y : array-like of shape (n,) or None, default=None
            Class labels. None treats all images as one class, which detects fewer outliers.

        Returns
        -------
        self : ImageNoveltyDetector
            The fitted detector.

        Raises
        ------
        ValueError
            If there are fewer than two images of a class, images and labels differ in number, or the images
            do not fit `image_shape`.

        Examples
        --------
        >>> from sk_mnist_cnn import ImageNoveltyDetector, load_mnist_sample
        >>> X, y = load_mnist_sample(return_X_y=True)
        >>> detector = ImageNoveltyDetector(contamination=0.02).fit(X[:2000], y[:2000])
        >>> int((detector.predict(X[:2000]) < 0).sum())
        40
        """
        with observed_fit(self, X, y), commit_on_success(self) as fitted:
            rows, fitted.image_shape_, _ = validate_images(fitted, X)
            groups = _group_by_label(y, len(rows))
            features = _describe_edges(rows.reshape(-1, *fitted.image_shape_))
            fitted.components_ = _principal_components(features, self.n_components)
            reduced = features @ fitted.components_.T
            fitted.location_ = np.stack([reduced[group].mean(axis=0) for group in groups])
            fitted.precision_ = _inverse_covariances([reduced[group] for group in groups])
            fitted.samples_ = _compress(reduced, self.max_samples)
            fitted.offset_ = float(np.percentile(fitted._score(features), 100 * self.contamination))
        return self

    def score_samples(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return how similar images are to the training images.

        Parameters
        ----------
        X : array-like of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
            Images, as in `fit`.

        Returns
        -------
        scores : ndarray of shape (n,)
            The lower, the more abnormal. At most 0.

        Raises
        ------
        NotFittedError
            If the detector is not fitted.
        ValueError
            If the images differ in shape from those of `fit`, or pixels are not finite.

        Examples
        --------
        >>> from sk_mnist_cnn import load_mnist_sample, load_pretrained
        >>> scores = load_pretrained("mnist_novelty").score_samples(load_mnist_sample().x_test)
        >>> most_unusual = scores.argsort()[:10]
        """
        check_is_fitted(self)
        fitted = snapshot(self)
        rows, _, _ = validate_images(fitted, X, image_shape=fitted.image_shape_)
        return fitted._score(_describe_edges(rows.reshape(-1, *fitted.image_shape_)))

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the scores minus `offset_`, which are negative for outliers.

        Parameters
        ----------
        X : array-like of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
            Images, as in `fit`.

        Returns
        -------
        scores : ndarray of shape (n,)
            Shifted scores.

        Raises
        ------
        NotFittedError, ValueError
            As in `score_samples`.

        Examples
        --------
        >>> from sk_mnist_cnn import load_mnist_sample, load_pretrained
        >>> load_pretrained("mnist_novelty").decision_function(load_mnist_sample().x_test[:3]) >= 0
        array([ True,  True,  True])
        """
        fitted = snapshot(self)
        return fitted.score_samples(X) - fitted.offset_

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return which images are outliers.

        Parameters
        ----------
        X : array-like of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
            Images, as in `fit`.

        Returns
        -------
        labels : ndarray of shape (n,)
            -1 for outliers and 1 for all others.

        Raises
        ------
        NotFittedError, ValueError
            As in `score_samples`.

        Examples
        --------
        >>> from sk_mnist_cnn import load_mnist_sample, load_pretrained
        >>> load_pretrained("mnist_novelty").predict(load_mnist_sample().x_test[:3])
        array([1, 1, 1])
        """
        return np.where(self.decision_function(X) >= 0, 1, -1)

    def fit_predict(self, X: ArrayLike, y: ArrayLike | None = None) -> NDArray[np.int64]:
        """Fit the detector, and return which of the training images are outliers.

        Parameters
        ----------
        X : array-like of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
            Images, as in `fit`.
        y : array-like of shape (n,) or None, default=None
            Class labels, as in `fit`.

        Returns
        -------
        labels : ndarray of shape (n,)
            -1 for outliers and 1 for all others.

        Raises
        ------
        ValueError
            As in `fit`.

        Examples
        --------
        >>> from sk_mnist_cnn import ImageNoveltyDetector, load_mnist_sample
        >>> X, y = load_mnist_sample(return_X_y=True)
        >>> int((ImageNoveltyDetector(contamination=0.02).fit_predict(X[:2000], y[:2000]) < 0).sum())
        40
        """
        return self.fit(X, y).predict(X)

    def _score(self, features):
        reduced = (features @ self.components_.T).astype(np.float64)
        to_class = _distance_to_class(reduced, self.location_, self.precision_)
        return -to_class * _distance_to_neighbor(reduced, self.samples_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        return tags


def _group_by_label(y, n_samples):
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


def _principal_components(features, n_components):
    """Return the directions with the largest sums of squares: not centered, so that blank images are far."""
    n_samples, n_features = features.shape
    n_components = min(n_components, n_features, max(1, n_samples // _IMAGES_PER_COMPONENT))
    largest = [n_features - n_components, n_features - 1]
    return linalg.eigh(features.T @ features, subset_by_index=largest)[1].T.astype(np.float32)


def _inverse_covariances(classes):
    """Return the inverse covariance of each class, shrunk so that even equal images have one."""
    from sklearn.covariance import ledoit_wolf  # slow to import, and only needed by fit

    n_components = classes[0].shape[1]
    deviations = np.concatenate([points - points.mean(axis=0) for points in classes])
    rounding = np.eye(n_components) / (12 * _LEVELS**2)  # variance of what is lost when images are stored
    pooled = ledoit_wolf(deviations, assume_centered=True)[0]
    inverses = []
    for points in classes:
        weight = min(1, len(points) / (_IMAGES_PER_COMPONENT * n_components))
        covariance = weight * ledoit_wolf(points)[0] + (1 - weight) * pooled
        inverses.append(linalg.inv(covariance + rounding))
    return np.stack(inverses).astype(np.float32)


def _distance_to_class(points, locations, precisions):
    """Return the Mahalanobis distance of each point to the nearest class."""
    squares = []
    for location, precision in zip(locations, precisions, strict=True):
        deviation = points - location
        squares.append(np.sum(deviation @ precision * deviation, axis=1))
    return np.sqrt(np.maximum(np.min(squares, axis=0), 0))


def _compress(points, n_points):
    """Return at most `n_points` different points at equal intervals, as int8: coordinates are at most 1."""
    compressed = np.round(_LEVELS * points).astype(np.int8)
    different = np.sort(np.unique(compressed, axis=0, return_index=True)[1])
    return compressed[
        different[np.linspace(0, len(different) - 1, min(n_points, len(different))).astype(int)]
    ]


def _distance_to_neighbor(points, compressed):
    """Return the distance of each point to the second nearest compressed one; the nearest may be itself."""
    from sklearn.neighbors import NearestNeighbors  # slow to import

    n_neighbors = min(2, len(compressed))  # one if all training images are equal
    neighbors = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute").fit(compressed / _LEVELS)
    return neighbors.kneighbors(points)[0][:, -1]


def _describe_edges(images):
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
