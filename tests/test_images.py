"""Shapes of images and scale of pixels, without fitting an estimator."""

from math import prod

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor
from sk_mnist_cnn._images import (
    as_flat_rows,
    check_layout,
    pixel_maximum,
    resolve_image_shape,
    scale_pixels,
    to_array,
    unscale_pixels,
)
from tests.estimators import sparse_batches


def as_rows(X):
    return as_flat_rows(to_array(X))


KINDS = ["float16", "float32", "float64", "uint8", "uint16", "int64", "bool"]


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        ((5, 6), None),
        ((5, 2, 3), (2, 3, 1)),
        ((5, 2, 3, 1), (2, 3, 1)),
        ((5, 2, 1, 3), (2, 1, 3)),
        ((0, 2, 3), (2, 3, 1)),
    ],
)
def test_images_become_rows_in_c_order(shape, layout):
    X = np.arange(np.prod(shape)).reshape(shape)
    rows, found = as_rows(X)
    assert found == layout
    assert_array_equal(rows, X.reshape(len(X), 6))


def test_reshaping_does_not_copy():
    X = np.zeros((5, 2, 3, 1))
    assert np.shares_memory(as_rows(X)[0], X)


def test_flat_rows_are_returned_as_they_are():
    frame = pd.DataFrame(np.zeros((5, 6)))
    for X in (np.asfortranarray(np.zeros((5, 6))), frame):
        assert as_rows(X)[0] is X


def test_memory_order_and_strides_do_not_matter():
    X = np.arange(5 * 4 * 6).reshape(5, 4, 6)
    for view in (np.asfortranarray(X), np.repeat(X, 2, axis=2)[:, :, ::2], X[::-1][::-1]):
        assert_array_equal(as_rows(view)[0], X.reshape(5, 24))


def test_accepts_nested_lists():
    rows, layout = as_rows([[[1, 2], [3, 4]], [[5, 6], [7, 8]]])
    assert layout == (2, 2, 1)
    assert_array_equal(rows, [[1, 2, 3, 4], [5, 6, 7, 8]])


def object_array(images):
    array = np.empty(len(images), dtype=object)
    array[:] = list(images)
    return array


@pytest.mark.parametrize("container", [list, tuple, pd.Series, object_array])
def test_accepts_lists_and_series_of_images(container):
    images = np.arange(12).reshape(2, 2, 3)
    rows, layout = as_rows(container(list(images)))
    assert layout == (2, 3, 1)
    assert_array_equal(rows, images.reshape(2, 6), strict=True)


def test_accepts_polars_series_of_images():
    polars = pytest.importorskip("polars")
    images = np.arange(12).reshape(2, 2, 3)
    rows, layout = as_rows(polars.Series(images))
    assert layout == (2, 3, 1)
    assert_array_equal(rows, images.reshape(2, 6))


def test_raises_for_images_of_different_shapes():
    with pytest.raises(ValueError, match=r"X must hold images of one shape, got .* Resize them"):
        as_rows([np.zeros((2, 3)), np.zeros((3, 3))])


@pytest.mark.parametrize("dtype", ["datetime64[s]", "timedelta64[ms]"])
def test_raises_for_dates_and_times(dtype):
    with pytest.raises(ValueError, match=rf"X must hold pixels, .* got dtype {dtype[:9]}"):
        CNNDigitClassifier(epochs=1).fit(np.zeros((4, 8, 8), dtype), [0, 1, 0, 1])


def test_raises_for_sparse_arrays_of_any_dimension():
    for X in sparse_batches(2):
        with pytest.raises(
            TypeError, match=r"Sparse data was passed for X, but dense .* Pass X\.toarray\(\)"
        ):
            as_rows(X)


def test_raises_for_more_than_four_dimensions():
    with pytest.raises(ValueError, match=r"X must be .*\(n, h, w, c\).*\(1, 2, 2, 1, 1\).*Reshape"):
        as_rows(np.zeros((1, 2, 2, 1, 1)))


