"""`CNNDigitClassifier` as scikit-learn's users meet it. How training is run is tested in test_engine and
test_training; here all networks share one architecture, since every other one has to be traced.
"""

import copy
import os
import pickle
import random
import subprocess
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.utils.class_weight import compute_sample_weight

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor
from sk_mnist_cnn._keras import trainer as _trainer
from sk_mnist_cnn._keras.backend import keras
from sk_mnist_cnn._targets import stratified_split

SMALL = {
    "filters": (8, 16),
    "kernel_size": 3,
    "dense_units": (32, 16),
    "optimizer": "adam",
    "learning_rate": 0.01,
    "batch_size": 64,
    "epochs": 2,
    "random_state": 0,
}
LETTERS = np.array(list("jihgfedcba"))
N = 300
STEPS = 5  # batches an epoch


def classifier(**params):
    """An unfitted classifier of the one architecture, trained for two epochs of five batches."""
    return CNNDigitClassifier(**{**SMALL, **params})


@pytest.fixture(scope="module")
def some(digits):
    """The first 300 digits and their labels, read-only."""
    return digits[0][:N], digits[1][:N]


@pytest.fixture(scope="module")
def once(some):
    """A classifier fitted on `some` for two epochs, never refitted."""
    return classifier().fit(*some)


@pytest.fixture
def untrained(monkeypatch):
    """Make training a failure of the test."""

    def train(*args, **kwargs):
        pytest.fail("training began")

    monkeypatch.setattr(_trainer.Trainer, "fit", train)
    monkeypatch.setattr(_trainer.Trainer, "partial_fit", train)


def same_training(one, two):
    """Whether two classifiers hold the same weights and history, bit for bit."""
    weights = zip(one._weights, two._weights, strict=True)
    return one.history_ == two.history_ and all(np.array_equal(a, b) for a, b in weights)


def state(estimator):
    return copy.deepcopy(vars(estimator))


def assert_same_state(estimator, before):
    after = vars(estimator)
    assert after.keys() == before.keys()
    for name, value in before.items():
        if name not in ("optimizer", "callbacks", "augmentation"):
            _assert_equal(after[name], value, name)


def _assert_equal(found, expected, name):
    assert type(found) is type(expected), name
    if isinstance(expected, tuple | list):
        assert len(found) == len(expected), name
        for one, two in zip(found, expected, strict=True):
            _assert_equal(one, two, name)
    else:
        assert_array_equal(found, expected, err_msg=name)


# Labels


@pytest.mark.parametrize(
    "labels",
    [
        np.arange(10),
        np.arange(10, dtype=np.uint8),
        np.arange(10.0),
        np.arange(-4, 6) * 10**12,
        np.sort(LETTERS),
        np.sort(LETTERS).astype(object),
    ],
    ids=lambda labels: labels.dtype.str,
)
def test_labels_keep_their_values_and_type(labels, some, once):
    X, y = some
    fitted = classifier().fit(X, labels[y])
    assert fitted.classes_.dtype == labels.dtype
    assert_array_equal(fitted.classes_, labels)
    assert_array_equal(fitted.predict_proba(X), once.predict_proba(X))
    predicted = fitted.predict(X)
    assert predicted.dtype == labels.dtype
    assert_array_equal(predicted, labels[once.predict(X)])
    assert fitted.score(X, labels[y]) == once.score(X, y)


@pytest.mark.parametrize(
    "container",
    [
        list,
        pd.Series,
        pd.Categorical,
        partial(pd.Series, index=np.arange(N)[::-1]),
        partial(pd.Series, dtype="category"),
        partial(pd.Series, dtype="string"),
        partial(pd.Categorical, categories=LETTERS, ordered=True),
    ],
    ids=["list", "Series", "Categorical", "index", "categories", "string", "ordered"],
)
def test_labels_come_in_any_container(container, some, once):
    X, y = some
    labels = np.sort(LETTERS)
    fitted = classifier().fit(X, container(labels[y].tolist()))
    assert_array_equal(fitted.classes_, labels)
    assert_array_equal(fitted.predict_proba(X), once.predict_proba(X))
    assert_array_equal(fitted.predict(X), labels[once.predict(X)])


def test_labels_come_from_polars(some, once):
    polars = pytest.importorskip("polars")
    X, y = some
    labels = np.sort(LETTERS)
    fitted = classifier().fit(X, polars.Series(labels[y].tolist()))
    assert_array_equal(fitted.predict(X), labels[once.predict(X)])


@pytest.mark.parametrize(
    "labels", [np.array([False, True]), np.array(["even", "odd"]), np.array([-1, 1])], ids=str
)
def test_two_classes(labels, some):
    X, y = some
    fitted = classifier(epochs=6).fit(X, labels[y % 2])
    assert fitted.classes_.dtype == labels.dtype
    assert_array_equal(fitted.classes_, labels)
    p = fitted.predict_proba(X)
    assert p.shape == (N, 2)
    assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    predicted = fitted.predict(X)
    assert predicted.dtype == labels.dtype
    assert_array_equal(predicted, labels[p.argmax(axis=1)])
    assert fitted.score(X, labels[y % 2]) > 0.75


@pytest.mark.parametrize("label", [3, "three", True])
def test_one_class_is_an_error(label, some, untrained):
    with pytest.raises(ValueError, match=rf"y must hold at least two classes.*1 class, .*{label}"):
        classifier().fit(some[0], np.full(N, label))


@pytest.mark.parametrize("y", [np.linspace(0, 1, N), np.eye(10)[np.arange(N) % 10], None, np.arange(N - 1)])
def test_what_are_no_class_labels_is_refused(y, some, untrained):
    with pytest.raises(ValueError):
        classifier().fit(some[0], y)


@pytest.mark.parametrize("dtype", ["float64", "mixed_bfloat16"])
def test_the_dtype_policy_decides_what_probabilities_are(dtype, some, once):
    X, y = some
    fitted = classifier(dtype=dtype).fit(X, y)
    p = fitted.predict_proba(X)
    assert p.dtype == ("float64" if dtype == "float64" else "float32")
    assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    assert_allclose(fitted.history_["loss"], once.history_["loss"], rtol=0.05)


# Predictions


def test_it_learns_the_digits(fitted, digits):
    assert is_classifier(fitted)
    assert fitted.score(*digits) > 0.85


def test_predictions_agree_with_each_other(fitted, digits):
    X, y = digits
    p = fitted.predict_proba(X)
    assert p.shape == (len(X), 10)
    assert p.dtype == np.float32
    assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    assert p.min() >= 0
    assert_array_equal(fitted.predict(X), fitted.classes_[p.argmax(axis=1)])
    assert_allclose(np.exp(fitted.predict_log_proba(X)), p, rtol=1e-4, atol=1e-7)
    assert fitted.score(X, y) == np.mean(fitted.predict(X) == y)
    weights = (y == 3).astype(float)
    assert fitted.score(X, y, sample_weight=weights) == np.mean(fitted.predict(X[y == 3]) == 3)


