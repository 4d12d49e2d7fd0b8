"""The learning rate of every step, as a table of numbers."""

import numpy as np


def one_cycle(position):
    """Rise linearly from a tenth over the first fifth of the run, then fall to 0 on a cosine.

    After Smith and Topin (2019), "Super-convergence: very fast training of neural networks using large
    learning rates".
    """
    rise = 0.1 + 0.9 * position / 0.2
    return np.where(position < 0.2, rise, cosine((position - 0.2) / 0.8))


def cosine(position):
    """Fall from 1 to 0 on half a cosine (Loshchilov and Hutter, 2017, "SGDR")."""
    return (1 + np.cos(np.pi * position)) / 2


def exponential(position):
    """Fall from 1 to a hundredth, by the same factor at every step."""
    return 0.01**position


SCHEDULES = {"one_cycle": one_cycle, "cosine": cosine, "exponential": exponential}


def learning_rates(schedule, peak, n_steps):
    """The learning rate of every step of a run.

    Parameters
    ----------
    schedule : {"constant", "one_cycle", "cosine", "exponential"} or callable
        A callable takes the step, from 0, and gives the rate.
    peak : float
        The highest rate of a named schedule.
    n_steps : int

    Returns
    -------
    ndarray of shape (n_steps,) or (0,)
        float32. Empty for "constant", which leaves the rate to the optimizer.

    Raises
    ------
    ValueError
        If a callable gives anything but finite numbers from 0 up.
    """
    if schedule == "constant":
        return np.empty(0, np.float32)
    if not callable(schedule):
        return np.float32(peak * SCHEDULES[schedule](np.arange(n_steps) / n_steps))
    try:
        rates = np.array([float(schedule(step)) for step in range(n_steps)])
    except TypeError as error:
        raise ValueError("learning_rate_schedule must give a number for every step.") from error
    if not np.all(np.isfinite(rates) & (rates >= 0)):
        worst = np.flatnonzero(~(np.isfinite(rates) & (rates >= 0)))[0]
        raise ValueError(
            "learning_rate_schedule must give a finite learning rate from 0 up for every step; "
            f"it gives {rates[worst]} for step {worst} of {n_steps}."
        )
    return np.float32(rates)
