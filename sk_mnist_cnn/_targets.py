"""Labels, weights and splits: checked, and brought into the form that training takes."""

from numbers import Real

import numpy as np
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets


def find_classes(y):
    """The sorted labels that occur in `y`.

    Raises
    ------
    ValueError
        If `y` does not hold class labels, or only one.
    """
    check_classification_targets(y)
    classes = np.unique(y)
    if len(classes) < 2:
        raise ValueError(
            "y must hold at least two classes for the classifier to tell apart; "
            f"got 1 class, {classes.tolist()[0]!r}."
        )
    return classes


def check_classes(classes, known):
    """The sorted labels that partial_fit trains for.

    Parameters
    ----------
    classes : array-like or None
        What this call was told.
    known : ndarray or None
        What the estimator was fitted for.

    Raises
    ------
    ValueError
        If neither is given, they differ, or there are fewer than two labels.
    """
    if classes is None:
        if known is None:
            raise ValueError(
                "classes must be passed on the first call to partial_fit: every label there will be."
            )
        return known
    classes = np.unique(classes)
    if len(classes) < 2:
        raise ValueError(f"classes must hold at least two labels; got {classes.tolist()}.")
    if known is not None and not np.array_equal(classes, known):
        raise ValueError(
            f"classes={classes.tolist()} is not what the estimator was fitted for, {known.tolist()}. "
            "Leave it out, or start with a clone."
        )
    return classes


def encode_labels(labels, classes, name="y"):
    """Encode labels as their positions in the sorted `classes`.

    Raises
    ------
    ValueError
        If a label is not among the classes.
    """
    labels = np.asarray(labels)
    if {labels.dtype.kind, classes.dtype.kind} == {"T", "U"}:  # NumPy does not search one in the other
        labels = labels.astype(object)
    try:
        positions = np.searchsorted(classes, labels).clip(max=len(classes) - 1)
        is_known = classes[positions] == labels
    except TypeError:  # labels that cannot be compared with the classes
        is_known = np.zeros(labels.shape, bool)
    if not np.all(is_known):
        unknown = list(dict.fromkeys(labels[~is_known].tolist()))
        raise ValueError(
            f"{name} must hold labels among the classes {classes.tolist()}; got {unknown}. "
            "Fit a clone on labels of every class."
        )
    return positions.astype(np.int32)


def check_sample_weight(sample_weight, y, name="sample_weight"):
    """Weights as float64, one a sample; None is one each.

    Raises
    ------
    ValueError
        If they are negative, not finite, all zero, or not one a sample.
    """
    if sample_weight is None:
        return np.ones(len(y))
    weights = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name=name)
    if weights.ndim != 1:
        raise ValueError(f"{name} must be one number a sample; got shape {weights.shape}.")
    check_consistent_length(weights, y)
    if weights.min() < 0:
        raise ValueError(f"{name} must not be negative; got {weights.min()}.")
    if not weights.any():
        raise ValueError(f"{name} must not be zero for every sample: nothing would be learnt.")
    return weights


def class_weights(class_weight, classes, positions):
    """The weight of each sample's class.

    Parameters
    ----------
    class_weight : dict of label to float, "balanced" or None
        Labels that a dict leaves out weigh 1.
    classes : ndarray
    positions : ndarray of int
        Each sample's label, as its position in `classes`.

    Raises
    ------
    ValueError
        If a dict names a label that is not among `classes`, or a weight that is not from 0 up.
    """
    if isinstance(class_weight, dict):
        labels = classes.tolist()
        unknown = [label for label in class_weight if label not in labels]
        if unknown:
            raise ValueError(f"class_weight names labels that are not among the classes {labels}: {unknown}.")
        class_weight = {i: class_weight.get(label, 1.0) for i, label in enumerate(labels)}
        if not all(isinstance(weight, Real) and 0 <= weight < np.inf for weight in class_weight.values()):
            raise ValueError(f"class_weight must hold finite numbers from 0 up; got {class_weight}.")
    return compute_sample_weight(class_weight, positions)


def stratified_split(indices, positions, classes, fraction, seed):
    """Split indices into (kept, set aside), each with its share of every class.

    Raises
    ------
    ValueError
        If a class has too few samples to stand on both sides.
    """
    from sklearn.model_selection import train_test_split  # takes a fifth of the package's import

    present = positions[indices]
    try:
        return train_test_split(indices, test_size=fraction, stratify=present, random_state=seed)
    except ValueError as error:
        occurring, counts = np.unique(present, return_counts=True)
        rarest = counts.argmin()
        raise ValueError(
            f"validation_split={fraction} must leave images of every class on both sides, but there are "
            f"{len(present)} images, {counts[rarest]} of class {classes.tolist()[occurring[rarest]]!r}. "
            "Pass X_val and y_val, or validation_split=0 without early_stopping."
        ) from error
