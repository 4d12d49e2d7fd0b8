"""The Displays: figures of trainings, mistakes, filters and evidence. Nothing is trained here."""

from numbers import Integral

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from . import _images

# M. Okabe and K. Ito's colours, which the colour-blind tell apart; two of them make a scale.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_AGAINST_OR_FOR = LinearSegmentedColormap.from_list("against_or_for", ["#56B4E9", "#808080", "#E69F00"])


class TrainingHistoryDisplay:
    """Loss and accuracy after every epoch, of one training or of several.

    Parameters
    ----------
    histories : dict of (str or None) to (dict of list of float)
        By name, what was recorded each epoch: `loss`, `accuracy`, `val_loss` and so on, as in `history_`.

    Attributes
    ----------
    axes_ : ndarray of Axes
        One axes a metric; `ax_` is the first.
    figure_ : Figure
        The figure.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sk_mnist_cnn import CNNDigitClassifier, TrainingHistoryDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = CNNDigitClassifier(filters=(4,), dense_units=(), epochs=2, validation_split=0.2)
    >>> display = TrainingHistoryDisplay.from_estimator(clf.fit(X / 16, y))
    >>> [ax.get_ylabel() for ax in display.axes_]
    ['loss', 'accuracy']
    """

    def __init__(self, histories):
        self.histories = histories

    def plot(self, *, metrics=None, ax=None):
        """Draw the curves: training solid, validation dashed.

        Parameters
        ----------
        metrics : str or list of str or None, default=None
            What to draw, one axes each. None is loss and accuracy, and the loss alone in a single `ax`.
        ax : Axes or sequence of Axes or None, default=None
            Where to draw, beside the curves already there. None makes a figure.

        Returns
        -------
        self : TrainingHistoryDisplay
            The display.
        """
        if metrics is None:
            metrics = "loss" if isinstance(ax, Axes) else ("loss", "accuracy")
        metrics = [metrics] if isinstance(metrics, str) else list(metrics)
        for history in self.histories.values():
            if unknown := [metric for metric in metrics if metric not in history]:
                raise ValueError(f"metrics must be among those recorded, {list(history)}; got {unknown}.")
        if ax is None:
            _, ax = plt.subplots(1, len(metrics), figsize=(1 + 4 * len(metrics), 4), layout="constrained")
        self.axes_ = np.ravel(ax)
        if len(self.axes_) != len(metrics):
            raise ValueError(
                f"ax must hold one axes for each of the metrics {metrics}; got {len(self.axes_)} axes. "
                "Pass as many axes as metrics."
            )
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        for axes, metric in zip(self.axes_, metrics, strict=True):
            for name, history in self.histories.items():
                _draw_curves(axes, metric, name, history)
        return self

    @classmethod
    def from_estimator(cls, estimator, *, name=None, **plot_params):
        """Draw how a classifier was trained.

        Parameters
        ----------
        estimator : estimator
            A fitted `CNNDigitClassifier`, or a fitted Pipeline or search that ends in one.
        name : str or None, default=None
            Its name in the legend.
        **plot_params : dict
            Parameters of `plot`.

        Returns
        -------
        display : TrainingHistoryDisplay
            The display, drawn.
        """
        return cls.from_estimators({name: estimator}, **plot_params)

    @classmethod
    def from_estimators(cls, estimators, **plot_params):
        """Draw how several classifiers were trained, to compare them.

        Parameters
        ----------
        estimators : dict of str to estimator, or list of (str, estimator)
            Classifiers by name, each as `from_estimator` takes it.
        **plot_params : dict
            Parameters of `plot`.

        Returns
        -------
        display : TrainingHistoryDisplay
            The display, drawn.
        """
        histories = {name: _fitted(est, "history_")[0] for name, est in dict(estimators).items()}
        return cls(histories).plot(**plot_params)


