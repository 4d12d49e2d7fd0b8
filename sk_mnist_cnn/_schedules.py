"""Compute the learning rate of every batch."""

import numpy as np


def one_cycle(position):
    """Rise linearly from a tenth to 1 in the first fifth of the batches, then decay to 0 on a cosine.

    Source: Smith and Topin (2019), "Super-convergence: very fast training of neural networks using large
    learning rates".
    """
    rise = 0.1 + 0.9 * position / 0.2
    return np.where(position < 0.2, rise, cosine((position - 0.2) / 0.8))


def cosine(position):
    """Decay from 1 to 0 on half a cosine (Loshchilov and Hutter, 2017, "SGDR")."""
    return (1 + np.cos(np.pi * position)) / 2


def exponential(position):
    """Decay from 1 to a hundredth, by the same factor per batch."""
    return 0.01**position


SCHEDULES = {"one_cycle": one_cycle, "cosine": cosine, "exponential": exponential}


def learning_rates(schedule, peak, n_steps):
    """Return the learning rate of every batch of a fit.

    Parameters
    ----------
    schedule : {"constant", "one_cycle", "cosine", "exponential"} or callable
        A callable takes the index of the batch, starting at 0, and returns its learning rate.
    peak : float
        The maximum of a named schedule.
    n_steps : int
        Number of batches.

    Returns
    -------
    ndarray of shape (n_steps,) or (0,)
        float32. Empty for "constant", which uses the rate of the optimizer.

    Raises
    ------
    ValueError
        If a callable does not return finite numbers >= 0.
    """
    if schedule == "constant":
        return np.empty(0, np.float32)
    if not callable(schedule):
        return np.float32(peak * SCHEDULES[schedule](np.arange(n_steps) / n_steps))
    try:
        rates = np.array([float(schedule(step)) for step in range(n_steps)])
    except TypeError as error:
        raise ValueError(
            f"learning_rate_schedule must return a number for every batch, got {error}. Return a float."
        ) from error
    if not np.all(np.isfinite(rates) & (rates >= 0)):
        worst = np.flatnonzero(~(np.isfinite(rates) & (rates >= 0)))[0]
        raise ValueError(
            "learning_rate_schedule must return a finite learning rate >= 0 for every batch, "
            f"got {rates[worst]} for batch {worst} of {n_steps}. Correct the function."
        )
    return np.float32(rates)
