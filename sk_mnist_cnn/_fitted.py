"""Read fitted estimators: their steps, their networks, the format of their images, and their predictions."""

from collections.abc import Mapping
from math import isqrt
from typing import Any, NamedTuple, Protocol

import numpy as np
import scipy.sparse as sp
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.validation import check_is_fitted

from ._images import as_flat_rows, resolve_image_shape, to_array
from ._pictures.mnist_format import normalize_digit
from ._training.targets import encode_labels
from .classifier import CNNDigitClassifier
from .datasets import load_mnist_sample
from .normalization import MNISTNormalizer
from .preprocessing import ImagePreprocessor

_N_KNOWN = 64  # digits of MNIST, by which the scale of the pixels of a classifier is determined
_SAME = 0.02  # difference in mutual information, up to which classifiers recognize digits equally well


class AnyEstimator(Protocol):
    """An estimator, for type checkers: scikit-learn itself has no type hints."""

    def get_params(self, deep: bool = True) -> Mapping[str, Any]:
        """Return the parameters."""


class Estimator(AnyEstimator, Protocol):
    """A fitted classifier, for type checkers."""

    classes_: Any


def fitted_steps(estimator):
    """Return the fitted steps of a (nested) Pipeline or search as a flat list; the classifier is last.

    Samplers of imbalanced-learn are left out, because they only act while a Pipeline is fitted.
    """
    if hasattr(estimator, "best_estimator_"):
        return fitted_steps(estimator.best_estimator_)
    if isinstance(estimator, Pipeline):
        return [inner for _, step in estimator.steps for inner in fitted_steps(step)]
    return [] if estimator in (None, "passthrough") or hasattr(estimator, "fit_resample") else [estimator]


def network_attribute(estimator, name):
    """Return an attribute that only a fitted `CNNDigitClassifier` has, such as `model_`, of the last step.

    Raises
    ------
    ValueError
        If the last step has no such attribute.
    """
    check_is_fitted(estimator)
    value = getattr(fitted_steps(estimator)[-1], name, None)
    if value is None:
        raise ValueError(
            "estimator must be a fitted CNNDigitClassifier, or a Pipeline or search (with refit=True) that "
            f"ends in one, to have {name.lstrip('_')}, got {estimator!r}. Pass such an estimator."
        )
    return value


def transform_before_network(estimator, X):
    """Apply the steps before the classifier to `X`."""
    for step in fitted_steps(estimator)[:-1]:
        X = step.transform(X)
    return X


def predict_labels_and_proba(estimator, X):
    """Return the predicted labels, and the class probabilities or None.

    The most probable labels of a network are read from its probabilities, so that it predicts once.

    Returns
    -------
    y_pred : ndarray of shape (n_samples,)
    y_proba : ndarray of shape (n_samples, n_classes) or None
    """
    if not hasattr(estimator, "predict_proba"):
        return column_or_1d(estimator.predict(X)), None
    y_proba = np.asarray(estimator.predict_proba(X))
    if _predicts_most_probable(estimator):
        return estimator.classes_[y_proba.argmax(axis=1)], y_proba
    return column_or_1d(estimator.predict(X)), y_proba


def _predicts_most_probable(estimator):
    """Return whether `predict` is known to return the classes with the highest probabilities."""
    if isinstance(estimator, CNNDigitClassifier):
        return type(estimator).predict is CNNDigitClassifier.predict
    is_plain = type(estimator).__module__.startswith("sklearn.")
    if is_plain and hasattr(estimator, "best_estimator_"):
        return _predicts_most_probable(estimator.best_estimator_)
    return is_plain and isinstance(estimator, Pipeline) and _predicts_most_probable(estimator.steps[-1][1])


def proba_of_predicted(y_proba, y_pred, classes):
    """Return the probability of each predicted label, from the probabilities of all classes."""
    return y_proba[np.arange(len(y_pred)), encode_labels(y_pred, classes, "y_pred")]


def fitted_image_shape(estimator, n_features):
    """Return the (h, w, c) with `n_features` values that a step of `estimator` was fitted on, or None."""
    shapes = [step.image_shape_ for step in fitted_steps(estimator) if hasattr(step, "image_shape_")]
    return next((shape for shape in shapes if np.prod(shape) == n_features), None)


