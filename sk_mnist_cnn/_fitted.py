"""Reads what displays and reports are given: fitted estimators, images and labels. Nothing is drawn here."""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from . import _images
from .classifier import CNNDigitClassifier


def steps(estimator):
    """What searches and Pipelines hold, in order; the classifier comes last."""
    if hasattr(estimator, "best_estimator_"):
        return steps(estimator.best_estimator_)
    if isinstance(estimator, Pipeline):
        return [inner for _, step in estimator.steps for inner in steps(step)]
    return [] if estimator in (None, "passthrough") else [estimator]


def at_network(estimator, attribute, X=None):
    """An attribute of the network at the end of `estimator`, and `X` as it reaches the network."""
    check_is_fitted(estimator)
    *transformers, last = steps(estimator)
    value = getattr(last, attribute, None)  # once: every `model_` is a new model
    if value is None:
        raise ValueError(
            "estimator must be a fitted CNNDigitClassifier, or a Pipeline or search (with refit=True) that "
            f"ends in one, for its {attribute}; got {estimator!r}."
        )
    for step in transformers if X is not None else ():
        X = step.transform(X)
    return value, X


def predictions(estimator, X):
    """Predicted labels, and probabilities or None; in one pass where the one follow from the other."""
    if not hasattr(estimator, "predict_proba"):
        return estimator.predict(X), None
    y_proba = estimator.predict_proba(X)
    if type(steps(estimator)[-1]).predict is CNNDigitClassifier.predict:
        return estimator.classes_[y_proba.argmax(axis=1)], y_proba
    return estimator.predict(X), y_proba


def fitted_image_shape(estimator, n_features):
    """The (h, w, c) that a step of `estimator` was fitted on, or None."""
    shapes = [step.image_shape_ for step in steps(estimator) if hasattr(step, "image_shape_")]
    return next((shape for shape in shapes if np.prod(shape) == n_features), None)


def as_images(X, image_shape=None, estimator=None):
    """Images of any layout as an array (n, h, w, c)."""
    rows, layout = _images.as_rows(X)
    rows = check_array(rows, dtype="numeric", input_name="X")
    if image_shape is None and layout is None:
        image_shape = fitted_image_shape(estimator, rows.shape[1])
    return rows.reshape(-1, *_images.resolve_image_shape(rows.shape[1], layout, image_shape))