class MisclassifiedDisplay:
    """Images that a classifier got wrong, with what they are and what they were taken for.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, 3)
        All the misclassified images, with pixels in [0, 1].
    y_true, y_pred : ndarray of shape (n,)
        True and predicted labels.
    y_proba : ndarray of shape (n,) or None, default=None
        Probability of each predicted label.
    indices : ndarray of shape (n,) or None, default=None
        Position of each image in the data. None counts from 0.

    Attributes
    ----------
    indices_ : ndarray of int
        Positions in the data of the images shown, in the order shown.
    ax_, figure_ : Axes, Figure
        Where they are shown.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sk_mnist_cnn import MisclassifiedDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = GaussianNB().fit(X[:900], y[:900])
    >>> display = MisclassifiedDisplay.from_estimator(clf, X[900:], y[900:], n_images=9)
    >>> display.indices_.shape
    (9,)
    """

    def __init__(self, images, y_true, y_pred, *, y_proba=None, indices=None):
        self.images = images
        self.y_true = y_true
        self.y_pred = y_pred
        self.y_proba = y_proba
        self.indices = indices

    def plot(self, *, n_images=25, sort="confidence", ax=None):
        """Draw the images in a grid.

        Parameters
        ----------
        n_images : int, default=25
            How many to show at most.
        sort : "confidence" or None, default="confidence"
            Whether the most confident mistakes come first. Otherwise, and without probabilities, images come
            in the order of the data.
        ax : Axes or None, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        self : MisclassifiedDisplay
            The display.
        """
        if not isinstance(n_images, Integral) or n_images < 1:
            raise ValueError(f"n_images must be a whole number from 1 up; got {n_images!r}.")
        if sort not in ("confidence", None):
            raise ValueError(f'sort must be "confidence" or None, for the order of the data; got {sort!r}.')
        order = np.arange(len(self.images))
        if sort and self.y_proba is not None:
            order = np.argsort(-self.y_proba, kind="stable")
        shown = order[:n_images]
        self.indices_ = shown if self.indices is None else self.indices[shown]
        labels, title = _with_probability(self.y_pred, self.y_proba), "no misclassified images"
        labels = [f"{self.y_true[i]} → {labels[i]}" for i in shown]
        if max(map(len, labels), default=0) > 14:
            labels = [label.replace("→ ", "→\n") for label in labels]
        if labels:
            key = "" if self.y_proba is None else " (probability)"
            title = f"{len(shown)} of {len(order)} misclassified: true → predicted{key}"
        self.ax_ = _draw_tiles(ax, self.images[shown], labels, title, cmap="gray", vmin=0, vmax=1)
        self.figure_ = self.ax_.figure
        return self

    @classmethod
    def from_estimator(cls, estimator, X, y, *, image_shape=None, **plot_params):
        """Draw what a classifier gets wrong.

        Parameters
        ----------
        estimator : estimator
            Any fitted classifier, Pipeline or search; one without `predict_proba` gives no probabilities.
        X : array-like of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
            Images as `estimator` takes them.
        y : array-like of shape (n,)
            True labels.
        image_shape : tuple of int, (h, w) or (h, w, c), or None, default=None
            Shape of one image, in pixels. None is the shape that `estimator` was fitted on, or infers it.
        **plot_params : dict
            Parameters of `plot`.

        Returns
        -------
        display : MisclassifiedDisplay
            The display, drawn.
        """
        y_pred, y_proba = estimator.predict(X), None
        if hasattr(estimator, "predict_proba"):
            positions = _positions("y_pred", y_pred, estimator.classes_)
            y_proba = estimator.predict_proba(X)[np.arange(len(y_pred)), positions]
        images = _as_images(X, image_shape, estimator)
        return cls.from_predictions(images, y, y_pred, y_proba=y_proba, **plot_params)

    @classmethod
    def from_predictions(cls, X, y_true, y_pred, *, y_proba=None, image_shape=None, **plot_params):
        """Draw the images whose predicted label is not the true one.

        Parameters
        ----------
        X : array-like of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
            Images of any scale, grey or RGB.
        y_true, y_pred : array-like of shape (n,)
            True and predicted labels.
        y_proba : array-like of shape (n,) or (n, n_classes) or None, default=None
            Probability of each predicted label, or of every class, where the largest counts.
        image_shape : tuple of int, (h, w) or (h, w, c), or None, default=None
            Shape of one image, in pixels. None infers it: a square number of features is a grey square.
        **plot_params : dict
            Parameters of `plot`.

        Returns
        -------
        display : MisclassifiedDisplay
            The display, drawn.
        """
        images = _as_images(X, image_shape)
        y_true, y_pred = column_or_1d(y_true), column_or_1d(y_pred)
        check_consistent_length(images, y_true, y_pred, y_proba)
        wrong = np.flatnonzero(y_true != y_pred)
        if y_proba is not None:
            y_proba = np.asarray(y_proba)[wrong]
            y_proba = y_proba if y_proba.ndim == 1 else y_proba.max(axis=1)
        display = cls(
            _displayable(images[wrong]), y_true[wrong], y_pred[wrong], y_proba=y_proba, indices=wrong
        )
        return display.plot(**plot_params)


