"""`ImageDataset`: images with encoded labels and weights; the checks of labels and weights, and the split."""

from dataclasses import dataclass, replace
from numbers import Real

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets

# Number of labels in an error message.
_N_SHOWN = 10


@dataclass(frozen=True)
class ImageDataset:
    """Images as flat rows of any dtype, with encoded labels, weights, and the indices of the rows to use.

    Only the rows that are read are copied and cast, so that a memory-mapped file is never read as a whole.
    """

    rows: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    indices: np.ndarray

    def __len__(self):
        return len(self.indices)

    def subset(self, indices):
        """Return the data set of other rows of the same arrays."""
        return replace(self, indices=indices)

    def n_batches(self, batch_size):
        """Return the number of batches per epoch."""
        return -(-len(self) // batch_size)

    def read(self, indices, image_shape, dtype):
        """Return copies of the images, labels and weights of some rows."""
        images = self.rows[indices].astype(dtype, copy=False)
        return images.reshape(-1, *image_shape), self.labels[indices], self.weights[indices]


def as_labels(y):
    """Return labels of NumPy's StringDType as ordinary strings, and all others as `as_numpy` does."""
    is_string_dtype = getattr(getattr(y, "dtype", None), "kind", None) == "T"
    return np.array(y.tolist()) if is_string_dtype else as_numpy(y)


def as_numpy(values):
    """Return an array of another library, such as a tensor, as a NumPy array, and anything else as it is.

    With `array_api_dispatch`, scikit-learn's checks would return a tensor. A tensor on a GPU raises an error
    that names the remedy.
    """
    return np.asanyarray(values) if hasattr(values, "__dlpack__") else values


def is_number(value):
    """Return whether a value is a single real number, also as an array of no dimensions."""
    return isinstance(value, Real) or (isinstance(value, np.ndarray) and value.ndim == 0)


def find_classes(y):
    """Return the sorted labels in `y`.

    Raises
    ------
    ValueError
        If `y` does not hold class labels, or holds only one class.
    """
    check_classification_targets(y)
    classes = _unique_labels(y, "y")
    if len(classes) < 2:
        raise ValueError(
            f"y must hold at least two classes, got 1 class, {classes.tolist()[0]!r}. Add samples of another "
            "class."
        )
    return classes


def _unique_labels(labels, name):
    """Return the sorted labels, or raise an error unless reports, ONNX and JSON can hold them."""
    classes = np.unique(labels)
    kind, is_text = classes.dtype.kind, all(isinstance(label, str) for label in classes.tolist())
    is_float = classes.dtype.newbyteorder("=") in (np.float32, np.float64)
    if not (kind in "biu" or is_text or is_float):
        raise ValueError(
            f"{name} must hold strings, integers, booleans, or floats of float32 or float64, got "
            f"{classes.dtype}. Convert them, for example with {name}.astype(str)."
        )
    try:
        "".join(classes.tolist() if is_text else ()).encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name} must hold strings that UTF-8 can encode, got one with "
            f"{error.object[error.start]!r}, a lone surrogate. Replace it."
        ) from error
    return classes


def check_classes(classes, known):
    """Return the sorted labels that `partial_fit` uses.

    Parameters
    ----------
    classes : array-like or None
        The labels passed in this call.
    known : ndarray or None
        The labels that the estimator was fitted for.

    Raises
    ------
    ValueError
        If neither is given, they differ, or there are fewer than two labels.
    """
    if classes is None:
        if known is None:
            raise ValueError(
                "classes must be passed on the first call to partial_fit, got None. Pass all labels that can "
                "occur."
            )
        return known
    classes = _unique_labels(as_labels(classes), "classes")
    if len(classes) < 2:
        raise ValueError(f"classes must hold at least two labels, got {classes.tolist()}. Pass all labels.")
    if known is not None and not np.array_equal(classes, known):
        raise ValueError(
            f"classes must be the same as at the first call, {_shorten(known)}, got {_shorten(classes)}. "
            "Omit it, or fit a clone."
        )
    return classes


def check_warm_start(y, classes):
    """Return the classes of the previous `fit`. `y` must contain all of them, as in scikit-learn.

    Raises
    ------
    ValueError
        If a class is missing.
    """
    missing = np.setdiff1d(np.arange(len(classes)), encode_labels(y, classes))
    if missing.size:
        raise ValueError(
            "y must hold all classes of the previous fit with warm_start=True, got labels without "
            f"{_shorten(classes[missing])}. Add samples of each class, or call partial_fit, which needs "
            "only some of the classes."
        )
    return classes


def _shorten(labels):
    """Return labels as a text, with at most ten of them."""
    shown = ", ".join(map(repr, labels[:_N_SHOWN].tolist()))
    return f"[{shown}]" if len(labels) <= _N_SHOWN else f"[{shown}, ...] ({len(labels)} labels)"


def encode_labels(labels, classes, name="y"):
    """Return the position of each label in the sorted `classes`.

    Raises
    ------
    ValueError
        If a label is not among the classes.
    """
    labels = np.asarray(labels)
    if {labels.dtype.kind, classes.dtype.kind} == {"T", "U"}:  # NumPy cannot search for one in the other
        labels = labels.astype(object)
    try:
        positions = np.searchsorted(classes, labels).clip(max=len(classes) - 1)
        is_known = classes[positions] == labels
    except TypeError:  # labels that cannot be compared with the classes
        is_known = np.zeros(labels.shape, bool)
    if not np.all(is_known):
        unknown = np.array(list(dict.fromkeys(labels[~is_known].tolist())), object)
        raise ValueError(
            f"{name} must hold labels among the classes {_shorten(classes)}, got {_shorten(unknown)}. "
            "Pass labels of the type seen in fit, or fit a clone on labels of every class."
        )
    return positions.astype(np.int32)