def test_log_probabilities_are_finite_where_probabilities_vanish(fitted, digits):
    bright = digits[0][:50] * np.float32(1000)
    assert fitted.predict_proba(bright).min() == 0
    assert np.isfinite(fitted.predict_log_proba(bright)).all()


@pytest.mark.parametrize("n_images", [1, 2, 255, 256, 257, 1000])
def test_the_number_of_images_makes_no_difference(n_images, fitted, digits):
    X = digits[0][:n_images]
    one_by_one = fitted.predict_proba(digits[0])[:n_images]
    assert_allclose(fitted.predict_proba(X), one_by_one, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
def test_nothing_works_before_fit(method, some):
    with pytest.raises(NotFittedError, match="CNNDigitClassifier"):
        getattr(classifier(), method)(some[0])


def test_there_is_no_model_before_fit():
    unfitted = classifier()
    assert not hasattr(unfitted, "model_")
    with pytest.raises(NotFittedError):
        unfitted.model_  # noqa: B018


# Images


LAYOUTS = {"hwc": (-1, 8, 8, 1), "hw": (-1, 8, 8), "flat": (-1, 64)}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_are_interchangeable_in_fit_and_predict(layout, some, once):
    X, y = some
    fitted = classifier().fit(X.reshape(LAYOUTS[layout]), y)
    assert fitted.n_features_in_ == 64
    assert fitted.image_shape_ == (8, 8, 1)
    assert not hasattr(fitted, "feature_names_in_")
    assert same_training(fitted, once)
    for shape in LAYOUTS.values():
        assert_array_equal(fitted.predict_proba(X.reshape(shape)), once.predict_proba(X))


@pytest.mark.parametrize("dtype", ["float64", "float16", ">f4", "object"])
def test_images_of_any_dtype_train_alike(dtype, some, once):
    X, y = some
    fitted = classifier().fit(X.astype(dtype), y)
    assert same_training(fitted, once)
    assert_array_equal(fitted.predict_proba(X.astype(dtype)), once.predict_proba(X))


@pytest.mark.parametrize("kind", ["Fortran", "strided", "read-only", "memmap", "list"])
def test_images_of_any_memory_layout_train_alike(kind, some, once, tmp_path):
    X, y = some
    match kind:
        case "Fortran":
            images = np.asfortranarray(X)
        case "strided":
            images = np.repeat(X, 2, axis=2)[:, :, ::2]
        case "read-only":
            images = X
        case "memmap":
            images = np.memmap(tmp_path / "pixels", X.dtype, "w+", shape=X.shape)
            images[:] = X
        case "list":
            images = X.tolist()
    fitted = classifier().fit(images, y)
    assert same_training(fitted, once)
    assert_array_equal(fitted.predict_proba(images), once.predict_proba(X))


def test_column_names_are_remembered_and_checked(some, once):
    X, y = some
    frame = pd.DataFrame(X.reshape(N, 64), columns=[f"pixel{i}" for i in range(64)])
    fitted = classifier().fit(frame, y)
    assert_array_equal(fitted.feature_names_in_, frame.columns)
    assert same_training(fitted, once)
    assert_array_equal(fitted.predict(frame), once.predict(X))
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(frame[frame.columns[::-1]])


def test_polars_frames_are_images(some, once):
    polars = pytest.importorskip("polars")
    X, y = some
    frame = polars.DataFrame(X.reshape(N, 64), schema=[f"pixel{i}" for i in range(64)])
    fitted = classifier().fit(frame, y)
    assert list(fitted.feature_names_in_) == frame.columns
    assert same_training(fitted, once)


@pytest.mark.parametrize(
    "X",
    [
        np.zeros((2, 63)),
        np.zeros((2, 8, 7)),
        np.zeros((2, 4, 16)),
        np.zeros((2, 8, 8, 3)),
        np.zeros((0, 64)),
        np.zeros(64),
        np.zeros((1, 1, 8, 8, 1)),
        np.full((2, 64), np.nan),
        np.full((2, 8, 8), np.inf),
    ],
    ids=lambda X: str(X.shape),
)
def test_what_are_no_images_of_the_fitted_shape_is_refused(X, once):
    with pytest.raises(ValueError):
        once.predict(X)


def test_images_and_labels_must_be_as_many(some, untrained):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        classifier().fit(some[0], some[1][:-1])


def test_image_shape_is_settled_at_fit(some):
    X, y = some
    fitted = classifier(image_shape=[4, 16], epochs=1).fit(X.reshape(N, 64), y)
    assert fitted.image_shape_ == (4, 16, 1)
    assert fitted.image_shape == [4, 16]
    assert_array_equal(fitted.predict(X.reshape(N, 4, 16)), fitted.predict(X.reshape(N, 64)))
    with pytest.raises(ValueError, match=r"\(8, 8, 1\).*\(4, 16, 1\)"):
        fitted.predict(X)
    with pytest.raises(ValueError, match=r"image_shape=\(4, 16\) does not fit"):
        classifier(image_shape=(4, 16)).fit(X, y)


def raw_pixels(some, dtype=np.uint8):
    X, y = some
    return (X * 16).astype(dtype), y


@pytest.mark.parametrize("dtype", ["uint8", "float64"])
@pytest.mark.parametrize("method", ["fit", "partial_fit", "predict", "predict_proba", "score"])
def test_raw_pixels_bring_one_warning_that_names_the_preprocessor(method, dtype, some, once):
    X, y = raw_pixels(some, dtype)
    calls = {
        "fit": lambda: classifier(epochs=1, validation_split=0.2).fit(X, y),
        "partial_fit": lambda: classifier().partial_fit(X, y, classes=range(10)),
        "score": lambda: once.score(X, y),
    }
    with pytest.warns(UserWarning, match="up to 16, .* Put an ImagePreprocessor before") as warned:
        calls.get(method, lambda: getattr(once, method)(X))()
    assert len(warned) == 1


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64"])
def test_black_and_white_pixels_bring_no_warning(dtype, some, once):
    assert_array_equal(once.predict((some[0] > 0.5).astype(dtype)), once.predict(some[0] > 0.5))


def test_fractions_above_one_bring_no_warning(some, once):
    assert once.predict(4 * some[0]).shape == (N,)


def test_nothing_is_rescaled(some, once):
    with pytest.warns(UserWarning, match="ImagePreprocessor"):
        raw = [once.predict_proba(raw_pixels(some, dtype)[0]) for dtype in (np.uint8, np.float32)]
    assert_array_equal(*raw)


def test_a_pipeline_takes_raw_pixels(fitted_pipeline):
    X, y = load_digits(return_X_y=True)
    assert fitted_pipeline.score(X, y) > 0.85
    assert fitted_pipeline.score(X.reshape(-1, 8, 8), y) == fitted_pipeline.score(X, y)
    assert isinstance(fitted_pipeline[0], ImagePreprocessor)


# Training


def test_history_has_an_entry_an_epoch(once):
    assert once.n_iter_ == 2
    assert type(once.n_iter_) is int
    assert set(once.history_) == {"loss", "accuracy"}
    for values in once.history_.values():
        assert type(values) is list
        assert [type(value) for value in values] == [float, float]
    assert once.history_["loss"][1] < once.history_["loss"][0]


def test_history_reports_the_validation_images(some):
    X, y = some
    for fitted in (
        classifier(validation_split=0.2).fit(X, y),
        classifier().fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:]),
    ):
        assert set(fitted.history_) == {"loss", "accuracy", "val_loss", "val_accuracy"}
        assert {len(values) for values in fitted.history_.values()} == {2}