class FilterDisplay:
    """What the first convolution looks for, or what it finds in an image.

    Parameters
    ----------
    kernels : ndarray of shape (n_filters, h, w, c)
        Weights of the convolution.
    feature_maps : ndarray of shape (n_filters, h, w) or None, default=None
        What the convolution, activation included, gives for an image. Drawn instead of the weights.

    Attributes
    ----------
    ax_, figure_ : Axes, Figure
        Where they are drawn.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sk_mnist_cnn import CNNDigitClassifier
    >>> from sk_mnist_cnn.plotting import FilterDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = CNNDigitClassifier(filters=(4,), dense_units=(), epochs=1).fit(X / 16, y)
    >>> FilterDisplay.from_estimator(clf).kernels.shape
    (4, 5, 5, 1)
    >>> FilterDisplay.from_estimator(clf, X[0] / 16).feature_maps.shape
    (4, 4, 4)
    """

    def __init__(self, kernels, *, feature_maps=None):
        self.kernels = kernels
        self.feature_maps = feature_maps

    def plot(self, *, ax=None):
        """Draw a tile a filter, all on one scale.

        Parameters
        ----------
        ax : Axes or None, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        self : FilterDisplay
            The display.
        """
        largest = np.abs(self.kernels).max()
        tiles, title, unit = self.kernels.mean(axis=-1), "Filters of the first layer", "weight"
        scale = {"cmap": "PuOr", "vmin": -largest, "vmax": largest}
        if self.feature_maps is not None:
            tiles, title, unit = self.feature_maps, "Feature maps of the first layer", "activation"
            scale = {"cmap": "cividis", "vmin": tiles.min(), "vmax": tiles.max()}
        elif self.kernels.shape[-1] == 3:
            tiles, title, unit = 0.5 + self.kernels / (2 * largest), f"{title}, grey is 0", None
        self.ax_ = _draw_tiles(ax, tiles, range(len(tiles)), title, **scale)
        self.figure_ = self.ax_.figure
        if unit:
            self.figure_.colorbar(self.ax_.images[-1], ax=self.ax_, label=unit, shrink=0.8)
        return self

    @classmethod
    def from_estimator(cls, estimator, image=None, *, ax=None):
        """Draw the filters of a classifier's first layer.

        Parameters
        ----------
        estimator : estimator
            A fitted `CNNDigitClassifier`, or a fitted Pipeline or search that ends in one.
        image : array-like of shape (h, w, c), (h, w) or (h * w * c,), or None, default=None
            One image as `estimator` takes it, or an array or frame of one, to draw the feature maps of.
        ax : Axes or None, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        display : FilterDisplay
            The display, drawn.
        """
        if image is not None and np.shape(image)[0] != 1:
            image = np.asarray(image)[np.newaxis]
        model, image = _fitted(estimator, "model_", image)
        layer, feature_maps = model.get_layer("conv_1"), None
        kernels = np.moveaxis(np.asarray(layer.kernel), -1, 0)
        if image is not None:
            outputs = layer(_as_images(image, model.input_shape[1:]).astype(kernels.dtype))
            feature_maps = np.moveaxis(np.asarray(outputs).astype(kernels.dtype)[0], -1, 0)
        return cls(kernels, feature_maps=feature_maps).plot(ax=ax)


