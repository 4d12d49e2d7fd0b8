"""Compute the outputs of fitted networks. `_onnx` does this wherever it can, and `_keras` does the rest."""

import numpy as np


def predict(architecture, weights, rows, output):
    """Return an output of a network for validated images.

    Parameters
    ----------
    architecture : Architecture
    weights : tuple of ndarray
    rows : ndarray of shape (n, h * w * c)
    output : {"probabilities", "embeddings"}

    Returns
    -------
    ndarray of shape (n, architecture.output_size(output))

    Raises
    ------
    ValueError
        If pixels are so large that the output is not finite.
    """
    values = _engine(architecture).predict(architecture, weights, rows, output)
    if not np.isfinite(values).all():
        raise ValueError(
            f"X must hold pixels in [0, 1], got pixels from {rows.min():g} to {rows.max():g}, for which the "
            f"{output} are not finite. Put an ImagePreprocessor before the classifier in a Pipeline."
        )
    return values


def _engine(architecture):
    """Return the module that predicts: ONNX Runtime if it supports the architecture, otherwise TensorFlow."""
    from ._onnx import graph, session

    if graph.supports(architecture):
        return session
    from ._keras import engine

    return engine
