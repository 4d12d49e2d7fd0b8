"""Distortions, flips and erased squares of images, drawn for each image from the seed of its batch.

Keras' layers are not used, because RandomElasticTransform mixes the images of a batch, and several layers
would interpolate the pixels once per layer.
"""

import numpy as np

from .backend import tf

# Elastic displacements are drawn at this number of points along each axis, from edge to edge. The standard
# deviation of the Gaussian that smooths them is the distance between two points: 4 pixels in an image of
# 28x28, as in Simard et al.
N_KNOTS = 8


def distort(
    images,
    seed,
    *,
    shift=0.0,
    rotation=0.0,
    zoom=0.0,
    shear=0.0,
    elastic=0.0,
    horizontal_flip=0.0,
    erasing=0.0,
):
    """Apply the operations of the parameter `augmentation` whose values are not 0."""
    affine = {"shift": shift, "degrees": rotation, "zoom": zoom, "shear": shear}
    shape = images.shape
    if elastic:
        images = random_elastic(images, **affine, strength=elastic, seed=seed)
    elif any(affine.values()):
        images = random_affine(images, **affine, seed=seed)
    images = tf.ensure_shape(images, shape)  # TensorFlow does not infer it
    if horizontal_flip:
        images = random_flip(images, horizontal_flip, tf.random.fold_in(seed, 3))
    if erasing:
        images = random_erasing(images, erasing, tf.random.fold_in(seed, 4))
    return images


def random_affine(images, shift, degrees, zoom, seed, shear=0.0):
    """Shift, rotate, shear and zoom each image at random, filling with 0. All values are uniform.

    Parameters
    ----------
    images : tensor of shape (n, h, w, c)
    shift : float
        Largest shift, as a fraction of the images' width and height. Without rotation, zoom and shear, it is
        rounded to whole pixels, so that nothing is blurred.
    degrees : float
        Largest rotation about the center.
    zoom : float
        Largest change of size, as a fraction.
    seed : tensor of shape (2,)
    shear : float, default=0.0
        Largest angle by which vertical lines are slanted, in degrees.
    """
    exact = not (degrees or zoom or shear)
    height, width = tf.unstack(tf.shape(images)[1:3])
    to_x, to_y = _draw_affine(images, shift, degrees, zoom, shear, seed, exact=exact)
    zeros = tf.zeros_like(to_x[0])
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([*to_x, *to_y, zeros, zeros], axis=1),
        output_shape=[height, width],
        fill_value=0.0,
        interpolation="NEAREST" if exact else "BILINEAR",
        fill_mode="CONSTANT",
    )


def random_elastic(images, shift, degrees, zoom, strength, seed, shear=0.0):
    """Shift, rotate, shear, zoom and distort each image at random, filling with 0.

    The affine change and the elastic displacement are added, so that pixels are interpolated only once.

    Parameters
    ----------
    images : tensor of shape (n, h, w, c)
    shift, degrees, zoom, shear : float
        As in `random_affine`; a `strength` of 0 gives the same distortion.
    strength : float
        Root mean square of the elastic displacement along x and along y, as a fraction of the image's width
        and height.
    seed : tensor of shape (2,)
    """
    height, width = tf.unstack(tf.shape(images)[1:3])
    to_x, to_y = _draw_affine(images, shift, degrees, zoom, shear, seed)
    by_x, by_y = tf.unstack(strength * _draw_smooth_fields(images, tf.random.fold_in(seed, 1)))
    x = _affine_positions(to_x, height, width) + by_x * tf.cast(width, tf.float32)
    y = _affine_positions(to_y, height, width) + by_y * tf.cast(height, tf.float32)
    return _interpolate(images, x, y)


def random_flip(images, probability, seed):
    """Mirror each image left to right with this probability."""
    draws = tf.random.stateless_uniform((tf.shape(images)[0], 1, 1, 1), seed)
    return tf.where(draws < probability, images[:, :, ::-1], images)


def random_erasing(images, size, seed):
    """Set a square to 0 in half of the images; `size` is its side as a fraction of the images' sides."""
    draws = tf.random.stateless_uniform((3, tf.shape(images)[0], 1), seed)
    rows, columns = (
        _is_inside(draws[axis], images.shape[axis + 1], round(size * images.shape[axis + 1]))
        for axis in (0, 1)
    )
    erased = rows[:, :, None] & columns[:, None, :] & (draws[2] < 0.5)[:, :, None]
    return tf.where(erased[..., None], tf.zeros_like(images), images)


