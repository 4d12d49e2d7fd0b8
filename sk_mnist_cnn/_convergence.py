"""Warn if the training loss shows that a network has not converged.

The check for a NaN loss is in `_keras.callbacks`.
"""

import numpy as np
from scipy.special import entr
from sklearn.exceptions import ConvergenceWarning

from ._warnings import warn

# Share of the way from a perfect loss to that of constant probabilities; above it `fit` warns.
_SHARE = 0.9


def warn_if_not_converged(loss, images, n_classes, label_smoothing):
    """Warn if a training loss is near that of constant probabilities.

    The constant probabilities are the class frequencies, by the weights of the images, after label smoothing:
    no others have a smaller cross-entropy. Their loss is the entropy of these frequencies. Label smoothing
    also keeps the loss of perfect predictions above 0: at the entropy of the targets of one image.

    Parameters
    ----------
    loss : float
        Training loss of the last epoch.
    images : ImageDataset
        The training images, whose weights have a mean of 1.
    n_classes : int
    label_smoothing : float in [0, 1)

    Warns
    -----
    ConvergenceWarning
        If the loss is above the loss of perfect predictions by more than 0.9 of the difference. Never if all
        images are of one class, for which there is no difference.
    """
    labels, weights = images.labels[images.indices], images.weights[images.indices]
    frequencies = np.bincount(labels, weights, minlength=n_classes)
    frequencies /= frequencies.sum()
    constant = _entropy(frequencies, label_smoothing)
    perfect = _entropy(np.eye(n_classes)[0], label_smoothing)
    if np.count_nonzero(frequencies) > 1 and loss - perfect > _SHARE * (constant - perfect):
        warn(
            f"The network has not converged: the training loss of the last epoch is {loss:.3g}, and "
            f"predicting the class frequencies for every image gives {constant:.3g}. Increase epochs, or "
            "change learning_rate or optimizer.",
            ConvergenceWarning,
        )


def _entropy(frequencies, label_smoothing):
    smoothed = (1 - label_smoothing) * frequencies + label_smoothing / len(frequencies)
    return entr(smoothed).sum()
