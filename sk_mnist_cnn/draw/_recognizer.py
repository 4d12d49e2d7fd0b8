"""`Recognizer`: the digits of a drawing, the evidence for them, and learning from corrections."""

import copy
import io
import threading
import warnings
from collections import deque
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from .._attribution import occlusion_saliency
from .._fitted import fitted_steps, transform_before_network
from .._pictures.mnist_format import normalize_digit
from ..classifier import CNNDigitClassifier
from ..datasets import load_mnist_sample
from ..normalization import MNISTNormalizer
from ..preprocessing import ImagePreprocessor
from ..reading import read_digits

_SURE = 0.8  # probability of a digit that is not doubtful, and of corrected ones, which ends the training
_SEEN = 0.65  # score of a digit that is not doubtful

# Training after a correction: rounds of `partial_fit` on the corrected drawings and on known digits.
_N_ROUNDS = 20
_N_KNOWN = 384
_N_CORRECTED = 32
_TRAINING = {
    "optimizer": "adam",
    "optimizer_params": None,
    "learning_rate": 0.0003,
    "batch_size": 128,
    "augmentation": "affine",
    "class_weight": None,
    "early_stopping": False,
    "callbacks": None,
    "verbose": 0,
}
_MAX_UNDO = 20


class State(NamedTuple):
    """A model, and the corrected drawings that it was trained on."""

    model: Pipeline
    images: np.ndarray  # of shape (n, 28, 28)
    digits: np.ndarray  # of shape (n,)


class Recognizer:
    """Read drawn digits with a model, which learns from corrections.

    The model that is passed is not changed.

    Parameters
    ----------
    model : CNNDigitClassifier, or Pipeline or search that ends in one
        Fitted on images of the digits 0 to 9, of 28x28 pixels in MNIST's format. A `MNISTNormalizer` is
        skipped. A network without other steps may have been fitted on pixels in [0, 1] or from 0 to 255.

    Raises
    ------
    ValueError
        If `model` is another estimator, or has other classes.
    """

    def __init__(self, model: BaseEstimator) -> None:
        mnist = load_mnist_sample()
        self._known = mnist.x_train, mnist.y_train
        self._first = State(
            _as_pipeline(model, *self._known), np.zeros((0, 28, 28), np.uint8), np.zeros(0, int)
        )
        self._random = np.random.default_rng(0)
        self._lock = threading.Lock()
        self.reset()

    @property
    def model(self) -> Pipeline:
        """The model for images in MNIST's format from 0 to 255, trained on all corrections."""
        return self._states[-1].model

    @property
    def n_corrections(self) -> int:
        """Number of corrections that the model was trained on."""
        return len(self._states[-1].digits)

    def answer(self, png: bytes) -> dict[str, Any]:
        """Read the digits of a drawing.

        Parameters
        ----------
        png : bytes
            A PNG file with dark ink on white.

        Returns
        -------
        answer : dict
            `lines`: a list of str, the labels of each line. `digits`: a list of dict, the digits in reading
            order and then the marks that may not be digits. Each has the `probabilities` of the digits 0 to
            9, the `image` in MNIST's format, the `box` (top, left, bottom and right, as fractions of the
            drawing), and whether it is `doubtful`.
        """
        state = self._states[-1]
        found = read_digits(state.model, png)
        boxes = np.concatenate([found.boxes, found.rejected_boxes])
        gray = np.asarray(Image.open(io.BytesIO(png)).convert("L")) / np.float32(255)
        scores = np.append(found.scores, np.zeros(len(found.rejected_boxes)))
        images = [_to_mnist(gray, box) for box in boxes]
        probabilities = found.probabilities
        if len(found.rejected_boxes):
            rejected = state.model.predict_proba(np.stack(images[len(found.boxes) :]))
            probabilities = np.concatenate([probabilities, rejected])
        digits = [
            {
                "probabilities": probabilities[i].tolist(),
                "image": image.tolist(),
                "box": (boxes[i] / np.tile(gray.shape, 2)).tolist(),
                "doubtful": bool(
                    probabilities[i].max() < _SURE
                    or (scores[i] < _SEEN and not np.any(np.all(state.images == image, axis=(1, 2))))
                ),
            }
            for i, image in enumerate(images)
        ]
        return {"lines": found.lines, "digits": digits}

    def evidence(self, image: object) -> dict[str, Any]:
        """Return the contribution of each pixel to the answer, divided by its largest absolute value."""
        images = _check_image(image)[np.newaxis]
        model = self._states[-1].model
        digit = model.predict_proba(images).argmax(axis=1)
        saliency = occlusion_saliency(model, images, images[..., np.newaxis], digit, 0, "auto")[0]
        largest = np.abs(saliency).max()
        return {"saliency": np.round(saliency / (largest or 1), 3).tolist()}

    def correct(self, image: object, digit: object) -> None:
        """Train the model on an image in MNIST's format with its true digit."""
        image = _check_image(image)
        if type(digit) is not int or not 0 <= digit <= 9:
            raise ValueError(f"digit must be an integer from 0 to 9, got {digit!r}.")
        with self._lock:
            model, images, digits = self._states[-1]
            other = np.any(images != image, axis=(1, 2))  # a second correction replaces the first
            images, digits = np.concatenate([images[other], [image]]), np.append(digits[other], digit)
            self._states.append(State(self._train(model, images, digits), images, digits))

    def undo(self) -> None:
        """Forget the last correction, if there is one; at most 20 in a row."""
        with self._lock:
            if len(self._states) > 1:
                self._states.pop()

    def reset(self) -> None:
        """Forget all corrections."""
        with self._lock:
            self._states = deque([self._first], maxlen=_MAX_UNDO + 1)

    def _train(self, model, images, digits):
        """Return a copy of the model, trained until it recognizes the corrected drawings."""
        model = copy.deepcopy(model)
        classifier = model[-1].set_params(**_TRAINING)
        known_images, known_digits = self._known
        repeats = np.resize(np.arange(len(digits)), max(_N_CORRECTED, len(digits)))
        for _ in range(_N_ROUNDS):
            known = self._random.choice(len(known_digits), _N_KNOWN, replace=False)
            X = np.concatenate([known_images[known], images[repeats]])
            y = np.concatenate([known_digits[known], digits[repeats]])
            classifier.partial_fit(
                transform_before_network(model, X), model.classes_[y], classes=model.classes_
            )
            if model.predict_proba(images)[np.arange(len(digits)), digits].min() >= _SURE:
                break
        return model


