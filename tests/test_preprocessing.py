"""`ImagePreprocessor` with arrays of all layouts and dtypes, without TensorFlow."""

import copy
import pickle
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from sk_mnist_cnn import ImagePreprocessor
from tests.estimators import quick_classifier, sparse_batches

LAYOUTS = {"hwc": (6, 8, 5, 1), "hw": (6, 8, 5), "flat": (6, 40), "rgb": (6, 4, 5, 2)}
DTYPES = ["float16", "float32", "float64", "uint8", "uint16", "int64", "bool"]


def pixels(dtype, shape):
    """Six images whose pixels reach the maximum of their dtype, which is 255 for floats and int64."""
    values = np.random.default_rng(0).integers(0, 256, shape)
    values.flat[:2] = 0, 255
    if dtype == "bool":
        return values > 127
    return (values * (257 if dtype == "uint16" else 1)).astype(dtype)


def maximum(dtype):
    return {"bool": 1, "uint16": 65535}.get(dtype, 255)


def preprocessor(layout, **params):
    """A preprocessor that knows the shape of flat rows."""
    return ImagePreprocessor(image_shape=(8, 5) if layout == "flat" else None, **params)


def state(estimator):
    return copy.deepcopy(vars(estimator))


def assert_same_state(estimator, before):
    after = vars(estimator)
    assert after.keys() == before.keys()
    for name, value in before.items():
        assert_array_equal(after[name], value, err_msg=name)


@pytest.fixture
def images():
    return pixels("uint8", (6, 28, 28))


@pytest.fixture
def frame(images):
    return pd.DataFrame(images.reshape(6, -1), columns=[f"pixel{i}" for i in range(1, 785)])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_layout_and_dtype_becomes_contiguous_float32_in_0_to_1(layout, dtype):
    X = pixels(dtype, LAYOUTS[layout])
    images = preprocessor(layout).fit_transform(X)
    assert images.shape == ((6, 4, 5, 2) if layout == "rgb" else (6, 8, 5, 1))
    assert images.dtype == np.float32
    assert images.flags.c_contiguous
    assert (images.min(), images.max()) == (0, 1)
    assert_allclose(images.reshape(X.shape), X.astype(float) / maximum(dtype), rtol=1e-6)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_inverse_transform_returns_layout_scale_and_dtype(layout, dtype):
    X = pixels(dtype, LAYOUTS[layout])
    transformer = preprocessor(layout).fit(X)
    back = transformer.inverse_transform(transformer.transform(X))
    assert back.dtype == X.dtype
    assert back.shape == X.shape
    if X.dtype.kind == "f":
        assert_allclose(back, X, rtol=1e-3 if dtype == "float16" else 1e-6)
    else:
        assert_array_equal(back, X)


@pytest.mark.parametrize("dtype", DTYPES)
def test_fit_transform_is_fit_and_transform(dtype):
    X = pixels(dtype, LAYOUTS["hw"])
    one, two = ImagePreprocessor(), ImagePreprocessor()
    assert_array_equal(one.fit_transform(X), two.fit(X).transform(X))
    assert_same_state(one, state(two))


def views(X, tmp_path):
    """The same images in different memory layouts and containers."""
    wide = np.zeros((len(X) * 2, *X.shape[1:-1], X.shape[-1] * 3), X.dtype)
    wide[::2, ..., ::3] = X
    read_only = X.copy()
    read_only.flags.writeable = False
    mapped = np.memmap(tmp_path / "pixels", X.dtype, "w+", shape=X.shape)
    mapped[:] = X
    mapped.flush()
    return {
        "C order": X,
        "Fortran order": np.asfortranarray(X),
        "strided": wide[::2, ..., ::3],
        "reversed": X[::-1, ::-1].copy()[::-1, ::-1],
        "read-only": read_only,
        "memory-mapped": np.memmap(tmp_path / "pixels", X.dtype, "r", shape=X.shape),
        "big-endian": X.astype(X.dtype.newbyteorder(">")),
        "nested lists": X.tolist(),
        "list of arrays": list(X),
        "memoryview": memoryview(np.ascontiguousarray(X)),
    }


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float64", "uint8", "bool"])
def test_memory_layout_does_not_matter(layout, dtype, tmp_path):
    X = pixels(dtype, LAYOUTS[layout])
    expected = preprocessor(layout).fit_transform(X)
    fitted = preprocessor(layout).fit(X)
    for name, view in views(X, tmp_path).items():
        assert_array_equal(fitted.transform(view), expected, err_msg=name)
        refitted = preprocessor(layout).fit_transform(view)
        assert refitted.flags.c_contiguous, name
        assert_array_equal(refitted, expected, err_msg=name)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_input_is_neither_changed_nor_returned(layout, dtype):
    X = pixels(dtype, LAYOUTS[layout])
    before = X.copy()
    transformer = preprocessor(layout)
    for images in (transformer.fit_transform(X), transformer.transform(X)):
        assert not np.shares_memory(images, X)
        scaled = images.copy()
        back = transformer.inverse_transform(images)
        assert not np.shares_memory(back, images)
        back[:] = 0
        assert_array_equal(images, scaled)
        images[:] = 0
    assert_array_equal(X, before)


