"""The rules of image shape and pixel scale, as the pure functions they are. Nothing is fitted here."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sk_mnist_cnn._images import (
    ImageDataset,
    as_rows,
    check_layout,
    pixel_maximum,
    resolve_image_shape,
    scale_pixels,
    unscale_pixels,
)

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
def test_layouts_are_read_as_rows_in_c_order(shape, layout):
    X = np.arange(np.prod(shape)).reshape(shape)
    rows, found = as_rows(X)
    assert found == layout
    assert_array_equal(rows, X.reshape(len(X), 6))


def test_reshaping_copies_nothing():
    X = np.zeros((5, 2, 3, 1))
    assert np.shares_memory(as_rows(X)[0], X)


def test_flat_rows_are_handed_on_as_they_are():
    frame = pd.DataFrame(np.zeros((5, 6)))
    for X in (np.asfortranarray(np.zeros((5, 6))), frame):
        assert as_rows(X)[0] is X


def test_fortran_order_and_strides_do_not_change_what_is_read():
    X = np.arange(5 * 4 * 6).reshape(5, 4, 6)
    for view in (np.asfortranarray(X), np.repeat(X, 2, axis=2)[:, :, ::2], X[::-1][::-1]):
        assert_array_equal(as_rows(view)[0], X.reshape(5, 24))


def test_nested_lists_are_images_too():
    rows, layout = as_rows([[[1, 2], [3, 4]], [[5, 6], [7, 8]]])
    assert layout == (2, 2, 1)
    assert_array_equal(rows, [[1, 2, 3, 4], [5, 6, 7, 8]])


def test_lists_of_arrays_are_images_too():
    rows, layout = as_rows([np.zeros((2, 3)), np.ones((2, 3))])
    assert layout == (2, 3, 1)
    assert rows.shape == (2, 6)


def test_more_than_four_dimensions_are_an_error():
    with pytest.raises(ValueError, match=r"X must be .*\(n, h, w, c\).*\(1, 2, 2, 1, 1\).*Reshape"):
        as_rows(np.zeros((1, 2, 2, 1, 1)))


@pytest.mark.parametrize(("n_features", "side"), [(1, 1), (4, 2), (64, 8), (784, 28), (1_000_000, 1000)])
def test_a_square_width_is_a_grey_square(n_features, side):
    assert resolve_image_shape(n_features, None, None) == (side, side, 1)


@pytest.mark.parametrize("n_features", [2, 10, 63, 783, 785, 64 * 3])
def test_any_other_width_is_one_row_with_a_warning_that_names_image_shape(n_features):
    with pytest.warns(
        UserWarning, match=rf"{n_features} features .* image_shape=\(height, width, channels\)"
    ):
        assert resolve_image_shape(n_features, None, None) == (1, n_features, 1)


@pytest.mark.parametrize("layout", [(8, 8, 1), (2, 3, 1), (1, 7, 1), (4, 4, 3)])
def test_a_layout_shows_its_own_shape_without_a_warning(layout):
    assert resolve_image_shape(int(np.prod(layout)), layout, None) == layout


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
def test_image_shape_settles_what_flat_rows_cannot_show(image_shape, expected):
    shape = resolve_image_shape(12, None, image_shape)
    assert shape == expected
    assert all(type(n) is int for n in shape)


def test_image_shape_agrees_with_a_layout():
    assert resolve_image_shape(12, (4, 3, 1), (4, 3)) == (4, 3, 1)


@pytest.mark.parametrize(
    "image_shape",
    [(), (12,), (1, 2, 3, 2), (0, 12), (-3, -4), (3.0, 4.0), (3, None), "ab", 12, np.ones((2, 2))],
)
def test_what_is_no_shape_is_refused(image_shape):
    with pytest.raises(ValueError, match=r"image_shape must be \(height, width\) .*None to infer it; got "):
        resolve_image_shape(12, None, image_shape)


@pytest.mark.parametrize("image_shape", [(3, 3), (2, 2), (4, 3, 3), (12, 12)])
def test_an_image_shape_that_does_not_fit_flat_rows_is_refused(image_shape):
    with pytest.raises(ValueError) as raised:
        resolve_image_shape(12, None, image_shape)
    for part in (f"image_shape={image_shape}", "12 features", "None to infer it"):
        assert part in str(raised.value)


@pytest.mark.parametrize("image_shape", [(3, 4), (12, 1), (2, 2, 3), (4, 3, 2)])
def test_an_image_shape_that_contradicts_the_layout_is_refused(image_shape):
    with pytest.raises(ValueError) as raised:
        resolve_image_shape(12, (4, 3, 1), image_shape)
    for part in (f"image_shape={image_shape}", "(4, 3, 1)", "None to infer it"):
        assert part in str(raised.value)


def test_flat_rows_and_the_fitted_layout_are_accepted():
    check_layout(None, (4, 3, 1))
    check_layout((4, 3, 1), (4, 3, 1))


@pytest.mark.parametrize("layout", [(3, 4, 1), (12, 1, 1), (2, 2, 3)])
def test_another_layout_of_as_many_features_is_refused(layout):
    with pytest.raises(ValueError) as raised:
        check_layout(layout, (4, 3, 1))
    for part in (str(layout), "(4, 3, 1)", "Resize or transpose"):
        assert part in str(raised.value)


@pytest.mark.parametrize(
    ("dtype", "maximum"), [("uint8", 255), ("int8", 127), ("uint16", 65535), ("int16", 32767), ("bool", 1)]
)
def test_small_integers_mean_their_dtypes_largest_value(dtype, maximum):
    for pixels in ([[0, 1]], [[0, 0]], [[1, 1]]):
        assert pixel_maximum(np.array(pixels, dtype)) == maximum


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint32", "uint64", "float16", "float32", "float64"])
@pytest.mark.parametrize(
    ("pixels", "maximum"),
    [
        ([0, 3, 16], 16),  # scikit-learn's 8x8 digits
        ([0, 1], 1),
        ([0, 17], 255),
        ([0, 254], 255),  # MNIST as OpenML hands it out
        ([0, 255], 255),
        ([0, 256], 256),
        ([1000, 1023], 1023),
        ([0, 0], 1),
    ],
)
def test_whole_numbers_mean_their_largest_or_eight_bits(pixels, maximum, dtype):
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
def test_other_numbers_mean_their_largest(pixels, maximum):
    assert pixel_maximum(np.array([pixels])) == maximum


def test_negative_whole_numbers_are_no_eight_bit_pixels():
    assert pixel_maximum(np.array([[-1, 200]])) == 200


@pytest.mark.parametrize("dtype", KINDS)
def test_a_maximum_is_always_a_python_float_above_zero(dtype):
    maximum = pixel_maximum(np.zeros((2, 4), dtype))
    assert type(maximum) is float
    assert maximum > 0


@pytest.mark.parametrize("dtype", [*KINDS, "longdouble", ">f4", ">u2"])
def test_scaling_gives_new_contiguous_float32(dtype):
    rows = np.asfortranarray([[0, 1, 1], [1, 0, 1]]).astype(dtype)
    before = rows.copy()
    scaled = scale_pixels(rows, 1.0)
    assert scaled.dtype == np.float32
    assert scaled.flags.c_contiguous
    assert scaled.flags.writeable
    assert not np.shares_memory(scaled, rows)
    assert_array_equal(scaled, before)
    assert_array_equal(rows, before)


def test_scaling_is_exact_at_both_ends():
    for dtype, maximum in (("uint8", 255), ("uint16", 65535), ("float16", 16), ("int64", 255)):
        assert_array_equal(scale_pixels(np.array([[0, maximum]], dtype), float(maximum)), [[0, 1]])


def test_large_numbers_are_scaled_in_their_own_precision():
    rows = np.array([[2.0**40, 2.0**40 + 2**16]])
    assert_allclose(scale_pixels(rows, 2.0**40), [[1, 1 + 2.0**-24]], rtol=1e-7)
    assert_array_equal(scale_pixels(np.array([[1e300]]), 1e300), [[1]])


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "bool"])
def test_unscaling_brings_every_value_of_a_small_dtype_back(dtype):
    if dtype == "bool":
        rows, maximum = np.array([[False, True]]), 1.0
    else:
        limits = np.iinfo(dtype)
        rows, maximum = np.arange(limits.min, limits.max + 1).astype(dtype)[None], float(limits.max)
    back = unscale_pixels(scale_pixels(rows, maximum), maximum, rows.dtype)
    assert back.dtype == rows.dtype
    assert_array_equal(back, rows)


@pytest.mark.parametrize(("dtype", "expected"), [("uint8", [0, 255, 128]), ("bool", [False, True, True])])
def test_unscaling_rounds_and_clips_whole_numbers(dtype, expected):
    maximum = 255.0 if dtype == "uint8" else 1.0
    assert_array_equal(unscale_pixels(np.float32([[-0.2, 1.3, 0.501]]), maximum, dtype), [expected])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_unscaling_neither_rounds_nor_clips_fractions(dtype):
    pixels = unscale_pixels(np.float32([[-0.25, 1.25, 0.5]]), 2.0, dtype)
    assert pixels.dtype == dtype
    assert_array_equal(pixels, [[-0.5, 2.5, 1]])


@pytest.mark.parametrize("rows_dtype", KINDS)
def test_unscaling_takes_scaled_pixels_of_any_dtype(rows_dtype):
    assert_array_equal(unscale_pixels(np.array([[0, 1]], rows_dtype), 255.0, "uint8"), [[0, 255]])


@pytest.fixture
def labelled():
    rows = np.arange(5 * 12, dtype=np.uint8).reshape(5, 12)
    return ImageDataset(rows, np.arange(5), np.linspace(1, 2, 5), np.array([0, 2, 4]))


def test_labelled_images_count_those_that_take_part(labelled):
    assert len(labelled) == 3
    part = labelled.only(np.array([1]))
    assert len(part) == 1
    assert len(labelled) == 3
    assert part.rows is labelled.rows


def test_batches_follow_the_order_and_leave_a_short_one_last(labelled):
    batches = list(labelled.batches(np.array([4, 0, 2]), 2, (2, 2, 3), "float32"))
    assert [len(images) for images, _, _ in batches] == [2, 1]
    images, labels, weights = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    assert images.shape == (3, 2, 2, 3)
    assert images.dtype == np.float32
    assert_array_equal(images.reshape(3, 12), labelled.rows[[4, 0, 2]])
    assert_array_equal(labels, [4, 0, 2])
    assert_array_equal(weights, labelled.weights[[4, 0, 2]])


def test_batches_never_share_memory_with_the_images(labelled):
    (images, _, _), *_ = labelled.batches(np.arange(5), 5, (3, 4, 1), "uint8")
    assert not np.shares_memory(images, labelled.rows)