def test_a_plain_fit_starts_anew(some, once):
    X, y = some
    again = copy.deepcopy(once).fit(X, y)
    assert same_training(again, once)
    assert again.n_iter_ == 2
    fewer = copy.deepcopy(once).set_params(epochs=1).fit(X.reshape(N, 64), y > 4)
    assert fewer.n_iter_ == 1
    assert_array_equal(fewer.classes_, [False, True])
    after_batches = classifier().partial_fit(X, y, classes=range(10)).fit(X, y)
    assert same_training(after_batches, once)


def test_a_plain_fit_forgets_the_best_validation_score(some):
    fitted = classifier(early_stopping=True, epochs=1).fit(*some)
    assert fitted.best_validation_score_ == fitted.history_["val_accuracy"][0]
    fitted.set_params(early_stopping=False).fit(*some)
    assert getattr(fitted, "best_validation_score_", None) is None


def test_the_seed_decides(some, once):
    X, y = some
    assert same_training(clone(once).fit(X, y), once)
    assert not same_training(classifier(random_state=1).fit(X, y), once)
    unseeded = [classifier(random_state=None, epochs=1).fit(X, y) for _ in range(2)]
    assert not same_training(*unseeded)


def test_a_random_state_instance_moves_on(some):
    X, y = some
    random_state = np.random.RandomState(0)
    one, two = (classifier(random_state=random_state, epochs=1).fit(X, y) for _ in range(2))
    assert not same_training(one, two)
    again = classifier(random_state=np.random.RandomState(0), epochs=1).fit(X, y)
    assert same_training(one, again)


def test_global_random_state_is_neither_used_nor_touched(some, once):
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    fitted = classifier().fit(*some)
    fitted.predict(some[0])
    assert random.getstate() == python
    for mine, found in zip(np.random.get_state(), numpy, strict=True):  # noqa: NPY002
        assert_array_equal(mine, found)
    assert same_training(fitted, once)


def test_fit_changes_neither_data_nor_parameters(some):
    X, y = (array.copy() for array in some)
    weights, class_weight, sizes = np.ones(N), {3: 2.0}, [8, 16]
    fitted = classifier(filters=sizes, class_weight=class_weight, epochs=1)
    parameters = fitted.get_params()
    fitted.fit(X, y, sample_weight=weights).predict(X)
    assert_array_equal(X, some[0])
    assert_array_equal(y, some[1])
    assert_array_equal(weights, np.ones(N))
    assert class_weight == {3: 2.0}
    assert sizes == [8, 16]
    for name, value in fitted.get_params().items():
        assert value is parameters[name], name


# Going on


def test_warm_start_goes_on_where_fit_ended(some, once):
    X, y = some
    warm = classifier(warm_start=True).fit(X, y)
    assert same_training(warm, once)
    warm.fit(X, y)
    assert warm.n_iter_ == 4
    assert warm.history_["loss"][:2] == once.history_["loss"]
    assert warm.history_["loss"][3] < warm.history_["loss"][2] < warm.history_["loss"][1]
    assert not same_training(warm, once)
    assert same_training(warm, classifier(epochs=4).fit(X, y))


def test_warm_start_on_other_images_goes_on_from_the_weights(once, digits):
    warm = copy.deepcopy(once).set_params(warm_start=True, epochs=1)
    warm.fit(digits[0][N : 2 * N], digits[1][N : 2 * N])
    fresh = classifier(epochs=1).fit(digits[0][N : 2 * N], digits[1][N : 2 * N])
    assert warm.history_["loss"][-1] < fresh.history_["loss"][0]
    assert warm.n_iter_ == 3


def test_warm_start_takes_a_part_of_the_classes_only(some):
    X, y = some
    warm = classifier(warm_start=True, epochs=1).fit(X, y)
    warm.fit(X[y < 3], y[y < 3])
    assert_array_equal(warm.classes_, range(10))
    before = state(warm)
    with pytest.raises(ValueError, match=r"y must hold labels among the classes .*\[10\]"):
        warm.fit(X, y + 1)
    assert_same_state(warm, before)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_going_on_with_another_network_is_an_error(method, some, once, untrained):
    other = copy.deepcopy(once).set_params(filters=(4, 4), warm_start=True)
    before = state(other)
    with pytest.raises(ValueError, match=r"filters, .* must stay as they were fitted"):
        getattr(other, method)(*some)
    assert_same_state(other, before)
    assert_array_equal(other.predict(some[0]), once.predict(some[0]))


def test_the_optimizers_state_is_kept_only_where_training_is_to_go_on(some, once):
    X, y = some
    weights = sum(w.nbytes for w in once._weights)
    sizes = {
        "plain": len(pickle.dumps(once)),
        "warm": len(pickle.dumps(classifier(warm_start=True).fit(X, y))),
        "partial": len(pickle.dumps(classifier().partial_fit(X, y, classes=range(10)))),
        "refitted": len(pickle.dumps(classifier().partial_fit(X, y, classes=range(10)).fit(X, y))),
    }
    assert sizes["plain"] < 1.25 * weights
    assert sizes["refitted"] < 1.25 * weights
    assert 2 * weights < sizes["warm"] - sizes["plain"] < 2.5 * weights  # two slots a weight in Adam
    assert 2 * weights < sizes["partial"] - sizes["plain"] < 2.5 * weights


def test_partial_fit_is_one_epoch_of_fit(some, once):
    X, y = some
    partial = classifier(epochs=7).partial_fit(X, y, classes=range(10))
    assert partial.n_iter_ == 1
    assert partial.history_ == {name: values[:1] for name, values in once.history_.items()}
    partial.partial_fit(X, y)
    assert partial.n_iter_ == 2
    assert same_training(partial, once)


