"""Write fitted models as ONNX files. `_onnx.pipeline` builds their graph."""

import os

from sklearn.utils.validation import check_is_fitted

from ._base import snapshot
from ._files import as_destination, replacing
from ._fitted import Estimator, fitted_steps
from .classifier import CNNDigitClassifier
from .preprocessing import ImagePreprocessor

__all__ = ["export_onnx"]


def export_onnx(estimator: Estimator, path: str | os.PathLike[str], *, embeddings: bool = False) -> None:
    """Write a fitted classifier or pipeline to an ONNX file, which can be run without Python.

    The input "X" is a batch of images of any size. The outputs are "label", as `predict` returns them, and
    "probabilities", as `predict_proba` returns them, in the order of `classes_`. Read more in the
    :ref:`User Guide <guide-persistence>`.

    Parameters
    ----------
    estimator : CNNDigitClassifier, Pipeline or search
        A fitted classifier, or a fitted pipeline that ends in one, whose other steps are ImagePreprocessor
        or "passthrough". Pipelines can be nested. Of a fitted search, the best estimator is exported.
    path : str or PathLike
        The file, by convention `*.onnx`, in an existing directory. An existing file is replaced when the new
        one is complete.
    embeddings : bool, default=False
        Whether to add a third output, "embeddings", as `transform` returns them.

    Raises
    ------
    FileNotFoundError
        If the directory does not exist, or `path` is a directory, a device or a pipe.
    NotFittedError
        If a step is not fitted.
    OSError
        If the file cannot be written, for instance on a full disk.
    TypeError
        If `estimator` does not end in a CNNDigitClassifier, or `path` is neither a str nor a PathLike.
    ValueError
        If the pipeline has another step, or the labels are not numbers,
        booleans or strings.

    See Also
    --------
    save_model : Save an estimator, to load it with scikit-learn and to continue its training.

    Notes
    -----
    If the pipeline starts with an ImagePreprocessor, "X" holds unscaled pixels in the layout and the dtype
    that it was fitted on: rows of 784 uint8, for instance. Pixels of longdouble are passed as float64. For a
    classifier alone, "X" holds float32 pixels in [0, 1], of shape (n, h, w, c). The graph does not check
    pixels: those above a `max_value` that is a number are scaled too.

    "label" is int64 for integer labels (uint64 if they exceed int64), otherwise it has the type of
    `classes_`: strings, booleans or floats.

    The file holds the graph that `predict` runs, in float32. For ``dtype="float64"``, for which `predict`
    uses TensorFlow in float64, the weights are rounded, and probabilities agree to about 1e-6.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import onnxruntime
    >>> from sk_mnist_cnn import export_onnx, load_mnist_sample, load_pretrained
    >>> with TemporaryDirectory() as folder:
    ...     export_onnx(load_pretrained(), Path(folder, "digits.onnx"))
    ...     session = onnxruntime.InferenceSession(Path(folder, "digits.onnx").read_bytes())
    >>> label, probabilities = session.run(None, {"X": load_mnist_sample().x_test[:3]})
    >>> label.tolist()
    [8, 6, 0]
    """
    target = as_destination(path)
    preprocessors, classifier = _exportable_steps(estimator)
    from ._onnx.pipeline import pipeline_model

    outputs = ("probabilities", "embeddings") if embeddings else ("probabilities",)
    model = pipeline_model(preprocessors, classifier, outputs)
    with replacing(target) as file:
        file.write(model)


def _exportable_steps(estimator):
    """Return the fitted preprocessors and the classifier, and raise for other steps."""
    *preprocessors, classifier = fitted_steps(estimator) or [None]
    if not isinstance(classifier, CNNDigitClassifier):
        raise TypeError(
            "estimator must be a CNNDigitClassifier, or a Pipeline or fitted search (with refit=True) that "
            f"ends in one, got {estimator!r}. Pass its fitted CNNDigitClassifier."
        )
    for step in preprocessors:
        if not isinstance(step, ImagePreprocessor):
            raise ValueError(
                "estimator must have no steps before its classifier but ImagePreprocessor, got "
                f"{type(step).__name__}. Export the steps that follow it, for instance "
                "export_onnx(pipeline[1:], path), and apply this step before the file."
            )
    for step in (*preprocessors, classifier):
        check_is_fitted(step)
    return preprocessors, snapshot(classifier)
