"""Build and train the network that finds digits on pages, and write it as an ONNX file.

The network is fully convolutional. At a quarter of the resolution it predicts where the center of a digit or
another mark is, and its height, width and offset [1]_. At half of the resolution it predicts which pixels are
ink of digits and which are ruled lines, and for each pixel of ink the way to the center of its digit [2]_.

.. [1] Zhou, X., Wang, D. and Krähenbühl, P. (2019). "Objects as points". arXiv:1904.07850.
.. [2] Neven, D. et al. (2019). "Instance segmentation by jointly optimizing spatial embeddings and clustering
   bandwidth". CVPR. arXiv:1906.11109.
"""

import keras
import numpy as np
from keras import layers, ops

from sk_mnist_cnn._onnx.graph import Graph
from sk_mnist_cnn._pictures.detection import (
    CENTER_STRIDE,
    INK_STRIDE,
    KINDS,
    SIZE_UNIT,
    VOTE_UNIT,
    normalize_light,
)

from .photograph import SIDE

CENTERS, INK = SIDE // CENTER_STRIDE, SIDE // INK_STRIDE
_N_COARSE, _N_FINE = len(KINDS) + 4, 4


def build():
    """Return the network, from normalized pictures (n, h, w, 1) to the maps of centers and of ink."""
    picture = keras.Input((None, None, 1), name="picture")
    half = _conv(_conv(picture, 20, 2), 24)
    quarter = _conv(_conv(half, 48, 2), 48)
    eighth = _conv(_conv(quarter, 88, 2), 88)
    sixteenth = _conv(_conv(_conv(eighth, 104, 2), 104), 104)
    eighth = _conv(_join(sixteenth, eighth), 72)
    quarter = _conv(_join(eighth, quarter), 56)
    half = _conv(_join(quarter, half), 20)
    rare = keras.initializers.Constant([-4.0] * len(KINDS) + [0.0] * 4)
    centers = layers.Conv2D(_N_COARSE, 1, bias_initializer=rare, dtype="float32", name="centers")(
        _conv(quarter, 64)
    )
    ink = layers.Conv2D(_N_FINE, 3, padding="same", dtype="float32", name="ink")(half)
    return keras.Model(picture, [centers, ink], name="page_network")


def _conv(x, filters, strides=1):
    if strides == 2:  # as ONNX pads, on both sides
        x = layers.ZeroPadding2D(1)(x)
    padding = "valid" if strides == 2 else "same"
    x = layers.Conv2D(filters, 3, strides, padding, use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.97, epsilon=1e-3)(x))


def _join(coarse, fine):
    return layers.Concatenate()([layers.UpSampling2D(2)(coarse), fine])


def targets(picture, tile):
    """Return the input of a tile and what the network should predict, each as float32.

    The maps `owner` and `rules` of the tile have half of its resolution.

    The last channels are weights: of the centers of each kind, of sizes and offsets, and of ink and votes.
    """
    x = np.zeros((SIDE, SIDE, 1), np.float32)
    low, high = tile.area
    x[low[0] : high[0], low[1] : high[1], 0] = normalize_light(picture)
    centers = np.zeros((CENTERS, CENTERS, _N_COARSE + 2), np.float32)
    heat, sizes, weight, cared = np.split(centers, [len(KINDS), _N_COARSE, _N_COARSE + 1], axis=-1)
    cared += 1
    for box in tile.ignored:
        top, left, bottom, right = np.clip(np.rint(np.array(box) / CENTER_STRIDE), 0, CENTERS).astype(int)
        cared[top:bottom, left:right] = 0
    middles = np.zeros((len(tile.boxes) + 1, 2), np.float32)
    for index, (box, kind) in enumerate(zip(tile.boxes, tile.kinds, strict=True), 1):
        (top, left), (bottom, right) = box[:2], box[2:]
        height, width = max(bottom - top, 1), max(right - left, 1)
        middles[index] = (top + bottom) / 2, (left + right) / 2
        middle = middles[index] / CENTER_STRIDE - 0.5
        row, column = nearest = np.rint(middle).astype(int)
        if (nearest < 0).any() or (nearest >= CENTERS).any():
            continue
        here = np.s_[max(row - 8, 0) : row + 9, max(column - 8, 0) : column + 9]
        down, across = np.mgrid[:CENTERS, :CENTERS][(slice(None), *here)] - middle[:, None, None]
        spread = max(0.7, height / 40), max(0.7, width / 32)
        bump = np.exp(-(down**2 / spread[0] ** 2 + across**2 / spread[1] ** 2) / 2)
        heat[..., kind][here] = np.maximum(heat[..., kind][here], bump)
        heat[row, column, kind] = 1
        cared[row, column] = 1
        for r, c in np.ndindex(3, 3):
            place = row + r - 1, column + c - 1
            is_center = r == c == 1
            if min(place) >= 0 and max(place) < CENTERS and (is_center or weight[place] == 0):
                sizes[place] = np.log(height / SIZE_UNIT), np.log(width / SIZE_UNIT), *(middle - place)
                weight[place] = 1 if is_center else 0.3
    owner = tile.owner
    ink = np.zeros((INK, INK, _N_FINE + 1), np.float32)
    ink[..., 0] = owner != 0
    ink[..., 1] = tile.rules
    ink[..., 4] = owner > 0
    places = np.stack(np.mgrid[:INK, :INK], axis=-1) * INK_STRIDE + 0.5
    ink[..., 2:4] = (middles[np.clip(owner, 0, None)] - places) / VOTE_UNIT * (owner > 0)[..., None]
    return x, centers, ink