class SaliencyDisplay:
    """Which pixels of an image spoke for a class, and which against it.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, 3)
        Images, with pixels in [0, 1].
    saliency : ndarray of shape (n, h, w)
        How much each pixel speaks for the class; what is below 0 speaks against it.
    labels : ndarray of shape (n,)
        The class in question, for each image.
    y_proba : ndarray of shape (n,) or None, default=None
        Probability of that class.

    Attributes
    ----------
    ax_, figure_ : Axes, Figure
        Where they are drawn.

    References
    ----------
    .. [1] A. Shrikumar et al. (2016). "Not just a black box: learning important features through
       propagating activation differences". arXiv:1605.01713.
    .. [2] M. D. Zeiler, R. Fergus (2014). "Visualizing and understanding convolutional networks". ECCV.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sk_mnist_cnn.plotting import SaliencyDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> display = SaliencyDisplay.from_estimator(GaussianNB().fit(X, y), X[:4], method="occlusion")
    >>> display.saliency.shape
    (4, 8, 8)
    """

    def __init__(self, images, saliency, labels, *, y_proba=None):
        self.images = images
        self.saliency = saliency
        self.labels = labels
        self.y_proba = y_proba

    def plot(self, *, ax=None):
        """Draw the images, each under its heat map, which is scaled to its own largest value.

        Parameters
        ----------
        ax : Axes or None, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        self : SaliencyDisplay
            The display.
        """
        largest = np.abs(self.saliency).max(axis=(1, 2), keepdims=True)
        heat = self.saliency / np.where(largest > 0, largest, 1)
        labels = _with_probability(self.labels, self.y_proba)
        title = "Evidence for the class named"
        self.ax_ = _draw_tiles(ax, self.images, labels, title, heat, cmap="gray", vmin=0, vmax=1)
        self.figure_ = self.ax_.figure
        mappable = ScalarMappable(Normalize(-1, 1), _AGAINST_OR_FOR)
        bar = self.figure_.colorbar(mappable, ax=self.ax_, ticks=[-1, 0, 1], shrink=0.8)
        bar.ax.set_yticklabels(["against", "neither", "for"])
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        method="gradient",
        patch_size="auto",
        background=0,
        image_shape=None,
        ax=None,
    ):
        """Draw which pixels a classifier goes by.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier, Pipeline or search. The gradient needs one that ends in a
            `CNNDigitClassifier`, occlusion one with `predict_proba`.
        X : array-like of shape (n, h, w, c), (n, h, w) or (n, h * w * c)
            A few images as `estimator` takes them.
        y : label or array-like of shape (n,) or None, default=None
            The class in question, for all images or for each. None is the predicted one.
        method : {"gradient", "occlusion"}, default="gradient"
            "gradient" is the gradient of the class' log-odds times the pixel [1]_, on the image as it
            reaches the network. "occlusion" is the probability that the class loses, on average over the
            patches that hide the pixel [2]_.
        patch_size : int or "auto", default="auto"
            Height and width of the patch, in pixels. "auto" is a seventh of the image, and at least 2.
        background : float, default=0
            The pixel value that says nothing: it fills a patch, and gradients count from it.
        image_shape : tuple of int, (h, w) or (h, w, c), or None, default=None
            Shape of one image, in pixels. None is the shape that `estimator` was fitted on, or infers it.
        ax : Axes or None, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        display : SaliencyDisplay
            The display, drawn.
        """
        if method not in ("gradient", "occlusion"):
            raise ValueError(f'method must be "gradient" or "occlusion"; got {method!r}.')
        if not hasattr(estimator, "predict_proba"):
            raise ValueError(f"estimator must have predict_proba, to tell what it loses; got {estimator!r}.")
        probabilities = estimator.predict_proba(X)
        positions = probabilities.argmax(axis=1)
        if y is not None:
            y = np.full(len(probabilities), y) if np.ndim(y) == 0 else column_or_1d(y)
            check_consistent_length(probabilities, y)
            positions = _positions("y", y, estimator.classes_)
        if method == "gradient":
            model, X = _fitted(estimator, "model_", X)
            images = _as_images(X, model.input_shape[1:])
            saliency = _gradients(model, images, positions, background)
        else:
            images = _as_images(X, image_shape, estimator)
            saliency = _occlusions(estimator, X, images, positions, background, patch_size)
        y_proba = probabilities[np.arange(len(positions)), positions]
        display = cls(_displayable(images), saliency, estimator.classes_[positions], y_proba=y_proba)
        return display.plot(ax=ax)


