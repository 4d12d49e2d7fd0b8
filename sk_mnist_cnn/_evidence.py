"""Computes which pixels speak for a class: gradients and occlusion. Nothing is drawn here."""

from numbers import Integral

import numpy as np
import pandas as pd


def gradients(model, images, positions, background):
    """Gradients times pixels, of log-odds from before the softmax: behind it they level off."""
    from ._tensorflow import keras, tf

    last = model.layers[-1]
    features = keras.Model(model.inputs[0], last.input)
    pixels = tf.constant(images, dtype=last.kernel.dtype)
    of_class = tf.one_hot(positions, model.output_shape[-1], on_value=True, off_value=False)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        logits = tf.cast(features(pixels), last.kernel.dtype) @ last.kernel + last.bias
        others = tf.where(of_class, -np.inf, logits)
        log_odds = logits[of_class] - tf.reduce_logsumexp(others, axis=1)
    return np.sum(tape.gradient(log_odds, pixels) * (pixels - background), axis=-1)


def occlusions(estimator, X, images, positions, background, patch_size):
    """Probability lost, on average over the patches that hide a pixel, as what the other classes win."""
    height, width = images.shape[1:3]
    if patch_size == "auto":
        patch_size = max(2, min(height, width) // 7)
    if not isinstance(patch_size, Integral) or patch_size < 1:
        raise ValueError(f'patch_size must be a whole number from 1 up or "auto"; got {patch_size!r}.')
    rows, columns = _windows(height, patch_size), _windows(width, patch_size)
    masks = (rows[:, np.newaxis, :, np.newaxis] & columns[:, np.newaxis, :]).reshape(-1, height, width)

    def others(images, position):
        batch = images.reshape(-1, *np.shape(X)[1:])
        if hasattr(X, "columns"):
            batch = pd.DataFrame(batch, columns=list(X.columns))
        return np.delete(estimator.predict_proba(batch), position, axis=1).sum(axis=1)

    saliency = []
    for image, position in zip(images, positions, strict=True):
        hidden = np.where(masks[..., np.newaxis], background, image).astype(images.dtype)
        lost = others(hidden, position) - others(image, position)
        saliency.append(np.tensordot(lost, masks, axes=1) / masks.sum(axis=0))
    return np.array(saliency)


def _windows(length, size):
    """Masks of the windows of `size` that slide along `length`, a quarter of themselves at a time."""
    size = min(size, length)
    starts = np.append(np.arange(0, length - size, max(1, size // 4)), length - size)[:, np.newaxis]
    pixels = np.arange(length)
    return (starts <= pixels) & (pixels < starts + size)