@pytest.mark.parametrize(("n_features", "side"), [(1, 1), (4, 2), (64, 8), (784, 28), (1_000_000, 1000)])
def test_square_number_of_features_is_a_square_image(n_features, side):
    assert resolve_image_shape(n_features, None, None) == (side, side, 1)


@pytest.mark.parametrize("n_features", [2, 10, 63, 783, 785, 64 * 3])
def test_other_number_of_features_is_one_row_and_warns(n_features):
    with pytest.warns(
        UserWarning, match=rf"{n_features} features .* image_shape=\(height, width, channels\)"
    ):
        assert resolve_image_shape(n_features, None, None) == (1, n_features, 1)


@pytest.mark.parametrize("layout", [(8, 8, 1), (2, 3, 1), (1, 7, 1), (4, 4, 3)])
def test_layout_is_the_image_shape(layout):
    assert resolve_image_shape(int(np.prod(layout)), layout, None) == layout


CHANNELS_FIRST = [(1, 28, 28), (3, 28, 28), (3, 32, 48), (1, 8, 8)]
CHANNELS_LAST = [
    (28, 28, 1),
    (28, 28, 3),
    (1, 28, 1),  # one row of pixels
    (1, 28, 3),
    (1, 28, 4),
    (3, 28, 3),  # three rows
    (3, 3, 3),
    (2, 28, 28),  # hyperspectral
    (4, 28, 28),
    (64, 64, 200),
]


@pytest.mark.parametrize("layout", CHANNELS_FIRST)
def test_raises_if_channels_come_first(layout):
    with pytest.raises(ValueError) as raised:
        resolve_image_shape(prod(layout), layout, None)
    for part in (f"got images of shape {layout}", "np.moveaxis(X, 1, -1)", f"image_shape={layout}"):
        assert part in str(raised.value)


@pytest.mark.parametrize("estimator", [ImagePreprocessor(), CNNDigitClassifier()])
def test_estimators_raise_if_channels_come_first(estimator):
    with pytest.raises(
        ValueError, match=r"got images of shape \(1, 28, 28\), whose channels seem to come first"
    ):
        estimator.fit(np.zeros((4, 1, 28, 28)), [0, 1, 0, 1])


@pytest.mark.parametrize("layout", CHANNELS_FIRST)
def test_image_shape_allows_rows_of_many_channels(layout):
    assert resolve_image_shape(prod(layout), layout, layout) == layout


@pytest.mark.parametrize("layout", CHANNELS_LAST)
def test_channels_last_is_accepted(layout):
    assert resolve_image_shape(prod(layout), layout, None) == layout


@pytest.mark.parametrize(
    ("image_shape", "expected"),
    [
        ((4, 3), (4, 3, 1)),
        ((3, 4, 1), (3, 4, 1)),
        ((2, 2, 3), (2, 2, 3)),
        ([4, 3], (4, 3, 1)),
        (np.array([4, 3]), (4, 3, 1)),
        ((np.int64(12), np.uint8(1)), (12, 1, 1)),
    ],
)
def test_image_shape_sets_the_shape_of_flat_rows(image_shape, expected):
    shape = resolve_image_shape(12, None, image_shape)
    assert shape == expected
    assert all(type(n) is int for n in shape)


def test_image_shape_may_equal_the_layout():
    assert resolve_image_shape(12, (4, 3, 1), (4, 3)) == (4, 3, 1)


@pytest.mark.parametrize(
    "image_shape",
    [(), (12,), (1, 2, 3, 2), (0, 12), (-3, -4), (3.0, 4.0), (3, None), "ab", 12, np.ones((2, 2))],
)
def test_raises_for_invalid_image_shape(image_shape):
    with pytest.raises(
        ValueError, match=r"image_shape must be \(height, width\) .*, got (?s:.*) Pass None to infer it"
    ):
        resolve_image_shape(12, None, image_shape)


@pytest.mark.parametrize("image_shape", [(3, 3), (2, 2), (4, 3, 3), (12, 12)])
def test_raises_if_image_shape_does_not_fit_flat_rows(image_shape):
    with pytest.raises(ValueError) as raised:
        resolve_image_shape(12, None, image_shape)
    for part in (f"image_shape={image_shape}", "12 features", "None to infer it"):
        assert part in str(raised.value)