def _steps(estimator):
    """What searches and Pipelines hold, in order; the classifier comes last."""
    if hasattr(estimator, "best_estimator_"):
        return _steps(estimator.best_estimator_)
    if isinstance(estimator, Pipeline):
        return [inner for _, step in estimator.steps for inner in _steps(step)]
    return [] if estimator in (None, "passthrough") else [estimator]


def _fitted(estimator, attribute, X=None):
    """An attribute of the network at the end of `estimator`, and `X` as it reaches the network."""
    check_is_fitted(estimator)
    *transformers, last = _steps(estimator)
    value = getattr(last, attribute, None)  # once: every `model_` is a new model
    if value is None:
        raise ValueError(
            "estimator must be a fitted CNNDigitClassifier, or a Pipeline or search (with refit=True) that "
            f"ends in one, for its {attribute}; got {estimator!r}."
        )
    for step in transformers if X is not None else ():
        X = step.transform(X)
    return value, X


def _as_images(X, image_shape=None, estimator=None):
    """Images of any layout as an array (n, h, w, c)."""
    rows, layout = _images.as_rows(X)
    rows = check_array(rows, dtype="numeric", input_name="X")
    if image_shape is None and layout is None:
        shapes = [step.image_shape_ for step in _steps(estimator) if hasattr(step, "image_shape_")]
        image_shape = next((shape for shape in shapes if np.prod(shape) == rows.shape[1]), None)
    return rows.reshape(-1, *_images.resolve_image_shape(rows.shape[1], layout, image_shape))


def _displayable(images):
    """Grey (n, h, w) or RGB (n, h, w, 3), on one scale of [0, 1]."""
    images = images.astype(float)
    low, high = images.min(initial=0), images.max(initial=0)
    images = (images - low) / ((high - low) or 1)
    return images if images.shape[-1] == 3 else images.mean(axis=-1)


def _positions(name, labels, classes):
    """The position of each label in `classes`."""
    labels = np.asarray(labels)
    matches = labels[:, np.newaxis] == classes
    known = matches.any(axis=1)
    if not known.all():
        unknown = np.unique(labels[~known]).tolist()
        raise ValueError(f"{name} must hold labels among the classes {classes.tolist()}; got {unknown}.")
    return matches.argmax(axis=1)


def _with_probability(labels, y_proba):
    if y_proba is None:
        return [str(label) for label in labels]
    return [f"{label} ({p:.0%})" for label, p in zip(labels, y_proba, strict=True)]


def _gradients(model, images, positions, background):
    """Gradients times pixels, of log-odds from before the softmax: behind it they level off."""
    from ._tensorflow import keras, tf

    last = model.layers[-1]
    features = keras.Model(model.inputs, last.input)
    pixels = tf.constant(images, dtype=last.kernel.dtype)
    of_class = tf.one_hot(positions, model.output_shape[-1], on_value=True, off_value=False)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        logits = tf.cast(features(pixels), last.kernel.dtype) @ last.kernel + last.bias
        others = tf.where(of_class, -np.inf, logits)
        log_odds = logits[of_class] - tf.reduce_logsumexp(others, axis=1)
    return np.sum(tape.gradient(log_odds, pixels) * (pixels - background), axis=-1)


