"""Layouts, dtypes and containers of images, `image_shape`, and the warning about raw pixels."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_digits

from sk_mnist_cnn import ImagePreprocessor
from tests.estimators import same_training

from .conftest import N, classifier

LAYOUTS = {"hwc": (-1, 8, 8, 1), "hw": (-1, 8, 8), "flat": (-1, 64)}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_accepts_all_layouts(layout, data, reference):
    X, y = data
    fitted = classifier().fit(X.reshape(LAYOUTS[layout]), y)
    assert fitted.n_features_in_ == X.reshape(LAYOUTS[layout]).shape[1]
    assert fitted.image_shape_ == (8, 8, 1)
    assert not hasattr(fitted, "feature_names_in_")
    assert same_training(fitted, reference)
    for shape in LAYOUTS.values():
        assert_array_equal(fitted.predict_proba(X.reshape(shape)), reference.predict_proba(X))


@pytest.mark.parametrize("dtype", ["float64", "float16", ">f4", "object"])
def test_accepts_all_dtypes(dtype, data, reference):
    X, y = data
    fitted = classifier().fit(X.astype(dtype), y)
    assert same_training(fitted, reference)
    assert_array_equal(fitted.predict_proba(X.astype(dtype)), reference.predict_proba(X))


@pytest.mark.parametrize("kind", ["Fortran", "strided", "read-only", "memmap", "list"])
def test_accepts_all_memory_layouts(kind, data, reference, tmp_path):
    X, y = data
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
    assert same_training(fitted, reference)
    assert_array_equal(fitted.predict_proba(images), reference.predict_proba(X))


def test_checks_feature_names(data, reference):
    X, y = data
    frame = pd.DataFrame(X.reshape(N, 64), columns=[f"pixel{i}" for i in range(64)])
    fitted = classifier().fit(frame, y)
    assert_array_equal(fitted.feature_names_in_, frame.columns)
    assert same_training(fitted, reference)
    assert_array_equal(fitted.predict(frame), reference.predict(X))
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(frame[frame.columns[::-1]])


def test_accepts_polars_frame(data, reference):
    polars = pytest.importorskip("polars")
    X, y = data
    frame = polars.DataFrame(X.reshape(N, 64), schema=[f"pixel{i}" for i in range(64)])
    fitted = classifier().fit(frame, y)
    assert list(fitted.feature_names_in_) == frame.columns
    assert same_training(fitted, reference)


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
def test_predict_raises_for_invalid_images(X, reference):
    with pytest.raises(ValueError):
        reference.predict(X)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "transform"])
@pytest.mark.parametrize("shape", [(64,), (8, 8), (8, 8, 1)])
def test_single_image_without_the_axis_of_samples(shape, method, data, reference):
    image = data[0][0].reshape(shape)
    with pytest.raises(ValueError, match=r"single image. Reshape your data. Pass X\[np.newaxis\]"):
        getattr(reference, method)(image)
    assert len(getattr(reference, method)(image[np.newaxis])) == 1


@pytest.mark.parametrize("shape", [(8, 7), (8, 8, 3), (4, 16)])
def test_images_of_another_shape(shape, reference):
    got = rf"shape \(8, 8, 1\), as in fit, got images of shape \({shape[0]}, {shape[1]}, "
    with pytest.raises(ValueError, match=got):
        reference.predict(np.zeros((2, *shape)))


def test_one_row_of_pixels_is_a_batch(data):
    X, y = data
    fitted = classifier(epochs=1).fit(X.reshape(N, 1, 64), y)
    assert fitted.image_shape_ == (1, 64, 1)
    assert fitted.predict(X[0].reshape(1, 64)).shape == (1,)
    with pytest.raises(ValueError, match=r"Pass X\[np.newaxis\]"):
        fitted.predict(X[0].reshape(1, 64, 1))


def test_fitted_on_any_layout_continues_on_the_others(data):
    X, y = data
    for layout in LAYOUTS.values():
        fitted = classifier(epochs=1, warm_start=True).fit(X.reshape(layout), y)
        n_features = fitted.n_features_in_
        for other in LAYOUTS.values():
            fitted.partial_fit(X.reshape(other), y)
            assert fitted.n_features_in_ == n_features
        assert fitted.fit(X, y).n_iter_ == 5


def test_raises_for_inconsistent_numbers_of_samples(data, no_training):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        classifier().fit(data[0], data[1][:-1])


def test_image_shape(data):
    X, y = data
    fitted = classifier(image_shape=[4, 16], epochs=1).fit(X.reshape(N, 64), y)
    assert fitted.image_shape_ == (4, 16, 1)
    assert fitted.image_shape == [4, 16]
    assert_array_equal(fitted.predict(X.reshape(N, 4, 16)), fitted.predict(X.reshape(N, 64)))
    with pytest.raises(ValueError, match=r"shape \(4, 16, 1\), .* got .*\(8, 8, 1\)"):
        fitted.predict(X)
    with pytest.raises(ValueError, match=r"image_shape must fit X, which holds .* got image_shape=\(4, 16\)"):
        classifier(image_shape=(4, 16)).fit(X, y)


def raw_pixels(data, dtype=np.uint8):
    """Return images with pixels from 0 to 16, and their labels."""
    X, y = data
    return (X * 16).astype(dtype), y


@pytest.mark.parametrize("dtype", ["uint8", "float64"])
@pytest.mark.parametrize("method", ["fit", "partial_fit", "predict", "predict_proba", "score"])
def test_warns_once_about_raw_pixels(method, dtype, data, reference):
    X, y = raw_pixels(data, dtype)
    calls = {
        "fit": lambda: classifier(epochs=1, validation_split=0.2).fit(X, y),
        "partial_fit": lambda: classifier().partial_fit(X, y, classes=range(10)),
        "score": lambda: reference.score(X, y),
    }
    with pytest.warns(UserWarning, match="up to 16, .* Put an ImagePreprocessor before") as warned:
        calls.get(method, lambda: getattr(reference, method)(X))()
    assert [warning.category for warning in warned].count(UserWarning) == 1


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64"])
def test_does_not_warn_about_binary_pixels(dtype, data, reference):
    X = data[0] > 0.5
    assert_array_equal(reference.predict(X.astype(dtype)), reference.predict(X))


def test_does_not_warn_about_fractions_above_one(data, reference):
    assert reference.predict(4 * data[0]).shape == (N,)


def test_does_not_rescale_pixels(data, reference):
    with pytest.warns(UserWarning, match="ImagePreprocessor"):
        raw = [reference.predict_proba(raw_pixels(data, dtype)[0]) for dtype in (np.uint8, np.float32)]
    assert_array_equal(*raw)


def test_pipeline_accepts_raw_pixels(fitted_pipeline):
    X, y = load_digits(return_X_y=True)
    assert fitted_pipeline.score(X, y) > 0.85
    assert fitted_pipeline.score(X.reshape(-1, 8, 8), y) == fitted_pipeline.score(X, y)
    assert isinstance(fitted_pipeline[0], ImagePreprocessor)
