"""Occlusion saliency, which `SaliencyDisplay` and the drawing page show."""

from numbers import Integral

import numpy as np

from ._packages import pd


def occlusion_saliency(estimator, X, images, class_indices, background, patch_size):
    """Return the mean decrease of the probability of a class over all patches that cover the pixel.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier with `predict_proba`.
    X : array-like of shape (n, ...)
        The images in the form that `estimator` accepts. Occluded images get the same layout and column names.
    images : ndarray of shape (n, h, w, c)
        The same images.
    class_indices : ndarray of int of shape (n,)
        Index of the class, for each image.
    background : float
        Pixel value of the patches.
    patch_size : int or "auto"
        Height and width of the patches.

    Returns
    -------
    saliency : ndarray of shape (n, h, w)
    """
    masks = _patch_masks(*images.shape[1:3], patch_size)
    saliency = []
    for image, index in zip(images, class_indices, strict=True):
        occluded = np.where(masks[..., np.newaxis], background, image).astype(images.dtype)
        batch = np.concatenate([image[np.newaxis], occluded]).reshape(-1, *np.shape(X)[1:])
        if hasattr(X, "columns"):
            batch = pd.DataFrame(batch, columns=list(X.columns))
        # A probability near 1 is less precise than the sum of the others, which rises by the same amount.
        others = np.delete(np.asarray(estimator.predict_proba(batch)), index, axis=1).sum(axis=1)
        saliency.append(np.tensordot(others[1:] - others[0], masks, axes=1) / masks.sum(axis=0))
    return np.array(saliency)


def _patch_masks(height, width, patch_size):
    """Return masks of shape (n_patches, h, w), one for each position of the patch."""
    if patch_size == "auto":
        patch_size = max(2, min(height, width) // 7)
    if not isinstance(patch_size, Integral) or patch_size < 1:
        raise ValueError(
            f'patch_size must be an integer >= 1 or "auto", got {patch_size!r}. Pass the size in pixels.'
        )
    rows, columns = _window_masks(height, patch_size), _window_masks(width, patch_size)
    return (rows[:, np.newaxis, :, np.newaxis] & columns[:, np.newaxis, :]).reshape(-1, height, width)


def _window_masks(length, size):
    """Return masks of the windows of `size` in `length`, a quarter of the size apart."""
    size = min(size, length)
    starts = np.append(np.arange(0, length - size, max(1, size // 4)), length - size)[:, np.newaxis]
    indices = np.arange(length)
    return (starts <= indices) & (indices < starts + size)