def test_pixels_that_are_scaled_already_are_copied():
    X = pixels("bool", (6, 8, 5, 1)).astype(np.float32)
    images = ImagePreprocessor(max_value=1).fit_transform(X)
    assert_array_equal(images, X)
    assert not np.shares_memory(images, X)


@pytest.mark.parametrize("fitted_on", ["hwc", "hw", "flat"])
@pytest.mark.parametrize("given", ["hwc", "hw", "flat"])
def test_fit_and_transform_accept_different_layouts(fitted_on, given):
    X = pixels("uint8", LAYOUTS["hwc"])
    transformer = preprocessor(fitted_on).fit(X.reshape(LAYOUTS[fitted_on]))
    assert transformer.n_features_in_ == X.reshape(LAYOUTS[fitted_on]).shape[1]
    assert transformer.image_shape_ == (8, 5, 1)
    images = transformer.transform(X.reshape(LAYOUTS[given]))
    assert_array_equal(images, X / np.float32(255))
    back = transformer.inverse_transform(images.reshape(LAYOUTS[given]))
    assert_array_equal(back, X.reshape(LAYOUTS[fitted_on]))


def test_flat_mnist_needs_no_image_shape(images):
    transformer = ImagePreprocessor().fit(images.reshape(6, 784))
    assert transformer.image_shape_ == (28, 28, 1)
    assert transformer.max_value_ == 255
    assert transformer.n_features_in_ == 784


def test_image_shape_reshapes_flat_color_images():
    X = pixels("uint8", (6, 4, 3, 3))
    flat = ImagePreprocessor(image_shape=(4, 3, 3))
    images = flat.fit_transform(X.reshape(6, -1))
    assert_array_equal(images, ImagePreprocessor().fit_transform(X))
    assert_array_equal(flat.inverse_transform(images), X.reshape(6, -1))


@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_number_of_features_that_is_not_square_warns_once_and_is_one_row(method):
    X = np.ones((3, 10))
    transformer = ImagePreprocessor()
    with pytest.warns(UserWarning, match=r"10 features .* one row .* image_shape") as warned:
        getattr(transformer, method)(X)
    assert len(warned) == 1
    assert transformer.image_shape_ == (1, 10, 1)
    assert transformer.transform(X).shape == (3, 1, 10, 1)


@pytest.mark.parametrize("image_shape", [(8, 8), (5, 8), (8, 5, 3), (41,), (8.0, 5.0)])
def test_raises_for_image_shape_that_does_not_fit(image_shape):
    with pytest.raises(ValueError, match="image_shape"):
        ImagePreprocessor(image_shape=image_shape).fit(pixels("uint8", (6, 8, 5)))


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("image_shape", value, r"image_shape must be \(height, width\) or .* got '?")
        for value in (784, "28x28")
    ]
    + [
        ("max_value", value, "'max_value' parameter of ImagePreprocessor must be .* Got '?")
        for value in (0, -1, np.inf, np.nan, "max", None, [255])
    ],
)
@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_raises_for_invalid_parameters(name, value, match, method, images):
    transformer = ImagePreprocessor(**{name: value})
    with pytest.raises(ValueError, match=match + re.escape(str(value))):
        getattr(transformer, method)(images)
    assert state(transformer) == {"image_shape": None, "max_value": "auto", "flatten": False, name: value}


def test_parameters_are_not_overwritten(images):
    shape = [28, 28]
    transformer = ImagePreprocessor(image_shape=shape, max_value=np.float32(255)).fit(images)
    assert transformer.image_shape is shape
    assert shape == [28, 28]
    assert transformer.image_shape_ == (28, 28, 1)
    assert transformer.max_value_ == 255