@pytest.mark.parametrize("image_shape", [(3, 4), (12, 1), (2, 2, 3), (4, 3, 2)])
def test_raises_if_image_shape_differs_from_the_layout(image_shape):
    with pytest.raises(ValueError) as raised:
        resolve_image_shape(12, (4, 3, 1), image_shape)
    for part in (f"image_shape={image_shape}", "(4, 3, 1)", "None to infer it"):
        assert part in str(raised.value)


def test_check_layout_accepts_flat_rows_and_the_fitted_layout():
    check_layout(None, (4, 3, 1))
    check_layout((4, 3, 1), (4, 3, 1))


@pytest.mark.parametrize("layout", [(3, 4, 1), (12, 1, 1), (2, 2, 3)])
def test_check_layout_raises_for_another_layout(layout):
    with pytest.raises(ValueError) as raised:
        check_layout(layout, (4, 3, 1))
    for part in (str(layout), "(4, 3, 1)", "Resize or transpose"):
        assert part in str(raised.value)


@pytest.mark.parametrize(("dtype", "maximum"), [("uint8", 255), ("int8", 127)])
def test_maximum_of_8_bit_integers_is_that_of_the_dtype(dtype, maximum):
    for pixels in ([[0, 2]], [[0, 0]], [[16, 100]]):
        assert pixel_maximum(np.array(pixels, dtype)) == maximum


@pytest.mark.parametrize("dtype", KINDS)
def test_maximum_of_masks_is_1(dtype):
    for pixels in ([[0, 1]], [[1, 1]]):
        assert pixel_maximum(np.array(pixels, dtype)) == 1


@pytest.mark.parametrize(
    "dtype",
    ["int16", "uint16", "int32", "int64", "uint32", "uint64", "float16", "float32", "float64"],
)
@pytest.mark.parametrize(
    ("pixels", "maximum"),
    [
        ([0, 3, 16], 16),  # scikit-learn's 8x8 digits
        ([0, 1], 1),
        ([0, 17], 255),
        ([0, 254], 255),  # MNIST from OpenML
        ([0, 255], 255),
        ([0, 256], 256),
        ([1000, 1023], 1023),
        ([0, 0], 1),
    ],
)
def test_maximum_of_other_integers_is_the_largest_pixel_or_255(pixels, maximum, dtype):
    assert pixel_maximum(np.array([pixels], dtype)) == maximum


@pytest.mark.parametrize(
    ("pixels", "maximum"),
    [
        ([0.0, 0.25, 0.5], 0.5),
        ([0.0, 100.5], 100.5),
        ([0.5, 200.0], 200),
        ([-1.0, 200.0], 200),
        ([-1.0, 1.0], 1),
        ([-3.0, -2.0], 1),
        ([0.0, 300.25], 300.25),
        ([0.0, 1e-300], 1e-300),
    ],
)
def test_maximum_of_other_numbers_is_the_largest_pixel(pixels, maximum):
    assert pixel_maximum(np.array([pixels])) == maximum


def test_negative_integers_are_not_8_bit_pixels():
    assert pixel_maximum(np.array([[-1, 200]])) == 200


@pytest.mark.parametrize("dtype", KINDS)
def test_maximum_is_a_positive_python_float(dtype):
    maximum = pixel_maximum(np.zeros((2, 4), dtype))
    assert type(maximum) is float
    assert maximum > 0


@pytest.mark.skipif(np.finfo("longdouble").max <= np.finfo("float64").max, reason="longdouble is float64")
def test_raises_if_the_maximum_is_infinite_in_float64():
    with pytest.raises(ValueError, match=r"X must hold pixels that are finite in float64, got 1e\+400"):
        pixel_maximum(np.array([[0, np.longdouble("1e400")]]))


@pytest.mark.parametrize("dtype", [*KINDS, "longdouble", ">f4", ">u2"])
def test_scaling_returns_new_contiguous_float32(dtype):
    rows = np.asfortranarray([[0, 1, 1], [1, 0, 1]]).astype(dtype)
    before = rows.copy()
    scaled = scale_pixels(rows, 1.0)
    assert scaled.dtype == np.float32
    assert scaled.flags.c_contiguous
    assert scaled.flags.writeable
    assert not np.shares_memory(scaled, rows)
    assert_array_equal(scaled, before)
    assert_array_equal(rows, before)


