"""Random parameters, data and global settings: `fit` gives finite probabilities, or raises a readable error.

In both cases, it does not change its input, a classifier that it fails to refit, or later fits.
"""

import copy
import re
import warnings
from contextlib import contextmanager

import hypothesis
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import ImagePreprocessor
from sk_mnist_cnn._keras.backend import keras
from tests.estimators import same_training, small_classifier
from tests.fuzz import n_examples

# Valid and invalid values of each parameter. Few of the valid ones need a new architecture.
PARAMS = {
    "filters": ([(2,), (), [2, 3], np.array([2])], [(0,), (-1, 2), "ab", None, (2.5,)]),
    "kernel_size": ([3, (2,), ((2, 1),)], [0, (3, 3, 3), None, "3", (1.5,)]),
    "pool_size": ([2, 1], [-2, [[2, 2, 2]], {}]),
    "conv_dropout": ([0.2, 0], [1, -0.1, np.nan, "x"]),
    "dense_units": ([(5,), ()], [(5, 0), 5]),
    "dense_dropout": ([0.5, 0.0, np.float32(0.3)], [1.0, None]),
    "activation": (["relu"], ["no_such", 3]),
    "optimizer": (["adam"], ["no_such", 1.0, object()]),
    "learning_rate": (["auto", 0.01, 1e-9, 1e30], [0, -1, np.inf, np.nan, "fast"]),
    "learning_rate_schedule": (["constant", "cosine", lambda step: 0.01], [len, lambda step: -1, 7]),
    "batch_size": ([128, 1, 3], [0, 2.5, None]),
    "epochs": ([1, 2, np.int64(1)], [0, -3, "2"]),
    "validation_split": ([0.0, 0.2, 0.5, 0.99], [1.0, -0.2]),
    "early_stopping": ([False, True, "val_loss"], ["loss", 3]),
    "n_iter_no_change": ([5, 1], [0]),
    "augmentation": ([None, "shift", "affine"], ["spin", [1], {}, keras.layers.RandomFlip]),
    "label_smoothing": ([0.0, 0.1, np.float32(0.5)], [1.0, -0.1, None]),
    "class_weight": (
        [None, "balanced", {}, {0: 2.0}],
        [{"no such": 1}, {0: -1}, {0: np.nan}, "even"],
    ),
    "callbacks": ([None, []], [[None], keras.callbacks.History(), [keras.callbacks.History]]),
    "warm_start": ([False, True], ["yes"]),
    "dtype": (["float32", "float64"], ["int8", np.float32]),
    "image_shape": (
        [None, (6, 6), (4, 5, 3)],
        [(0, 36), "66", 36, (6, 6, 1, 1), (1.0, 36.0)],
    ),
    "random_state": ([0, None, np.random.RandomState(0)], [-1, "seed"]),
    "verbose": ([0, False], ["loud"]),
}


@keras.saving.register_keras_serializable("tests")
class SubtractMeanOfBatch(keras.Layer):
    def call(self, images, training=False):
        return images - keras.ops.mean(images, axis=0)


# Keras layers that change each image alone and keep its shape, and layers that do not.
LAYERS = (
    [
        keras.layers.RandomFlip(),
        keras.layers.RandomTranslation(0.1, 0.1),
        keras.layers.RandomRotation(0.1),
        keras.layers.RandomZoom(0.1),
        keras.layers.RandomContrast(0.1),
        keras.layers.GaussianNoise(0.1),
        keras.layers.Rescaling(0.5),
        [keras.layers.RandomFlip(), keras.layers.RandomBrightness(0.1, value_range=(0, 1))],
    ],
    [
        SubtractMeanOfBatch(),
        keras.layers.Resizing(3, 3),
        keras.layers.Flatten(),
        [keras.layers.RandomCrop(3, 3)],
    ],
)