def test_partial_fit_takes_batches_without_every_class(some):
    X, y = some
    fitted = classifier().partial_fit(X[y > 4], LETTERS[y[y > 4]], classes=LETTERS)
    for _ in range(4):
        fitted.partial_fit(X[y == 3], LETTERS[y[y == 3]])
    assert_array_equal(fitted.classes_, np.sort(LETTERS))
    assert fitted.n_iter_ == 5
    assert fitted.predict_proba(X).shape == (N, 10)
    assert fitted.history_["loss"][4] < fitted.history_["loss"][1]


def test_partial_fit_after_a_plain_fit_starts_from_its_weights(some, once):
    X, y = some
    goes_on = copy.deepcopy(once).partial_fit(X, y)
    assert goes_on.n_iter_ == 3
    assert goes_on.history_["loss"][:2] == once.history_["loss"]
    assert goes_on.history_["loss"][2] < once.history_["loss"][1]


@pytest.mark.parametrize("fitted_first", [False, True])
def test_partial_fit_refuses_unknown_labels(fitted_first, some, once, untrained):
    fitted = copy.deepcopy(once) if fitted_first else classifier()
    before = state(fitted)
    for labels in (some[1] + 1, np.array(list("abcdefghij"))[some[1]], some[1] + 0.5):
        with pytest.raises(ValueError, match="y must hold labels among the classes"):
            fitted.partial_fit(some[0], labels, classes=range(10))
    assert_same_state(fitted, before)


def test_partial_fit_needs_all_classes_at_the_first_call(some, untrained):
    unfitted = classifier()
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        unfitted.partial_fit(*some)
    with pytest.raises(ValueError, match=r"classes must hold at least two labels; got \[3\]"):
        unfitted.partial_fit(*some, classes=[3, 3])
    assert not hasattr(unfitted, "classes_")


def test_partial_fit_refuses_other_classes_later(some, once, untrained):
    fitted = copy.deepcopy(once)
    before = state(fitted)
    for classes in (range(9), range(11), LETTERS):
        with pytest.raises(ValueError, match=r"classes=.* is not what the estimator was fitted for"):
            fitted.partial_fit(*some, classes=classes)
    assert_same_state(fitted, before)


def test_partial_fit_takes_the_same_classes_in_any_order(some, once):
    assert copy.deepcopy(once).partial_fit(*some, classes=[*range(9, -1, -1), 3]).n_iter_ == 3


@pytest.mark.parametrize("fitted_first", [False, True])
def test_partial_fit_cannot_balance_classes(fitted_first, some, once, untrained):
    fitted = (copy.deepcopy(once) if fitted_first else classifier()).set_params(class_weight="balanced")
    before = state(fitted)
    with pytest.raises(ValueError, match=r'class_weight="balanced" cannot be used with partial_fit.*dict'):
        fitted.partial_fit(*some, classes=range(10))
    assert_same_state(fitted, before)


def test_partial_fit_ignores_what_is_said_of_whole_runs(some, once):
    X, y = some
    partial = classifier(
        epochs=9, learning_rate_schedule="cosine", validation_split=0.5, early_stopping=True, warm_start=True
    )
    partial.partial_fit(X, y, classes=range(10)).partial_fit(X, y)
    assert same_training(partial, once)


# Weights


def test_images_of_weight_zero_take_no_part(some):
    X, y = some
    kept = np.arange(N) % 3 > 0
    weighted = classifier().fit(X, y, sample_weight=kept.astype(float))
    dropped = classifier().fit(X[kept], y[kept])
    assert same_training(weighted, dropped)


def test_only_the_ratios_of_weights_matter(some, once):
    X, y = some
    weights = 1 + np.arange(N) % 4
    one = classifier().fit(X, y, sample_weight=weights)
    assert same_training(classifier().fit(X, y, sample_weight=(8 * weights).tolist()), one)
    scaled = classifier().fit(X, y, sample_weight=weights * 1e-3)
    assert_allclose(scaled.predict_proba(X), one.predict_proba(X), atol=1e-3)
    assert not same_training(one, once)
    assert same_training(classifier().fit(X, y, sample_weight=np.full(N, 4)), once)
    assert same_training(classifier().fit(X, y, sample_weight=pd.Series(np.full(N, 4))), once)


def test_weights_hold_in_partial_fit_too(some):
    X, y = some
    kept = y != 3
    weighted = classifier().partial_fit(X, y, classes=range(10), sample_weight=kept.astype(float))
    dropped = classifier().partial_fit(X[kept], y[kept], classes=range(10))
    assert same_training(weighted, dropped)


def test_heavy_images_are_learnt_first(some):
    X, y = some
    weights = np.where(y < 2, 100.0, 1.0)
    fitted = classifier().fit(X, y, sample_weight=weights)
    assert np.isin(fitted.predict(X), [0, 1]).mean() > 0.9


BAD_WEIGHTS = [
    (np.ones(N - 1), "inconsistent numbers of samples"),
    (np.ones((N, 1)), "one number a sample"),
    (np.ones((N, 2)), "one number a sample"),
    (np.where(np.arange(N) == 7, -1.0, 1.0), "must not be negative"),
    (np.zeros(N), "must not be zero for every sample"),
    (np.full(N, np.nan), "contains NaN"),
    (np.full(N, np.inf), "contains infinity"),
]


@pytest.mark.parametrize(
    ("weights", "message"), BAD_WEIGHTS, ids=["short", "column", "table", "negative", "zero", "nan", "inf"]
)
@pytest.mark.parametrize("argument", ["sample_weight", "sample_weight_val", "partial_fit"])
def test_bad_weights_are_refused_by_name(argument, weights, message, some, untrained):
    X, y = some
    unfitted = classifier()
    calls = {
        "sample_weight": lambda: unfitted.fit(X, y, sample_weight=weights),
        "sample_weight_val": lambda: unfitted.fit(X, y, X_val=X, y_val=y, sample_weight_val=weights),
        "partial_fit": lambda: unfitted.partial_fit(X, y, classes=range(10), sample_weight=weights),
    }
    with pytest.raises(ValueError, match=message) as raised:
        calls[argument]()
    if message != BAD_WEIGHTS[0][1]:
        assert ("sample_weight" if argument == "partial_fit" else argument) in str(raised.value)
    assert not hasattr(unfitted, "classes_")


def test_class_weight_is_sample_weight_by_label(some):
    X, y = some
    by_class = classifier(class_weight={"c": 5, "d": 0.25}).fit(X, LETTERS[y])
    weights = np.select([LETTERS[y] == "c", LETTERS[y] == "d"], [5, 0.25], 1.0)
    assert same_training(by_class, classifier().fit(X, LETTERS[y], sample_weight=weights))


