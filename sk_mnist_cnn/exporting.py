"""Writing fitted models as ONNX files, node by node from the fitted arrays. TensorFlow takes no part."""

import os
from importlib.metadata import version

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._files import as_destination, replacing
from .classifier import CNNDigitClassifier
from .preprocessing import ImagePreprocessor

# Those of onnx 1.12, of 2022: a newer runtime reads them, and each activation below needs no later ones.
_OPSET, _IR_VERSION = 17, 8


def export_onnx(estimator: CNNDigitClassifier | Pipeline, path: str | os.PathLike) -> None:
    """Write a fitted classifier or pipeline to an ONNX file, which runs without Python or Keras.

    The file takes a batch of any size as its input "X", and gives "label", the labels that `predict` gives,
    and "probabilities", those of `predict_proba`, in the order of `classes_`.

    Parameters
    ----------
    estimator : CNNDigitClassifier or Pipeline
        A fitted classifier, or a fitted pipeline that ends in one, with nothing but ImagePreprocessor and
        "passthrough" before it.
    path : str or PathLike
        The file, by custom `*.onnx`, in a folder that exists. It takes the place of an older one when it is
        complete.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist, or `path` is one.
    ImportError
        If onnx is not installed.
    NotFittedError
        If a step is not fitted.
    TypeError
        If `estimator` or `path` is something else.
    ValueError
        If the pipeline holds another step, ONNX lacks the activation, or the labels are neither numbers,
        booleans nor strings.

    See Also
    --------
    save_model : Saves an estimator to be loaded with scikit-learn again, and trained on.

    Notes
    -----
    After an ImagePreprocessor, "X" holds raw pixels in the layout and the dtype that it was fitted on: rows
    of 784 uint8 stay such rows. For a classifier alone, "X" holds float32 pixels in [0, 1], of shape
    (n, h, w, c). Nothing is checked: pixels above a `max_value` given as a number are scaled like others.

    "label" holds int64 for whole-number labels, uint64 where they need it, and else what `classes_` holds:
    strings, booleans or floats.

    All is computed in float32, in which probabilities agree to about 1e-6. A network of dtype "float64" is
    rounded to it. One of dtype "mixed_float16" or "mixed_bfloat16" gains by it, so that probabilities may
    differ by 1e-3 or 1e-2, as far as the half precision of `predict_proba` reaches.

    Examples
    --------
    >>> import onnxruntime  # doctest: +SKIP
    >>> from sk_mnist_cnn import export_onnx
    >>> export_onnx(model, "digits.onnx")  # doctest: +SKIP
    >>> session = onnxruntime.InferenceSession("digits.onnx")  # doctest: +SKIP
    >>> labels, probabilities = session.run(None, {"X": digits})  # doctest: +SKIP
    """
    _onnx()
    target = as_destination(path)
    preprocessors, classifier = _exportable_steps(estimator)
    model = _model(preprocessors, classifier)
    with replacing(target) as file:
        file.write(model.SerializeToString())


def _onnx():
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            'Exporting models needs onnx. Install it: pip install "sk_mnist_cnn[onnx]"'
        ) from error
    return onnx


def _exportable_steps(estimator):
    """The fitted preprocessors and the classifier, refusing what ONNX is not written for."""
    steps = estimator.steps if isinstance(estimator, Pipeline) else [("estimator", estimator)]
    *before, (_, classifier) = steps
    if not isinstance(classifier, CNNDigitClassifier):
        fitted = "best_estimator_" if hasattr(classifier, "best_estimator_") else "fitted CNNDigitClassifier"
        raise TypeError(
            f"`estimator` must be a CNNDigitClassifier, or a Pipeline that ends in one, got {estimator!r}. "
            f"Pass its {fitted}."
        )
    preprocessors = []
    for position, (name, step) in enumerate(before, 1):
        if isinstance(step, ImagePreprocessor):
            preprocessors.append(step)
        elif step not in (None, "passthrough"):
            raise ValueError(
                "`estimator` must have no steps before its classifier but ImagePreprocessor, got "
                f"{type(step).__name__} as its step {name!r}. Export what follows it, "
                f"export_onnx(pipeline[{position}:], path), and apply this step before the file."
            )
    for step in (*preprocessors, classifier):
        check_is_fitted(step)
    return preprocessors, classifier