class Stop(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = True


class Predict(keras.callbacks.Callback):
    """Callback that predicts after each epoch."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.predict(np.zeros((2, *self.model.input_shape[1:])), verbose=0)


class Freeze(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.layers[-1].trainable = False


class RemoveLoss(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        del logs["loss"]


class SkipAllEpochs(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.model._initial_epoch = 99


class Raise(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise ValueError("raised by a callback")


CALLBACKS = (
    [
        [keras.callbacks.History(), keras.callbacks.TerminateOnNaN()],
        (keras.callbacks.EarlyStopping("loss", patience=0, restore_best_weights=True, mode="max"),),
        [keras.callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=0, min_delta=10)],
        [keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)],
        [keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)],
        [keras.callbacks.ProgbarLogger()],
        [Predict()],
        [Stop()],
        [Freeze()],
        [RemoveLoss()],
    ],
    [[Raise()], [SkipAllEpochs()]],
)

# Functions that change a global setting, and functions that restore it.
SETTINGS = {
    "float64": (lambda: keras.config.set_floatx("float64"), lambda: keras.config.set_floatx("float32")),
    "float16": (lambda: keras.config.set_floatx("float16"), lambda: keras.config.set_floatx("float32")),
    "data format": (
        lambda: keras.config.set_image_data_format("channels_first"),
        lambda: keras.config.set_image_data_format("channels_last"),
    ),
    "epsilon": (lambda: keras.config.set_epsilon(0.01), lambda: keras.config.set_epsilon(1e-7)),
    "dtype policy": (
        lambda: keras.config.set_dtype_policy("mixed_float16"),
        lambda: keras.config.set_dtype_policy("float32"),
    ),
    "logging": (keras.config.disable_interactive_logging, keras.config.enable_interactive_logging),
    "tracebacks": (keras.config.disable_traceback_filtering, keras.config.enable_traceback_filtering),
    "seed": (lambda: keras.utils.set_random_seed(1), lambda: None),
    "session": (keras.utils.clear_session, lambda: None),
}


@contextmanager
def changed_setting(name):
    """Change a global setting inside the block; None changes nothing."""
    change, restore = SETTINGS[name] if name else (lambda: None, lambda: None)
    change()
    try:
        yield
    finally:
        restore()


def choose(name, values):
    """Draw one of the values. Hypothesis shrinks to the first.

    The name makes all choices different, since Hypothesis spends most draws on copying equal ones.
    """
    return st.sampled_from([(name, i) for i in range(len(values))]).map(lambda choice: values[choice[1]])


@st.composite
def parameters(draw, *, invalid, extra):
    n_params = draw(choose("number of parameters", range(invalid, 4)))
    names = [draw(choose(f"parameter {i}", [*PARAMS])) for i in range(n_params)]
    params = {name: draw(choose(name, PARAMS[name][invalid and name == names[0]])) for name in names}
    if extra == "callbacks":
        params["callbacks"] = draw(choose("Keras callbacks", CALLBACKS[invalid]))
    elif extra == "layers":
        params["augmentation"] = draw(choose("Keras layers", LAYERS[invalid]))
    return params


@st.composite
def images(draw, rng, n_images, *, invalid):
    shape = draw(choose("shape", [(6, 6, 1), (4, 5, 3), (1, 9, 1)]))
    dtype = draw(choose("dtype of X", ["float64", "float32", "float16", "uint8", "int64", "bool"]))
    X = rng.random((n_images, *shape))
    X = {"uint8": 255 * X, "int64": 1000 * X - 500}.get(dtype, X).astype(dtype)
    pixels, layouts = [0.0, -5.0, 60000.0], ["n, h, w, c", "flat", "n, h, w", "object", "list", "Fortran"]
    if invalid and draw(choose("defect", ["pixel", "layout"])) == "pixel":
        X, pixels = X.astype(float), [np.nan, np.inf, -np.inf]
    elif invalid:
        layouts = ["5-D", "1-D"]
    if X.dtype.kind == "f":
        X.flat[:1] = draw(choose("pixel", pixels))
    return {
        "n, h, w, c": lambda: X,
        "flat": lambda: X.reshape(n_images, int(np.prod(shape))),
        "n, h, w": lambda: X[..., 0],
        "object": lambda: X.astype(object),
        "list": X.tolist,
        "Fortran": lambda: np.asfortranarray(X),
        "5-D": lambda: X[..., None],
        "1-D": lambda: X.reshape(-1),
    }[draw(choose("layout", layouts))]()


LABELS = (
    [
        lambda y: y,
        lambda y: y.astype(str),
        lambda y: y.astype(bool),
        lambda y: y.astype(float),
        lambda y: np.array([f"class {label}" for label in y], dtype=object),
    ],
    [
        np.zeros_like,  # one class
        lambda y: np.append(y, 0),  # too many
        lambda y: y + 0.5,
        lambda y: np.stack([y, y], axis=1),
        lambda y: np.where(y == 0, np.nan, y),
    ],
)

WEIGHTS = (
    [lambda w: None, lambda w: w, lambda w: (w > 0.5).astype(float)],
    [
        np.zeros_like,
        np.negative,
        lambda w: np.append(w, 1),  # too many
        lambda w: np.where(w > 0.5, np.nan, w),
        lambda w: w.astype(str) + " kg",
    ],
)


@st.composite
def fits(draw):
    """Draw the arguments of `check_fit`, half of them with an invalid part."""
    invalid = draw(choose("part", [*[None] * 5, "parameters", "number", "images", "labels", "weights"]))
    extra = draw(choose("extra", [None, "callbacks", "setting", "callbacks", "setting", "layers"]))
    rng = np.random.default_rng(draw(choose("data", range(1000))))
    n_images = draw(choose("number", [1, 0] if invalid == "number" else [20, 12, 31]))
    y = rng.integers(0, draw(choose("number of classes", [2, 3])), n_images)
    return {
        "params": draw(parameters(invalid=invalid == "parameters", extra=extra)),
        "X": draw(images(rng, n_images, invalid=invalid == "images")),
        "y": draw(choose("labels", LABELS[invalid == "labels"]))(y),
        "sample_weight": draw(choose("weights", WEIGHTS[invalid == "weights"]))(rng.random(n_images)),
        "scale": draw(choose("scale", [False, True])),
        "refit": draw(choose("refit", [False, True])),
        "setting": draw(choose("setting", [*SETTINGS])) if extra == "setting" else None,
    }


IMAGES = np.random.default_rng(0).random((20, 6, 6, 1))


def fit_reference():
    """Fit a classifier. The result is the same at every call, unless a fit has changed shared state."""
    clf = small_classifier(filters=(2,), dense_units=(5,), epochs=1, learning_rate="auto")
    return clf.fit(IMAGES, np.arange(20) % 3)


def fit_and_predict(model, X, y, setting, **fit_params):
    with changed_setting(setting):
        return model.fit(X, y, **fit_params).predict_proba(X)


def check_fit(reference, params, X, y, sample_weight, scale, refit, setting):
    """Check one fit, and return whether it succeeded."""
    clf = copy.deepcopy(reference) if refit else clone(reference)
    clf.set_params(**params)
    model = make_pipeline(ImagePreprocessor(image_shape=params.get("image_shape")), clf) if scale else clf
    fit_params = {} if scale else {"sample_weight": sample_weight}
    other = copy.deepcopy(model)
    given = copy.deepcopy((X, y, sample_weight))
    try:
        probabilities = fit_and_predict(model, X, y, setting, **fit_params)
    except (ValueError, TypeError) as error:
        succeeded = False
        assert re.search(r"[A-Za-z]{3,} .*[A-Za-z]{3,}", str(error)), error  # noqa: PT017
        if refit:
            assert_array_equal(clf.predict_proba(IMAGES), reference.predict_proba(IMAGES))
    else:
        succeeded = True
        assert probabilities.shape == (len(X), len(clf.classes_))
        assert np.isfinite(probabilities).all()
        assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
        # A warm start keeps the classes of the first fit.
        assert np.isin(model.predict(X), clf.classes_ if params.get("warm_start") else y).all()
        if setting and clf.random_state is not None:
            assert_array_equal(fit_and_predict(other, X, y, None, **fit_params), probabilities)
    for after, before in zip((X, y, sample_weight), given, strict=True):
        # As text, since NaN is not equal to itself in arrays of objects.
        assert_array_equal(np.asarray(after).astype(str), np.asarray(before).astype(str))
    assert same_training(fit_reference(), reference)
    return succeeded


def check_random_fits(n_fits, seed):
    reference, successes = fit_reference(), []

    # The same draws in every run, so that a failure is due to a change of the code and can be repeated.
    @settings(
        max_examples=n_fits,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.seed(seed)
    @given(fits())
    def check(drawn):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            successes.append(check_fit(reference, **drawn))

    check()
    assert 0.25 < np.mean(successes) < 0.75  # both are tested


def test_10_random_fits():
    check_random_fits(10, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_random_fits(seed):
    """In `make fuzz`, these are 1,000 fits."""
    check_random_fits(n_examples(250), seed)
