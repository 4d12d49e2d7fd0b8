"""`Recognizer`: answers for drawings, the evidence for them, and learning from corrections."""

import copy
import threading
from collections import deque
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from .._attribution import occlusion_saliency
from .._fitted import transform_before_network
from .._pieces import load_detector, read_pieces
from .._pillow.edges import describe_edges
from .._pillow.mnist_format import normalize_digit
from ..classifier import CNNDigitClassifier
from ..datasets import load_mnist_sample
from ..normalization import MNISTNormalizer
from ._strokes import check_strokes, draw, draw_several, group_strokes, is_dot

MAX_ENTROPY = 0.9  # in nats; docs/guide/drawing.md says how many digits are doubted
MIN_SIMILARITY = 0.83  # of the edges to those of a corrected drawing, which is not doubted; 1 is the largest

# Training after a correction: rounds of `partial_fit` on the corrected drawings and on known digits.
_N_ROUNDS = 20
_LEARNED = 0.8  # probability of the true digits that ends it; their entropy is then below MAX_ENTROPY
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
    """Recognize drawn digits with a model, which learns from corrections.

    The model that is passed is not changed.

    Parameters
    ----------
    model : Pipeline that ends in a CNNDigitClassifier
        Fitted on images of the digits 0 to 9, of 28x28 pixels from 0 to 255. If its first step is a
        `MNISTNormalizer`, this step is skipped.

    Raises
    ------
    ValueError
        If `model` is another estimator, or has other classes.
    """

    def __init__(self, model: BaseEstimator) -> None:
        if not isinstance(model, Pipeline) or not isinstance(model[-1], CNNDigitClassifier):
            raise ValueError(
                f"model must be a Pipeline that ends in a CNNDigitClassifier, got {model!r}; put an "
                "ImagePreprocessor before the classifier, or pass the best_estimator_ of a search."
            )
        if [str(label) for label in model.classes_] != list("0123456789"):
            raise ValueError(
                f"model must have the classes 0 to 9, got {model.classes_.tolist()}; fit it on all digits."
            )
        if isinstance(model[0], MNISTNormalizer):  # `_to_mnist` converts the drawings
            model = model[1:]
        mnist = load_mnist_sample()
        self._sample = mnist.x_train, mnist.y_train
        self._detector = load_detector()
        self._first = State(model, np.zeros((0, 28, 28), np.uint8), np.zeros(0, int))
        self._random = np.random.default_rng(0)
        self._lock = threading.Lock()
        self.reset()

    @property
    def model(self) -> Pipeline:
        """The model for images in MNIST's format, trained on all corrections."""
        return self._states[-1].model

    @property
    def n_corrections(self) -> int:
        """Number of corrections that the model was trained on."""
        return len(self._states[-1].digits)

    def answer(self, strokes: object) -> dict[str, Any]:
        """Recognize the digits of a drawing.

        Parameters
        ----------
        strokes : list of strokes
            In the form that `check_strokes` accepts.

        Returns
        -------
        answer : dict
            `digits`: a list of dict, in reading order. Each has the `probabilities` of the digits 0 to 9, the
            `image` in MNIST's format, the `box` (top, left, bottom and right, as fractions of the canvas),
            the number of the `line`, and whether it is `doubtful`. The list is empty for a dot.
        """
        checked, state = check_strokes(strokes), self._states[-1]
        if is_dot(checked):
            return {"digits": []}
        digits = self._describe(state, [checked], [0])
        if digits[0]["doubtful"]:
            drawings, line = _separate(state.model, checked)
            several = self._describe(state, drawings, line) if len(drawings) > 1 else []
            if not all(digit["doubtful"] for digit in several):
                digits = several
        return {"digits": digits}

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

    def _describe(self, state, drawings, line):
        """Return a dict for each drawing of one digit, as in `answer`."""
        images = np.stack([_to_mnist(strokes) for strokes in drawings])
        probabilities = state.model.predict_proba(images).astype(float)
        columns = {
            "image": images.tolist(),
            "box": map(_box, drawings),
            "line": line,
            "probabilities": probabilities.tolist(),
            "doubtful": self._are_doubtful(state, images, probabilities).tolist(),
        }
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def _are_doubtful(self, state, images, probabilities):
        """Return which images may not be digits: shape (n,)."""
        entropy = -np.sum(probabilities * np.log(np.maximum(probabilities, 1e-12)), axis=1)
        is_outlier = self._detector.predict(images) < 0
        for i in np.flatnonzero(is_outlier):
            corrected = state.images[state.digits == probabilities[i].argmax()]
            is_outlier[i] = not _is_similar(images[i], corrected)
        return (entropy > MAX_ENTROPY) | is_outlier

    def _train(self, model, images, digits):
        """Return a copy of the model, trained until it recognizes the corrected drawings."""
        model = copy.deepcopy(model)
        classifier = model[-1].set_params(**_TRAINING)
        known_images, known_digits = self._sample
        repeats = np.resize(np.arange(len(digits)), max(_N_CORRECTED, len(digits)))
        for _ in range(_N_ROUNDS):
            known = self._random.choice(len(known_digits), _N_KNOWN, replace=False)
            X = np.concatenate([known_images[known], images[repeats]])
            y = np.concatenate([known_digits[known], digits[repeats]])
            classifier.partial_fit(
                transform_before_network(model, X), model.classes_[y], classes=model.classes_
            )
            if model.predict_proba(images)[np.arange(len(digits)), digits].min() >= _LEARNED:
                break
        return model


def _separate(model, strokes):
    """Return the strokes of each digit of a number, in reading order, and the number of its line."""
    picture = draw_several(strokes)
    pieces = read_pieces(picture.pixels / np.float32(255), MNISTNormalizer(), model)
    if not len(pieces.boxes):
        return [], []
    groups = group_strokes(strokes, picture.to_canvas(pieces.boxes))
    return [drawing for _, drawing in groups], [int(pieces.line[piece]) for piece, _ in groups]


def _to_mnist(strokes):
    return normalize_digit(draw(strokes) / np.float32(255), size=28, box=20, invert=True)


def _box(strokes):
    """Return top, left, bottom and right of strokes."""
    points = np.concatenate(strokes)[:, ::-1]
    return [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]


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


def _is_similar(image, others):
    """Return whether an image has nearly the same edges as one of several others, of shape (n, 28, 28)."""
    edges = describe_edges(np.concatenate([[image], others])[..., np.newaxis])
    return np.max(edges[1:] @ edges[0], initial=0) > MIN_SIMILARITY
