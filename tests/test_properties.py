"""Whatever comes in: it is learnt from and gives probabilities, or it is refused with a telling message."""

import copy
import re
import warnings

import numpy as np
import pytest
from conftest import small_classifier
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import ImagePreprocessor

SHAPES = [(6, 6, 1), (4, 5, 3), (1, 9, 1)]

# Valid values first, so that what hypothesis shrinks to is ordinary. Few of them need a network of their own.
PARAMS = {
    "filters": [(2,), (), [2, 3], (0,), (-1, 2), "ab", None, (2.5,), np.array([2])],
    "kernel_size": [3, (2,), ((2, 1),), 0, (3, 3, 3), None, "3", (1.5,)],
    "pool_size": [2, 1, -2, [[2, 2, 2]], {}],
    "conv_dropout": [0.2, 0, 1, -0.1, np.nan, "x"],
    "dense_units": [(5,), (), (5, 0), 5],
    "dense_dropout": [0.5, 0.0, np.float32(0.3), 1.0, None],
    "activation": ["relu", "no_such", 3],
    "optimizer": ["adam", "no_such", 1.0, object()],
    "learning_rate": ["auto", 0.01, 1e-9, 1e30, 0, -1, np.inf, np.nan, "fast"],
    "learning_rate_schedule": ["constant", "cosine", len, lambda step: 0.01, lambda step: -1, 7],
    "batch_size": [128, 1, 3, 0, 2.5, None],
    "epochs": [1, 2, np.int64(1), 0, -3, "2"],
    "validation_split": [0.0, 0.2, 0.5, 0.99, 1.0, -0.2],
    "early_stopping": [False, True, "val_loss", "loss", 3],
    "n_iter_no_change": [5, 1, 0],
    "augmentation": [None, "spin", [1], {}],
    "label_smoothing": [0.0, 0.1, np.float32(0.5), 1.0, -0.1, None],
    "class_weight": [None, "balanced", {}, {0: 2.0}, {"no such": 1}, {0: -1}, {0: np.nan}, "even"],
    "warm_start": [False, True, "yes"],
    "dtype": ["float32", "float64", "int8", np.float32],
    "image_shape": [None, (6, 6), (4, 5, 3), (0, 36), "66", 36, (6, 6, 1, 1), (1.0, 36.0)],
    "random_state": [0, None, np.random.RandomState(0), -1, "seed"],
    "verbose": [0, False, "loud"],
}


@st.composite
def parameters(draw):
    names = draw(st.lists(st.sampled_from(sorted(PARAMS)), max_size=3, unique=True))
    return {name: draw(st.sampled_from(PARAMS[name])) for name in names}


@st.composite
def images(draw, n_images):
    shape = draw(st.sampled_from(SHAPES))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    X = rng.random((n_images, *shape))
    kind = draw(st.sampled_from(["unit", "unit", "bytes", "int64", "bool", "float16", "float64"]))
    if kind == "bytes":
        X = (255 * X).astype(np.uint8)
    elif kind == "int64":
        X = (1000 * X).astype(np.int64) - 500
    elif kind != "unit":
        X = X.astype(kind)
    if X.dtype.kind == "f" and X.size and draw(st.integers(0, 5)) == 0:
        X.flat[0] = draw(st.sampled_from([np.nan, np.inf, -np.inf, -5.0, 60000.0]))
    layout = draw(st.sampled_from(["full", "flat", "no channels", "object", "list", "F", "five", "one"]))
    return {
        "full": lambda: X,
        "flat": lambda: X.reshape(n_images, int(np.prod(shape))),
        "no channels": lambda: X[..., 0],
        "object": lambda: X.astype(object),
        "list": X.tolist,
        "F": lambda: np.asfortranarray(X),
        "five": lambda: X[..., None],
        "one": lambda: X.reshape(-1),
    }[layout]()


@st.composite
def labels(draw, n_images):
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    y = rng.integers(0, draw(st.sampled_from([2, 3, 1])), n_images + draw(st.sampled_from([0, 0, 0, 1])))
    kind = draw(st.sampled_from(["int", "int", "str", "bool", "float", "object", "continuous", "2d", "nan"]))
    if kind == "nan":
        return np.where(y == 0, np.nan, y)
    return {
        "int": lambda: y,
        "str": lambda: y.astype(str),
        "bool": lambda: y.astype(bool),
        "float": lambda: y.astype(float),
        "object": lambda: np.array([f"class {label}" for label in y], dtype=object),
        "continuous": lambda: y + 0.5,
        "2d": lambda: np.stack([y, y], axis=1),
    }[kind]()


@st.composite
def weights(draw, n_images):
    kind = draw(
        st.sampled_from([None, None, "random", "zeros", "negative", "short", "nan", "text", "sparse"])
    )
    rng = np.random.default_rng(0)
    return {
        None: None,
        "random": rng.random(n_images),
        "zeros": np.zeros(n_images),
        "negative": -rng.random(n_images),
        "short": rng.random(max(n_images - 1, 0)),
        "nan": np.full(n_images, np.nan),
        "text": np.full(n_images, "heavy"),
        "sparse": (rng.random(n_images) > 0.5).astype(float),
    }[kind]


@st.composite
def fits(draw):
    n_images = draw(st.sampled_from([20, 12, 31, 1, 0]))
    return {
        "params": draw(parameters()),
        "X": draw(images(n_images)),
        "y": draw(labels(n_images)),
        "sample_weight": draw(weights(n_images)),
        "scale": draw(st.booleans()),
        "refit": draw(st.booleans()),
    }


SMALLEST = {"filters": (2,), "dense_units": (5,), "epochs": 1, "learning_rate": "auto"}
FITTED = {}


def check_fit(params, X, y, sample_weight, scale, refit):
    clf = small_classifier(**SMALLEST)
    before = None
    if refit:
        if not FITTED:
            X_before = np.random.default_rng(0).random((20, 6, 6, 1))
            FITTED.update(clf=clf.fit(X_before, np.arange(20) % 3), X=X_before)
        clf, X_before = copy.deepcopy(FITTED["clf"]), FITTED["X"]
        before = clf.predict_proba(X_before)
    clf.set_params(**params)
    given = copy.deepcopy((X, y, sample_weight))
    model = make_pipeline(ImagePreprocessor(image_shape=params.get("image_shape")), clf) if scale else clf
    fit_params = {} if scale else {"sample_weight": sample_weight}
    try:
        model.fit(X, y, **fit_params)
        probabilities = model.predict_proba(X)
    except (ValueError, TypeError) as error:
        assert re.search(r"[A-Za-z]{3,} .*[A-Za-z]{3,}", str(error)), error  # noqa: PT017
        if before is not None:
            np.testing.assert_array_equal(clf.predict_proba(X_before), before)
    else:
        assert probabilities.shape == (len(X), len(clf.classes_))
        assert np.isfinite(probabilities).all()
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
        assert np.isin(model.predict(X), y).all()
    for now, then in zip((X, y, sample_weight), given, strict=True):
        # As text, since NaN in arrays of objects equals nothing.
        np.testing.assert_array_equal(np.asarray(now).astype(str), np.asarray(then).astype(str))


def check_draws(n_draws):
    # The same draws in every run: a failure is then the change's, and can be repeated.
    @settings(
        max_examples=n_draws,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(fits())
    def check(drawn):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check_fit(**drawn)

    check()


def test_fifty_draws():
    check_draws(50)


@pytest.mark.slow
def test_a_thousand_draws():
    check_draws(1000)
