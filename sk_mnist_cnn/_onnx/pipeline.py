"""Build the ONNX model of a fitted pipeline: scaling, the graph of the network, and labels."""

import numpy as np

from .graph import Graph, in_onnx_layout
from .messages import element_type


def pipeline_model(preprocessors, classifier, outputs):
    """Return the content of an ONNX file for fitted ImagePreprocessors and a classifier.

    `outputs` are those of the network, which follow the label.
    """
    graph = Graph()
    architecture, weights = classifier._fitted_architecture.folded(classifier._weights)
    images = _add_scaling(graph, preprocessors, architecture.image_shape)
    weights = in_onnx_layout(weights)
    graph.add_embeddings(images, architecture, weights)
    graph.add_probabilities(weights)
    labels = _labels(classifier.classes_)
    position = graph.add("ArgMax", "probabilities", axis=1, keepdims=0)
    label = graph.add("Gather", graph.constant(labels, "classes"), position, output="label")
    graph.declare_output(label, labels.dtype, ())
    for output in outputs:
        graph.declare_output(output, np.float32, (architecture.output_size(output),))
    return graph.model()


def _add_scaling(graph, preprocessors, image_shape):
    """Append the input, in the fitted layout and dtype, and the scaling of ImagePreprocessor."""
    layout, dtype = image_shape, np.float32
    if preprocessors:
        layout, dtype = preprocessors[0]._fitted_layout, preprocessors[0]._fitted_dtype
    graph.declare_input("X", dtype, layout)
    x = graph.add("Reshape", "X", np.array([0, *image_shape], np.int64))
    for preprocessor in preprocessors:
        precision = np.result_type(preprocessor._fitted_dtype, np.float32)
        x = graph.add("Cast", x, to=element_type(precision))
        x = graph.add("Div", x, np.array(preprocessor.max_value_, precision))
        x = graph.add("Cast", x, to=element_type(np.float32))
    return x


def _labels(classes):
    """Return the labels in a dtype that ONNX supports."""
    labels = np.array(classes.tolist()) if classes.dtype == object else classes
    kind = labels.dtype.kind
    if kind in "iu" and labels.max() < 2**63:
        return labels.astype(np.int64)
    return labels.astype(object) if kind == "U" else labels