def check_sample_weight(sample_weight, n_samples, name="sample_weight"):
    """Return weights of shape (n_samples,) in float64, the largest in [0.5, 1).

    Raises
    ------
    ValueError
        If they are negative, not finite, all zero, or not one per sample.
    """
    if sample_weight is None:
        return np.ones(n_samples)
    sample_weight = as_numpy(sample_weight)
    if is_number(sample_weight):
        sample_weight = np.full(n_samples, sample_weight)
    weights = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name=name)
    if weights.shape != (n_samples,):
        raise ValueError(
            f"{name} must have shape ({n_samples},), got {weights.shape}. Pass one weight per sample."
        )
    if weights.min() < 0:
        raise ValueError(f"{name} must be >= 0, got {weights.min()}. Use 0 to ignore a sample.")
    if not weights.any():
        raise ValueError(f"{name} must not be zero for all samples, got only zeros. Pass a positive weight.")
    return _scale(weights)


def _scale(weights):
    """Divide weights by a power of two, which keeps their ratios exactly, so that sums do not overflow."""
    return np.ldexp(weights, -np.frexp(weights.max())[1])


def check_class_weight(class_weight, classes):
    """Return the weight of each class by position, or `class_weight` unchanged if it is not a dict.

    Parameters
    ----------
    class_weight : dict of label to float, "balanced" or None
        Labels missing in a dict have weight 1.
    classes : ndarray

    Raises
    ------
    ValueError
        If a dict has a label that is not among `classes`, or a weight that is not a finite number >= 0.
    """
    if not isinstance(class_weight, dict):
        return class_weight
    labels = classes.tolist()
    unknown = [label for label in class_weight if label not in labels]
    if unknown:
        raise ValueError(
            f"class_weight must have keys among the classes {labels}, got {unknown}. Remove these labels."
        )
    weights = {position: class_weight.get(label, 1.0) for position, label in enumerate(labels)}
    if not all(isinstance(weight, Real) and 0 <= weight < np.inf for weight in weights.values()):
        raise ValueError(
            f"class_weight must hold finite numbers >= 0, got {class_weight}. Use 0 to ignore a class."
        )
    return dict(zip(weights, _scale(np.array(list(weights.values()), float)), strict=True))


def weigh_images(images, class_weight, classes, dtype, *, is_complete=True):
    """Multiply the sample weights of a data set by the class weights, and divide them by their mean.

    Parameters
    ----------
    images : ImageDataset
    class_weight : dict of label to float, "balanced" or None
    classes : ndarray
    dtype : str
        Floating dtype of the weights.
    is_complete : bool, default=True
        Whether these are all training images. If they are one of many batches, class weights are divided by
        their mean over the classes instead of their mean over the batch, so that they do not depend on the
        labels of the batch.

    Returns
    -------
    ImageDataset
        Without the samples whose weight is zero.
    """
    class_weight = check_class_weight(class_weight, classes)
    balanced_over = images.indices if class_weight == "balanced" else None
    weights = images.weights * compute_sample_weight(class_weight, images.labels, indices=balanced_over)
    indices = images.indices[weights[images.indices] > 0]
    if not indices.size:
        raise ValueError(
            "class_weight and sample_weight must leave a positive weight, got only zeros for the "
            "training samples. Raise the weight of a class that occurs in y."
        )
    # A mean over each mini-batch would cancel the class weights.
    if isinstance(class_weight, dict) and not is_complete:
        mean = images.weights[images.indices].mean() * (np.mean(list(class_weight.values())) or 1.0)
    else:
        mean = weights[indices].mean()
    return replace(images, weights=(weights / mean).astype(dtype), indices=indices)


def labeled_images(rows, y, sample_weight, classes, y_name="y", weight_name="sample_weight"):
    """Return the ImageDataset of the samples with a positive weight."""
    labels = encode_labels(y, classes, y_name)
    weights = check_sample_weight(sample_weight, len(rows), weight_name)
    return ImageDataset(rows, labels, weights, np.flatnonzero(weights))


def stratified_split(images, classes, fraction, seed):
    """Split an ImageDataset into training and validation images, stratified by class.

    The validation images are None if `fraction` is 0.

    Raises
    ------
    ValueError
        If a class has too few samples for both.
    """
    if not fraction:
        return images, None
    from sklearn.model_selection import train_test_split  # late, because importing it is slow

    labels = images.labels[images.indices]
    try:
        parts = train_test_split(images.indices, test_size=fraction, stratify=labels, random_state=seed)
    except ValueError as error:
        occurring, counts = np.unique(labels, return_counts=True)
        rarest = counts.argmin()
        raise ValueError(
            f"validation_split={fraction} must leave samples of every class for training and for validation, "
            f"got {len(labels)} samples, {counts[rarest]} of class {classes.tolist()[occurring[rarest]]!r}. "
            "Pass X_val and y_val, or validation_split=0 without early_stopping."
        ) from error
    return tuple(map(images.subset, parts))
