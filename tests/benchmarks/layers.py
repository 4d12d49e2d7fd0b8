"""Other ways to compute the convolutional blocks of the default network: are they faster than Keras' layers?

Run ``python -m tests.benchmarks.layers``. Set ``ONEDNN_MAX_CPU_ISA=AVX2`` to measure without AVX-512.
"""

from statistics import median

import numpy as np

from .libraries import load_keras
from .measuring import Case, seconds, take_turns

load_keras()
import tensorflow as tf  # noqa: E402  # load_keras sets the log level first

BATCH = 128
ROUNDS = 15
STEPS = 10  # per round
SHAPES = (5, 5, 1, 32), (32,), (5, 5, 32, 64), (64,), (1024, 120), (120,), (120, 84), (84,), (84, 10), (10,)


def plain(x, kernel, bias):
    """Convolution, bias, ReLU and max-pooling."""
    return _max_pool(tf.nn.relu(_convolve(x, kernel) + bias))


def relu_after_pooling(x, kernel, bias):
    return tf.nn.relu(_max_pool(_convolve(x, kernel) + bias))


def pooling_by_comparison(x, kernel, bias):
    return tf.nn.relu(_compared_max_pool(_convolve(x, kernel) + bias))


def space_to_depth(x, kernel, bias):
    """Compute the four outputs of a pooling window as channels, from blocks of 2x2 pixels."""
    if kernel.shape[2] > 1:
        return relu_after_pooling(x, kernel, bias)
    corners = [tf.pad(kernel, [[i, 1 - i], [j, 1 - j], [0, 0], [0, 0]]) for i in (0, 1) for j in (0, 1)]
    blocks = [tf.transpose(tf.reshape(k, (3, 2, 3, 2, -1)), (0, 2, 1, 3, 4)) for k in corners]
    kernel = tf.concat([tf.reshape(block, (3, 3, 4, -1)) for block in blocks], axis=-1)
    outputs = tf.split(_convolve(tf.nn.space_to_depth(x, 2), kernel), 4, axis=-1)
    return tf.nn.relu(tf.maximum(tf.maximum(*outputs[:2]), tf.maximum(*outputs[2:])) + bias)


def patches(x, kernel, bias):
    """Compute the first convolution as a matrix product."""
    if kernel.shape[2] > 1:
        return relu_after_pooling(x, kernel, bias)
    windows = tf.image.extract_patches(x, (1, 5, 5, 1), (1, 1, 1, 1), (1, 1, 1, 1), "VALID")
    return tf.nn.relu(_max_pool(windows @ tf.reshape(kernel, (25, -1)) + bias))


VARIANTS = {
    "Keras' layers": plain,
    "ReLU after max-pooling": relu_after_pooling,
    "ReLU after max-pooling, gradient of max-pooling by comparison with the maximum": pooling_by_comparison,
    "first block by space-to-depth": space_to_depth,
    "first convolution as a matrix product of patches": patches,
}


def _convolve(x, kernel):
    return tf.nn.conv2d(x, kernel, strides=1, padding="VALID")


def _max_pool(x):
    return tf.nn.max_pool2d(x, 2, 2, "VALID")


@tf.custom_gradient
def _compared_max_pool(x):
    pooled = _max_pool(x)

    def gradient(upstream):
        repeated = (tf.repeat(tf.repeat(array, 2, axis=1), 2, axis=2) for array in (pooled, upstream))
        largest, upstream = repeated
        return tf.where(x == largest, upstream, 0)

    return pooled, gradient


def gradients_with(block):
    """Return a function that computes the loss of a batch and its gradients, with blocks of this kind."""
    random = np.random.default_rng(0)
    weights = [tf.Variable(random.normal(0, 0.1, shape), dtype=tf.float32) for shape in SHAPES]
    images = tf.constant(random.random((BATCH, 28, 28, 1)), tf.float32)
    labels = tf.constant(random.integers(10, size=BATCH))

    @tf.function(autograph=False)
    def gradients():
        with tf.GradientTape() as tape:
            x = block(block(images, *weights[:2]), *weights[2:4])
            x = tf.reshape(x, (BATCH, 1024))
            for kernel, bias in zip(weights[4:8:2], weights[5:8:2], strict=True):
                x = tf.nn.relu(x @ kernel + bias)
            logits = x @ weights[8] + weights[9]
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        return loss, tape.gradient(loss, weights)

    return gradients


def main():
    """Check that all variants have the same gradients, and print their speed relative to Keras' layers."""
    functions = {name: gradients_with(block) for name, block in VARIANTS.items()}
    expected = functions["Keras' layers"]()
    for function in functions.values():
        for found, same in zip(tf.nest.flatten(function()), tf.nest.flatten(expected), strict=True):
            np.testing.assert_allclose(found, same, rtol=1e-3, atol=1e-5)

    def steps(function):
        return seconds(lambda: [function() for _ in range(STEPS)][-1][0].numpy())

    actions = {name: lambda function=function: steps(function) for name, function in functions.items()}
    case = Case("layers", "", "", "s", take_turns(actions, ROUNDS, warm_up=1))
    for row in case.rows:
        speeds = [1 / factor for factor in case.advantages(row)]
        print(f"{median(speeds):.2f} ({min(speeds):.2f} to {max(speeds):.2f})  {row.label}")


if __name__ == "__main__":
    main()
