"""Detection of images that are not digits, compared with simpler scores and with those of the network.

Run ``python -m tests.benchmarks.novelty --help`` in a checkout. MNIST is the file that
``SK_MNIST_CNN_DATA`` names, or else Keras downloads it. The other images are made here, with fonts that
matplotlib ships, and from MNIST's test digits. Animals are added if the package animal-mnist is installed.
The results are written to ``docs/benchmarks``.
"""

import os
import warnings
from importlib.util import find_spec
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.stats import entropy
from sklearn.covariance import ledoit_wolf
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor

from sk_mnist_cnn import (
    ImageNoveltyDetector,
    MNISTNormalizer,
    fetch_mnist,
    load_mnist_sample,
    load_pretrained,
)
from sk_mnist_cnn.novelty import _describe_edges, _distance_to_class, _distance_to_neighbor
from tests.draw.strokes import scribble

from . import machine
from .options import benchmark_parser
from .saved import save
from .table import measured_with, rst_table

# Fonts of the published table, and those of the images on which the number of components was chosen.
FONTS = "STIXGeneral", "STIXGeneralItalic", "cmr10", "cmss10", "cmtt10"
OTHER_FONTS = "DejaVuSans", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSerif", "DejaVuSerif-Bold"

# Without characters that look like a digit.
LETTERS = "ACEFHKMNPRTUVWXYadefhkmnprtuvwxy"
SYMBOLS = "?&@#$%*+=<>{}"
N = 500  # images of each kind


def main(arguments=None):
    options = parse(arguments)
    mnist = load_mnist_sample() if options.quick else fetch_mnist(os.environ.get("SK_MNIST_CNN_DATA"))
    n = 20 if options.quick else N
    if options.choose:
        choose(mnist, n)
        return
    flags = " --quick" if options.quick else ""
    others = not_digits(mnist.x_test, mnist.y_test, FONTS, n, seed=1)
    rows = [
        {"method": method, "images": kind, "roc_auc": auc, "false_alarms": false_alarms}
        for method, score in score_functions(mnist).items()
        for kind, auc, false_alarms in evaluate(score, mnist.x_test, others)
    ]
    results = {
        "machine": machine.describe(f"python -m tests.benchmarks.novelty{flags}"),
        "outliers": outliers(mnist),
        "rows": rows,
    }
    save(results, "novelty", options.output)
    (options.output / "novelty.rst").write_text(as_rst(results), encoding="utf-8")


def outliers(mnist):
    """Return the fractions of outliers among digits that a detector was not fitted on."""
    sample = load_mnist_sample()
    shipped = load_pretrained("mnist_novelty")
    fitted_on_sample = ImageNoveltyDetector().fit(sample.x_train, sample.y_train)
    of_others = MNISTNormalizer().fit_transform(load_digits().images)
    return {
        "shipped": fraction_of_outliers(shipped, mnist.x_test),
        "fitted_on_sample": fraction_of_outliers(fitted_on_sample, mnist.x_test),
        "load_digits": fraction_of_outliers(shipped, of_others),
    }


def fraction_of_outliers(detector, images):
    return float(np.mean(detector.predict(images) < 0))


def parse(arguments):
    parser = benchmark_parser("tests.benchmarks.novelty", __doc__)
    parser.add_argument(
        "--choose",
        action="store_true",
        help="only print results for several numbers of components, on other images than those of the table",
    )
    return parser.parse_args(arguments)


def choose(mnist, n):
    """Print the results of several numbers of components. Neither the test digits nor the fonts are used."""
    fitted, held_out = slice(None, -len(mnist.x_train) // 6), slice(-len(mnist.x_train) // 6, None)
    images, labels = mnist.x_train[held_out], mnist.y_train[held_out]
    others = not_digits(images, labels, OTHER_FONTS, n, seed=0)
    for n_components in (30, 50, 70, 90):
        detector = ImageNoveltyDetector(n_components=n_components)
        detector.fit(mnist.x_train[fitted], mnist.y_train[fitted])
        *_, (_, auc, false_alarms) = evaluate(detector.score_samples, images, others)
        print(
            f"{n_components} components: ROC AUC {auc:.4f}, false alarms {false_alarms:.1%}, outliers "
            f"{fraction_of_outliers(detector, images):.2%}",
            flush=True,
        )


def not_digits(images, labels, fonts, n, seed):
    """Return `n` images of each kind that are not digits, in MNIST's format, by the name of the kind."""
    rng = np.random.RandomState(seed)  # unlike a Generator's, its stream never changes
    order = rng.permutation(len(images))
    images, labels = images[order], labels[order]
    convert = MNISTNormalizer(invert=False).transform
    scribbles = MNISTNormalizer(invert=True).transform([draw(scribble(rng)[0]) for _ in range(n)])
    halves = [np.pad(half(image, i), 4) for i, image in enumerate(images[:n])]
    pairs = np.concatenate([images[:n, :, 2:-2], images[n : 2 * n, :, 2:-2]], axis=2)
    kinds = {
        "letters": convert(characters(LETTERS, fonts, n, rng)),
        "symbols": convert(characters(SYMBOLS, fonts, n, rng)),
        "scribbles": scribbles,
        "blank images": np.tile(np.linspace(0, 255, n, dtype=np.uint8)[:, None, None], (1, 28, 28)),
        "halves of digits": convert(halves),
        "two digits": convert(list(pairs)),
        "digits rotated by 90 degrees": np.rot90(images[np.isin(labels, [2, 3, 4, 5, 7])][:n], axes=(1, 2)),
        "mirrored digits": images[np.isin(labels, [3, 4, 6, 7, 9])][:n, :, ::-1],
    }
    if find_spec("animal_mnist"):
        kinds["animals"] = animals(n, rng)
    return kinds


def draw(stroke):
    """Return a picture of a stroke, dark on white, with a pen as wide as that of MNIST's digits."""
    pen = 30
    picture = Image.new("L", (200 + 3 * pen, 200 + 3 * pen), 255)
    painter = ImageDraw.Draw(picture)
    path = [(1.5 * pen + 200 * x, 1.5 * pen + 200 * y) for x, y in stroke]
    painter.line(path, fill=0, width=pen, joint="curve")
    for x, y in (path[0], path[-1]):
        painter.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=0)
    return picture