def _is_inside(draws, n_pixels, length):
    """Return whether each pixel of an axis is in an interval that starts at a drawn pixel."""
    start = tf.floor(draws * (n_pixels - length + 1))
    pixels = tf.range(n_pixels, dtype=tf.float32)
    return (pixels >= start) & (pixels < start + length)


def _draw_affine(images, shift, degrees, zoom, shear, seed, *, exact=False):
    """Draw the coefficients of x, of y and of 1 that give the position where each output pixel is read."""
    height, width = images.shape[1:3]
    draws = tf.random.stateless_uniform((4, tf.shape(images)[0]), seed, -1, 1)
    dx, dy = (_shifts(shift * size, draws[i], exact) for i, size in enumerate((width, height)))
    angle, size = draws[2] * (degrees * np.pi / 180), 1 + zoom * draws[3]
    cos, sin = tf.cos(angle) / size, tf.sin(angle) / size
    x_of_y, y_of_y = -sin, cos
    if shear:
        slant = shear * tf.random.stateless_uniform(tf.shape(angle), tf.random.fold_in(seed, 2), -1, 1)
        slope = tf.tan(slant * np.pi / 180)
        x_of_y, y_of_y = x_of_y + slope * cos, y_of_y + slope * sin
    center_x, center_y = (width - 1) / 2, (height - 1) / 2
    return (
        (cos, x_of_y, center_x + dx - cos * center_x - x_of_y * center_y),
        (sin, y_of_y, center_y + dy - sin * center_x - y_of_y * center_y),
    )


def _shifts(largest, draws, exact):
    """Return uniform shifts in pixels for draws in [-1, 1]; if `exact`, whole numbers."""
    return tf.round((round(largest) + 0.5) * draws) if exact else largest * draws


def _affine_positions(coefficients, height, width):
    """Return the value at every pixel of affine functions, of shape (n, height, width)."""
    of_x, of_y, of_1 = (coefficient[:, None, None] for coefficient in coefficients)
    x, y = tf.range(width, dtype=tf.float32), tf.range(height, dtype=tf.float32)[:, None]
    return of_x * x + of_y * y + of_1


def _draw_smooth_fields(images, seed):
    """Draw two random fields for each image, of shape (2, n, h, w), smooth and of variance 1 at every pixel.

    They are noise smoothed by a Gaussian, as in Simard, Steinkraus and Platt (2003), "Best practices for
    convolutional neural networks applied to visual document analysis". Noise at the knots of a coarse grid
    gives fields as smooth as noise at every pixel, at a lower cost.
    """
    n_images, height, width = tf.unstack(tf.shape(images)[:3])
    noise = tf.random.stateless_normal((2, n_images, N_KNOTS, N_KNOTS), seed)
    return _smoothing(height) @ noise @ tf.transpose(_smoothing(width))


def _smoothing(size):
    """Return the weight of each knot for each of `size` pixels; the squares of a pixel's weights sum to 1."""
    pixels, knots = tf.linspace(0.0, N_KNOTS - 1, size), tf.range(N_KNOTS, dtype=tf.float32)
    return tf.math.l2_normalize(tf.exp(-((pixels[:, None] - knots) ** 2) / 2), axis=1)


def _interpolate(images, x, y):
    """Return bilinearly interpolated pixels at positions of shape (n, h, w); outside of the images is 0."""
    n_images, height, width, n_channels = tf.unstack(tf.shape(images))
    left, to_right = _pixel_before(x, width)
    top, to_bottom = _pixel_before(y, height)
    to_right, to_bottom = (tf.cast(part, images.dtype)[..., None] for part in (to_right, to_bottom))
    padded = tf.pad(images, [[0, 0], [1, 2], [1, 2], [0, 0]])  # so that every position has four neighbors
    pixels = tf.reshape(padded, (-1, n_channels))
    n_rows, n_columns = height + 3, width + 3
    top_left = (tf.range(n_images)[:, None, None] * n_rows + top) * n_columns + left

    def interpolate_row(start):
        before, after = tf.gather(pixels, start), tf.gather(pixels, start + 1)
        return before + to_right * (after - before)

    above, below = interpolate_row(top_left), interpolate_row(top_left + n_columns)
    return above + to_bottom * (below - above)


def _pixel_before(positions, size):
    """Return the index, after padding, of the pixel before each position, and the distance from it."""
    positions = tf.clip_by_value(positions + 1, 0, tf.cast(size + 1, tf.float32))
    before = tf.floor(positions)
    return tf.cast(before, tf.int32), positions - before
