"""`Graph`: the ONNX graph of a network, written node by node from the fitted arrays.

Converters such as tf2onnx are not used, because they need TensorFlow and a Keras model, and take seconds.

Predictions run this graph, see `session`. An exported file adds scaling before it and labels after it, see
`pipeline`.
"""

from importlib.metadata import version

import numpy as np

from .messages import batch, external_tensor, message, node, tensor

# Of onnx 1.12 (2022): newer runtimes support it, and no activation below needs a later version.
_OPSET, _IR_VERSION = 17, 8

# Axes of the kernel of a convolution in the order of ONNX: (filters, channels, height, width).
_KERNEL_AXES = 3, 2, 0, 1


def network(architecture, weights=None, output="probabilities"):
    """Return the graph of a network, from images "X" to one output in float32.

    Parameters
    ----------
    architecture : Architecture
    weights : sequence of ndarray or None, default=None
        Kernel and bias of each layer, in the order of the layers. With None, they are external constants with
        the names `external_names`.
    output : {"probabilities", "embeddings"}, default="probabilities"

    Returns
    -------
    Graph
    """
    graph = Graph()
    if weights is not None:
        architecture, weights = architecture.folded(weights)
    if weights is None:
        weights = external_names(architecture, output)
        for name, shape in zip(weights, architecture.weight_shapes, strict=False):
            is_convolution = len(shape) == 4
            graph.declare_external(name, [shape[i] for i in _KERNEL_AXES] if is_convolution else shape)
    else:
        weights = in_onnx_layout(weights)
    graph.declare_input("X", np.float32, architecture.image_shape)
    graph.add_embeddings("X", architecture, weights)
    if output == "probabilities":
        graph.add_probabilities(weights)
    graph.declare_output(output, np.float32, (architecture.output_size(output),))
    return graph


def external_names(architecture, output="probabilities"):
    """Return the names of the external weights, in the order of the layers.

    Embeddings do not need the kernel and the bias of the last layer.
    """
    n_weights = len(architecture.weight_shapes) - (2 if output == "embeddings" else 0)
    return [f"weights_{i}" for i in range(n_weights)]


def in_onnx_layout(weights):
    """Return weights as ONNX expects them: in float32, and the kernels of convolutions transposed."""
    arrays = [np.asarray(array, np.float32) for array in weights]
    return [array.transpose(_KERNEL_AXES) if array.ndim == 4 else array for array in arrays]


class Graph:
    """Nodes, constants, inputs and outputs of a model. A node and its output have the same name."""

    def __init__(self):
        self._nodes, self._constants, self._inputs, self._outputs = [], [], [], []

    def add(self, operator, *inputs, output=None, **attributes):
        """Append a node, and return its name. An input is a name, or an array or number as a new constant."""
        output = output or f"{operator}_{len(self._nodes)}"
        names = [x if isinstance(x, str) else self.constant(x) for x in inputs]
        self._nodes.append([operator, names, output, attributes])
        return output

    def constant(self, value, name=None):
        """Append a constant, and return its name. A Python float is float32."""
        value = np.asarray(np.float32(value) if isinstance(value, float) else value)
        name = name or f"constant_{len(self._constants)}"
        self._constants.append(tensor(name, value))
        return name

    def declare_external(self, name, shape):
        """Declare a constant in float32, whose values are not part of the model."""
        self._constants.append(external_tensor(name, np.float32, shape))

    def declare_input(self, name, dtype, shape):
        """Declare an input of the model: a batch of any size, of arrays of this shape."""
        self._inputs.append(batch(name, dtype, shape))

    def declare_output(self, name, dtype, shape):
        """Declare the output of any node as an output of the model."""
        self._outputs.append(batch(name, dtype, shape))

    def add_embeddings(self, images, architecture, weights):
        """Append the layers of `architecture` except the last one and dropout.

        The weights are arrays from `in_onnx_layout`, or names of constants. Convolutions have images of shape
        (n, c, h, w), as in ONNX. The last node becomes "embeddings".
        """
        x, activate, weights = images, ACTIVATIONS[architecture.activation], iter(weights)
        if architecture.blocks or architecture.global_average_pooling:
            x = self.add("Transpose", x, perm=[0, 3, 1, 2])
        for layer in architecture.layers[:-1]:
            name, shape = layer.name, layer.shape
            if layer.kind == "conv":
                window = {"kernel_shape": shape[:2], "pads": _pads(shape[:2], architecture.padding)}
                node = self.add("Conv", x, next(weights), next(weights), output=name, **window)
                x = activate(self, node)
            elif layer.kind == "pool" and not layer.is_identity:
                x = self.add("MaxPool", x, output=name, kernel_shape=shape, strides=shape)
            elif layer.kind == "average":
                x = self.add("Flatten", self.add("GlobalAveragePool", x), output=name)
            elif layer.kind == "flatten":
                if architecture.blocks:
                    x = self.add("Transpose", x, perm=[0, 2, 3, 1])
                x = self.add("Flatten", x, output=name)
            elif layer.kind == "dense":
                x = activate(self, self.add("Gemm", x, next(weights), next(weights), output=name))
        self._nodes[-1][2] = "embeddings"

    def add_probabilities(self, weights):
        """Append the last layer, from "embeddings" to "probabilities"."""
        logits = self.add("Gemm", "embeddings", *weights[-2:], output="logits")
        self.add("Softmax", logits, axis=-1, output="probabilities")

    def model(self):
        """Return the content of an ONNX file with this graph."""
        graph = message(
            "GraphProto",
            node=[node(*arguments) for arguments in self._nodes],
            name="cnn",
            initializer=self._constants,
            input=self._inputs,
            output=self._outputs,
        )
        return message(
            "ModelProto",
            ir_version=_IR_VERSION,
            producer_name="sk_mnist_cnn",
            producer_version=version("sk_mnist_cnn"),
            graph=graph,
            opset_import=message("OperatorSetIdProto", domain="", version=_OPSET),
        )


def _pads(window, padding):
    """Return the rows and columns of zeros before and after an image, as TensorFlow adds them."""
    total = [size - 1 if padding == "same" else 0 for size in window]
    return *(size // 2 for size in total), *(size - size // 2 for size in total)


def _gelu(graph, x):
    tail = graph.add("Add", graph.add("Erf", graph.add("Mul", x, 0.5**0.5)), 1.0)
    return graph.add("Mul", graph.add("Mul", x, 0.5), tail)


# Names, slopes and thresholds are those of Keras.
ACTIVATIONS = {
    "elu": lambda graph, x: graph.add("Elu", x),
    "gelu": _gelu,
    "leaky_relu": lambda graph, x: graph.add("LeakyRelu", x, alpha=0.2),
    "linear": lambda graph, x: x,
    "mish": lambda graph, x: graph.add("Mul", x, graph.add("Tanh", graph.add("Softplus", x))),
    "relu": lambda graph, x: graph.add("Relu", x),
    "relu6": lambda graph, x: graph.add("Clip", x, 0.0, 6.0),
    "selu": lambda graph, x: graph.add("Selu", x),
    "sigmoid": lambda graph, x: graph.add("Sigmoid", x),
    "silu": lambda graph, x: graph.add("Mul", x, graph.add("Sigmoid", x)),
    "softplus": lambda graph, x: graph.add("Softplus", x),
    "tanh": lambda graph, x: graph.add("Tanh", x),
}