def _as_pipeline(model, images, digits):
    """Return a model as a pipeline of images in MNIST's format from 0 to 255, which ends in a network."""
    steps = [step for step in fitted_steps(model) if not isinstance(step, MNISTNormalizer)]
    classes = getattr(steps[-1], "classes_", np.zeros(0)) if steps else []
    if not isinstance(steps[-1], CNNDigitClassifier) or [*map(str, classes)] != list("0123456789"):
        raise ValueError(
            "model must be a CNNDigitClassifier that was fitted on the digits 0 to 9, or a Pipeline or "
            f"search that ends in one, got {model!r}. Pass load_pretrained(), or fit such a model."
        )
    if len(steps) > 1:
        return make_pipeline(*steps)
    scales = ImagePreprocessor().fit(images), FunctionTransformer()
    pipelines = [make_pipeline(scale, *steps) for scale in scales]
    with warnings.catch_warnings(action="ignore"):  # about the scale that is not the right one
        return max(pipelines, key=lambda model: model.score(images[:_N_KNOWN], classes[digits[:_N_KNOWN]]))


def _to_mnist(gray, box):
    top, left, bottom, right = box
    digit = np.pad(gray[top:bottom, left:right], 8, constant_values=1)
    return normalize_digit(digit, size=28, box=20, invert=True)


def _check_image(data):
    """Return an image of shape (28, 28), uint8."""
    rule = "image must be 28 lists of 28 integers from 0 to 255"
    try:
        image = np.array(data)
    except ValueError as error:
        raise ValueError(f"{rule}, got {error}.") from error
    if image.shape != (28, 28) or image.dtype.kind != "i":
        raise ValueError(f"{rule}, got shape {image.shape} and dtype {image.dtype}.")
    if image.min() < 0 or image.max() > 255:
        raise ValueError(f"{rule}, got {image.min()} to {image.max()}.")
    return image.astype(np.uint8)
