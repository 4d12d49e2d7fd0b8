"""Distance of a drawing from known digits, by which drawings that are no digits are noticed."""

import numpy as np
from scipy import ndimage


def describe_edges(images: np.ndarray) -> np.ndarray:
    """Return blurred maps of the edges in four directions, for each image.

    Blurring makes the description insensitive to small shifts, and the directions make it sensitive to shape.

    Parameters
    ----------
    images : ndarray of shape (n, 28, 28), uint8

    Returns
    -------
    features : ndarray of shape (n, 784), float32
        Rows of length 1.
    """
    pixels = ndimage.gaussian_filter(images.astype(np.float32) / 255, (0, 0.7, 0.7))
    down, right = np.gradient(pixels, axis=(1, 2))
    strength, angle = np.hypot(down, right), 2 * np.arctan2(down, right)  # both sides of a stroke are alike
    maps = [
        ndimage.gaussian_filter(np.maximum(0, np.cos(angle - direction)) * strength, (0, 1.5, 1.5))
        for direction in np.arange(4) * np.pi / 2
    ]
    features = np.stack(maps, axis=1)[..., ::2, ::2].reshape(len(images), 784)  # -1 fails without images
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)


class KnownDigits:
    """Examples of digits, to measure how unlike them a drawing is.

    Parameters
    ----------
    images : ndarray of shape (n, 28, 28), uint8
    digits : ndarray of shape (n,), int
        From 0 to 9.
    """

    def __init__(self, images: np.ndarray, digits: np.ndarray) -> None:
        features = describe_edges(images)
        self._features = [features[digits == digit] for digit in range(10)]

    def distance(self, image: np.ndarray, digit: int) -> float:
        """Return 1 minus the cosine similarity of `image` to the most similar example of `digit`."""
        similarities = self._features[digit] @ describe_edges(image[np.newaxis])[0]
        return float(1 - similarities.max(initial=0))