def center_loss(truth, predicted):
    """Return the focal loss of centers, as in [1]_ of the module, and the distance of sizes and offsets."""
    n = len(KINDS)
    heat, sizes, weight, cared = ops.split(truth, [n, _N_COARSE, _N_COARSE + 1], axis=-1)
    probability = ops.clip(ops.sigmoid(predicted[..., :n]), 1e-4, 1 - 1e-4)
    is_center = ops.cast(ops.equal(heat, 1), "float32")
    found = is_center * ops.square(1 - probability) * ops.log(probability)
    false = (1 - is_center) * cared * (1 - heat) ** 4 * ops.square(probability) * ops.log(1 - probability)
    focal = -ops.sum(found + false) / ops.maximum(ops.sum(is_center), 1.0)
    distance = ops.sum(ops.abs(predicted[..., n:] - sizes) * weight) / ops.maximum(ops.sum(weight), 1.0)
    return focal + 0.5 * distance


def ink_loss(truth, predicted):
    """Return the cross-entropy of ink and ruled lines, and the distance of the votes for centers."""
    entropy = ops.mean(ops.binary_crossentropy(truth[..., :2], predicted[..., :2], from_logits=True))
    weight = truth[..., 4:]
    votes = ops.sum(ops.abs(predicted[..., 2:4] - truth[..., 2:4]) * weight) / ops.maximum(
        ops.sum(weight), 1.0
    )
    return 3 * entropy + 0.5 * votes


def to_onnx(network, calibration=None):
    """Return the content of an ONNX file of the network, with weights in half precision.

    Batch normalization becomes a part of the convolution before it. The outputs are probabilities where they
    are logits in the network. `calibration` has a slope and an intercept of the logits of each kind.
    """
    if calibration is not None:
        slope, intercept = np.transpose(calibration)
        layer = network.get_layer("centers")
        kernel, bias = map(np.array, layer.get_weights())
        kernel[..., : len(KINDS)] *= slope
        bias[: len(KINDS)] = bias[: len(KINDS)] * slope + intercept
        layer.set_weights([kernel, bias])
    graph, names, pads, scale = Graph(), {}, 0, None
    graph.declare_input("picture", np.float32, (1, "h", "w"))

    def half(array):
        return graph.add("Cast", array.astype(np.float16), to=1)

    followed_by = {
        id(layer.input): layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)
    }
    for layer in network.layers:
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        given = [names.get(id(tensor)) for tensor in inputs]
        if isinstance(layer, layers.InputLayer):
            name = "picture"
        elif isinstance(layer, layers.ZeroPadding2D):
            name, pads = given[0], 1
        elif isinstance(layer, layers.Conv2D):
            kernel, bias = np.asarray(layer.kernel), np.asarray(layer.bias) if layer.use_bias else 0
            if norm := followed_by.get(id(layer.output)):
                scale = np.asarray(norm.gamma) / np.sqrt(np.asarray(norm.moving_variance) + norm.epsilon)
                kernel, bias = kernel * scale, np.asarray(norm.beta) - np.asarray(norm.moving_mean) * scale
            pads = pads or layer.kernel_size[0] // 2 * (layer.padding == "same")
            shape = {"kernel_shape": layer.kernel_size, "strides": layer.strides, "pads": [pads] * 4}
            name = graph.add("Conv", given[0], half(kernel.transpose(3, 2, 0, 1)), half(bias), **shape)
            pads = 0
        elif isinstance(layer, layers.BatchNormalization):
            name = given[0]
        elif isinstance(layer, layers.ReLU):
            name = graph.add("Relu", given[0])
        elif isinstance(layer, layers.UpSampling2D):
            name = graph.add("Resize", given[0], "", np.array([1, 1, 2, 2], np.float32))
        else:
            name = graph.add("Concat", *given, axis=1)
        names[id(layer.output)] = name
    for output, n_logits in zip(network.outputs, (len(KINDS), 2), strict=True):
        n_rest = output.shape[-1] - n_logits
        logits, rest = (
            graph.add("Slice", names[id(output)], np.array([first]), np.array([last]), np.array([1]))
            for first, last in ((0, n_logits), (n_logits, n_logits + n_rest))
        )
        name = network.output_names[len(graph._outputs)]
        graph.add("Concat", graph.add("Sigmoid", logits), rest, axis=1, output=name)
        graph.declare_output(name, np.float32, (output.shape[-1], f"{name}_h", f"{name}_w"))
    return graph.model()