def _model(preprocessors, classifier):
    """The whole file, checked by onnx itself."""
    onnx, graph = _onnx(), _Graph()
    architecture = classifier._fitted_architecture
    images = _scaled_images(graph, preprocessors, architecture.image_shape)
    probabilities = _network(graph, images, architecture, classifier._weights)
    position = graph.add("ArgMax", probabilities, axis=1, keepdims=0)
    labels = graph.constant(_labels(classifier.classes_), "classes")
    label = graph.add("Gather", labels.name, position, output="label")
    graph.declare(graph.outputs, label, labels.data_type)
    graph.declare(graph.outputs, probabilities, onnx.TensorProto.FLOAT, architecture.n_classes)
    model = onnx.helper.make_model(
        onnx.helper.make_graph(graph.nodes, "cnn", graph.inputs, graph.outputs, graph.constants),
        opset_imports=[onnx.helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="sk_mnist_cnn",
        producer_version=version("sk_mnist_cnn"),
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _scaled_images(graph, preprocessors, image_shape):
    """Pixels as they were fitted, reshaped and scaled as ImagePreprocessor does it."""
    layout, dtype = image_shape, np.float32
    if preprocessors:
        layout, dtype = preprocessors[0]._fitted_layout, preprocessors[0]._fitted_dtype
    graph.declare(graph.inputs, "X", _element_type(dtype), *layout)
    x = graph.add("Reshape", "X", np.array([0, *image_shape], np.int64))
    for preprocessor in preprocessors:
        precision = np.result_type(preprocessor._fitted_dtype, np.float32)
        x = graph.add("Cast", x, to=_element_type(precision))
        x = graph.add("Div", x, np.array(preprocessor.max_value_, precision))
        x = graph.add("Cast", x, to=_element_type(np.float32))
    return x


def _network(graph, x, architecture, weights):
    """The layers of `Architecture.build`, dropout left out."""
    activate = _activation(architecture.activation)
    weights = (np.asarray(array, np.float32) for array in weights)
    if architecture.blocks:
        x = graph.add("Transpose", x, perm=[0, 3, 1, 2])
    for i, (_, kernel_size, pool_size) in enumerate(architecture.blocks, 1):
        kernel, bias = next(weights).transpose(3, 2, 0, 1), next(weights)
        x = graph.add("Conv", x, kernel, bias, output=f"conv_{i}", kernel_shape=kernel_size)
        x = activate(graph, x)
        x = graph.add("MaxPool", x, output=f"pool_{i}", kernel_shape=pool_size, strides=pool_size)
    if architecture.blocks:
        x = graph.add("Transpose", x, perm=[0, 2, 3, 1])
    x = graph.add("Flatten", x, output="flatten")
    for i, _ in enumerate(architecture.dense_units, 1):
        x = activate(graph, graph.add("Gemm", x, next(weights), next(weights), output=f"dense_{i}"))
    x = graph.add("Gemm", x, next(weights), next(weights), output="logits")
    return graph.add("Softmax", x, axis=-1, output="probabilities")


def _labels(classes):
    labels = np.array(classes.tolist()) if classes.dtype == object else classes
    kind = labels.dtype.kind
    if kind not in "biufU":
        raise ValueError(
            "`estimator` must have been fitted on labels that are numbers, booleans or strings, got labels "
            f"of dtype {classes.dtype}. Fit it on labels of one of these."
        )
    if kind in "iu" and labels.max() < 2**63:
        return labels.astype(np.int64)
    return labels.astype(object) if kind == "U" else labels


def _element_type(dtype):
    return _onnx().helper.np_dtype_to_tensor_dtype(np.dtype(dtype).newbyteorder("="))


class _Graph:
    """What a file is made of, in the making. A node and what it gives share a name."""

    def __init__(self):
        self.nodes, self.constants, self.inputs, self.outputs = [], [], [], []

    def add(self, operator, *inputs, output=None, **attributes):
        """Append a node, and give its name. Inputs are names, or arrays and numbers for new constants."""
        output = output or f"{operator}_{len(self.nodes)}"
        names = [x if isinstance(x, str) else self.constant(x).name for x in inputs]
        self.nodes.append(_onnx().helper.make_node(operator, names, [output], name=output, **attributes))
        return output

    def constant(self, value, name=None):
        """Keep an array; a Python float is float32."""
        value = np.float32(value) if isinstance(value, float) else value
        name = name or f"constant_{len(self.constants)}"
        self.constants.append(_onnx().numpy_helper.from_array(np.asarray(value), name))
        return self.constants[-1]

    def declare(self, values, name, element_type, *shape):
        """Append the description of a batch to the graph's inputs or outputs."""
        values.append(_onnx().helper.make_tensor_value_info(name, element_type, ["n", *shape]))


def _activation(name):
    if name not in _ACTIVATIONS:
        raise ValueError(
            f"activation={name!r} has no counterpart in ONNX that is written here. "
            f"Fit with one of {', '.join(sorted(_ACTIVATIONS))}."
        )
    return _ACTIVATIONS[name]


def _gelu(graph, x):
    tail = graph.add("Add", graph.add("Erf", graph.add("Mul", x, 0.5**0.5)), 1.0)
    return graph.add("Mul", graph.add("Mul", x, 0.5), tail)


# By Keras' names, with Keras' default slopes and thresholds.
_ACTIVATIONS = {
    "celu": lambda graph, x: graph.add("Celu", x),
    "elu": lambda graph, x: graph.add("Elu", x),
    "exponential": lambda graph, x: graph.add("Exp", x),
    "gelu": _gelu,
    "hard_shrink": lambda graph, x: graph.add("Shrink", x, lambd=0.5),
    "hard_sigmoid": lambda graph, x: graph.add("HardSigmoid", x, alpha=1 / 6, beta=0.5),
    "hard_silu": lambda graph, x: graph.add("HardSwish", x),
    "hard_swish": lambda graph, x: graph.add("HardSwish", x),
    "hard_tanh": lambda graph, x: graph.add("Clip", x, -1.0, 1.0),
    "leaky_relu": lambda graph, x: graph.add("LeakyRelu", x, alpha=0.2),
    "linear": lambda graph, x: x,
    "log_sigmoid": lambda graph, x: graph.add("Neg", graph.add("Softplus", graph.add("Neg", x))),
    "mish": lambda graph, x: graph.add("Mul", x, graph.add("Tanh", graph.add("Softplus", x))),
    "relu": lambda graph, x: graph.add("Relu", x),
    "relu6": lambda graph, x: graph.add("Clip", x, 0.0, 6.0),
    "selu": lambda graph, x: graph.add("Selu", x),
    "sigmoid": lambda graph, x: graph.add("Sigmoid", x),
    "silu": lambda graph, x: graph.add("Mul", x, graph.add("Sigmoid", x)),
    "soft_shrink": lambda graph, x: graph.add("Shrink", x, lambd=0.5, bias=0.5),
    "softplus": lambda graph, x: graph.add("Softplus", x),
    "softsign": lambda graph, x: graph.add("Softsign", x),
    "sparse_sigmoid": lambda graph, x: graph.add("HardSigmoid", x, alpha=0.5, beta=0.5),
    "swish": lambda graph, x: graph.add("Mul", x, graph.add("Sigmoid", x)),
    "tanh": lambda graph, x: graph.add("Tanh", x),
    "tanh_shrink": lambda graph, x: graph.add("Sub", x, graph.add("Tanh", x)),
}