def test_openml_frames_have_8_bit_pixels(frame, images):
    expected = images[..., None] / np.float32(255)
    dimmed = (frame // 2).astype(float)
    for X in (frame, frame.astype(float), frame.astype("int64"), frame.astype("Int64"), dimmed):
        assert ImagePreprocessor().fit(X).max_value_ == 255
    assert_array_equal(ImagePreprocessor().fit_transform(frame.astype(float)), expected)


def test_maximum_of_8x8_digits_is_16(digits):
    X = np.asarray(digits[0][..., 0], dtype=float) * 16
    transformer = ImagePreprocessor().fit(X)
    assert transformer.max_value_ == 16
    assert_array_equal(transformer.transform(X), digits[0])


@pytest.mark.parametrize("value", [0, -2.5])
def test_black_images_are_not_divided_by_zero(value):
    X = np.full((3, 4), float(value))
    transformer = ImagePreprocessor().fit(X)
    assert transformer.max_value_ == 1
    assert_array_equal(transformer.transform(X).ravel(), X.ravel())


def test_max_value_sets_the_scale():
    X = np.array([[0, 1, 2, 3]])
    assert_array_equal(ImagePreprocessor(max_value=4).fit_transform(X).ravel(), [0, 0.25, 0.5, 0.75])


@pytest.mark.parametrize("X", [[[0, 1, 2, 256]], [[-1, 0, 1, 2]], [[0.0, 0.0, 0.0, 255.001]]])
@pytest.mark.parametrize("method", ["fit", "fit_transform", "transform"])
def test_raises_for_pixels_outside_0_to_max_value(X, method):
    transformer = ImagePreprocessor(max_value=255)
    if method == "transform":
        transformer.fit(np.zeros((1, 4)))
    with pytest.raises(ValueError) as raised:
        getattr(transformer, method)(X)
    for part in ("max_value=255", "[0, 255]", str(np.max(X)), str(np.min(X)), 'max_value="auto"'):
        assert part in str(raised.value)


RAW = {
    "uint8": np.array([[0, 100, 200, 255]], np.uint8),
    "uint16": np.array([[0, 100, 200, 65535]], np.uint16),
    "int64": np.array([[0, 100, 200, 255]]),
    "integers in float64": np.array([[0, 100, 200, 255.0]]),
    "8x8 digits": np.array([[0, 8, 12, 16.0]]),
}


@pytest.mark.parametrize("X", RAW.values(), ids=RAW)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bool"])
def test_warns_if_scaled_images_follow_unscaled_ones(X, dtype):
    transformer = ImagePreprocessor().fit(X)
    scaled = (X / X.max()).astype(dtype)
    with pytest.warns(
        UserWarning, match=rf"X holds {dtype} pixels up to 1, but is divided by max_value_=\d+"
    ):
        transformer.transform(scaled)


@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_warns_if_scaled_images_are_fitted_with_max_value(method):
    with pytest.warns(
        UserWarning, match="X holds float64 pixels up to 0.5, but is divided by max_value_=255"
    ):
        getattr(ImagePreprocessor(max_value=255), method)(np.full((2, 4), 0.5))


@pytest.mark.parametrize(
    ("fitted", "X"),
    [
        ([[0, 255]], [[0.0, 255.0]]),
        ([[0, 255]], [[0.0, 0.0]]),  # black
        ([[0, 255]], [[0, 1]]),  # almost black
        ([[0, 1]], [[0.0, 0.5]]),
        ([[0.0, 2.0]], [[0.0, 0.5]]),
        ([[0.0, 300.25]], [[0.0, 0.5]]),
        ([[0.0, 1.0]], [[0, 255]]),
    ],
)
def test_does_not_warn_about_images_of_the_fitted_scale(fitted, X):
    ImagePreprocessor(image_shape=(1, 2)).fit(fitted).transform(X)


@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_raises_if_channels_come_first(method):
    X = np.zeros((2, 3, 28, 28))
    with pytest.raises(ValueError, match=r"channels seem to come first. Pass np\.moveaxis\(X, 1, -1\)"):
        getattr(ImagePreprocessor(), method)(X)
    assert ImagePreprocessor().fit(np.moveaxis(X, 1, -1)).image_shape_ == (28, 28, 3)
    assert ImagePreprocessor(image_shape=(3, 28, 28)).fit(X).image_shape_ == (3, 28, 28)


def test_raises_if_scaled_pixels_are_infinite():
    transformer = ImagePreprocessor().fit(np.array([[0, 16.0, 8, 4]]))
    with pytest.raises(
        ValueError, match=r"finite in float32 when they are divided by 16, got pixels in \[0, 1e"
    ):
        transformer.transform(np.array([[0, 1e300, 0, 0]]))
    with pytest.raises(ValueError, match=r"finite in float64 when they are multiplied by 1e\+308"):
        ImagePreprocessor().fit(np.array([[0], [1e308]])).inverse_transform(np.array([[2.0]]))


@pytest.mark.parametrize("container", [list, tuple, pd.Series])
def test_series_of_images_are_stacked(container, images):
    assert_array_equal(
        ImagePreprocessor().fit_transform(container(list(images))), images[..., None] / np.float32(255)
    )


def test_only_the_first_parameter_is_positional():
    assert ImagePreprocessor((8, 8)).image_shape == (8, 8)
    with pytest.raises(TypeError, match="positional"):
        ImagePreprocessor((8, 8), 255)


def test_auto_scales_outside_the_training_range_like_minmaxscaler():
    train, test = np.array([[0.0, 1, 2, 3]]), np.array([[-3.0, 4.5, 6, 0]])
    images = ImagePreprocessor().fit(train).transform(test)
    reference = MinMaxScaler().fit(train.reshape(-1, 1)).transform(test.reshape(-1, 1))
    assert_allclose(images.ravel(), reference.ravel())
    back = ImagePreprocessor().fit(train).inverse_transform(images)
    assert_allclose(back, test)


def test_inverse_transform_rounds_and_clips_to_the_fitted_dtype(images):
    transformer = ImagePreprocessor().fit(images)
    changed = np.full((1, 28, 28, 1), 1.1, dtype=np.float32)
    changed[0, 0, :3, 0] = -0.1, 0.501, 0.5
    back = transformer.inverse_transform(changed)
    assert back.dtype == np.uint8
    assert back[0, 0, :4].tolist() == [0, 128, 128, 255]


def test_inverse_transform_raises_for_another_shape(images):
    transformer = ImagePreprocessor().fit(images)
    with pytest.raises(ValueError, match=r"shape \(28, 28, 1\), .* got .*\(14, 56, 1\)"):
        transformer.inverse_transform(np.zeros((2, 14, 56)))
    with pytest.raises(ValueError, match=r"784 features, got 4 features"):
        transformer.inverse_transform(np.zeros((2, 4)))


@pytest.mark.parametrize("method", ["transform", "inverse_transform"])
def test_raises_before_fit(method, images):
    with pytest.raises(NotFittedError):
        getattr(ImagePreprocessor(), method)(images)


@pytest.mark.parametrize(
    "X",
    [
        np.zeros((2, 28, 27)),
        np.zeros((2, 4)),
        np.zeros((2, 14, 56)),
        np.zeros((2, 28, 28, 3)),
        np.zeros((0, 28, 28)),
        np.zeros(784),
        np.zeros((1, 1, 28, 28, 1)),
        np.full((2, 784), np.nan),
        np.full((2, 28, 28), np.inf),
        np.zeros((2, 784), complex),
        np.full((2, 784), "a"),
        [[[1, 2], [3]], [[4, 5], [6, 7]]],
    ],
    ids=lambda X: str(np.shape(X)) if isinstance(X, np.ndarray) else "ragged",
)
def test_raises_for_images_of_another_shape_or_type(X, images):
    transformer = ImagePreprocessor().fit(images)
    before = state(transformer)
    with pytest.raises(ValueError):
        transformer.transform(X)
    assert_same_state(transformer, before)


def test_raises_for_sparse_data():
    transformer = ImagePreprocessor().fit(np.eye(4))
    for X in sparse_batches(2):
        for method in (transformer.fit, transformer.fit_transform, transformer.transform):
            with pytest.raises(TypeError, match="Sparse data was passed"):
                method(X)


@pytest.mark.parametrize("method", ["fit", "fit_transform"])
@pytest.mark.parametrize(
    ("params", "X"),
    [
        ({}, np.full((2, 16), np.nan)),
        ({}, np.zeros((2, 2, 2, 2, 2))),
        ({"image_shape": (3, 3)}, np.zeros((2, 16))),
        ({"max_value": 10}, np.full((2, 16), 11)),
        ({"max_value": -1}, np.zeros((2, 16))),
    ],
)
def test_failed_fit_does_not_change_a_fitted_transformer(params, X, method, frame):
    transformer = ImagePreprocessor().fit(frame)
    expected = transformer.transform(frame)
    transformer.set_params(**params)
    before = state(transformer)
    with pytest.raises(ValueError):
        getattr(transformer, method)(X)
    assert_same_state(transformer, before)
    transformer.set_params(image_shape=None, max_value="auto")
    assert_array_equal(transformer.transform(frame), expected)


def test_failed_first_fit_leaves_the_transformer_unfitted(images):
    transformer = ImagePreprocessor(max_value=10)
    with pytest.raises(ValueError, match="max_value"):
        transformer.fit(images)
    with pytest.raises(NotFittedError):
        transformer.transform(images)


def test_refit_replaces_all_fitted_attributes(frame, images):
    transformer = ImagePreprocessor().fit(frame).fit(pixels("float32", (6, 4, 4)))
    assert not hasattr(transformer, "feature_names_in_")
    assert transformer.image_shape_ == (4, 4, 1)
    assert transformer.n_features_in_ == 4


@pytest.mark.parametrize(
    "X",
    [["one.png", "two.png"], [Path("one.png")], np.array(["one.png"]), np.array([["one.png"]])],
    ids=["str", "Path", "array", "column"],
)
def test_picture_files_need_a_normalizer(X):
    with pytest.raises(ValueError, match=r"text or paths such as .*one\.png.*Put an MNISTNormalizer first"):
        ImagePreprocessor().fit(X)
    with pytest.raises(ValueError, match="Put an MNISTNormalizer first"):
        ImagePreprocessor().fit(np.zeros((2, 5, 5))).transform(X)


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 1), (784,)])
def test_single_image_without_the_axis_of_samples(images, shape):
    transformer = ImagePreprocessor().fit(images)
    remedy = "Reshape your data" if shape == (784,) else r"Pass X\[np.newaxis\]"
    with pytest.raises(ValueError, match=remedy):
        transformer.transform(images[0].reshape(shape))