def _occlusions(estimator, X, images, positions, background, patch_size):
    """Probability lost, on average over the patches that hide a pixel, as what the other classes win."""
    height, width = images.shape[1:3]
    if patch_size == "auto":
        patch_size = max(2, min(height, width) // 7)
    if not isinstance(patch_size, Integral) or patch_size < 1:
        raise ValueError(f'patch_size must be a whole number from 1 up or "auto"; got {patch_size!r}.')
    rows, columns = _windows(height, patch_size), _windows(width, patch_size)
    masks = (rows[:, np.newaxis, :, np.newaxis] & columns[:, np.newaxis, :]).reshape(-1, height, width)

    def others(images, position):
        batch = images.reshape(-1, *np.shape(X)[1:])
        if hasattr(X, "columns"):
            batch = pd.DataFrame(batch, columns=list(X.columns))
        return np.delete(estimator.predict_proba(batch), position, axis=1).sum(axis=1)

    saliency = []
    for image, position in zip(images, positions, strict=True):
        hidden = np.where(masks[..., np.newaxis], background, image).astype(images.dtype)
        lost = others(hidden, position) - others(image, position)
        saliency.append(np.tensordot(lost, masks, axes=1) / masks.sum(axis=0))
    return np.array(saliency)


def _windows(length, size):
    """Masks of the windows of `size` that slide along `length`, a quarter of themselves at a time."""
    size = min(size, length)
    starts = np.append(np.arange(0, length - size, max(1, size // 4)), length - size)[:, np.newaxis]
    pixels = np.arange(length)
    return (starts <= pixels) & (pixels < starts + size)


def _draw_curves(ax, metric, name, history):
    """Draw a metric of training and validation into one axes, in the next colour."""
    look = len(ax.lines) % len(_COLOURS)
    style = {"color": _COLOURS[look], "marker": "os^Dvp*"[look], "markersize": 4}
    prefix = "" if name is None else f"{name}, "
    for key, kind, line, fill in [
        (metric, "training", "-", _COLOURS[look]),
        (f"val_{metric}", "validation", "--", "white"),
    ]:
        if key in history:
            epochs = np.arange(1, len(history[key]) + 1)
            ax.plot(epochs, history[key], line, markerfacecolor=fill, label=prefix + kind, **style)
    n_epochs = max(len(line.get_xdata()) for line in ax.lines)
    ax.set_xticks(np.arange(1, n_epochs + 1, -(-n_epochs // 10)))
    ax.set(xlabel="epoch", ylabel=metric)
    ax.legend(fontsize="small")


def _draw_tiles(ax, images, labels, title, heat=None, **params):
    """Draw images in the cells of one axes, each a unit wide, with its label above and its heat over it."""
    labels = [str(label) for label in labels]
    fewest = max(1, int(np.ceil(len(images) ** 0.5)))
    n_columns = min(range(fewest, 2 * fewest), key=lambda n: -len(images) % n)  # the fewest empty cells
    n_rows = max(1, -(-len(images) // n_columns))
    tallness = np.clip(images.shape[1] / images.shape[2], 0.25, 4)
    margin = 0.4 if any("\n" in label for label in labels) else 0.2
    width, height = 1.1 * n_columns, (tallness + margin + 0.1) * n_rows
    if ax is None:
        inches = np.clip(5 / width, 1.1, 3)
        size = np.clip([inches * width + 1, inches * height + 0.5], (5, 2), 16)
        _, ax = plt.subplots(figsize=size, layout="constrained")
    ax.set_title(title, fontsize="medium", y=None if labels else 0.5)
    ax.set_axis_off()
    fontsize = _label_size(ax, width, height, labels)
    for i, label in enumerate(labels):
        left, top = 0.05 + i % n_columns * 1.1, -(i // n_columns) * (height / n_rows) - margin
        place = {"extent": (left, left + 1, top - tallness, top), "interpolation": "nearest"}
        ax.imshow(images[i], **place, **params)
        if heat is not None:
            ax.imshow(heat[i], alpha=np.abs(heat[i]), cmap=_AGAINST_OR_FOR, vmin=-1, vmax=1, **place)
        ax.text(left + 0.5, top + 0.03, label, ha="center", va="bottom", fontsize=fontsize)
    ax.set(xlim=(0, width), ylim=(-height, 0), aspect="equal")
    return ax


def _label_size(ax, width, height, labels):
    """The font size, in points, at which the longest label is no wider than its cell, and at most 10."""
    box = ax.get_window_extent()
    cell = min(box.width / width, box.height / height) * 72 / ax.figure.dpi
    longest = max((len(line) for label in labels for line in label.split("\n")), default=1)
    return min(10, 1.7 * cell / longest, 0.14 * cell)
