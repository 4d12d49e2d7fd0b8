"""Prepare the training of a classifier, and check whether it has converged.

`prepare_fit` and `prepare_partial_fit` check the data and the parameters, and return a `TrainingRun`. The
engine in `_keras` trains it.
"""

from itertools import chain
from numbers import Integral

import numpy as np
from scipy.special import entr
from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning

from .._architecture import Architecture
from .._base import draw_seed, warn, working_copy
from .._images import validate_images, warn_of_raw_pixels
from .checkpoint import saved_seed
from .config import TrainingConfig, TrainingRun, TrainingState, augmentation_ranges
from .targets import (
    as_labels,
    check_classes,
    check_warm_start,
    find_classes,
    labeled_images,
    stratified_split,
    weigh_images,
)

# The parameters that must stay the same when training is continued.
_FIXED = (
    "filters",
    "kernel_size",
    "pool_size",
    "padding",
    "batch_normalization",
    "global_average_pooling",
    "dense_units",
    "activation",
    "dtype",
)

# `fit` warns if the loss has not fallen below this fraction of the loss of constant probabilities, or if it
# has fallen by more than the other fraction in the last fifth of the epochs, and is still above it.
_CONVERGED = 0.9
_FALLING = 0.05


def prepare_fit(classifier, X, y, sample_weight, validation_data):
    """Return the TrainingRun of a call of `fit`; `validation_data` is (X_val, y_val, sample_weight_val)."""
    fitted = working_copy(classifier)
    previous = fitted._training_state if fitted.warm_start and fitted.__sklearn_is_fitted__() else None
    rows, shape, y = _check_images(fitted, X, y, fitted.image_shape_ if previous else None)
    classes = check_warm_start(y, fitted.classes_) if previous else find_classes(y)
    architecture = _resolve_architecture(fitted, shape, classes, previous)
    config = _resolve_config(fitted, previous, fitted.checkpoint)
    training = labeled_images(rows, y, sample_weight, classes)
    if all(part is None for part in validation_data):
        fraction = fitted.validation_split or (0.1 if fitted.early_stopping else 0)
        training, validation = stratified_split(training, classes, fraction, config.seed)
    else:
        validation = _validation_images(fitted, *validation_data, shape, classes)
    training = weigh_images(training, fitted.class_weight, classes, architecture.input_dtype)
    validation = validation and weigh_images(validation, None, classes, architecture.input_dtype)
    return _training_run(fitted, classes, architecture, config, training, validation, previous)


# Not on the method `partial_fit`, where it would not validate the parameters of a fitted estimator.
@_fit_context(prefer_skip_nested_validation=True)
def prepare_partial_fit(classifier, X, y, classes, sample_weight):
    """Return the TrainingRun of a call of `partial_fit`: one epoch on one batch of images."""
    fitted = working_copy(classifier)
    previous = fitted._training_state if fitted.__sklearn_is_fitted__() else None
    rows, shape, y = _check_images(fitted, X, y, fitted.image_shape_ if previous else None)
    classes = check_classes(classes, fitted.classes_ if previous else None)
    if fitted.class_weight == "balanced":
        raise ValueError(
            "class_weight must be a dict or None for partial_fit, since each call has only some of the "
            'labels, got "balanced". Pass a dict of weights, for instance from compute_class_weight.'
        )
    if fitted.early_stopping:
        raise ValueError(
            "early_stopping must be False for partial_fit, which trains for one epoch, got "
            f"{fitted.early_stopping!r}. Call set_params(early_stopping=False)."
        )
    architecture = _resolve_architecture(fitted, shape, classes, previous)
    config = _resolve_config(fitted, previous).for_one_epoch()
    training = labeled_images(rows, y, sample_weight, classes)
    dtype = architecture.input_dtype
    training = weigh_images(training, fitted.class_weight, classes, dtype, is_complete=False)
    return _training_run(fitted, classes, architecture, config, training, None, previous)


