"""The Displays: figures of a training, of mistakes, of filters and of evidence. Nothing is trained here.

Images are drawn as tiles of one axes, so that every display fits wherever an `ax` is.
"""

from itertools import cycle, islice
from numbers import Integral

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from . import _images

# M. Okabe and K. Ito's colours, which the colour-blind tell apart, and a scale of two of them.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_AGAINST_OR_FOR = LinearSegmentedColormap.from_list("against_or_for", ["#56B4E9", "#808080", "#E69F00"])


class TrainingHistoryDisplay:
    """Loss and accuracy after every epoch, of one training or of several.

    Parameters
    ----------
    histories : dict of str or None to dict of list of float
        By name, what every epoch gave, such as `history_` of a fitted classifier: `loss`, `accuracy`, and
        the same of the validation images after `val_`.

    Attributes
    ----------
    axes_ : ndarray of Axes
        One axes a metric.
    ax_ : Axes
        The first of them.
    figure_ : Figure
        Their figure.
    lines_ : list of Line2D
        The curves.

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
        """Draw the curves, training solid and validation dashed.

        Parameters
        ----------
        metrics : str or list of str or None, default=None
            What to draw, one axes each. None is loss and accuracy, and the loss alone in a single `ax`.
        ax : Axes or sequence of Axes or None, default=None
            Where to draw, one axes a metric; what is there already stays. None makes a figure.

        Returns
        -------
        self : TrainingHistoryDisplay
            The display.

        Raises
        ------
        ValueError
            If a metric was not recorded, or there is not one axes a metric.
        """
        if metrics is None:
            metrics = "loss" if isinstance(ax, Axes) else ("loss", "accuracy")
        metrics = [metrics] if isinstance(metrics, str) else list(metrics)
        for history in self.histories.values():
            if unknown := [metric for metric in metrics if metric not in history]:
                raise ValueError(f"metrics must be among those recorded, {list(history)}; got {unknown}.")
        if ax is None:
            size = 1 + 4 * len(metrics), 3.6
            _, ax = plt.subplots(1, len(metrics), figsize=size, layout="constrained")
        self.axes_ = np.ravel(ax)
        if len(self.axes_) != len(metrics):
            raise ValueError(
                f"ax must hold one axes for each of the metrics {metrics}; got {len(self.axes_)} axes. "
                "Pass as many, or name fewer metrics."
            )
        self.ax_ = self.axes_[0]
        self.figure_ = self.ax_.figure
        self.lines_ = []
        for axes, metric in zip(self.axes_, metrics, strict=True):
            self._plot_metric(axes, metric)
        return self

    @classmethod
    def from_estimator(cls, estimator, *, name=None, metrics=None, ax=None):
        """Draw how a classifier was trained.

        Parameters
        ----------
        estimator : estimator
            A fitted `CNNDigitClassifier`, or a fitted Pipeline or search that ends in one.
        name : str or None, default=None
            Its name in the legend.
        metrics, ax
            See `plot`.

        Returns
        -------
        display : TrainingHistoryDisplay
            The display, drawn.
        """
        return cls.from_estimators({name: estimator}, metrics=metrics, ax=ax)

    @classmethod
    def from_estimators(cls, estimators, *, metrics=None, ax=None):
        """Draw how several classifiers were trained, to compare them.

        Parameters
        ----------
        estimators : dict of str to estimator, or list of (str, estimator)
            Fitted classifiers by name, each as `from_estimator` takes one.
        metrics, ax
            See `plot`.

        Returns
        -------
        display : TrainingHistoryDisplay
            The display, drawn.
        """
        histories = {name: _fitted(est, "history_")[0] for name, est in dict(estimators).items()}
        return cls(histories).plot(metrics=metrics, ax=ax)

    def _plot_metric(self, ax, metric):
        for name, history in self.histories.items():
            look = len(ax.lines)
            style = {"color": _COLOURS[look % len(_COLOURS)], "marker": "os^Dvp*"[look % 7], "markersize": 4}
            prefix = "" if name is None else f"{name}, "
            for key, kind, line in ((metric, "training", "-"), (f"val_{metric}", "validation", "--")):
                if key in history:
                    epochs = np.arange(1, len(history[key]) + 1)
                    fill = style["color"] if line == "-" else "white"
                    curve = ax.plot(epochs, history[key], line, label=prefix + kind, mfc=fill, **style)
                    self.lines_ += curve
        n_epochs = max(len(line.get_xdata()) for line in ax.lines)
        ax.set_xticks(np.arange(1, n_epochs + 1, -(-n_epochs // 10)))
        ax.set(xlabel="epoch", ylabel=metric)
        ax.legend()


class MisclassifiedDisplay:
    """Images that a classifier got wrong, with what they are and what they were taken for.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, 3)
        All the misclassified images, with pixels in [0, 1].
    y_true, y_pred : ndarray of shape (n,)
        Their true and predicted labels.
    y_proba : ndarray of shape (n,) or None, default=None
        Probability of each predicted label.
    indices : ndarray of shape (n,) or None, default=None
        Position of each image in the data. None counts from 0.

    Attributes
    ----------
    ax_ : Axes
        The axes.
    figure_ : Figure
        Its figure.
    indices_ : ndarray of int
        Positions in the data of the images shown, in the order shown.
    images_ : list of AxesImage
        The images shown.
    texts_ : list of Text
        Their labels.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sk_mnist_cnn import MisclassifiedDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = GaussianNB().fit(X[:900], y[:900])
    >>> display = MisclassifiedDisplay.from_estimator(clf, X[900:], y[900:], n_images=9)
    >>> len(display.images_)
    9
    """

    def __init__(self, images, y_true, y_pred, *, y_proba=None, indices=None):
        self.images = images
        self.y_true = y_true
        self.y_pred = y_pred
        self.y_proba = y_proba
        self.indices = np.arange(len(images)) if indices is None else indices

    def plot(self, *, n_images=25, sort="confidence", ax=None):
        """Draw the images in a grid.

        Parameters
        ----------
        n_images : int, default=25
            How many to show at most.
        sort : "confidence" or None, default="confidence"
            Whether the most confident mistakes come first. Without probabilities, or with None, images come
            in the order of the data.
        ax : Axes or None, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        self : MisclassifiedDisplay
            The display.

        Raises
        ------
        ValueError
            If a parameter is out of range.
        """
        if not isinstance(n_images, Integral) or n_images < 1:
            raise ValueError(f"n_images must be a whole number from 1 up; got {n_images!r}.")
        if sort not in ("confidence", None):
            raise ValueError(f'sort must be "confidence" or None, for the order of the data; got {sort!r}.')
        order = np.arange(len(self.images))
        if sort is not None and self.y_proba is not None:
            order = np.argsort(-self.y_proba, kind="stable")
        shown = order[:n_images]
        self.indices_ = np.asarray(self.indices)[shown]
        key = "true → predicted" if self.y_proba is None else "true → predicted (probability)"
        title = f"{len(shown)} of {len(order)} misclassified: {key}" if len(shown) else ""
        tiles = _Tiles(ax, self.images[shown], self._labels(shown), title)
        self.ax_, self.figure_, self.texts_ = tiles.ax, tiles.ax.figure, tiles.texts
        self.images_ = tiles.draw(self.images[shown], cmap="gray", vmin=0, vmax=1)
        if not len(shown):
            message = self.ax_.text(0.5, 0.5, "no misclassified images", transform=self.ax_.transAxes)
            message.set(ha="center", va="center")
            self.texts_ = [message]
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
            Their true labels.
        image_shape : tuple of int, (h, w) or (h, w, c), or None, default=None
            Shape of one image, in pixels. None takes that of the fitted network, or infers it.
        **plot_params
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
        **plot_params
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
            y_proba = np.asarray(y_proba)
            y_proba = (y_proba.max(axis=1) if y_proba.ndim > 1 else y_proba)[wrong]
        display = cls(
            _displayable(images)[wrong], y_true[wrong], y_pred[wrong], y_proba=y_proba, indices=wrong
        )
        return display.plot(**plot_params)

    def _labels(self, shown):
        true, predicted = self.y_true[shown].tolist(), self.y_pred[shown].tolist()
        if self.y_proba is not None:
            predicted = [f"{p} ({q:.0%})" for p, q in zip(predicted, self.y_proba[shown], strict=True)]
        labels = [f"{t} → {p}" for t, p in zip(true, predicted, strict=True)]
        too_long = max(map(len, labels), default=0) > 14
        return [label.replace("→ ", "→\n") if too_long else label for label in labels]


class FilterDisplay:
    """What the first convolution looks for, or what it finds in an image.

    Parameters
    ----------
    kernels : ndarray of shape (n_filters, h, w, c)
        Weights of the convolution.
    feature_maps : ndarray of shape (n_filters, h, w) or None, default=None
        What the convolution, with its activation, gives for an image. These are drawn where they are given.

    Attributes
    ----------
    ax_ : Axes
        The axes.
    figure_ : Figure
        Its figure.
    images_ : list of AxesImage
        One image a filter.

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
        """Draw one tile a filter, on one scale of colours.

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
        if self.feature_maps is not None:
            pictures, title, unit = self.feature_maps, "Feature maps of the first layer", "activation"
            scale = {"cmap": "cividis", "vmin": pictures.min(), "vmax": pictures.max()}
        elif self.kernels.shape[-1] == 3:
            pictures, title, unit = 0.5 + self.kernels / (2 * largest), "Filters, in RGB; grey is 0", None
            scale = {}
        else:
            pictures, title, unit = self.kernels.mean(axis=-1), "Filters of the first layer", "weight"
            scale = {"cmap": "PuOr", "vmin": -largest, "vmax": largest}
        tiles = _Tiles(ax, pictures, list(map(str, range(len(pictures)))), title)
        self.ax_, self.figure_ = tiles.ax, tiles.ax.figure
        self.images_ = tiles.draw(pictures, **scale)
        if unit:
            self.figure_.colorbar(self.images_[0], ax=self.ax_, label=unit, shrink=0.8)
        return self

    @classmethod
    def from_estimator(cls, estimator, image=None, *, ax=None):
        """Draw the filters of a classifier's first layer.

        Parameters
        ----------
        estimator : estimator
            A fitted `CNNDigitClassifier`, or a fitted Pipeline or search that ends in one.
        image : array-like of shape (h, w, c), (h, w) or (h * w * c,), or None, default=None
            One image as `estimator` takes it, alone or in an array or frame of one. With it, the feature
            maps are drawn.
        ax : Axes or None, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        display : FilterDisplay
            The display, drawn.
        """
        if image is not None and np.shape(image)[0] != 1:
            image = np.asarray(image)[np.newaxis]
        model, X = _fitted(estimator, "model_", image)
        layer = model.get_layer("conv_1")
        kernels = np.moveaxis(np.asarray(layer.kernel), -1, 0)
        feature_maps = None
        if image is not None:
            outputs = layer(_as_images(X, model.input_shape[1:]).astype(kernels.dtype))
            feature_maps = np.moveaxis(np.asarray(outputs, dtype=kernels.dtype)[0], -1, 0)
        return cls(kernels, feature_maps=feature_maps).plot(ax=ax)


class SaliencyDisplay:
    """Which pixels of an image spoke for a class, and which against it.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, 3)
        Images, with pixels in [0, 1].
    saliency : ndarray of shape (n, h, w)
        How much each pixel speaks for the class; what is below 0 speaks against it.
    labels : array-like of shape (n,)
        The class in question, for each image.
    y_proba : ndarray of shape (n,) or None, default=None
        Probability of that class.

    Attributes
    ----------
    ax_ : Axes
        The axes.
    figure_ : Figure
        Its figure.
    images_, heat_maps_ : list of AxesImage
        The images, and what lies over them.
    texts_ : list of Text
        Their labels.

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
        """Draw the images, and over each its heat map, scaled to its own largest value.

        Parameters
        ----------
        ax : Axes or None, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        self : SaliencyDisplay
            The display.
        """
        labels = list(map(str, np.asarray(self.labels).tolist()))
        if self.y_proba is not None:
            labels = [f"{label} ({p:.0%})" for label, p in zip(labels, self.y_proba, strict=True)]
        tiles = _Tiles(ax, self.images, labels, "Evidence for the class above each image")
        self.ax_, self.figure_, self.texts_ = tiles.ax, tiles.ax.figure, tiles.texts
        self.images_ = tiles.draw(self.images, cmap="gray", vmin=0, vmax=1)
        largest = np.abs(self.saliency).max(axis=(1, 2), keepdims=True)
        heat = np.divide(self.saliency, largest, out=np.zeros(self.saliency.shape), where=largest > 0)
        self.heat_maps_ = tiles.draw(heat, alpha=np.abs(heat), cmap=_AGAINST_OR_FOR, vmin=-1, vmax=1)
        mappable = plt.cm.ScalarMappable(Normalize(-1, 1), _AGAINST_OR_FOR)
        bar = self.figure_.colorbar(mappable, ax=self.ax_, ticks=[-1, 0, 1], shrink=0.8)
        bar.ax.set_yticklabels(["against", "0", "for"])
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
            reaches the network. "occlusion" is the probability that the class loses, on average, where a
            patch over the pixel is hidden [2]_.
        patch_size : int or "auto", default="auto"
            Height and width of the patch, in pixels. "auto" is a seventh of the image, at least 2.
        background : float, default=0
            The pixel value that says nothing: what a patch is filled with, and from where the pixel counts.
        image_shape : tuple of int, (h, w) or (h, w, c), or None, default=None
            Shape of one image, in pixels. None takes that of the fitted network, or infers it.
        ax : Axes or None, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        display : SaliencyDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If `estimator` cannot answer, or `method` or `y` is unknown.
        """
        if method not in ("gradient", "occlusion"):
            raise ValueError(f'method must be "gradient" or "occlusion"; got {method!r}.')
        if not hasattr(estimator, "predict_proba"):
            raise ValueError(f"estimator must have predict_proba, for its evidence; got {estimator!r}.")
        probabilities = estimator.predict_proba(X)
        if y is None:
            positions = probabilities.argmax(axis=1)
        else:
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


class _Tiles:
    """Cells of one axes, a unit wide and in rows, for images of one shape with a label above each."""

    def __init__(self, ax, images, labels, title):
        n_tiles, height, width = images.shape[:3]
        fewest = max(1, int(np.ceil(n_tiles**0.5)))
        columns = min(range(fewest, 2 * fewest), key=lambda n: -n_tiles % n)
        tallness = np.clip(height / width, 0.25, 4)
        line = 0.2 * (1 + any("\n" in label for label in labels))
        across, down = 1.1, tallness + line + 0.1
        extent = columns * across, max(1, -(-n_tiles // columns)) * down
        if ax is None:
            inches = np.clip(4.5 / extent[0], 1.1, 3)
            size = np.clip(np.multiply(extent, inches), 2, 16)
            _, ax = plt.subplots(figsize=size + (1.5, 0.5), layout="constrained")
        ax.set(xlim=(0, extent[0]), ylim=(-extent[1], 0), aspect="equal", title=title)
        ax.set_axis_off()
        self.ax = ax
        self._extents = []
        for i in range(n_tiles):
            left, top = 0.05 + i % columns * across, -(i // columns * down + line)
            self._extents.append((left, left + 1, top - tallness, top))
        box = ax.get_window_extent()
        unit = 72 / ax.figure.dpi * min(box.width / extent[0], box.height / extent[1])
        longest = max((len(part) for label in labels for part in label.split("\n")), default=1)
        fontsize = min(10, 1.6 * unit / longest, 0.15 * unit)
        self.texts = [
            ax.text(left + 0.5, top + 0.02, label, ha="center", va="bottom", fontsize=fontsize)
            for (left, _, _, top), label in zip(self._extents, labels, strict=True)
        ]

    def draw(self, images, alphas=None, **params):
        alphas = [None] * len(images) if alphas is None else alphas
        return [
            self.ax.imshow(
                image, extent=extent, alpha=alpha, interpolation="nearest", aspect="equal", **params
            )
            for image, extent, alpha in zip(images, self._extents, alphas, strict=True)
        ]


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
            f"estimator must be a fitted CNNDigitClassifier, or a Pipeline or search that ends in one, for "
            f"its {attribute}; got {estimator!r}. Pass one, and a search with refit=True."
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
    """Grey (n, h, w) or RGB (n, h, w, 3), on one scale of [0, 1] for all images."""
    images = images.astype(float)
    low, high = min(0, images.min()), images.max()
    images = (images - low) / ((high - low) or 1)
    return images if images.shape[-1] == 3 else images.mean(axis=-1)


def _positions(name, labels, classes):
    """The position of each label in `classes`."""
    matches = np.asarray(labels)[:, np.newaxis] == classes
    if not matches.any(axis=1).all():
        unknown = np.unique(labels[~matches.any(axis=1)]).tolist()
        raise ValueError(f"{name} must hold labels among the classes {classes.tolist()}; got {unknown}.")
    return matches.argmax(axis=1)


def _gradients(model, images, positions, background):
    """Gradient of the log-odds, from before the softmax, where they do not level off, times the pixel."""
    from ._tensorflow import keras, tf

    last = model.layers[-1]
    features = keras.Model(model.inputs, last.input)
    inputs = tf.constant(images.astype(last.kernel.dtype))
    of_class = tf.one_hot(positions, model.output_shape[-1], on_value=True, off_value=False, dtype=bool)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        logits = tf.cast(features(inputs), last.kernel.dtype) @ last.kernel + last.bias
        others = tf.where(of_class, -np.inf, logits)
        log_odds = logits[of_class] - tf.reduce_logsumexp(others, axis=1)
    return np.sum(tape.gradient(log_odds, inputs) * (inputs - background), axis=-1)


def _occlusions(estimator, X, images, positions, background, patch_size):
    """Probability lost, on average over the patches that hide a pixel."""
    height, width = images.shape[1:3]
    if patch_size == "auto":
        patch_size = max(2, min(height, width) // 7)
    patch = np.minimum(patch_size, (height, width))
    corners = list(np.ndindex(*(images.shape[1:3] - patch + 1)))
    ...
