"""`CNNDigitClassifier`: the scikit-learn contract. Nothing of TensorFlow is here, see `_engine`."""

import copy
import warnings
from dataclasses import asdict
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from . import _images
from ._validation import check_sample_weight, unchanged_on_error
from .network import Architecture

OPTIMIZERS = {"adadelta", "adam", "adamw", "rmsprop", "sgd"}
DTYPES = {"float32", "float64", "mixed_bfloat16", "mixed_float16"}


class CNNDigitClassifier(ClassifierMixin, BaseEstimator):
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
    batch_size : int, default=128
        Number of images a gradient step.
    epochs : int, default=10
        Number of passes over the training images.
    validation_split : float in [0, 1), default=0.0
        Fraction of the images set aside, shuffled and stratified, to record `val_loss` and `val_accuracy`
        in `history_`.
    class_weight : dict or "balanced" or None, default=None
        Weight of each class, by label. "balanced" is ``n_samples / (n_classes * np.bincount(y))``.
    callbacks : list of keras.callbacks.Callback or None, default=None
        Keras callbacks. Each `fit` trains with copies of them.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights and the optimizer's state of the last one.
    image_shape : tuple of int, (h, w) or (h, w, c), or None, default=None
        Shape of one image, in pixels. None infers it: arrays of shape (n, h, w, c) and (n, h, w) show
        theirs; flat rows whose width is a perfect square are grey squares; any other width is read as one
        row of pixels, with a warning.
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
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names, where `fit` saw a frame with string column names.
    image_shape_ : tuple of (h, w, c)
        Shape of one image, in pixels.
    history_ : dict of list of float
        `loss` and `accuracy` of every epoch, and `val_loss` and `val_accuracy` with validation data. Goes on
        over warm starts and partial fits.
    n_iter_ : int
        Number of epochs trained.
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

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.pipeline import make_pipeline
    >>> from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = make_pipeline(
    ...     ImagePreprocessor(),
    ...     CNNDigitClassifier(filters=(16, 32), kernel_size=3, optimizer="adam", random_state=0),
    ... )
    >>> clf.fit(X[:1500], y[:1500]).score(X[1500:], y[1500:]) > 0.9
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
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "validation_split": [Interval(Real, 0, 1, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "callbacks": [list, tuple, None],
        "warm_start": ["boolean"],
        "image_shape": ["array-like", None],
        "dtype": [StrOptions(DTYPES)],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        filters=(32, 64),
        kernel_size=5,
        pool_size=2,
        conv_dropout=0.2,
        dense_units=(120, 84),
        dense_dropout=0.5,
        activation="relu",
        optimizer="adadelta",
        learning_rate="auto",
        batch_size=128,
        epochs=10,
        validation_split=0.0,
        class_weight=None,
        callbacks=None,
        warm_start=False,
        image_shape=None,
        dtype="float32",
        random_state=None,
        verbose=0,
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
        self.batch_size = batch_size
        self.epochs = epochs
        self.validation_split = validation_split
        self.class_weight = class_weight
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.image_shape = image_shape
        self.dtype = dtype
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None):
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
        with unchanged_on_error(self):
            goes_on = self.warm_start and self._is_fitted()
            state = self._training_state if goes_on else None
            rows, y = self._validate_images(X, y, reset=not goes_on)
            y = self._encode_labels(y, reset=not goes_on)
            seed = self._resolve_seed(draw=not goes_on)
            training = self._labelled_images(rows, y, sample_weight)
            if X_val is not None:
                validation = self._validation_images(X_val, y_val, sample_weight_val)
            else:
                training, validation = self._split(training, seed)
            self._train(training, validation, state=state, seed=seed)
            if not self.warm_start:
                self._optimizer_state = None
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
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
            If `classes` is missing at the first call or changes later, or a label is not among them.
        """
        with unchanged_on_error(self):
            first = not self._is_fitted()
            rows, y = self._validate_images(X, y, reset=first)
            self._check_classes(classes, first)
            if self.class_weight == "balanced":
                raise ValueError(
                    'class_weight="balanced" cannot be used with partial_fit, which sees a part of the '
                    "labels at a time. Pass a dict of weights, such as compute_class_weight gives."
                )
            y = self._encode_labels(y, reset=False)
            seed = self._resolve_seed(draw=first)
            training = self._labelled_images(rows, y, sample_weight)
            state = None if first else self._training_state
            self._train(training, None, state=state, seed=seed, partial=True)
        return self

    def predict_proba(self, X):
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
        return _engine().predict_proba(self._fitted_architecture, self._weights, rows)

    def predict_log_proba(self, X):
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

    def predict(self, X):
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
    def model_(self):
        """An ordinary compiled Keras model with the fitted weights."""
        check_is_fitted(self)
        return _engine().keras_model(self._fitted_architecture, self._recipe(), self._weights)

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
        if rows.dtype.kind in "iu" and rows.max() > 1:
            warnings.warn(
                f"X holds whole-number pixels up to {rows.max()}, but the network learns best from "
                "pixels in [0, 1]. Put an ImagePreprocessor before the classifier in a Pipeline.",
                UserWarning,
                stacklevel=3,
            )
        return rows, y

    def _encode_labels(self, y, *, reset):
        """Check `y`, and give the position of each label in `classes_`."""
        if reset:
            check_classification_targets(y)
            self.classes_, encoded = np.unique(y, return_inverse=True)
            if len(self.classes_) < 2:
                raise ValueError(
                    "y must hold at least two classes for the classifier to tell apart; "
                    f"got 1 class, {self.classes_[0]!r}."
                )
            return encoded.astype(np.int32)
        encoded = np.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)
        unknown = np.unique(y[self.classes_[encoded] != y])
        if unknown.size:
            raise ValueError(
                f"y holds labels that are not among the classes {self.classes_.tolist()}: "
                f"{unknown.tolist()}. Name every class at the first call."
            )
        return encoded.astype(np.int32)

    def _check_classes(self, classes, first):
        if classes is None:
            if first:
                raise ValueError(
                    "classes must be passed on the first call to partial_fit: every label there will be."
                )
            return
        classes = np.unique(classes)
        if first:
            if len(classes) < 2:
                raise ValueError(f"classes must hold at least two labels; got {classes.tolist()}.")
            self.classes_ = classes
        elif not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"classes={classes.tolist()} is not what the first call to partial_fit was told, "
                f"{self.classes_.tolist()}. Leave it out, or start with a clone."
            )

    def _labelled_images(self, rows, y, sample_weight):
        """Bring images, labels and weights together; images of weight 0 take no part."""
        weights = check_sample_weight(sample_weight, y)
        if self.class_weight is not None:
            weights = weights * compute_sample_weight(self._encoded_class_weight(), y)
        indices = np.flatnonzero(weights)
        # Over the whole fit: a batch's own mean would undo the weights of its classes.
        weights = weights / weights[indices].mean()
        return _engine().LabelledImages(rows, y, self._as_input(weights), indices)

    def _encoded_class_weight(self):
        if self.class_weight == "balanced":
            return "balanced"
        labels = self.classes_.tolist()
        unknown = [label for label in self.class_weight if label not in labels]
        if unknown:
            raise ValueError(f"class_weight names labels that are not among the classes {labels}: {unknown}.")
        return {i: self.class_weight.get(label, 1.0) for i, label in enumerate(labels)}

    def _validation_images(self, X_val, y_val, sample_weight_val):
        if y_val is None:
            raise ValueError("y_val must be passed with X_val: the labels of the validation images.")
        rows, y_val = self._validate_images(X_val, y_val, reset=False)
        y_val = self._encode_labels(y_val, reset=False)
        weights = check_sample_weight(sample_weight_val, y_val, "sample_weight_val")
        weights = self._as_input(weights / weights.mean())
        return _engine().LabelledImages(rows, y_val, weights, np.arange(len(rows)))

    def _split(self, images, seed):
        """Set a stratified part of the training images aside, by their indices."""
        if self.validation_split == 0:
            return images, None
        labels = images.labels[images.indices]
        try:
            kept, aside = train_test_split(
                images.indices,
                test_size=self.validation_split,
                stratify=labels,
                random_state=seed,
            )
        except ValueError as error:
            classes, counts = np.unique(labels, return_counts=True)
            rarest = counts.argmin()
            raise ValueError(
                f"validation_split={self.validation_split} must leave images of every class on both "
                f"sides, but there are {len(labels)} images, {counts[rarest]} of class "
                f"{self.classes_[classes[rarest]]!r}. Pass X_val and y_val, or validation_split=0."
            ) from error
        parts = (
            _engine().LabelledImages(images.rows, images.labels, images.weights, indices)
            for indices in (kept, aside)
        )
        return tuple(parts)

    def _train(self, training, validation, *, state, seed, partial=False):
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
        trained = _engine().train(
            architecture,
            self._recipe(),
            training,
            validation,
            seed=seed,
            state=state,
            partial=partial,
        )
        self._seed = seed
        self._network = asdict(architecture)
        self._weights = trained.weights
        self._optimizer_state = trained.optimizer, trained.optimizer_name
        self.history_ = trained.history
        self.n_iter_ = trained.n_epochs

    def _resolve_seed(self, *, draw):
        """The seed of this training; one that goes on keeps the seed it began with."""
        if not draw:
            return self._seed
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _recipe(self):
        return _engine().Recipe(
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            conv_dropout=self.conv_dropout,
            dense_dropout=self.dense_dropout,
            batch_size=self.batch_size,
            epochs=self.epochs,
            callbacks=copy.deepcopy(self.callbacks),
            verbose=self.verbose,
        )

    @property
    def _fitted_architecture(self):
        return Architecture(**self._network)

    @property
    def _training_state(self):
        optimizer, name = self._optimizer_state or ((), "")
        return _engine().TrainingState(self._weights, optimizer, name, self.history_)

    def _as_input(self, weights):
        return weights.astype("float64" if self.dtype == "float64" else "float32")

    def _is_fitted(self):
        return hasattr(self, "_weights")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _engine():
    """The engine, imported when something first has to run: TensorFlow takes seconds to load."""
    from . import _engine

    return _engine
