"""`CNNDigitClassifier`: the scikit-learn estimator. `_keras` trains its networks, and `_onnx` predicts."""

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ._architecture import DTYPES, ActivationName, Architecture, DtypeName
from ._base import ImageEstimator, snapshot
from ._checkpoint import open_checkpoint
from ._fitting import prepare_fit, prepare_partial_fit, warn_if_not_converged
from ._images import validate_images
from ._pixels import warn_of_raw_pixels
from ._recipes import RECIPES, RecipeName
from ._sklearn_callbacks import observed_fit
from ._targets import is_number
from ._training import (
    AUGMENTATIONS,
    OPTIMIZERS,
    AugmentationName,
    OptimizerName,
    ScheduleName,
    TrainingConfig,
    TrainingState,
)

if TYPE_CHECKING:
    import keras


class CNNDigitClassifier(ClassNamePrefixFeaturesOutMixin, ClassifierMixin, TransformerMixin, ImageEstimator):
    """Convolutional neural network for MNIST digits and other small images.

    Blocks of convolution and max-pooling, dropout, dense layers with dropout, and a softmax output, trained
    with cross-entropy. The defaults are the network and the training of the Keras MNIST notebook: 186,110
    parameters for 28x28 gray images and ten classes, and on MNIST ten epochs of Adadelta with batches of 128
    images. `from_recipe` returns classifiers with more accurate parameters, in particular for few images.

    A fitted classifier consists of hyper-parameters and NumPy arrays. Keras trains the arrays, and ONNX
    Runtime predicts with them. It can be pickled, and sent to other processes. Fits of the same architecture
    share one compiled network.

    It is a transformer too: `transform` returns the embeddings of images, for instance for nearest neighbors.

    Parameters
    ----------
    filters : array-like of int, default=(32, 64)
        Number of filters in each block; the length sets the number of blocks.
    kernel_size : int or array-like of (int or (int, int)), default=5
        Height and width of the convolution windows, in pixels. An integer is used for all blocks. A sequence
        has one entry per block: an integer or a (height, width) pair. Windows are clipped to the feature map.
    pool_size : int or array-like of (int or (int, int)), default=2
        Height and width of the pooling windows, in pixels; the same format as `kernel_size`.
    conv_dropout : float in [0, 1), default=0.2
        Dropout rate after the last block.
    dense_units : array-like of int, default=(120, 84)
        Number of units in each hidden dense layer; the length sets the number of layers.
    dense_dropout : float in [0, 1), default=0.5
        Dropout rate after the first dense layer.
    activation : str, default="relu"
        Name of a Keras activation for all layers but the last. With "sparsemax", TensorFlow predicts instead
        of ONNX Runtime.
    optimizer : {"adadelta", "adam", "adamw", "rmsprop", "sgd"} or keras.optimizers.Optimizer, \
            default="adadelta"
        The optimizer. An instance is copied, and never changed. Optimizers that average weights
        (`use_ema=True`, ScheduleFreeAdamW) are not supported.
    optimizer_params : dict or None, default=None
        Keyword arguments of the named optimizer, as Keras names them: ``{"beta_1": 0.7, "beta_2": 0.9}`` for
        "adam", ``{"momentum": 0.9, "nesterov": True}`` for "sgd", ``{"weight_decay": 1e-4}`` for any. None
        uses the defaults of Keras. Must be None if `optimizer` is an instance, and must not contain the
        learning rate, which is set by `learning_rate`.
    learning_rate : float or "auto", default="auto"
        Learning rate. "auto" is 1.0 for "adadelta", as in the Keras MNIST notebook (the method has no
        learning rate of its own, see [1]_), the default of Keras for any other name (0.001 for "adam"), and
        the learning rate of an instance.
    learning_rate_schedule : {"constant", "one_cycle", "cosine", "exponential"} or callable, \
            default="constant"
        Learning rate schedule over the batches of one `fit`, with `learning_rate` as its maximum. "one_cycle"
        rises linearly from a tenth of the maximum during the first fifth of the batches, and decays to 0 on a
        cosine [2]_. "cosine" decays to 0 on a cosine, "exponential" decays to a hundredth. A callable takes
        the index of the batch, starting at 0, and returns its learning rate; it is called for all batches
        before training. `partial_fit` uses a constant rate.
    batch_size : int, default=128
        Number of images per batch. Doubling `batch_size` halves the number of updates per epoch.
    epochs : int or "auto", default="auto"
        Number of epochs. "auto" is ``min(1000, max(10, ceil(1000 / ceil(n_samples / batch_size))))``, which
        gives about 1000 batches within these limits, where `n_samples` is the number of training images
        without those for validation: 1000 epochs for 100 images, 16 for 8,000, and 10 for the 60,000 of
        MNIST, as in the Keras MNIST notebook. With `augmentation`, it is about 3000 batches in at most 300
        epochs. See `n_iter_` for the number.
    validation_split : float in [0, 1), default=0.0
        Fraction of the training images used for validation instead: a shuffled and stratified split, which
        determines `val_loss` and `val_accuracy` in `history_`.
    early_stopping : bool or {"val_loss", "val_accuracy"}, default=False
        Whether to stop when this metric has not improved for `n_iter_no_change` epochs, and to keep the
        weights of the best epoch. True is "val_accuracy", as in MLPClassifier. Without `X_val` and
        `validation_split`, 0.1 of the training images are used for validation.
    n_iter_no_change : int, default=5
        Number of epochs without improvement after which `early_stopping` stops (the patience in Keras).
    augmentation : {"affine", "elastic", "shift"}, keras.Layer, list of keras.Layer or None, default=None
        Data augmentation, drawn again for every image in every epoch. "shift" translates by whole pixels, up
        to 1/14 of the image size, rounded: 2 pixels for 28x28 images. "affine" translates by up to 1/14,
        rotates by up to 10 degrees and zooms by up to 10%. "elastic" also displaces every pixel by a smooth
        random field [3]_, whose root mean square along each axis is 2% of the image size: 0.56 pixels for
        28x28 images. Pixels from outside the image are 0. Keras preprocessing layers are copied and seeded;
        they must keep the shape of the images, must not mix the images of a batch, and must not draw from
        the global generators of Python or NumPy, as AugMix does.
    label_smoothing : float in [0, 1), default=0.0
        Fraction of the target probability that is spread evenly over all classes, as in Keras, for `loss` and
        `val_loss` too. Usually raises accuracy but makes the probabilities under-confident.
    class_weight : dict of label to float, "balanced" or None, default=None
        Class weights for training. Labels missing in a dict have weight 1. "balanced" is
        ``n_samples / (n_classes * np.bincount(y))``, over the training samples with a positive sample weight.
        In `partial_fit`, a dict is divided by its mean over the classes, so that the weights do not depend on
        the labels of one call.
    callbacks : list of keras.callbacks.Callback or None, default=None
        Keras callbacks. Each `fit` uses copies of them.
    warm_start : bool, default=False
        Whether `fit` continues from the weights and the optimizer state of the previous fit. The optimizer
        state is kept by a `fit` with `warm_start` and by `partial_fit`; after any other `fit` it is reset.
    image_shape : tuple of int, (h, w) or (h, w, c), or None, default=None
        Shape of one image, in pixels. None infers it: from arrays of shape (n, h, w, c) or (n, h, w); flat
        rows whose width is a perfect square are square gray images; any other width is one row of pixels,
        with a warning.
    checkpoint : str, PathLike or None, default=None
        Path of a file in which `fit` saves the training state after every epoch. If the file exists, a `fit`
        with the same data and parameters resumes after the last saved epoch, and returns the weights of a fit
        without interruption; any other `fit` raises an error. The file is removed when `fit` succeeds. Fits
        that run at the same time need different files. For searches, pass an existing directory, in which
        each run has its own file; `random_state` must then be an integer.
    dtype : {"float32", "float64", "mixed_bfloat16", "mixed_float16"}, default="float32"
        Keras dtype policy. Input of any dtype is cast to it one batch at a time. Mixed precision is only used
        for training: ONNX Runtime predicts in float32. With "float64", TensorFlow predicts in float64.
    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the images, the augmentation, the dropout masks and the
        validation split. An integer gives the same weights, bit for bit, at every call.
    verbose : int, default=0
        0 is silent. 1 shows a progress bar with the epoch, the metrics and the time left in terminals and
        notebooks, and prints one line per epoch in other outputs. 2 prints the lines of Keras, one per epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    n_features_in_ : int
        Number of features seen in `fit`, ``X.shape[1]``: ``h * w * c`` for flat rows, otherwise ``h``.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names, if `fit` saw a frame with string column names.
    image_shape_ : tuple of (h, w, c)
        Shape of one image, in pixels.
    history_ : dict of list of float
        `loss` and `accuracy` per epoch, and `val_loss` and `val_accuracy` with validation data. Continued by
        warm starts and partial fits.
    n_iter_ : int
        Number of epochs trained.
    best_validation_score_ : float
        Validation accuracy of the epoch whose weights were kept. Only with `early_stopping`.
    model_ : keras.Model
        A compiled Keras model with the fitted weights, created again at every access: for its `summary()` and
        for export. Training it does not change the classifier.

    See Also
    --------
    ImagePreprocessor : Reshapes and scales images for this classifier.
    build_cnn : Builds the Keras network alone.
    sklearn.neural_network.MLPClassifier : Dense layers only.

    References
    ----------
    .. [1] Zeiler, M. D. (2012). "ADADELTA: an adaptive learning rate method". arXiv:1212.5701.
    .. [2] Smith, L. N. and Topin, N. (2019). "Super-convergence: very fast training of neural networks using
       large learning rates". arXiv:1708.07120.
    .. [3] Simard, P. Y., Steinkraus, D. and Platt, J. C. (2003). "Best practices for convolutional neural
       networks applied to visual document analysis". ICDAR.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.pipeline import make_pipeline
    >>> from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor
    >>> X, y = load_digits(return_X_y=True)
    >>> cnn = CNNDigitClassifier(
    ...     filters=(16, 32), kernel_size=3, optimizer="adam", learning_rate=0.01, epochs=10
    ... )
    >>> clf = make_pipeline(ImagePreprocessor(), cnn)
    >>> clf.fit(X[:1500], y[:1500]).score(X[1500:], y[1500:]) > 0.8
    True
    """

    classes_: NDArray[Any]
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]
    image_shape_: tuple[int, int, int]
    history_: dict[str, list[float]]
    n_iter_: int
    best_validation_score_: float

    _parameter_constraints = {
        "filters": ["array-like"],
        "kernel_size": [Integral, "array-like"],
        "pool_size": [Integral, "array-like"],
        "conv_dropout": [Interval(Real, 0, 1, closed="left")],
        "dense_units": ["array-like"],
        "dense_dropout": [Interval(Real, 0, 1, closed="left")],
        "activation": [str],
        "optimizer": [StrOptions(set(OPTIMIZERS)), HasMethods(["get_config", "apply_gradients"])],
        "optimizer_params": [dict, None],
        "learning_rate": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "learning_rate_schedule": [StrOptions(set(get_args(ScheduleName))), callable],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "epochs": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "validation_split": [Interval(Real, 0, 1, closed="left")],
        "early_stopping": ["boolean", StrOptions({"val_loss", "val_accuracy"})],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "augmentation": [StrOptions(set(AUGMENTATIONS)), HasMethods("get_config"), list, tuple, None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "callbacks": [list, tuple, None],
        "warm_start": ["boolean"],
        "image_shape": ["array-like", None],
        "checkpoint": [str, os.PathLike, None],
        "dtype": [StrOptions(set(DTYPES))],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        filters: ArrayLike = (32, 64),
        *,
        kernel_size: int | ArrayLike = 5,
        pool_size: int | ArrayLike = 2,
        conv_dropout: float = 0.2,
        dense_units: ArrayLike = (120, 84),
        dense_dropout: float = 0.5,
        activation: ActivationName = "relu",
        optimizer: "OptimizerName | keras.optimizers.Optimizer" = "adadelta",
        optimizer_params: Mapping[str, Any] | None = None,
        learning_rate: float | Literal["auto"] = "auto",
        learning_rate_schedule: ScheduleName | Callable[[int], float] = "constant",
        batch_size: int = 128,
        epochs: int | Literal["auto"] = "auto",
        validation_split: float = 0.0,
        early_stopping: bool | Literal["val_loss", "val_accuracy"] = False,
        n_iter_no_change: int = 5,
        augmentation: "AugmentationName | keras.Layer | Sequence[keras.Layer] | None" = None,
        label_smoothing: float = 0.0,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        callbacks: "Sequence[keras.callbacks.Callback] | None" = None,
        warm_start: bool = False,
        image_shape: Sequence[int] | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        dtype: DtypeName = "float32",
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ):
        self.filters = filters
        self.kernel_size = kernel_size
        self.pool_size = pool_size
        self.conv_dropout = conv_dropout
        self.dense_units = dense_units
        self.dense_dropout = dense_dropout
        self.activation = activation
        self.optimizer = optimizer
        self.optimizer_params = optimizer_params
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.batch_size = batch_size
        self.epochs = epochs
        self.validation_split = validation_split
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.augmentation = augmentation
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.image_shape = image_shape
        self.checkpoint = checkpoint
        self.dtype = dtype
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def from_recipe(cls, name: RecipeName = "recommended", **params: Any) -> Self:
        """Create a classifier with the parameters of a recipe.

        The recipes were selected for different numbers of training images. [1]_ compares them.

        Parameters
        ----------
        name : {"recommended", "notebook", "one_epoch", "fast", "strong", "best"}, default="recommended"
            "recommended" is for all small images, digits or not, and for 20 training images or more. The
            others are for more images: "notebook" is the training of the Keras MNIST notebook (at least
            48,000 images), "one_epoch" and "fast" take a sixth and a quarter of its time (48,000), "strong"
            makes fewer errors in half of its time (8,000), and "best" has the lowest log loss (5,000).
        **params : object
            Other parameters of the classifier. They replace those of the recipe.

        Returns
        -------
        classifier : CNNDigitClassifier
            Unfitted. Its parameters are plain values, so that it can be cloned, searched and saved.

        Raises
        ------
        TypeError
            If the classifier has no parameter with a name in `params`.
        ValueError
            If there is no recipe with this `name`.

        References
        ----------
        .. [1] "Recipes", a page in the documentation of this package.

        Examples
        --------
        >>> from sk_mnist_cnn import CNNDigitClassifier
        >>> CNNDigitClassifier.from_recipe("notebook", random_state=0)
        CNNDigitClassifier(epochs=10, random_state=0, validation_split=0.2)
        """
        if name not in (names := list(RECIPES)):
            raise ValueError(f"name must be one of {names}, got {name!r}. Pass the name of a recipe.")
        return cls(**{**copy.deepcopy(RECIPES[name].params), **params})

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, h, w, c), (n_samples, h, w) or (n_samples, h * w * c)
            Images with pixels in [0, 1].
        y : array-like of shape (n_samples,)
            Labels of any type, of at least two classes.
        sample_weight : array-like of shape (n_samples,), float or None, default=None
            Sample weights; None is 1 for all samples. Samples with zero weight are ignored. Only the ratios
            of the weights matter.
        X_val : array-like, in one of the shapes of `X`, default=None
            Images for validation after every epoch, instead of a `validation_split`.
        y_val : array-like of shape (n_val,), default=None
            Labels of `X_val`.
        sample_weight_val : array-like of shape (n_val,), float or None, default=None
            Sample weights of `X_val`.

        Returns
        -------
        self : CNNDigitClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If the data or a parameter cannot be used, or the loss becomes infinite or NaN. A fitted
            classifier stays as it was.

        Warns
        -----
        ConvergenceWarning
            If the training loss of the last epoch is near the loss of predicting the class frequencies, or
            was still falling clearly in a fit with a constant learning rate and fewer epochs than "auto".
        """
        weights = None if is_number(sample_weight) else sample_weight  # scorers take one per sample
        with observed_fit(self, X, y, weights, self.epochs) as observer:
            run = prepare_fit(self, X, y, sample_weight, (X_val, y_val, sample_weight_val))
            with open_checkpoint(run) as checkpoint:
                state = _engine().train(run, checkpoint, observer)
                self._store(run, state, keep_optimizer=run.params["warm_start"])
                if checkpoint:
                    checkpoint.remove()
        warn_if_not_converged(run, state)
        return self

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch on a batch of images, starting from the current weights.

        Do not call `partial_fit` from several threads at the same time, because only one of the epochs would
        be kept. The optimizer state is kept between calls. A `fit` without `warm_start` does not keep it, so
        the first `partial_fit` after such a `fit` starts from the fitted weights with a new optimizer state.

        Parameters
        ----------
        X : array-like of shape (n_samples, h, w, c), (n_samples, h, w) or (n_samples, h * w * c)
            Images with pixels in [0, 1].
        y : array-like of shape (n_samples,)
            Labels among `classes`; some classes may be missing.
        classes : array-like of shape (n_classes,), default=None
            All labels that can occur. Required at the first call.
        sample_weight : array-like of shape (n_samples,), float or None, default=None
            Sample weights; None is 1 for all samples. Only their ratios within one call matter.

        Returns
        -------
        self : CNNDigitClassifier
            The classifier, trained for one more epoch.

        Raises
        ------
        ValueError
            If `classes` is missing at the first call or differs later, a label is not among them,
            `class_weight` is "balanced", which needs all labels at once, or `early_stopping` is set.
        """
        run = prepare_partial_fit(self, X, y, classes, sample_weight)
        self._store(run, _engine().train(run), keep_optimizer=True)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.floating[Any]]:
        """Predict class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, h, w, c), (n_samples, h, w) or (n_samples, h * w * c)
            Images with pixels in [0, 1].

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; rows sum to 1. float64 with ``dtype="float64"``, otherwise float32.

        Raises
        ------
        ValueError
            If pixels are so large that the probabilities are not finite.
        """
        return self._predict(X, "probabilities")

    def predict_log_proba(self, X: ArrayLike) -> NDArray[np.floating[Any]]:
        """Predict logarithms of class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, h, w, c), (n_samples, h, w) or (n_samples, h * w * c)
            Images with pixels in [0, 1].

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            Always finite: a probability of 0 is replaced by the smallest normal number.
        """
        probabilities = self.predict_proba(X)
        return np.log(np.maximum(probabilities, np.finfo(probabilities.dtype).tiny))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, h, w, c), (n_samples, h, w) or (n_samples, h * w * c)
            Images with pixels in [0, 1].

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            The most probable class of each image, in the dtype of `classes_`.
        """
        fitted = snapshot(self)
        positions = fitted.predict_proba(X).argmax(axis=1)
        return fitted.classes_[positions]

    def transform(self, X: ArrayLike) -> NDArray[np.floating[Any]]:
        """Compute embeddings: the activations of the last hidden layer.

        Parameters
        ----------
        X : array-like of shape (n_samples, h, w, c), (n_samples, h, w) or (n_samples, h * w * c)
            Images with pixels in [0, 1].

        Returns
        -------
        embeddings : ndarray of shape (n_samples, n_units)
            `n_units` is the last of `dense_units`. Without `dense_units`, the embedding of an image is its
            flattened feature map. float64 with ``dtype="float64"``, otherwise float32. A frame, if
            `set_output` asks for one, with a column for each of `get_feature_names_out`.

        Raises
        ------
        ValueError
            If pixels are so large that the embeddings are not finite.
        """
        return self._predict(X, "embeddings")

    @property
    def model_(self) -> "keras.Model":
        """A compiled Keras model with the fitted weights."""
        check_is_fitted(self)
        fitted = snapshot(self)
        config = TrainingConfig.from_params(vars(fitted), fitted._seed)
        return _engine().keras_model(fitted._fitted_architecture, config, fitted._weights)

    def _predict(self, X, output):
        check_is_fitted(self)
        fitted = snapshot(self)
        rows, _, _ = validate_images(fitted, X, image_shape=fitted.image_shape_)
        warn_of_raw_pixels(rows)
        return compute_output(fitted._fitted_architecture, fitted._weights, rows, output)

    def _store(self, run, state, *, keep_optimizer):
        """Set the fitted attributes, in one assignment: other threads see the old state or the new one."""
        if not keep_optimizer:
            state = replace(state, optimizer=(), optimizer_fingerprint="")
        self.__dict__ = self._attributes_after(run, state)

    def _attributes_after(self, run, state):
        """Return all attributes after a training."""
        removed = "feature_names_in_", "best_validation_score_"
        attributes = {
            **{name: value for name, value in vars(self).items() if name not in removed},
            **run.features,
            "classes_": run.classes,
            "image_shape_": run.architecture.image_shape,
            "history_": state.history,
            "n_iter_": state.n_epochs,
            "_architecture": asdict(run.architecture),
            "_seed": run.config.seed,
            "_weights": state.weights,
            "_optimizer_state": (state.optimizer, state.optimizer_fingerprint),
        }
        if state.best_epoch:
            epochs_since = state.n_epochs - state.best_epoch  # earlier fits may have had no validation
            attributes["best_validation_score_"] = state.history["val_accuracy"][-1 - epochs_since]
        return attributes

    @property
    def _fitted_architecture(self):
        return Architecture(**self._architecture)

    @property
    def _n_features_out(self):
        """Number of units of an embedding, for `get_feature_names_out`."""
        return self._fitted_architecture.output_size("embeddings")

    @property
    def _training_state(self):
        optimizer, fingerprint = self._optimizer_state or ((), "")
        return TrainingState(self._weights, optimizer, fingerprint, self.history_)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_weights")

    def __dir__(self) -> list[str]:
        # scikit-learn's HTML and dir() evaluate every name listed here. `model_` would build a network.
        return [name for name in object.__dir__(self) if name != "model_" and hasattr(self, name)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags


def compute_output(architecture, weights, rows, output):
    """Return an output of a network for validated images, by ONNX Runtime if possible, or by TensorFlow.

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
    from ._onnx import graph, session

    predictor = session if graph.supports(architecture) else _engine()
    values = predictor.predict(architecture, weights, rows, output)
    if not np.isfinite(values).all():
        raise ValueError(
            f"X must hold pixels in [0, 1], got pixels from {rows.min():g} to {rows.max():g}, for which the "
            f"{output} are not finite. Put an ImagePreprocessor before the classifier in a Pipeline."
        )
    return values


def _engine():
    """Return the engine, imported at first use: TensorFlow takes seconds to load."""
    from ._keras import engine

    return engine