def test_balanced_classes_weigh_alike(some):
    rng = np.random.default_rng(0)
    chosen = rng.permutation(N)[: N // 2]
    X, y = some[0][chosen], some[1][chosen]
    balanced = classifier(class_weight="balanced").fit(X, y)
    weighted = classifier().fit(X, y, sample_weight=compute_sample_weight("balanced", y))
    assert same_training(balanced, weighted)
    assert not same_training(balanced, classifier().fit(X, y))


def test_class_weight_multiplies_sample_weight(some):
    X, y = some
    weights = 1.0 + np.arange(N) % 2
    both = classifier(class_weight={3: 4}).fit(X, y, sample_weight=weights)
    assert same_training(both, classifier().fit(X, y, sample_weight=weights * np.where(y == 3, 4, 1)))


def test_a_class_of_weight_zero_takes_no_part(some):
    X, y = some
    fitted = classifier(class_weight={3: 0}).fit(X, y)
    assert_array_equal(fitted.classes_, range(10))
    without = (
        classifier().partial_fit(X[y != 3], y[y != 3], classes=range(10)).partial_fit(X[y != 3], y[y != 3])
    )
    assert same_training(fitted, without)


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({10: 1}, r"class_weight names labels that are not among the classes .*\[10\]"),
        ({"3": 1}, r"class_weight names labels that are not among the classes .*\['3'\]"),
        ({3: -1}, "class_weight must hold finite numbers from 0 up.*-1"),
        ({3: np.nan}, "class_weight must hold finite numbers from 0 up.*nan"),
        ({3: np.inf}, "class_weight must hold finite numbers from 0 up.*inf"),
        ({3: "heavy"}, "class_weight must hold finite numbers from 0 up.*heavy"),
        (dict.fromkeys(range(10), 0), "class_weight"),
    ],
    ids=repr,
)
def test_bad_class_weights_are_refused(class_weight, message, some, untrained):
    with pytest.raises(ValueError, match=message):
        classifier(class_weight=class_weight).fit(*some)


def test_weights_that_cancel_out_are_an_error(some, untrained):
    X, y = some
    with pytest.raises(ValueError, match="weight"):
        classifier(class_weight={3: 0}).fit(X, y, sample_weight=(y == 3).astype(float))


# Validation images


def test_a_validation_split_holds_its_share_of_every_class():
    positions = np.repeat([0, 1, 2], [100, 40, 10])
    indices = np.arange(150)[::-1][: 150 - 10]  # ten images of class 0 take no part
    kept, aside = stratified_split(indices, positions, np.arange(3), 0.2, seed=0)
    assert np.bincount(positions[aside]).tolist() == [18, 8, 2]
    assert sorted([*kept, *aside]) == sorted(indices)
    again = stratified_split(indices, positions, np.arange(3), 0.2, seed=0)
    assert_array_equal(again[1], aside)
    other = stratified_split(indices, positions, np.arange(3), 0.2, seed=1)
    assert not np.array_equal(np.sort(other[1]), np.sort(aside))


def test_a_validation_split_takes_images_from_the_training(some, once):
    X, y = some
    fitted = classifier(validation_split=0.2).fit(X, y)
    right = np.array(fitted.history_["val_accuracy"]) * 60
    assert_allclose(right, np.rint(right), atol=1e-4)
    right = np.array(fitted.history_["accuracy"]) * 240
    assert_allclose(right, np.rint(right), atol=1e-4)
    assert not same_training(fitted, once)


@pytest.mark.parametrize("params", [{"validation_split": 0.2}, {"early_stopping": True}], ids=str)
def test_a_split_needs_two_images_of_every_class(params, some, untrained):
    X, y = some
    labels = LETTERS[y]
    chosen = np.r_[np.flatnonzero(labels != "c"), np.flatnonzero(labels == "c")[0]]
    with pytest.raises(ValueError, match=r"validation_split=0\.[12] .*1 of class .*c.*X_val"):
        classifier(**params).fit(X[chosen], labels[chosen])


def test_a_split_needs_an_image_of_every_class_on_either_side(some, untrained):
    with pytest.raises(ValueError, match=r"validation_split=0\.01 "):
        classifier(validation_split=0.01).fit(*some)


def test_validation_images_are_measured_and_not_learnt(some, once):
    X, y = some
    fitted = classifier().fit(X, y, X_val=X[:100].reshape(100, 64), y_val=y[:100])
    assert_array_equal(fitted.predict_proba(X), once.predict_proba(X))
    assert {name: fitted.history_[name] for name in once.history_} == once.history_
    assert_allclose(fitted.history_["val_accuracy"][-1], fitted.score(X[:100], y[:100]), rtol=1e-6)
    p = fitted.predict_proba(X[:100])[np.arange(100), y[:100]]
    assert_allclose(fitted.history_["val_loss"][-1], -np.log(p).mean(), rtol=1e-4)


def test_x_val_stands_in_for_a_validation_split(some, once):
    X, y = some
    fitted = classifier(validation_split=0.5).fit(X, y, X_val=X[:10], y_val=y[:10])
    assert_array_equal(fitted.predict_proba(X), once.predict_proba(X))


def test_validation_weights_are_heeded(some):
    X, y = some
    weights = (np.arange(100) % 2) * 3.0
    heeded = classifier(epochs=1).fit(X, y, X_val=X[:100], y_val=y[:100], sample_weight_val=weights)
    odd = classifier(epochs=1).fit(X, y, X_val=X[1:100:2], y_val=y[1:100:2])
    for name in ("val_loss", "val_accuracy"):
        assert_allclose(heeded.history_[name], odd.history_[name], rtol=1e-5)


def test_class_weights_are_for_what_is_trained_on(some):
    X, y = some
    params = {"epochs": 1, "class_weight": {3: 50.0}, "validation_split": 0.5}
    fitted = classifier(**params).fit(X, y)
    _, aside = stratified_split(np.arange(N), y, fitted.classes_, 0.5, fitted._seed)
    assert fitted.history_["val_accuracy"][0] == pytest.approx(fitted.score(X[aside], y[aside]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X_val": np.zeros((3, 64))}, "y_val must be passed with X_val"),
        ({"y_val": np.zeros(3, int)}, "X_val"),
        ({"sample_weight_val": np.ones(3)}, "X_val"),
        ({"X_val": np.zeros((3, 63)), "y_val": np.zeros(3, int)}, "63 features"),
        ({"X_val": np.zeros((3, 4, 16)), "y_val": np.zeros(3, int)}, r"\(4, 16, 1\)"),
        ({"X_val": np.zeros((3, 64)), "y_val": np.zeros(2, int)}, "inconsistent numbers of samples"),
        ({"X_val": np.zeros((3, 64)), "y_val": np.full(3, 10)}, r"y_val .*among the classes .*\[10\]"),
        ({"X_val": np.full((3, 64), np.nan), "y_val": np.zeros(3, int)}, "X_val.* must be like X.*NaN"),
    ],
    ids=["X_val", "y_val", "weights", "features", "layout", "lengths", "labels", "nan"],
)
def test_bad_validation_data_is_refused(arguments, message, some, untrained):
    unfitted = classifier()
    with pytest.raises(ValueError, match=message):
        unfitted.fit(*some, **arguments)
    assert not hasattr(unfitted, "classes_")


