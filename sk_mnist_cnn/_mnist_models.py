"""Fitted classifiers of MNIST-like images: the format of their images, and their predictions."""

from math import isqrt

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._fitted import fitted_steps
from .classifier import CNNDigitClassifier
from .normalization import MNISTNormalizer
from .preprocessing import ImagePreprocessor


def split_normalizer(model):
    """Return a normalizer that converts pictures for a fitted model, and the model without its own one."""
    check_is_fitted(model)
    if not hasattr(model, "predict_proba"):
        raise ValueError(
            f"model must be a classifier with predict_proba, got {model!r}. Pass load_pretrained(), or "
            "another classifier of MNIST-like images."
        )
    pipeline = getattr(model, "best_estimator_", model)
    if isinstance(pipeline, Pipeline) and isinstance(pipeline[0], MNISTNormalizer):
        return pipeline[0], pipeline[1:]
    side = _image_side(model)
    return MNISTNormalizer(side, box=max(1, round(side * 20 / 28))), model


def _image_side(model):
    """Return the height and width of the images that a model was fitted on."""
    shapes = [step.image_shape_ for step in fitted_steps(model) if hasattr(step, "image_shape_")]
    n_features = getattr(model, "n_features_in_", 0)
    height, width, n_channels = shapes[0] if shapes else (isqrt(n_features), isqrt(n_features), 1)
    if height != width or n_channels != 1 or not (shapes or n_features == height * width > 0):
        fitted_on = f"images of shape {shapes[0]}" if shapes else f"{n_features} features"
        raise ValueError(
            f"model must be fitted on square gray images, got a model that was fitted on {fitted_on}. Pass "
            "load_pretrained(), or another classifier of MNIST-like images."
        )
    return height


def predict_proba(model, images):
    """Return the probabilities of images from 0 to 255, on the scale that the model was fitted on."""
    if not len(images):
        return np.zeros((0, len(model.classes_)))
    images = images * np.float32(_maximum(fitted_steps(model)) / 255)
    if getattr(model, "n_features_in_", None) == images[0].size:
        images = images.reshape(len(images), -1)
    return np.asarray(model.predict_proba(images))


def _maximum(steps):
    """Return the largest pixel of the images that a model was fitted on."""
    if isinstance(steps[0], CNNDigitClassifier):
        return 1
    return next((step.max_value_ for step in steps if isinstance(step, ImagePreprocessor)), 255)