def characters(alphabet, fonts, n, rng):
    """Return pictures of random characters in random fonts, bright on black."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    loaded = [ImageFont.truetype(str(folder / f"{name}.ttf"), 80) for name in fonts]
    pictures = []
    for _ in range(n):
        picture = Image.new("L", (160, 160), 0)
        character, font = alphabet[rng.randint(len(alphabet))], loaded[rng.randint(len(loaded))]
        ImageDraw.Draw(picture).text((80, 80), character, font=font, fill=255, anchor="mm")
        pictures.append(np.asarray(picture))
    return pictures


def half(image, i):
    """Return the left, right, upper or lower half of an image."""
    return (image[:, :14], image[:, 14:], image[:14], image[14:])[i % 4]


def animals(n, rng):
    """Return silhouettes of animals."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the arrays were pickled with NumPy 1
        from animal_mnist.dataset_Loader import load_animal_mnist_dataset

        X = np.unique(np.asarray(load_animal_mnist_dataset()[0]), axis=0)  # some images occur twice
    return X[rng.permutation(len(X))[:n]].reshape(-1, 28, 28).astype(np.uint8)


def score_functions(mnist):
    """Return functions of images that return scores, lower for images that are not digits, by their names."""
    model = load_pretrained()
    embeddings = model.transform(mnist.x_train)
    neighbors = LocalOutlierFactor(novelty=True).fit(embeddings)
    distance = negative_mahalanobis(embeddings, mnist.y_train)
    detector = load_pretrained("mnist_novelty")

    def components(images):
        return _describe_edges(images[..., np.newaxis]) @ detector.components_.T

    return {
        "ImageNoveltyDetector": detector.score_samples,
        "Mahalanobis distance on edges": lambda images: (
            -_distance_to_class(components(images), detector.location_, detector.precision_)
        ),
        "nearest neighbor on edges": lambda images: (
            -_distance_to_neighbor(components(images), detector.samples_)
        ),
        "maximum probability": lambda images: model.predict_proba(images).max(axis=1),
        "negative entropy": lambda images: -entropy(model.predict_proba(images), axis=1),
        "LocalOutlierFactor on embeddings": lambda images: neighbors.score_samples(model.transform(images)),
        "Mahalanobis distance on embeddings": lambda images: distance(model.transform(images)),
    }


def negative_mahalanobis(embeddings, labels):
    """Return a function of embeddings that returns the negative distance to the nearest class, squared.

    As in Lee et al. (2018), the classes share one covariance.
    """
    means = np.stack([embeddings[labels == label].mean(axis=0) for label in np.unique(labels)])
    precision = np.linalg.pinv(ledoit_wolf(embeddings - means[labels], assume_centered=True)[0])
    return lambda embeddings: (
        -np.min(
            [np.sum((embeddings - mean) @ precision * (embeddings - mean), axis=1) for mean in means], axis=0
        )
    )


def evaluate(score, digits, others):
    """Yield the ROC AUC and the false alarms at a detection of 95%, for each kind and for all of them."""
    of_digits = score(digits)
    of_others = {kind: score(images) for kind, images in others.items()}
    for kind, scores in (*of_others.items(), ("all of them", np.concatenate(list(of_others.values())))):
        is_digit = np.arange(len(of_digits) + len(scores)) < len(of_digits)
        auc = roc_auc_score(is_digit, np.concatenate([of_digits, scores]))
        yield kind, float(auc), float(np.mean(of_digits <= np.quantile(scores, 0.95)))


def as_rst(results):
    """Return the tables of ROC AUC and false alarms."""
    tables = (
        as_table(results["rows"], "roc_auc", "{:.3f}", "ROC AUC"),
        as_table(results["rows"], "false_alarms", "{:.1%}", "False alarms at 95% detection"),
    )
    comment = ".. This file is written by tests/benchmarks/novelty.py."
    return "\n\n".join([comment, measured_with(results["machine"]), *tables]) + "\n"


def as_table(rows, name, form, title):
    """Return a table with a row for each kind of images and a column for each method."""
    methods, kinds = (list(dict.fromkeys(row[key] for row in rows)) for key in ("method", "images"))
    values = {(row["images"], row["method"]): form.format(row[name]) for row in rows}
    body = [[kind, *(values[kind, method] for method in methods)] for kind in kinds]
    return rst_table(title, [["images", *methods], *body])


if __name__ == "__main__":
    main()