# Parameters


BAD = [
    *[("filters", value) for value in ([0], (8, -1), (8.5, 16), 8, "ab", None, [[8], [16]])],
    *[("kernel_size", value) for value in (0, 2.5, (3,), (3, 3, 3), (3, (1, 2, 3)), (0, 3), "33", None)],
    *[("pool_size", value) for value in (-1, 1.5, (2,), ((2, 2), (2, 0)), ((), 2), None)],
    *[("conv_dropout", value) for value in (-0.1, 1.0, "0.2", None)],
    *[("dense_units", value) for value in ([0], (32, 16.5), 32, "ab", None)],
    *[("dense_dropout", value) for value in (-0.1, 1, np.nan, None)],
    *[("activation", value) for value in ("nope", None, 3)],
    *[("optimizer", value) for value in ("nope", None, 3, keras.optimizers.Adam)],
    *[("learning_rate", value) for value in (-1, 0, np.inf, np.nan, "fast", None)],
    *[("learning_rate_schedule", value) for value in ("nope", None, 0.1)],
    *[("learning_rate_schedule", value) for value in (lambda step: -step, lambda step: None)],
    *[("batch_size", value) for value in (0, -1, 2.5, None, "32")],
    *[("epochs", value) for value in (0, -1, 2.5, None)],
    *[("validation_split", value) for value in (-0.1, 1.0, "0.2", None)],
    *[("early_stopping", value) for value in ("loss", 2, None)],
    *[("n_iter_no_change", value) for value in (0, 2.5, None)],
    *[("augmentation", value) for value in ("nope", 3, ["shift"], keras.layers.RandomRotation)],
    *[("class_weight", value) for value in ("auto", [1, 2], 3, {11: 1}, {3: -1})],
    *[("callbacks", value) for value in ("x", 3, ["x"], [None], keras.callbacks.History())],
    *[("warm_start", value) for value in ("yes", None)],
    *[("image_shape", value) for value in (64, (64,), (8, 7), (8, 8, 3), (8.0, 8.0), (0, 64), "8x8")],
    *[("checkpoint", value) for value in (3, "no/such/folder/checkpoint.npz", os.curdir)],
    *[("dtype", value) for value in ("float16", "int8", np.float32, None)],
    *[("random_state", value) for value in (-1, "seed", 1.5)],
    *[("verbose", value) for value in (-1, "loud")],
]


@pytest.mark.parametrize(("name", "value"), BAD, ids=lambda value: repr(value).split(" at 0x")[0])
def test_a_bad_parameter_is_named_before_anything_is_trained(name, value, some, once, untrained):
    fitted = copy.deepcopy(once).set_params(**{name: value})
    before = vars(fitted) | {}
    with pytest.raises(ValueError, match=rf"\b{name}\b"):
        fitted.fit(*some)
    assert vars(fitted).keys() == before.keys()
    assert all(vars(fitted)[key] is before[key] for key in before)
    assert_array_equal(fitted.predict_proba(some[0]), once.predict_proba(some[0]))


@pytest.mark.parametrize(
    ("name", "value"),
    [("filters", [0]), ("epochs", 0), ("learning_rate", -1), ("optimizer", "nope"), ("callbacks", "x")],
)
def test_a_bad_parameter_is_named_by_partial_fit(name, value, some, untrained):
    unfitted = classifier(**{name: value})
    before = state(unfitted)
    with pytest.raises(ValueError, match=name):
        unfitted.partial_fit(*some, classes=range(10))
    assert_same_state(unfitted, before)


@pytest.mark.parametrize(
    "params",
    [
        {"filters": [8, 16], "kernel_size": [3, 3], "pool_size": [2, 2], "dense_units": [32, 16]},
        {"filters": np.array([8, 16]), "kernel_size": np.int64(3), "dense_units": range(32, 15, -16)},
        {"kernel_size": ((3, 3), (3, 3)), "pool_size": np.array([[2, 2], [2, 2]])},
        {"kernel_size": (3, 9), "pool_size": (2, 9)},  # clipped to the same
        {"batch_size": np.int32(64), "epochs": np.uint8(2), "learning_rate": np.float64(0.01)},
        {"image_shape": (8, 8), "random_state": np.int64(0), "warm_start": np.False_},
        {"early_stopping": np.False_, "validation_split": 0, "verbose": False},
        {"callbacks": (), "class_weight": {}, "checkpoint": None, "n_iter_no_change": 1},
    ],
    ids=lambda params: ",".join(params),
)
def test_parameters_of_equal_value_train_alike(params, some, once):
    assert same_training(classifier(**params).fit(*some), once)


def test_early_stopping_may_be_a_numpy_bool(some):
    X, y = some
    one, two = (classifier(early_stopping=value).fit(X, y) for value in (True, np.True_))
    assert same_training(one, two)


def test_parameters_changed_after_fit_do_not_disturb_predictions(some, once):
    changed = copy.deepcopy(once).set_params(
        filters=(4,), kernel_size=1, dense_units=(), activation="nope", dtype="float64", image_shape=(4, 16)
    )
    changed.set_params(optimizer="nope", class_weight={11: 1}, random_state=5, batch_size=-1)
    for method in ("predict", "predict_proba", "predict_log_proba"):
        expected = getattr(once, method)(some[0])
        found = getattr(changed, method)(some[0])
        assert found.dtype == expected.dtype
        assert_array_equal(found, expected)


def fails_in_epoch_two(epoch, logs):
    if epoch:
        raise RuntimeError("the second epoch fails")


@pytest.mark.parametrize("warm_start", [False, True])
def test_a_training_that_fails_leaves_a_fitted_classifier_as_it_was(warm_start, some, once):
    X, y = some
    failing = keras.callbacks.LambdaCallback(on_epoch_end=fails_in_epoch_two)
    fitted = copy.deepcopy(once).set_params(callbacks=[failing], warm_start=warm_start)
    before = state(fitted)
    with pytest.raises(RuntimeError, match="the second epoch fails"):
        fitted.fit(X.reshape(N, 64)[:200], y[:200])
    assert_same_state(fitted, before)
    assert_array_equal(fitted.predict_proba(X), once.predict_proba(X))
    assert same_training(classifier().fit(X, y), once)


