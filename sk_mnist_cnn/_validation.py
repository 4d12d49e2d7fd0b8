"""Checks that scikit-learn has no public function for."""

import contextlib

import numpy as np
from sklearn.utils import check_array, check_consistent_length


@contextlib.contextmanager
def unchanged_on_error(estimator):
    """Give an estimator its attributes back if what is done to it fails."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def check_sample_weight(sample_weight, y, name="sample_weight"):
    """Weights as float64, one a sample; None is one each.

    Raises
    ------
    ValueError
        If they are negative, not finite, all zero, or not one a sample.
    """
    if sample_weight is None:
        return np.ones(len(y))
    weights = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name=name, copy=False)
    if weights.ndim == 0:
        weights = np.full(len(y), weights)
    if weights.ndim != 1:
        raise ValueError(f"{name} must be one number a sample; got shape {weights.shape}.")
    check_consistent_length(weights, y)
    if weights.min() < 0:
        raise ValueError(f"{name} must not be negative; got {weights.min()}.")
    if not weights.any():
        raise ValueError(f"{name} must not be zero for every sample: nothing would be learnt.")
    return weights
