"""`CNNDigitClassifier`: the scikit-learn estimator. `_keras` trains its networks, and `_onnx` predicts."""

import copy
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from difflib import get_close_matches
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ._architecture import (
    DTYPES,
    PADDINGS,
    ActivationName,
    Architecture,
    DtypeName,
    Integers,
    PaddingName,
    WindowSizes,
)
from ._base import ImageEstimator, check_picklable, keep_types, observed_fit, snapshot, working_copy
from ._images import validate_images, warn_of_raw_pixels
from ._process import refuse_fork
from ._recipes import RECIPES, RecipeName
from ._training.checkpoint import open_checkpoint
from ._training.config import (
    AUGMENTATIONS,
    OPTIMIZERS,
    Augmentations,
    OptimizerName,
    ScheduleName,
    TrainingConfig,
    TrainingState,
)
from ._training.preparation import prepare_fit, prepare_partial_fit, warn_if_not_converged
from ._training.targets import is_number

if TYPE_CHECKING:
    import keras

__all__ = ["CNNDigitClassifier"]


class CNNDigitClassifier(ClassNamePrefixFeaturesOutMixin, ClassifierMixin, TransformerMixin, ImageEstimator):
    """Convolutional neural network for MNIST digits and other small images.

    The network consists of blocks of convolution and max-pooling, dropout, dense layers with dropout, and a
    softmax output. It is trained with cross-entropy. The default parameters are those of the classic Keras
    MNIST notebook: a network with 186,110 parameters for 28x28 gray images and ten classes, and on MNIST ten
    epochs of Adadelta with batches of 128 images. The notebook also sets 20% of the training images aside for
    validation, ``validation_split=0.2``. `from_recipe` returns classifiers with more accurate parameters, in
    particular for few images.

    The fitted weights are NumPy arrays. Keras trains them, and ONNX Runtime predicts with them, so a fitted
    classifier can be pickled and sent to other processes. In one process, fits with the same layers,
    optimizer settings and augmentation share one compiled network.

    The classifier is also a transformer: `transform` returns the embeddings of images, for instance for
    nearest neighbors.

    Read more in the :ref:`User Guide <guide-classifier>`.

    Parameters
    ----------
    filters : array-like of int, default=(32, 64)
        Number of filters in each block; the length sets the number of blocks. With ``()``, there are no
        blocks: the pixels, after dropout with the rate `conv_dropout`, are the input of the dense layers.
    kernel_size : int or array-like of (int or (int, int)), default=5
        Height and width of the convolution windows, in pixels. An integer is used for all blocks. A sequence
        has one entry per block: an integer or a (height, width) pair. Windows are clipped to the feature map.
    pool_size : int or array-like of (int or (int, int)), default=2
        Height and width of the pooling windows, in pixels; the same format as `kernel_size`.
    padding : {"valid", "same"}, default="valid"
        Padding of the convolutions: "valid" is none, so the feature maps become smaller; "same" pads with
        zeros, so that they keep their size.
    batch_normalization : bool, default=False
        Whether to normalize the outputs of each convolution before its activation [9]_. Training uses the
        mean and variance over the images of a batch, weighted by the sample weights, and predictions use
        moving averages of them. With a `batch_size` below about 16, these are inaccurate.
    global_average_pooling : bool, default=False
        Whether the average of each feature map of the last block is the input of the dense layers, instead of
        all its pixels.
    conv_dropout : float in [0, 1), default=0.2
        Dropout rate [1]_ after the last block: the fraction of its outputs that are set to 0 in training.
    dense_units : array-like of int, default=(120, 84)
        Number of units in each hidden dense layer; the length sets the number of layers. With ``()``, there
        are no hidden dense layers: the softmax layer follows the blocks, and `dense_dropout` has no effect.
    dense_dropout : float in [0, 1), default=0.5
        Dropout rate after the first dense layer.
    activation : {"elu", "gelu", "leaky_relu", "linear", "mish", "relu", "relu6", "selu", "sigmoid", "silu", \
            "softplus", "tanh"}, default="relu"
        Name of a Keras activation for all layers but the last.
    optimizer : {"adadelta", "adam", "adamw", "rmsprop", "sgd"} or keras.optimizers.Optimizer, \
            default="adadelta"
        The optimizer: Adadelta [2]_, Adam [3]_, AdamW [4]_, RMSprop or stochastic gradient descent. An
        instance is copied and never changed. Optimizers that average weights (`use_ema=True`,
        ScheduleFreeAdamW) are not supported.
    optimizer_params : dict or None, default=None
        Keyword arguments of the named optimizer, as Keras names them: ``{"beta_1": 0.7, "beta_2": 0.9}`` for
        "adam", ``{"momentum": 0.9, "nesterov": True}`` for "sgd", ``{"weight_decay": 1e-4}`` for any. None
        uses the Keras defaults. Must be None if `optimizer` is an instance, and must not contain the learning
        rate, which is set by `learning_rate`.
    learning_rate : float or "auto", default="auto"
        Learning rate. "auto" is 1.0 for "adadelta", as in the Keras MNIST notebook (the published method [2]_
        has no learning rate), the Keras default for any other name (0.001 for "adam"), and the learning rate
        of an instance.
    learning_rate_schedule : {"constant", "one_cycle", "cosine", "exponential"} or callable, \
            default="constant"
        Learning rate schedule over the batches of one `fit`, with `learning_rate` as its maximum. "one_cycle"
        rises linearly from a tenth of the maximum during the first fifth of the batches [5]_, then decays to
        0 along a cosine. "cosine" decays to 0 along a cosine [6]_, "exponential" decays to a hundredth. A
        callable takes the index of the batch, starting at 0, and returns its learning rate; it is called for
        all batches before training. `partial_fit` uses a constant rate.
    batch_size : int, default=128
        Number of images per batch. Doubling `batch_size` halves the number of updates per epoch.
    epochs : int or "auto", default="auto"
        Number of epochs. "auto" trains for about 2,000 batches, or 3,000 with `augmentation`, within 10 to
        300 epochs. Without augmentation, this is 300 epochs for 100 images, 32 for 8,000, and 10 for the
        60,000 of MNIST, as in the Keras MNIST notebook. The formula is
        ``min(300, max(10, ceil(2000 / ceil(n_samples / batch_size))))``, where `n_samples` is the number of
        training images without those for validation. See `n_iter_` for the result.
    validation_split : float in [0, 1), default=0.0
        Fraction of the training images that are not trained on but used for validation: a shuffled and
        stratified split, which determines `val_loss` and `val_accuracy` in `history_`.
    early_stopping : bool or {"val_loss", "val_accuracy"}, default=False
        Whether to stop when this metric has not improved for `n_iter_no_change` epochs, and to keep the
        weights of the best epoch. True is "val_accuracy", as in MLPClassifier. Without `X_val` and
        `validation_split`, 10% of the training images are used for validation.
    n_iter_no_change : int, default=5
        Number of epochs without improvement after which `early_stopping` stops (the patience in Keras).
    augmentation : {"affine", "elastic", "shift"}, dict, keras.Layer, list of keras.Layer or None, \
            default=None
        Data augmentation, drawn again for every image in every epoch. "shift" translates by whole pixels, up
        to 1/14 of the image size, rounded: 2 pixels for 28x28 images. "affine" translates by up to 1/14,
        rotates by up to 10 degrees and zooms by up to 10%. "elastic" also displaces every pixel by a smooth
        random field [7]_, whose root mean square along each axis is 2% of the image size: 0.56 pixels for
        28x28 images. Pixels from outside the image are 0.

        A dict chooses the operations by name, for example ``{"shift": 0.1, "horizontal_flip": 0.5}``, with
        these values, of which 0 is none:

        - "shift": largest shift, as a fraction of the image size; in whole pixels unless it is combined with
          another of the first five operations. For any images.
        - "rotation": largest angle, in degrees. Small angles are for any images, large ones for images
          without an up and down.
        - "zoom": largest change of size, as a fraction. For objects of different sizes.
        - "shear": largest slant of vertical lines, in degrees. For handwriting.
        - "elastic": root mean square of the displacement of pixels, as a fraction of the image size. For
          handwriting.
        - "horizontal_flip": probability that an image is mirrored left to right. For clothes and other
          objects, not for digits and letters, most of which would become other or no characters.
        - "erasing": side of a square that is set to 0 in half of the images, as a fraction of the image
          size. For objects that may be partly hidden, not for digits.

        Keras preprocessing layers are copied and seeded.
        They must keep the shape of the images. Layers that mix the images of a batch, such as MixUp, give
        images that do not fit their labels, and layers that draw from the global generators of Python or
        NumPy, such as AugMix, are not reproducible. Neither is checked.
    label_smoothing : float in [0, 1), default=0.0
        Fraction of the target probability that is spread evenly over all classes [8]_, in training and in
        `val_loss`. It usually raises the accuracy. With many training images, the probabilities become
        under-confident; with few, it counters over-confidence.
    class_weight : dict of label to float, "balanced" or None, default=None
        Class weights for training. Labels missing in a dict have weight 1. "balanced" is
        ``n_samples / (n_classes * np.bincount(y))``, over the training samples with a positive sample weight.
        In `partial_fit`, a dict is divided by its mean over the classes, so that the weights do not depend on
        the labels of one call.
    callbacks : list of keras.callbacks.Callback or None, default=None
        Keras callbacks, which `fit` calls. A clone has shallow copies of them.
    warm_start : bool, default=False
        Whether `fit` continues from the weights and the optimizer state of the previous fit. The optimizer
        state is kept by a `fit` with `warm_start` and by `partial_fit`; any other `fit` discards it.
    image_shape : tuple of int, (h, w) or (h, w, c), or None, default=None
        Shape of one image, in pixels. None infers it: from arrays of shape (n, h, w, c) or (n, h, w); flat
        rows whose width is a perfect square are square gray images; any other width is one row of pixels,
        with a warning.
    checkpoint : str, PathLike or None, default=None
        Path of a file in which `fit` saves the training state after every epoch. If the file exists, a `fit`
        with the same data and parameters resumes after the last saved epoch, and reaches the same weights as
        an uninterrupted fit; any other `fit` raises an error. The file is removed when `fit` succeeds. Fits
        that run at the same time need different files, since the last one to write replaces the file of the
        others. For searches, pass an existing directory, in which each run has its own file; `random_state`
        must then be an integer.
    dtype : {"float32", "float64", "mixed_bfloat16", "mixed_float16"}, default="float32"
        Keras dtype policy. Input of any dtype is cast to it a few batches at a time. Mixed precision is only
        used for training: ONNX Runtime predicts in float32. It is faster than "float32" only on processors
        with instructions for it, such as AVX512-BF16 or AMX for "mixed_bfloat16". With "float64", TensorFlow
        predicts in float64.
    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the images, the augmentation, the dropout masks and the
        validation split. Pass an integer for bit-identical weights in every call on one machine.
    verbose : int, default=0
        0 is silent. 1 shows a progress bar with the epoch, the metrics and the remaining time in terminals
        and notebooks, and prints one line per epoch elsewhere. 2 prints one line per epoch as Keras does.

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
        `loss` and `accuracy` per epoch, and `val_loss` and `val_accuracy` with validation data. Losses are
        cross-entropies, in nats. Warm starts and partial fits append to the lists; any other `fit` resets
        them.
    n_iter_ : int
        Number of epochs trained, the length of ``history_["loss"]``.
    best_validation_score_ : float
        Validation accuracy of the epoch whose weights were kept. Only with `early_stopping`.
    model_ : keras.Model
        A compiled Keras model with the fitted weights, for its `summary()` and for export. A new model is
        created at every access, so training it does not change the classifier.

    See Also
    --------
    ImagePreprocessor : Reshapes and scales images for this classifier.
    build_cnn : Builds the Keras network alone.
    load_pretrained : Loads a fitted classifier for handwritten digits.
    sklearn.neural_network.MLPClassifier : Dense layers only.

    References
    ----------
    .. [1] Srivastava, N. et al. (2014). "Dropout: a simple way to prevent neural networks from overfitting".
       JMLR 15.
    .. [2] Zeiler, M. D. (2012). "ADADELTA: an adaptive learning rate method". arXiv:1212.5701.
    .. [3] Kingma, D. P. and Ba, J. (2015). "Adam: a method for stochastic optimization". ICLR.
       arXiv:1412.6980.
    .. [4] Loshchilov, I. and Hutter, F. (2019). "Decoupled weight decay regularization". ICLR.
       arXiv:1711.05101.
    .. [5] Smith, L. N. and Topin, N. (2019). "Super-convergence: very fast training of neural networks using
       large learning rates". arXiv:1708.07120.
    .. [6] Loshchilov, I. and Hutter, F. (2017). "SGDR: stochastic gradient descent with warm restarts". ICLR.
       arXiv:1608.03983.
    .. [7] Simard, P. Y., Steinkraus, D. and Platt, J. C. (2003). "Best practices for convolutional neural
       networks applied to visual document analysis". ICDAR.
    .. [8] Szegedy, C. et al. (2016). "Rethinking the Inception architecture for computer vision". CVPR.
       arXiv:1512.00567.
    .. [9] Ioffe, S. and Szegedy, C. (2015). "Batch normalization: accelerating deep network training by
       reducing internal covariate shift". ICML. arXiv:1502.03167.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.pipeline import make_pipeline
    >>> from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor
    >>> X, y = load_digits(return_X_y=True)
    >>> cnn = CNNDigitClassifier(
    ...     filters=(16, 32), kernel_size=3, optimizer="adam", learning_rate=0.01,
    ...     learning_rate_schedule="one_cycle", epochs=6, random_state=0,
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

    # The sizes of layers are checked by Architecture, and image_shape with the images.
    _parameter_constraints = {
        "padding": [StrOptions(set(PADDINGS))],
        "batch_normalization": ["boolean"],
        "global_average_pooling": ["boolean"],
        "conv_dropout": [Interval(Real, 0, 1, closed="left")],
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
        "augmentation": [StrOptions(set(AUGMENTATIONS)), dict, HasMethods("get_config"), list, tuple, None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "callbacks": [list, tuple, None],
        "warm_start": ["boolean"],
        "checkpoint": [str, os.PathLike, None],
        "dtype": [StrOptions(set(DTYPES))],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        filters: Integers = (32, 64),
        *,
        kernel_size: WindowSizes = 5,
        pool_size: WindowSizes = 2,
        padding: PaddingName = "valid",
        batch_normalization: bool = False,
        global_average_pooling: bool = False,
        conv_dropout: float = 0.2,
        dense_units: Integers = (120, 84),
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
        augmentation: "Augmentations | keras.Layer | Sequence[keras.Layer] | None" = None,
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
        self.padding = padding
        self.batch_normalization = batch_normalization
        self.global_average_pooling = global_average_pooling
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

        The recipes were selected for different numbers of training images, and [1]_ compares them. Read more
        in the :ref:`User Guide <guide-how_long_to_train>`.

        Parameters
        ----------
        name : {"recommended", "notebook", "one_epoch", "fast", "strong", "best", "best_objects"}, \
                default="recommended"
            Name of the recipe, with the smallest number of training images for which it is recommended:

            - "recommended" (20): accurate with few and many images, digits or not.
            - "notebook" (48,000): the training of the classic Keras MNIST notebook, for comparisons.
            - "one_epoch" (48,000): the accuracy of the notebook in a seventh of its training time.
            - "fast" (48,000): fewer errors than the notebook in a quarter of its time.
            - "strong" (16,000): high accuracy in half of the notebook's time, with four convolutional layers.
            - "best" (5,000): the highest accuracy and the lowest log loss, with four convolutional layers, in
              four times the notebook's time. For digits.
            - "best_objects" (5,000): for clothes and other small pictures that may be mirrored, with six
              convolutional layers and batch normalization. Not for digits and letters.
        **params : object
            Other parameters of the classifier. They replace those of the recipe. "strong", "best" and
            "best_objects" have one value of `filters`, `kernel_size` and `pool_size` per layer. For another
            number of layers, pass all three.

        Returns
        -------
        classifier : CNNDigitClassifier
            An unfitted classifier. Its parameters are plain values, so it can be cloned, searched and saved.

        Raises
        ------
        TypeError
            If the classifier has no parameter with a name in `params`.
        ValueError
            If there is no recipe with this `name`.

        See Also
        --------
        CNNDigitClassifier.recipes : List the recipes.
        load_pretrained : Load a fitted classifier for handwritten digits.

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
        known = list(inspect.signature(cls).parameters)
        for unknown in params.keys() - set(known):
            (nearest,) = get_close_matches(unknown, known, n=1, cutoff=0)
            raise TypeError(
                f"params must be parameters of {cls.__name__}, got {unknown!r}. Did you mean {nearest!r}?"
            )
        return cls(**{**copy.deepcopy(RECIPES[name].params), **params})

    @staticmethod
    def recipes() -> dict[RecipeName, str]:
        """Return the names of the recipes for `from_recipe`, and the purpose of each.

        Returns
        -------
        recipes : dict of str to str
            Names and purposes.

        See Also
        --------
        CNNDigitClassifier.from_recipe : Create a classifier with the parameters of a recipe.

        Examples
        --------
        >>> from sk_mnist_cnn import CNNDigitClassifier
        >>> list(CNNDigitClassifier.recipes())
        ['recommended', 'notebook', 'one_epoch', 'fast', 'strong', 'best', 'best_objects']
        >>> CNNDigitClassifier.recipes()["recommended"]
        'accurate with few and many images, digits or not'
        """
        return {name: recipe.purpose for name, recipe in RECIPES.items()}

    @keep_types(_fit_context(prefer_skip_nested_validation=True))
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

        Read more in the :ref:`User Guide <guide-training>`.

        Parameters
        ----------
        X : array-like of shape (n_samples, h, w, c), (n_samples, h, w) or (n_samples, h * w * c)
            Images with pixels in [0, 1].
        y : array-like of shape (n_samples,)
            Labels of at least two classes: strings, integers, booleans, or float32 or float64 without a
            fraction, which reports print as scikit-learn does, for example 3.0.
        sample_weight : array-like of shape (n_samples,), float or None, default=None
            Sample weights, at least 0; None is 1 for all samples. Samples with zero weight are ignored. Only
            the ratios of the weights matter.
        X_val : array-like, in one of the shapes of `X`, default=None
            Images for validation after every epoch, instead of `validation_split`.
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
        ImportError
            If TensorFlow is not installed, or Keras was imported with another backend.
        OSError
            If the file of `checkpoint` can no longer be written, for instance on a full disk.
        RuntimeError
            In a process forked after TensorFlow was loaded, where TensorFlow's threads do not exist; or if
            TensorFlow does not execute as by default: inside a `tf.Graph` or a `tf.function`, in the scope of
            a `tf.distribute` strategy, or after ``tf.config.run_functions_eagerly(True)``.
        TypeError
            If `X` is sparse, or the labels cannot be sorted, such as a mix of numbers and strings.
        ValueError
            If the data or a parameter is not valid, the loss becomes infinite or NaN, or the file of
            `checkpoint` is damaged or was saved by another run.

        Warns
        -----
        ConvergenceWarning
            If the training loss of the last epoch is not clearly below the loss of predicting the class
            frequencies for every image. Or if it was still decreasing clearly in the last epochs, after
            training with a constant learning rate for fewer epochs than "auto".
        UserWarning
            If the pixels are integers above 1, or flat rows are not square and `image_shape` is None.

        See Also
        --------
        partial_fit : Train for one epoch on a batch of images.

        Notes
        -----
        A `fit` that raises an error leaves the classifier unchanged.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from sk_mnist_cnn import CNNDigitClassifier
        >>> X, y = load_digits(return_X_y=True)
        >>> clf = CNNDigitClassifier(
        ...     (4,), optimizer="adam", learning_rate=0.01, learning_rate_schedule="cosine", batch_size=32,
        ...     epochs=2, random_state=0,
        ... )
        >>> clf.fit(X[:1000] / 16, y[:1000], X_val=X[1000:] / 16, y_val=y[1000:]).n_iter_
        2
        >>> sorted(clf.history_)
        ['accuracy', 'loss', 'val_accuracy', 'val_loss']
        """
        run = prepare_fit(self, X, y, sample_weight, (X_val, y_val, sample_weight_val))
        weights = None if is_number(sample_weight) else sample_weight  # scorers take one per sample
        checkpoint = open_checkpoint(run)
        with observed_fit(self, X, y, weights, run) as observer:
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

        Use it for data that arrives in parts, or to continue the training of a fitted classifier with other
        images. The optimizer state is kept between calls. A `fit` without `warm_start` does not keep it, so
        the first `partial_fit` after such a `fit` starts from the fitted weights with a new optimizer state.

        Do not call `partial_fit` of one classifier in several threads at the same time, because only one of
        the epochs would be kept. Read more in the :ref:`User Guide <guide-training>`.

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
        ImportError
            If TensorFlow is not installed, or Keras was imported with another backend.
        RuntimeError
            As in `fit`.
        TypeError
            If `X` is sparse.
        ValueError
            If `classes` is missing at the first call or differs later, a label is not among them,
            `class_weight` is "balanced", which needs all labels at once, `early_stopping` is set, or the data
            or another parameter is not valid.

        Warns
        -----
        UserWarning
            As in `fit`, for pixels that are not scaled and for flat rows that are not square.

        See Also
        --------
        fit : Train for all epochs.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from sk_mnist_cnn import CNNDigitClassifier
        >>> X, y = load_digits(return_X_y=True)
        >>> clf = CNNDigitClassifier((4,), optimizer="adam")
        >>> for start in range(0, 1500, 500):
        ...     part = slice(start, start + 500)
        ...     clf = clf.partial_fit(X[part] / 16, y[part], classes=range(10))
        >>> clf.n_iter_
        3
        """
        run = prepare_partial_fit(self, X, y, classes, sample_weight)
        self._store(run, _engine().train(run), keep_optimizer=True)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.floating[Any]]:
        """Predict class probabilities.

        They are usually well calibrated after training on many images without `label_smoothing`. Read more
        in the :ref:`User Guide <guide-probabilities>`.

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
        ImportError
            If TensorFlow is not installed, for classifiers with ``dtype="float64"``. The others predict
            without TensorFlow.
        NotFittedError
            If the classifier is not fitted.
        RuntimeError
            For classifiers with ``dtype="float64"``, as in `fit`.
        TypeError
            If `X` is sparse.
        ValueError
            If the images have another shape than those in `fit`, or pixels are NaN, infinite, or so large
            that the probabilities are not finite.

        Warns
        -----
        UserWarning
            If the pixels are integers above 1, so that they seem not to be scaled.

        See Also
        --------
        predict : Return the most probable labels.
        evaluation_report : Compute the log loss and the calibration error.

        Examples
        --------
        >>> from sk_mnist_cnn import load_mnist_sample, load_pretrained
        >>> images = load_mnist_sample().x_test[:2]
        >>> load_pretrained().predict_proba(images).round(3).max(axis=1)
        array([1., 1.], dtype=float32)
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
            In the order of `classes_`. Always finite: a probability of 0 is replaced by the smallest normal
            number.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        TypeError
            If `X` is sparse.
        ValueError
            As in `predict_proba`.

        See Also
        --------
        predict_proba : Predict the probabilities.

        Examples
        --------
        >>> from sk_mnist_cnn import load_mnist_sample, load_pretrained
        >>> images = load_mnist_sample().x_test[:2]
        >>> load_pretrained().predict_log_proba(images).shape
        (2, 10)
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

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        TypeError
            If `X` is sparse.
        ValueError
            As in `predict_proba`.

        See Also
        --------
        predict_proba : Predict the probabilities of all classes.

        Examples
        --------
        >>> from sk_mnist_cnn import load_mnist_sample, load_pretrained
        >>> mnist = load_mnist_sample()
        >>> load_pretrained().predict(mnist.x_test[:5])
        array([8, 6, 0, 1, 9])
        >>> mnist.y_test[:5]
        array([8, 6, 0, 1, 9])
        """
        fitted = snapshot(self)
        positions = fitted.predict_proba(X).argmax(axis=1)
        return fitted.classes_[positions]

    def transform(self, X: ArrayLike) -> NDArray[np.floating[Any]]:
        """Compute embeddings: the activations of the last hidden layer.

        Images of the same class have similar embeddings, so other estimators can be fitted on them. Read more
        in the :ref:`User Guide <guide-embeddings>`.

        Parameters
        ----------
        X : array-like of shape (n_samples, h, w, c), (n_samples, h, w) or (n_samples, h * w * c)
            Images with pixels in [0, 1].

        Returns
        -------
        embeddings : ndarray of shape (n_samples, n_units)
            `n_units` is the last of `dense_units`. Without `dense_units`, the embedding of an image is its
            flattened feature map. float64 with ``dtype="float64"``, otherwise float32. A frame, if
            `set_output` asks for one, with the columns of `get_feature_names_out`.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        TypeError
            If `X` is sparse.
        ValueError
            If the images have another shape than those in `fit`, or pixels are NaN, infinite, or so large
            that the embeddings are not finite.

        Warns
        -----
        UserWarning
            If the pixels are integers above 1, so that they seem not to be scaled.

        See Also
        --------
        predict_proba : Predict class probabilities from the embeddings.

        Examples
        --------
        >>> from sk_mnist_cnn import load_mnist_sample, load_pretrained
        >>> load_pretrained().transform(load_mnist_sample().x_test[:5]).shape
        (5, 84)
        """
        return self._predict(X, "embeddings")

    @property
    def model_(self) -> "keras.Model":
        """A compiled Keras model with the fitted weights, for its `summary()` and for export.

        A new model is created at every access, so training it does not change the classifier. Read more in
        the :ref:`User Guide <guide-persistence>`.

        Raises
        ------
        ImportError
            If TensorFlow is not installed, or Keras was imported with another backend.
        NotFittedError
            If the classifier is not fitted.
        RuntimeError
            As in `fit`.

        See Also
        --------
        build_cnn : Build the network without a classifier.
        export_onnx : Write a fitted classifier to an ONNX file.

        Examples
        --------
        >>> from sk_mnist_cnn import load_pretrained
        >>> load_pretrained()[-1].model_.input_shape
        (None, 28, 28, 1)
        """
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

    if TYPE_CHECKING:  # scikit-learn, which has no type hints, implements these methods

        def fit_transform(  # noqa: D102
            self, X: ArrayLike, y: ArrayLike, **fit_params: Any
        ) -> NDArray[np.floating[Any]]: ...
        def score(  # noqa: D102
            self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
        ) -> float: ...

    def __sklearn_clone__(self) -> Self:
        # Shallow copies of the callbacks, which hold live objects: trials, queues, loggers, lists of results.
        plain = working_copy(self)
        plain.callbacks = None
        cloned = super(CNNDigitClassifier, plain).__sklearn_clone__()
        if isinstance(self.callbacks, list | tuple):
            cloned.callbacks = type(self.callbacks)(map(copy.copy, self.callbacks))
        else:
            cloned.callbacks = self.callbacks
        return cloned

    def __getstate__(self) -> dict[str, Any]:
        check_picklable(self.callbacks)
        return super().__getstate__()

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_weights")

    def __dir__(self) -> list[str]:
        # scikit-learn's HTML and dir() evaluate every name listed here. `model_` would build a network.
        return [name for name in object.__dir__(self) if name != "model_" and hasattr(self, name)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags


def compute_output(
    architecture: Architecture,
    weights: tuple[NDArray[Any], ...],
    rows: NDArray[Any],
    output: Literal["probabilities", "embeddings"],
) -> NDArray[np.floating[Any]]:
    """Return an output of a network for validated images, by ONNX Runtime or, in float64, by TensorFlow.

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
    from ._onnx import session

    predictor = _engine() if architecture.dtype == "float64" else session
    values = predictor.predict(architecture, weights, rows, output)
    if not np.isfinite(values).all():
        raise ValueError(
            f"X must hold pixels in [0, 1], got pixels from {rows.min():g} to {rows.max():g}, for which the "
            f"{output} are not finite. Put an ImagePreprocessor before the classifier in a Pipeline."
        )
    return values


def _engine():
    """Return the engine, imported at its first use, because importing TensorFlow takes seconds."""
    refuse_fork()
    from ._keras import engine

    return engine