def test_a_training_that_diverges_leaves_a_fitted_classifier_as_it_was(some, once):
    X, y = some
    fitted = copy.deepcopy(once).set_params(learning_rate=1e20)
    before = state(fitted)
    with pytest.raises(ValueError, match=r"loss became (nan|inf).*learning_rate.*ImagePreprocessor"):
        fitted.fit(X, y)
    assert_same_state(fitted, before)
    assert same_training(classifier().fit(X, y), once)


def test_bad_data_leaves_a_fitted_classifier_as_it_was(some, once, untrained):
    X, y = some
    fitted = copy.deepcopy(once)
    before = state(fitted)
    for images, labels in ((X * np.nan, y), (X[:, :, :4], np.zeros(N)), (X[:, :4], y / 7), (X[:9], y)):
        with pytest.raises(ValueError):
            fitted.fit(images, labels)
    assert_same_state(fitted, before)


# Optimizers


def fresh_model(fitted, **params):
    """The Keras model of a copy with other parameters, which nothing trains."""
    return copy.deepcopy(fitted).set_params(**params).model_


@pytest.mark.parametrize(
    ("name", "rate"),
    [("adadelta", 1.0), ("adam", 0.001), ("sgd", 0.01), ("rmsprop", 0.001), ("adamw", 0.001)],
)
def test_the_automatic_learning_rate_suits_the_optimizer(name, rate, once):
    optimizer = fresh_model(once, optimizer=name, learning_rate="auto").optimizer
    assert type(optimizer).__name__.lower() == name
    assert_allclose(float(optimizer.learning_rate), rate, rtol=1e-6)


def test_an_instance_keeps_its_own_rate_unless_told_otherwise(once):
    for rate in (0.003, 0.0):
        sgd = keras.optimizers.SGD(rate, momentum=0.7, nesterov=True)
        own = fresh_model(once, optimizer=sgd, learning_rate="auto").optimizer
        assert own is not sgd
        assert_allclose(float(own.learning_rate), rate, rtol=1e-6)
        told = fresh_model(once, optimizer=sgd, learning_rate=0.5).optimizer
        assert float(told.learning_rate) == 0.5
        assert (told.momentum, told.nesterov) == (0.7, True)
        assert_allclose(float(sgd.learning_rate), rate, rtol=1e-6)


def test_an_instance_is_copied_and_never_trained(some, once):
    X, y = some
    adam = keras.optimizers.Adam(0.01)
    config = adam.get_config()
    fitted = classifier(optimizer=adam, learning_rate="auto").fit(X, y)
    assert same_training(fitted, once)
    assert fitted.optimizer is adam
    assert not adam.built
    assert int(adam.iterations) == 0
    assert adam.get_config() == config
    assert same_training(clone(fitted).fit(X, y), once)
    told = classifier(optimizer=keras.optimizers.Adam(1.0), learning_rate=0.01).fit(X, y)
    assert same_training(told, once)
    own = classifier(optimizer=keras.optimizers.Adam(0.002), learning_rate="auto").fit(X, y)
    assert not same_training(own, once)


def test_an_instances_rate_may_be_zero(some):
    one, two = (
        classifier(optimizer=keras.optimizers.Adam(0.0), learning_rate="auto", epochs=epochs).fit(*some)
        for epochs in (1, 2)
    )
    assert_array_equal(one.predict_proba(some[0]), two.predict_proba(some[0]))


def test_a_learning_rate_set_after_fit_applies(some, once):
    X, y = some
    warm = classifier(warm_start=True).fit(X, y)
    still = copy.deepcopy(warm).set_params(learning_rate=1e-12).fit(X, y)
    assert_allclose(still.predict_proba(X), once.predict_proba(X), atol=1e-5)
    moved = copy.deepcopy(warm).fit(X, y)
    assert np.abs(moved.predict_proba(X) - once.predict_proba(X)).max() > 0.01
    still = copy.deepcopy(once).set_params(learning_rate=1e-12).partial_fit(X, y)
    assert_allclose(still.predict_proba(X), once.predict_proba(X), atol=1e-5)
    assert same_training(copy.deepcopy(still).set_params(learning_rate=0.01).fit(X, y), once)


# Callbacks


class Counter(keras.callbacks.Callback):
    """Counts in the class what its copies are called for, since it is copies that are called."""

    epochs, batches, models = [], [], []

    def __init__(self):
        super().__init__()
        self.calls = 0

    def on_epoch_end(self, epoch, logs=None):
        self.calls += 1
        self.epochs.append((epoch, sorted(logs)))


class BatchCounter(Counter):
    def on_train_batch_end(self, batch, logs=None):
        self.batches.append(batch)


class StopAtOnce(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = True


@pytest.fixture
def counts():
    yield Counter
    Counter.epochs.clear()
    Counter.batches.clear()


def test_callbacks_are_called_every_epoch(some, once, counts):
    fitted = classifier(callbacks=[Counter()]).fit(*some)
    assert counts.epochs == [(0, ["accuracy", "loss"]), (1, ["accuracy", "loss"])]
    assert same_training(fitted, once)
    fitted.partial_fit(*some)
    assert counts.epochs[2:] == [(2, ["accuracy", "loss"])]


def test_callbacks_see_the_validation(some, counts):
    classifier(callbacks=(Counter(),), validation_split=0.2, epochs=1).fit(*some)
    assert counts.epochs == [(0, ["accuracy", "loss", "val_accuracy", "val_loss"])]


def test_batch_hooks_are_called_every_batch(some, once, counts):
    fitted = classifier(callbacks=[BatchCounter()]).fit(*some)
    assert counts.batches == [*range(STEPS)] * 2
    assert_allclose(fitted.predict_proba(some[0]), once.predict_proba(some[0]), atol=1e-5)
    seen = []
    hook = keras.callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: seen.append(batch))
    classifier(callbacks=[hook], epochs=1).fit(*some)
    assert seen == [*range(STEPS)]