def test_pandas_column_names_are_stored_and_checked(frame, images):
    transformer = ImagePreprocessor().fit(frame)
    assert_array_equal(transformer.feature_names_in_, frame.columns)
    assert_array_equal(transformer.transform(frame), ImagePreprocessor().fit_transform(images))
    with pytest.raises(ValueError, match="feature names should match"):
        transformer.transform(frame[frame.columns[::-1]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        transformer.transform(frame.to_numpy())


def test_arrays_have_no_column_names(images):
    assert not hasattr(ImagePreprocessor().fit(images), "feature_names_in_")


def test_polars_frames_are_read_like_pandas_frames(frame, images):
    polars = pytest.importorskip("polars")
    X = polars.DataFrame({name: column.to_numpy() for name, column in frame.items()})
    transformer = ImagePreprocessor()
    assert_array_equal(transformer.fit_transform(X), images[..., None] / np.float32(255))
    assert transformer.max_value_ == 255
    assert_array_equal(transformer.feature_names_in_, frame.columns)
    with pytest.raises(ValueError, match="feature names should match"):
        transformer.transform(X[:, ::-1])


def test_frames_may_mix_dtypes(frame):
    mixed = frame.astype({"pixel1": "float32", "pixel2": "int64"})
    assert_array_equal(ImagePreprocessor().fit_transform(mixed), ImagePreprocessor().fit_transform(frame))


@pytest.mark.parametrize("container", ["default", "pandas", "polars", None])
def test_set_output_has_no_effect(container, frame):
    transformer = ImagePreprocessor()
    assert transformer.set_output(transform=container) is transformer
    for images in (transformer.fit_transform(frame), transformer.transform(frame)):
        assert type(images) is np.ndarray
        assert images.shape == (6, 28, 28, 1)


@pytest.mark.parametrize("container", ["default", "pandas"])
def test_set_output_reaches_the_other_steps_of_a_pipeline(container, frame):
    pipe = make_pipeline(StandardScaler(), ImagePreprocessor()).set_output(transform=container)
    images = pipe.fit_transform(frame)
    assert type(images) is np.ndarray
    expected = pd.DataFrame if container == "pandas" else np.ndarray
    assert isinstance(pipe[0].transform(frame), expected)
    assert hasattr(pipe[1], "feature_names_in_") == (container == "pandas")


def test_set_output_reaches_past_nested_pipelines(frame):
    inner = Pipeline([("images", ImagePreprocessor())])
    assert inner.set_output(transform="pandas").fit_transform(frame).shape == (6, 28, 28, 1)


def test_works_before_any_classifier():
    X, y = pixels("uint8", (60, 8, 8)), np.arange(60) % 2
    X[y == 1] //= 2
    flatten = FunctionTransformer(lambda images: images.reshape(-1, 64))
    model = make_pipeline(ImagePreprocessor(), flatten, LogisticRegression())
    assert cross_val_score(model, X, y, cv=3).mean() > 0.8


@pytest.mark.parametrize("layout", LAYOUTS)
def test_flatten_gives_the_images_as_rows(layout):
    X = pixels("uint8", LAYOUTS[layout])
    transformer = preprocessor(layout, flatten=True)
    rows = transformer.fit_transform(X)
    assert rows.flags.c_contiguous
    assert_array_equal(rows, preprocessor(layout).fit_transform(X).reshape(6, -1))
    assert_array_equal(transformer.transform(X), rows)
    assert_array_equal(transformer.inverse_transform(rows), X)
    assert list(transformer.get_feature_names_out()) == [f"x{i}" for i in range(rows.shape[1])]


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_rows_are_returned_as_frames_with_the_names_of_the_columns(container, frame, images):
    pytest.importorskip(container)
    transformer = ImagePreprocessor(flatten=True).set_output(transform=container)
    for X, names in ((frame, frame.columns), (images, [f"x{i}" for i in range(784)])):
        for rows in (transformer.fit_transform(X), transformer.transform(X)):
            assert type(rows).__module__.startswith(container)
            assert list(rows.columns) == list(names)
            assert_array_equal(rows.to_numpy(), images.reshape(6, 784) / np.float32(255))
    with pytest.raises(ValueError, match="input_features"):
        transformer.fit(frame).get_feature_names_out(frame.columns[::-1])


def test_images_have_no_feature_names(images):
    assert not hasattr(ImagePreprocessor().fit(images), "get_feature_names_out")
    with pytest.raises(NotFittedError):
        ImagePreprocessor(flatten=True).get_feature_names_out()


def labeled_pixels():
    """Sixty images of 8x8 pixels, bright or dark, and their labels."""
    X, y = pixels("uint8", (60, 8, 8)), np.arange(60) % 2
    X[y == 1] //= 4
    return X, y


@pytest.mark.parametrize("container", ["default", "pandas"])
def test_column_transformer_before_the_classifier(container):
    X, y = labeled_pixels()
    table = pd.DataFrame(X.reshape(60, 64), columns=[f"pixel{i}" for i in range(64)]).assign(writer=range(60))
    pixel_columns = [name for name in table.columns if name != "writer"]
    columns = ColumnTransformer(
        [("pixels", ImagePreprocessor(flatten=True), pixel_columns)], verbose_feature_names_out=False
    )
    model = make_pipeline(columns, quick_classifier(epochs=5, batch_size=16)).set_output(transform=container)
    assert model.fit(table, y).score(table, y) > 0.8
    assert list(columns.get_feature_names_out()) == pixel_columns
    assert model[-1].image_shape_ == (8, 8, 1)


def test_feature_union_before_the_classifier():
    X, y = labeled_pixels()
    mirrored = make_pipeline(
        FunctionTransformer(lambda images: images[:, :, ::-1]), ImagePreprocessor(flatten=True)
    )
    union = FeatureUnion([("as is", ImagePreprocessor(flatten=True)), ("mirrored", mirrored)])
    model = make_pipeline(union, quick_classifier(epochs=5, batch_size=16, image_shape=(16, 8)))
    assert model.fit(X, y).score(X, y) > 0.8
    assert model[:-1].transform(X).shape == (60, 128)


def test_y_is_ignored(images):
    expected = ImagePreprocessor().fit_transform(images)
    for y in (np.arange(6), "anything"):
        assert_array_equal(ImagePreprocessor().fit(images, y).transform(images), expected)
        assert_array_equal(ImagePreprocessor().fit_transform(images, y), expected)


def test_clone_and_repr_have_the_parameters(images):
    transformer = ImagePreprocessor(image_shape=(28, 28), max_value=255).fit(images)
    copied = clone(transformer)
    assert copied.get_params() == {"image_shape": (28, 28), "max_value": 255, "flatten": False}
    assert not hasattr(copied, "image_shape_")
    assert repr(transformer) == "ImagePreprocessor(image_shape=(28, 28), max_value=255)"


def test_pickles_are_small_and_give_the_same_result(frame, images):
    transformer = ImagePreprocessor().fit(images)
    stored = pickle.dumps(transformer)
    assert len(stored) < 1000
    assert_array_equal(pickle.loads(stored).transform(images), transformer.transform(images))