def warn_if_not_converged(run, state):
    """Warn if a training loss is near that of constant probabilities, or was still falling at the end.

    The constant probabilities are the class frequencies, weighted by the weights of the images, after label
    smoothing. They have the smallest cross-entropy of all constant probabilities: the entropy of these
    frequencies. With label smoothing, the smallest achievable loss, the entropy of the targets of one image,
    is positive. It is subtracted from both losses.

    Warns
    -----
    ConvergenceWarning
        If the loss of the epoch whose weights were kept is above 0.9 of the loss of constant probabilities.
        Also if it is above 0.05 of that loss, and has fallen by more than 0.05 of it in the last fifth of the
        epochs, in fewer epochs than ``epochs="auto"`` would be, with a constant learning rate, unless the
        training was stopped. Never if all images are of one class, because the loss of constant probabilities
        is then 0.
    """
    losses = state.history["loss"][run.previous.n_epochs : state.best_epoch or None]
    images, smoothing = run.training, run.config.label_smoothing
    labels, weights = images.labels[images.indices], images.weights[images.indices]
    frequencies = np.bincount(labels, weights, minlength=len(run.classes))
    frequencies /= frequencies.sum()
    constant = _entropy(frequencies, smoothing)
    smallest = _entropy(np.eye(len(frequencies))[0], smoothing)
    if np.count_nonzero(frequencies) < 2:
        return
    auto_epochs = run.config.auto_epochs(len(images))
    was_stopped = run.n_epochs_done(state) < run.config.epochs
    is_short = state.n_epochs < auto_epochs and not was_stopped
    is_constant = run.config.learning_rate_schedule == "constant"
    left, scale = losses[-1] - smallest, constant - smallest
    if left > _CONVERGED * scale:
        problem = "the training loss is not much lower than that of predicting the class frequencies"
    elif is_short and is_constant and min(left, _fall(losses)) > _FALLING * scale:
        problem = "the training loss was still falling in the last epochs"
    else:
        return
    if was_stopped:
        remedy = "Increase n_iter_no_change" if run.config.monitor else "Let callbacks stop it later"
    else:
        remedy = "Increase epochs" + ' (epochs="auto" trains for more)' * is_short
    # Without numbers, so that the fits of a search warn once: they are in history_.
    warn(
        f"The network has not converged: {problem}, see history_. {remedy}, or change learning_rate or "
        "optimizer.",
        ConvergenceWarning,
    )


def _fall(losses):
    """Return by how much the loss fell in the last fifth of the epochs."""
    return losses[-1 - max(1, len(losses) // 5)] - losses[-1] if len(losses) > 1 else 0.0


def _check_images(fitted, X, y, image_shape, name="X"):
    rows, image_shape, y = validate_images(fitted, X, as_labels(y), image_shape=image_shape)
    warn_of_raw_pixels(rows, name)
    return rows, image_shape, y


def _validation_images(fitted, X_val, y_val, sample_weight_val, image_shape, classes):
    if X_val is None or y_val is None:
        parts = {"X_val": X_val, "y_val": y_val, "sample_weight_val": sample_weight_val}
        passed = [name for name, part in parts.items() if part is not None]
        raise ValueError(
            "X_val and y_val must be passed together, and sample_weight_val only with them, got only "
            f"{' and '.join(passed)}. Pass images and labels."
        )
    try:
        rows, _, y_val = _check_images(fitted, X_val, y_val, image_shape, "X_val")
        return labeled_images(rows, y_val, sample_weight_val, classes, "y_val", "sample_weight_val")
    except ValueError as error:
        raise ValueError(f"X_val, y_val and sample_weight_val must be like X and y. {error}") from error


def _training_run(fitted, classes, architecture, config, training, validation, previous):
    features = "n_features_in_", "feature_names_in_"
    # A subclass may have only some of the parameters, and add constraints.
    constraints = [vars(base).get("_parameter_constraints", ()) for base in type(fitted).__mro__]
    names = dict.fromkeys([*fitted.get_params(deep=False), *chain(*constraints)])
    return TrainingRun(
        params={name: getattr(fitted, name) for name in names},
        features={name: getattr(fitted, name) for name in features if hasattr(fitted, name)},
        classes=classes,
        architecture=architecture,
        config=config.resolve_epochs(len(training)),
        training=training,
        validation=validation,
        previous=previous or TrainingState(),
    )


def _resolve_architecture(fitted, image_shape, classes, previous):
    """Return the architecture of the parameters, which must be the fitted one to continue the training."""
    parameters = {name: getattr(fitted, name) for name in _FIXED}
    architecture = Architecture.resolve(image_shape, len(classes), **parameters)
    if previous and architecture != fitted._fitted_architecture:
        new, old = architecture.parameters, fitted._fitted_architecture.parameters
        changed = [name for name in _FIXED if new[name] != old[name]]
        got, was = (", ".join(f"{name}={values[name]!r}" for name in changed) for values in (new, old))
        raise ValueError(
            f"{' and '.join(changed)} must stay as fitted to continue the training, got {got}, fitted with "
            f"{was}. Fit a clone instead."
        )
    return architecture


def _resolve_config(fitted, previous, checkpoint=None):
    """Return the configuration with its seed: the fitted one, that of a checkpoint file, or a new one."""
    augmentation_ranges(fitted.augmentation)
    seed = fitted._seed if previous else None
    if seed is None and checkpoint is not None and not isinstance(fitted.random_state, Integral):
        seed = saved_seed(checkpoint)
    if seed is None:
        seed = draw_seed(fitted.random_state)
    return TrainingConfig.from_params(vars(fitted), seed)


def _entropy(frequencies, label_smoothing):
    smoothed = (1 - label_smoothing) * frequencies + label_smoothing / len(frequencies)
    return entr(smoothed).sum()