def test_scaling_is_exact_for_0_and_the_maximum():
    for dtype, maximum in (("uint8", 255), ("uint16", 65535), ("float16", 16), ("int64", 255)):
        assert_array_equal(scale_pixels(np.array([[0, maximum]], dtype), float(maximum)), [[0, 1]])


def test_large_numbers_are_scaled_in_their_precision():
    rows = np.array([[2.0**40, 2.0**40 + 2**16]])
    assert_allclose(scale_pixels(rows, 2.0**40), [[1, 1 + 2.0**-24]], rtol=1e-7)
    assert_array_equal(scale_pixels(np.array([[1e300]]), 1e300), [[1]])


@pytest.mark.parametrize(
    ("pixels", "max_value"),
    [
        (np.float64([[0, 1e300]]), 16.0),
        (np.float64([[-1e39, 0]]), 1.0),
        (np.float64([[1]]), 1e-310),
        (np.float32([[3e38]]), 0.5),
        (np.float32([[1]]), 1e-300),  # is 0 in float32
        (np.float32([[1]]), 1e300),  # is infinite in float32
        (np.array([[1]], bool), 1e-310),
    ],
)
def test_raises_if_scaled_pixels_are_infinite_in_float32(pixels, max_value):
    message = r"X must hold pixels that are finite in float32 when they are divided by .*, got pixels in \["
    with pytest.raises(ValueError, match=message):
        scale_pixels(pixels, max_value)


@pytest.mark.parametrize(
    ("pixels", "max_value", "dtype"),
    [
        (1.2, 60000.0, "float16"),
        (1.2, 3e38, "float32"),
        (1.2, 1.6e308, "float64"),
        (np.float64(1e39), 2, "uint8"),
    ],
)
def test_raises_if_unscaled_pixels_are_infinite(pixels, max_value, dtype):
    with pytest.raises(ValueError, match=rf"X must hold pixels that are finite in {dtype} when they"):
        unscale_pixels(np.array([[pixels]]), max_value, dtype)


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64", "uint64"])
def test_unscaling_large_integers_saturates(dtype):
    largest = float(np.iinfo(dtype).max)
    pixels = unscale_pixels(np.float32([[0, 1, 1.5]]), largest, dtype)
    assert_array_equal(pixels[0, 0], 0)
    assert_allclose(pixels[0, 1:].astype(float), largest)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "bool"])
def test_unscaling_inverts_scaling_for_every_value_of_a_small_dtype(dtype):
    if dtype == "bool":
        rows, maximum = np.array([[False, True]]), 1.0
    else:
        limits = np.iinfo(dtype)
        rows, maximum = np.arange(limits.min, limits.max + 1).astype(dtype)[None], float(limits.max)
    back = unscale_pixels(scale_pixels(rows, maximum), maximum, rows.dtype)
    assert back.dtype == rows.dtype
    assert_array_equal(back, rows)


@pytest.mark.parametrize(("dtype", "expected"), [("uint8", [0, 255, 128]), ("bool", [False, True, True])])
def test_unscaling_rounds_and_clips_integers(dtype, expected):
    maximum = 255.0 if dtype == "uint8" else 1.0
    assert_array_equal(unscale_pixels(np.float32([[-0.2, 1.3, 0.501]]), maximum, dtype), [expected])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_unscaling_neither_rounds_nor_clips_floats(dtype):
    pixels = unscale_pixels(np.float32([[-0.25, 1.25, 0.5]]), 2.0, dtype)
    assert pixels.dtype == dtype
    assert_array_equal(pixels, [[-0.5, 2.5, 1]])


@pytest.mark.parametrize("rows_dtype", KINDS)
def test_unscaling_accepts_any_dtype(rows_dtype):
    assert_array_equal(unscale_pixels(np.array([[0, 1]], rows_dtype), 255.0, "uint8"), [[0, 255]])