def to_images(X, image_shape=None, estimator=None):
    """Return images of any layout as an array of shape (n, h, w, c); pixels may be missing or infinite.

    The shape of flat rows is `image_shape`, or else the one that a step of `estimator` was fitted on, or else
    inferred.
    """
    rows, layout = as_flat_rows(X.toarray() if sp.issparse(X) else to_array(X))
    rows = check_array(rows, dtype="numeric", ensure_all_finite=False, input_name="X")
    if image_shape is None and layout is None:
        image_shape = fitted_image_shape(estimator, rows.shape[1])
    return rows.reshape(-1, *resolve_image_shape(rows.shape[1], layout, image_shape))


def find_images(X, image_shape, estimator, selected):
    """Return the selected images, or None if `image_shape` is None and `X` is not known to hold images.

    The shape of flat rows is `image_shape`, or else the one that a step of `estimator` was fitted on.
    """
    if image_shape is not None:
        return to_images(X, image_shape)[selected]
    try:
        shape = np.shape(X)[1:]
        if len(shape) < 2 and fitted_image_shape(estimator, np.prod(shape)) is None:
            return None
        return to_images(X, None, estimator)[selected]
    except (TypeError, ValueError):  # text, sequences of different lengths, more than four dimensions
        return None


class Reader(NamedTuple):
    """A fitted classifier, and the format of its images."""

    normalizer: MNISTNormalizer
    steps: list
    classes: np.ndarray
    maximum: float  # of its images

    def classify(self, images):
        """Return the probabilities of images of single digits, dark on white, uint8, of any size."""
        size, box = self.normalizer.size, self.normalizer.box
        digits = [normalize_digit(image / np.float32(255), size, box, invert=True) for image in images]
        return self.predict_proba(np.array(digits, np.uint8).reshape(-1, size, size))

    def predict_proba(self, images):
        """Return the probabilities of images in MNIST's format, of shape (n, size, size), uint8."""
        if not len(images):
            return np.zeros((0, len(self.classes)))
        X = images * np.float32(self.maximum / 255)
        if getattr(self.steps[0], "n_features_in_", None) == images[0].size:
            X = X.reshape(len(X), -1)
        for step in self.steps[:-1]:
            X = step.transform(X)
        return np.asarray(self.steps[-1].predict_proba(X))


def load_reader(estimator):
    """Check that an estimator reads digits, and return it with the format of its images."""
    check_is_fitted(estimator)
    if not hasattr(estimator, "predict_proba"):
        raise ValueError(
            f"estimator must be a classifier with predict_proba, got {estimator!r}. Pass load_pretrained(), "
            "or another classifier of MNIST-like images."
        )
    steps, normalizer = fitted_steps(estimator), None
    for i, step in enumerate(steps):
        if isinstance(step, MNISTNormalizer):
            steps, normalizer = steps[i + 1 :], step
            break
    if normalizer is None:
        side = _image_side(steps)
        normalizer = MNISTNormalizer(side, box=max(1, round(side * 20 / 28)))
    reader = Reader(normalizer, steps, np.asarray(steps[-1].classes_), 255)
    return reader._replace(maximum=_maximum(reader))


def _image_side(steps):
    """Return the height and width of the images that steps were fitted on."""
    shapes = [step.image_shape_ for step in steps if hasattr(step, "image_shape_")]
    n_features = getattr(steps[0], "n_features_in_", 0)
    height, width, n_channels = shapes[0] if shapes else (isqrt(n_features), isqrt(n_features), 1)
    if height != width or n_channels != 1 or not (shapes or n_features == height * width > 0):
        fitted_on = f"images of shape {shapes[0]}" if shapes else f"{n_features} features"
        raise ValueError(
            "estimator must be fitted on square gray images, got an estimator that was fitted on "
            f"{fitted_on}. Pass load_pretrained(), or another classifier of MNIST-like images."
        )
    return height


def _maximum(reader):
    """Return the largest pixel of the images of a classifier: a usual one, unless it needs another one."""
    for step in reader.steps:
        if isinstance(step, ImagePreprocessor):
            return step.max_value_
    if isinstance(reader.steps[0], CNNDigitClassifier):
        return 1
    from sklearn.metrics import adjusted_mutual_info_score  # slow to import

    scales = {8: (16, 255, 1)}.get(reader.normalizer.size, (255, 1))  # 16 in scikit-learn's digits of 8x8
    sample = load_mnist_sample()
    images, digits = list(255 - sample.x_test[:_N_KNOWN]), sample.y_test[:_N_KNOWN]
    predicted = [reader._replace(maximum=scale).classify(images).argmax(axis=1) for scale in scales]
    information = np.array([adjusted_mutual_info_score(digits, labels) for labels in predicted])
    return scales[int(np.argmax(information > information.max() - _SAME))]
