"""`CNNDigitClassifier`: the scikit-learn contract. Nothing of TensorFlow is here, see `_keras.engine`."""

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from numbers import Integral, Real
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from . import _images
from ._base import CallbackSupportMixin, observed_fit, unchanged_on_error
from ._checkpoint import Checkpoint, describe_run, saved_seed
from ._schedules import SCHEDULES
from ._targets import (
    check_classes,
    check_sample_weight,
    class_weights,
    encode_labels,
    find_classes,
    stratified_split,
)
from ._training import ImageDataset, TrainingConfig, TrainingState
from .network import Architecture

if TYPE_CHECKING:
    import keras

OPTIMIZERS = {"adadelta", "adam", "adamw", "rmsprop", "sgd"}
DTYPES = {"float32", "float64", "mixed_bfloat16", "mixed_float16"}


class CNNDigitClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """Convolutional neural network for MNIST digits and other small images.

    Blocks of convolution and max-pooling, dropout, dense layers with dropout, and a softmax, trained with
    cross-entropy. The defaults are the network and the recipe of the reference notebook: 186,110
    parameters for 28x28 grey images and ten classes, ten epochs of Adadelta in batches of 128.

    A fitted classifier is plain data, hyper-parameters and NumPy arrays; Keras runs them. So it is cheap to
    clone, pickle and send to other processes, and refits share one compiled network.

    Parameters
    ----------
    filters : array-like of int, default=(32, 64)
        Number of filters of each convolution, one block of convolution and max-pooling an entry.
    kernel_size : int or array-like of (int or (int, int)), default=5
        Height and width of the convolution windows, in pixels. One number holds for all blocks; a sequence
        has one entry a block, each a number or a (height, width) pair. Windows are clipped to the
        feature map.
    pool_size : int or array-like of (int or (int, int)), default=2
        Height and width of the pooling windows, in pixels; as `kernel_size`.
    conv_dropout : float in [0, 1), default=0.2
        Fraction of the last feature map that is dropped in training.
    dense_units : array-like of int, default=(120, 84)
        Number of units of each hidden dense layer.
    dense_dropout : float in [0, 1), default=0.5
        Fraction of the first dense layer's output that is dropped in training.
    activation : str, default="relu"
        Name of a Keras activation, for all layers but the last.
    optimizer : {"adadelta", "adam", "sgd", "rmsprop", "adamw"} or keras.optimizers.Optimizer, \
            default="adadelta"
        The optimizer. An instance is copied, never trained in place.
    learning_rate : float or "auto", default="auto"
        Step size. "auto" is 1.0 for "adadelta", as in the reference notebook (the method's own step, see
        [1]_), Keras' default for any other name (0.001 for "adam"), and an instance's own.
    learning_rate_schedule : {"constant", "one_cycle", "cosine", "exponential"} or callable, \
            default="constant"
        The learning rate over the steps of one `fit`, with `learning_rate` as its peak. "one_cycle" rises
        linearly from a tenth over the first fifth and falls to 0 on a cosine [2]_, "cosine" only falls,
        "exponential" falls to a hundredth by the same factor at every step. A callable takes the step, from
        0, and gives the rate. `partial_fit` has no end to plan for, and trains at the constant rate.
    batch_size : int, default=128
        Number of images a gradient step.
    epochs : int, default=10
        Number of passes over the training images.
    validation_split : float in [0, 1), default=0.0
        Fraction of the images set aside, shuffled and stratified, to record `val_loss` and `val_accuracy`
        in `history_`.
    early_stopping : bool or {"val_loss", "val_accuracy"}, default=False
        Whether to stop when the validation images' loss or accuracy has not become better for
        `n_iter_no_change` epochs, and to keep the weights of the best epoch. True means "val_accuracy", as in
        MLPClassifier. Without `X_val` and `validation_split`, a tenth of the images is set aside.
    n_iter_no_change : int, default=5
        Number of epochs without a better value before `early_stopping` ends the training.
    augmentation : {"shift", "affine"}, keras.Layer, list of keras.Layer or None, default=None
        Random changes to the training images, new in every epoch. "shift" moves them by up to 2 pixels;
        "affine" by up to 2 pixels, 10 degrees and 10 % of their size; what moves in is 0. Keras preprocessing
        layers are copied and seeded.
    label_smoothing : float, default=0.0
        Share of every label's probability, in [0, 1), that the training spreads evenly over all classes, as
        Keras does; in `loss` and `val_loss` too. Labels are predicted better for it, and their probabilities
        become too small.
    class_weight : dict or "balanced" or None, default=None
        Weight of each class, by label, for training alone. "balanced" is
        ``n_samples / (n_classes * np.bincount(y))``.
    callbacks : list of keras.callbacks.Callback or None, default=None
        Keras callbacks. Each `fit` trains with copies of them.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights and the optimizer's state of the last one.
    image_shape : tuple of int, (h, w) or (h, w, c), or None, default=None
        Shape of one image, in pixels. None infers it: arrays of shape (n, h, w, c) and (n, h, w) show
        theirs; flat rows whose width is a perfect square are grey squares; any other width is read as one
        row of pixels, with a warning.
    checkpoint : str, PathLike or None, default=None
        File in which `fit` keeps its state after every epoch, in a folder that exists. A `fit` with the same
        data and parameters that finds it goes on from the last whole epoch and ends as if never interrupted;
        any other is refused. It is removed when `fit` ends well. Two fits at once need a file each.
    dtype : {"float32", "float64", "mixed_float16", "mixed_bfloat16"}, default="float32"
        Keras dtype policy. Input of any dtype is cast to it a batch at a time.
    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the images, the dropout masks and the validation
        split. An int gives the same weights, bit for bit, at every call.
    verbose : int, default=0
        0 is silent, 1 shows a bar an epoch, 2 one line an epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        ``h * w * c``, whatever the layout of the images seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names, where `fit` saw a frame with string column names.
    image_shape_ : tuple of (h, w, c)
        Shape of one image, in pixels.
    history_ : dict of list of float
        `loss` and `accuracy` of every epoch, and `val_loss` and `val_accuracy` with validation data. Goes on
        over warm starts and partial fits.
    n_iter_ : int
        Number of epochs trained.
    best_validation_score_ : float
        With `early_stopping`, the validation accuracy of the epoch whose weights were kept.
    model_ : keras.Model
        An ordinary compiled Keras model, rebuilt from the fitted arrays at every access: for its
        `summary()` and for export. Training it does not change the classifier.

    See Also
    --------
    ImagePreprocessor : Reshapes and scales images for this classifier.
    build_cnn : The network alone.
    sklearn.neural_network.MLPClassifier : Dense layers only.

    References
    ----------
    .. [1] M. D. Zeiler (2012). "ADADELTA: an adaptive learning rate method". arXiv:1212.5701.
    .. [2] L. N. Smith, N. Topin (2019). "Super-convergence: very fast training of neural networks using
       large learning rates". arXiv:1708.07120.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.pipeline import make_pipeline
    >>> from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = make_pipeline(
    ...     ImagePreprocessor(),
    ...     CNNDigitClassifier(
    ...         filters=(16, 32), kernel_size=3, dense_dropout=0.2, optimizer="adam", learning_rate=0.01
    ...     ),
    ... )
    >>> clf.fit(X[:1500], y[:1500]).score(X[1500:], y[1500:]) > 0.8
    True
    """

    _parameter_constraints = {
        "filters": ["array-like"],
        "kernel_size": [Integral, "array-like"],
        "pool_size": [Integral, "array-like"],
        "conv_dropout": [Interval(Real, 0, 1, closed="left")],
        "dense_units": ["array-like"],
        "dense_dropout": [Interval(Real, 0, 1, closed="left")],
        "activation": [str],
        "optimizer": [StrOptions(OPTIMIZERS), HasMethods(["get_config", "apply_gradients"])],
        "learning_rate": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "learning_rate_schedule": [StrOptions({"constant", *SCHEDULES}), callable],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "validation_split": [Interval(Real, 0, 1, closed="left")],
        "early_stopping": ["boolean", StrOptions({"val_loss", "val_accuracy"})],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "augmentation": [StrOptions({"shift", "affine"}), HasMethods("get_config"), list, tuple, None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "callbacks": [list, tuple, None],
        "warm_start": ["boolean"],
        "image_shape": ["array-like", None],
        "checkpoint": [str, os.PathLike, None],
        "dtype": [StrOptions(DTYPES)],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        filters: ArrayLike = (32, 64),
        kernel_size: int | ArrayLike = 5,
        pool_size: int | ArrayLike = 2,
        conv_dropout: float = 0.2,
        dense_units: ArrayLike = (120, 84),
        dense_dropout: float = 0.5,
        activation: str = "relu",
        optimizer: "str | keras.optimizers.Optimizer" = "adadelta",
        learning_rate: float | str = "auto",
        learning_rate_schedule: str | Callable[[int], float] = "constant",
        batch_size: int = 128,
        epochs: int = 10,
        validation_split: float = 0.0,
        early_stopping: bool | str = False,
        n_iter_no_change: int = 5,
        augmentation: "str | keras.Layer | Sequence[keras.Layer] | None" = None,
        label_smoothing: float = 0.0,
        class_weight: dict | str | None = None,
        callbacks: "Sequence[keras.callbacks.Callback] | None" = None,
        warm_start: bool = False,
        image_shape: Sequence[int] | None = None,
        checkpoint: str | os.PathLike | None = None,
        dtype: str = "float32",
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
            Images, with pixels in [0, 1].
        y : array-like of shape (n_samples,)
            Labels of any type, of at least two classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the images; None is one each. Images of weight 0 take no part. Only the weights'
            ratios matter.
        X_val : array-like, like `X`, default=None
            Images to validate on after every epoch, instead of a `validation_split`.
        y_val : array-like of shape (n_val,), default=None
            Their labels.
        sample_weight_val : array-like of shape (n_val,), default=None
            Their weights.

        Returns
        -------
        self : CNNDigitClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If the data or a parameter cannot be used, or the loss becomes infinite or not a number. A
            classifier that was fitted stays as it was.
        """
        with observed_fit(self, X, y, sample_weight, self.epochs) as observer, unchanged_on_error(self):
            goes_on = self.warm_start and self._is_fitted()
            rows, y = self._validate_images(X, y, reset=not goes_on)
            _images.warn_of_raw_pixels(rows)
            if not goes_on:
                self.classes_ = find_classes(y)
            state = self._training_state if goes_on else None
            self._seed = self._resolve_seed(goes_on, self.checkpoint)
            training = self._labelled_images(rows, y, sample_weight)
            if X_val is not None or y_val is not None or sample_weight_val is not None:
                validation = self._validation_images(X_val, y_val, sample_weight_val)
            else:
                training, validation = self._split(training)
            training = self._weighted_by_class(training)
            validation = validation and validation.weighted(1, self._float)
            checkpoint = self._open_checkpoint(training, validation, state)
            with checkpoint.locked() if checkpoint else nullcontext():
                self._train(training, validation, state=state, checkpoint=checkpoint, observer=observer)
                if checkpoint:
                    checkpoint.remove()
            if not self.warm_start:
                self._optimizer_state = None
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch on a batch of images, going on from what was learnt.

        The optimizer's state is kept between calls. It is not kept by a plain `fit`, so the first
        `partial_fit` after one starts it afresh, from the fitted weights.

        Parameters
        ----------
        X : array-like of shape (n_samples, h, w, c), (n_samples, h, w) or (n_samples, h * w * c)
            Images, with pixels in [0, 1].
        y : array-like of shape (n_samples,)
            Labels, all of them among `classes`; some may be missing.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever occur. Needed at the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the images; None is one each. Only their ratios within one call matter.

        Returns
        -------
        self : CNNDigitClassifier
            The classifier, trained for one more epoch.

        Raises
        ------
        ValueError
            If `classes` is missing at the first call or changes later, a label is not among them, or
            `class_weight` is "balanced", which needs all labels at once.
        """
        with unchanged_on_error(self):
            goes_on = self._is_fitted()
            rows, y = self._validate_images(X, y, reset=not goes_on)
            _images.warn_of_raw_pixels(rows)
            self.classes_ = check_classes(classes, self.classes_ if goes_on else None)
            if self.class_weight == "balanced":
                raise ValueError(
                    'class_weight="balanced" cannot be used with partial_fit, which sees a part of the '
                    "labels at a time. Pass a dict of weights, such as compute_class_weight gives."
                )
            state = self._training_state if goes_on else None
            self._seed = self._resolve_seed(goes_on)
            training = self._labelled_images(rows, y, sample_weight)
            training = self._weighted_by_class(training)
            self._train(training, None, state=state, partial=True)
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Give the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, h, w, c), (n_samples, h, w) or (n_samples, h * w * c)
            Images, with pixels in [0, 1].

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; rows sum to 1. float64 with ``dtype="float64"``, else float32.
        """
        check_is_fitted(self)
        rows, _ = self._validate_images(X, reset=False)
        _images.warn_of_raw_pixels(rows)
        return _engine().predict_proba(self._fitted_architecture, self._weights, rows)

    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Give the logarithm of each class' probability.

        Parameters
        ----------
        X : array-like of shape (n_samples, h, w, c), (n_samples, h, w) or (n_samples, h * w * c)
            Images, with pixels in [0, 1].

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            Always finite: a probability that underflows to 0 counts as the smallest normal number.
        """
        probabilities = self.predict_proba(X)
        return np.log(np.maximum(probabilities, np.finfo(probabilities.dtype).tiny))

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Give the most probable label.

        Parameters
        ----------
        X : array-like of shape (n_samples, h, w, c), (n_samples, h, w) or (n_samples, h * w * c)
            Images, with pixels in [0, 1].

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            In the type of the labels seen in `fit`.
        """
        positions = self.predict_proba(X).argmax(axis=1)
        return self.classes_[positions]

    @property
    def model_(self) -> "keras.Model":
        """An ordinary compiled Keras model with the fitted weights."""
        check_is_fitted(self)
        return _engine().keras_model(self._fitted_architecture, self._config(), self._weights)

    def _validate_images(self, X, y="no_validation", *, reset):
        """Check `X` and `y`, and give the images as flat rows of their own dtype."""
        rows, layout = _images.as_rows(X)
        if isinstance(y, str):
            rows = validate_data(self, rows, dtype="numeric", reset=reset)
        else:
            rows, y = validate_data(self, rows, y, dtype="numeric", reset=reset)
        if reset:
            self.image_shape_ = _images.resolve_image_shape(self.n_features_in_, layout, self.image_shape)
        else:
            _images.check_layout(layout, self.image_shape_)
        return rows, y

    def _labelled_images(self, rows, y, sample_weight, name="sample_weight"):
        """Bring images, labels and weights together; images of weight 0 take no part."""
        labels = encode_labels(y, self.classes_)
        weights = check_sample_weight(sample_weight, labels, name)
        return ImageDataset(rows, labels, weights, np.flatnonzero(weights))

    def _validation_images(self, X_val, y_val, sample_weight_val):
        if X_val is None or y_val is None:
            raise ValueError(
                "y_val must be passed with X_val, and neither it nor sample_weight_val without: "
                "validation takes images and their labels."
            )
        try:
            rows, y_val = self._validate_images(X_val, y_val, reset=False)
            return self._labelled_images(rows, y_val, sample_weight_val, "sample_weight_val")
        except ValueError as error:
            raise ValueError(f"X_val, y_val and sample_weight_val must be like X and y. {error}") from error

    def _weighted_by_class(self, images):
        factors = class_weights(self.class_weight, self.classes_, images.labels)
        return images.weighted(factors, self._float)

    def _split(self, images):
        """Set a stratified part of the training images aside, where one is asked for."""
        fraction = self.validation_split or (0.1 if self.early_stopping else 0)
        if not fraction:
            return images, None
        parts = stratified_split(images.indices, images.labels, self.classes_, fraction, self._seed)
        return tuple(map(images.only, parts))

    def _open_checkpoint(self, training, validation, state):
        if self.checkpoint is None:
            return None
        images = {"training": training, "validation": validation}
        run = partial(describe_run, self.get_params(), self._seed, self.classes_, images, state)
        return Checkpoint(self.checkpoint, run)

    def _train(self, training, validation, *, state, partial=False, checkpoint=None, observer=None):
        """Run the engine, and keep what it gives back."""
        architecture = Architecture.resolve(
            self.image_shape_,
            len(self.classes_),
            filters=self.filters,
            kernel_size=self.kernel_size,
            pool_size=self.pool_size,
            dense_units=self.dense_units,
            activation=self.activation,
            dtype=self.dtype,
        )
        if state is not None and architecture != self._fitted_architecture:
            raise ValueError(
                "The network's parameters (filters, kernel_size, pool_size, dense_units, activation, dtype) "
                "must stay as they were fitted for training to go on. Fit a clone instead."
            )
        self._network = asdict(architecture)
        trained = _engine().train(
            architecture,
            self._config(),
            training,
            validation,
            seed=self._seed,
            state=state,
            partial=partial,
            checkpoint=checkpoint,
            observer=observer,
        )
        self._weights = trained.weights
        self._optimizer_state = trained.optimizer, trained.optimizer_name
        self.history_ = trained.history
        self.n_iter_ = trained.n_epochs
        vars(self).pop("best_validation_score_", None)
        if self.early_stopping and not partial:
            epochs_since = trained.n_epochs - trained.best_epoch  # earlier fits may have had no validation
            self.best_validation_score_ = trained.history["val_accuracy"][-1 - epochs_since]

    def _resolve_seed(self, goes_on, checkpoint=None):
        """The seed of this training; one that goes on keeps the seed it began with."""
        if goes_on:
            return self._seed
        if checkpoint is not None and self.random_state is None:
            seed = saved_seed(checkpoint)
            if seed is not None:
                return seed
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _config(self):
        return TrainingConfig(
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            learning_rate_schedule=self.learning_rate_schedule,
            conv_dropout=self.conv_dropout,
            dense_dropout=self.dense_dropout,
            batch_size=self.batch_size,
            epochs=self.epochs,
            augmentation=self.augmentation,
            label_smoothing=self.label_smoothing,
            monitor=self._monitor,
            patience=self.n_iter_no_change,
            callbacks=self.callbacks,
            verbose=self.verbose,
        )

    @property
    def _monitor(self):
        """What early stopping watches; None without it."""
        if isinstance(self.early_stopping, str):
            return self.early_stopping
        return "val_accuracy" if self.early_stopping else None

    @property
    def _fitted_architecture(self):
        return Architecture(**self._network)

    @property
    def _training_state(self):
        optimizer, name = self._optimizer_state or ((), "")
        return TrainingState(self._weights, optimizer, name, self.history_)

    @property
    def _float(self):
        return "float64" if self.dtype == "float64" else "float32"

    def _is_fitted(self):
        return hasattr(self, "_weights")

    def __setstate__(self, state):
        # What an older release has stored lacks the parameters that came later.
        super().__setstate__({**type(self)().get_params(deep=False), **state})

    def __dir__(self):
        # scikit-learn's HTML and dir() evaluate every name listed here; `model_` would be built each time.
        return [name for name in object.__dir__(self) if name != "model_" and hasattr(self, name)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _engine():
    """The engine, imported when something first has to run: TensorFlow takes seconds to load."""
    from ._keras import engine

    return engine