# Keras' own, where it saves a model.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_models_that_callbacks_save_are_ordinary_ones(some, tmp_path):
    path, weights_path = tmp_path / "epoch.keras", tmp_path / "epoch.weights.h5"
    checkpoints = [
        keras.callbacks.ModelCheckpoint(path),
        keras.callbacks.ModelCheckpoint(weights_path, save_weights_only=True),
    ]
    fitted = classifier(callbacks=checkpoints, epochs=1, conv_dropout=0.125).fit(*some)
    images, expected = some[0].astype(np.float32), fitted.predict_proba(some[0])
    code = f"""
import keras, numpy as np
model = keras.models.load_model({str(path)!r})
print(model.get_layer("conv_dropout").rate, model.optimizer.iterations.numpy())
np.save({str(tmp_path / "probabilities.npy")!r}, model(np.load({str(tmp_path / "images.npy")!r})))
"""
    np.save(tmp_path / "images.npy", images)
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["0.125", str(-(-N // fitted.batch_size))]
    assert_allclose(np.load(tmp_path / "probabilities.npy"), expected, atol=1e-6)
    model = classifier(epochs=1, random_state=1).fit(*some).model_
    model.load_weights(weights_path)
    assert_allclose(model(images), expected, atol=1e-6)


def test_callbacks_are_copied(some, counts):
    mine = Counter()
    fitted = classifier(callbacks=[mine]).fit(*some)
    assert counts.epochs
    assert mine.calls == 0
    assert mine.model is None
    assert fitted.callbacks[0] is mine


def test_callbacks_do_not_drag_the_network_into_pickles(some, once):
    fitted = classifier(callbacks=[keras.callbacks.TerminateOnNaN()]).fit(*some)
    assert len(pickle.dumps(fitted)) < len(pickle.dumps(once)) + 500


def test_callbacks_survive_clone(some, counts):
    cloned = clone(classifier(callbacks=[Counter()], epochs=1).fit(*some))
    cloned.fit(*some)
    cloned.fit(*some)
    assert [epoch for epoch, _ in counts.epochs] == [0, 0, 0]


def test_a_callback_may_end_the_training(some, once):
    fitted = classifier(callbacks=[StopAtOnce()]).fit(*some)
    assert fitted.n_iter_ == 1
    assert fitted.history_["loss"] == once.history_["loss"][:1]


# The Keras model


def test_model_is_an_ordinary_compiled_keras_model(some, once):
    X, y = some
    model = once.model_
    assert type(model) is keras.Sequential
    assert model.count_params() == sum(w.size for w in once._weights)
    assert_allclose(model.predict(X, verbose=0), once.predict_proba(X), atol=1e-6)
    loss, accuracy = model.evaluate(X, y, verbose=0)
    assert_allclose(accuracy, once.score(X, y), rtol=1e-6)
    assert_allclose(loss, -once.predict_log_proba(X)[np.arange(N), y].mean(), rtol=1e-4)
    assert type(model.optimizer) is keras.optimizers.Adam
    assert_allclose(float(model.optimizer.learning_rate), 0.01, rtol=1e-6)


@pytest.fixture(scope="module")
def trained_model(some, once):
    """The model of `once`, trained for another epoch by Keras."""
    model = once.model_
    model.fit(*some, epochs=1, verbose=0)
    return model


def test_training_the_model_leaves_the_classifier_as_it_was(some, once, trained_model):
    X, y = some
    assert np.abs(trained_model.predict(X, verbose=0) - once.predict_proba(X)).max() > 1e-3
    assert same_training(classifier().fit(X, y), once)
    assert once.model_ is not trained_model
    assert_allclose(once.model_.predict(X, verbose=0), once.predict_proba(X), atol=1e-6)


def test_an_optimizer_that_has_been_trained_starts_anew(some, once, trained_model):
    optimizer = trained_model.optimizer
    steps = int(optimizer.iterations)
    assert steps > 0
    assert same_training(classifier(optimizer=optimizer, learning_rate="auto").fit(*some), once)
    assert int(optimizer.iterations) == steps


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own
def test_the_model_can_be_saved_and_loaded_without_this_package(some, once, tmp_path):
    once.model_.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", custom_objects={}, safe_mode=True)
    assert_allclose(loaded.predict(some[0], verbose=0), once.predict_proba(some[0]), atol=1e-6)


def test_accessing_the_model_does_not_make_pickles_larger(once):
    before = len(pickle.dumps(once))
    assert once.model_
    assert len(pickle.dumps(once)) == before


# Other processes


def test_pickles_are_little_more_than_the_weights(fitted, digits):
    stored = pickle.dumps(fitted)
    assert len(stored) < 1.25 * sum(w.nbytes for w in fitted._weights)
    assert_array_equal(pickle.loads(stored).predict_proba(digits[0]), fitted.predict_proba(digits[0]))


def test_unfitted_classifiers_pickle_and_clone():
    unfitted = classifier(optimizer=keras.optimizers.SGD(0.1), callbacks=[StopAtOnce()])
    assert clone(unfitted).get_params().keys() == unfitted.get_params().keys()
    assert pickle.loads(pickle.dumps(classifier())).get_params() == classifier().get_params()


def run(code, **environment):
    """Run Python code in a process of its own, which must end well."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("TF_", "KERAS_"))}
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(
        command, env={**inherited, **environment}, capture_output=True, text=True, check=True, timeout=300
    )


def test_nothing_heavy_is_imported_before_it_is_needed():
    code = """
import pickle, sys
import sk_mnist_cnn
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, load_mnist_sample
model = clone(make_pipeline(ImagePreprocessor(), CNNDigitClassifier(filters=(8,), optimizer="sgd")))
repr(model), model._repr_html_(), dir(sk_mnist_cnn), pickle.loads(pickle.dumps(model))
model.set_params(cnndigitclassifier__epochs=3)
for bad in ({"epochs": 0}, {"optimizer": "nope"}, {"dtype": "int"}):
    try:
        CNNDigitClassifier(**bad).fit([[0.0] * 4] * 4, [0, 0, 1, 1])
    except ValueError:
        pass
print(*sorted({"tensorflow", "keras", "scikeras", "matplotlib"} & set(sys.modules)))
"""
    assert run(code).stdout.split() == []


EXCHANGE = """
import pickle
with open({path!r}, "rb") as file:
    fitted, X, y = pickle.load(file)
from sklearn.base import clone
probabilities = fitted.predict_proba(X)
other = clone(fitted).set_params(epochs=1, dense_units=(4,))
for filters in range(1, 5):  # TensorFlow would warn of the fifth network
    other.set_params(filters=(filters,)).fit(X, y).predict(X)
other.partial_fit(X, y)
with open({path!r}, "wb") as file:
    pickle.dump((probabilities, clone(fitted).fit(X, y)), file)
"""


def test_a_fresh_process_is_quiet_and_gives_the_same_bits(some, once, tmp_path):
    path = str(tmp_path / "exchange.pickle")
    with open(path, "wb") as file:
        pickle.dump((once, *some), file)
    process = run(EXCHANGE.format(path=path))
    assert process.stdout == ""
    with open(path, "rb") as file:
        probabilities, refitted = pickle.load(file)
    assert_array_equal(probabilities, once.predict_proba(some[0]))
    assert same_training(refitted, once)
    assert process.stderr == ""
