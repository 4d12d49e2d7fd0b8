"""The published measurements, as numbers and tables for the README and the documentation.

All of them come from the files in ``docs/benchmarks`` and from the recipes of the package, so that no page
contradicts a measurement. `numbers` returns the substitutions of the pages, and `TABLES` has the tables of
the directive ``measurements``. ``python -m tests.benchmarks.published`` prints the tables.
"""

from collections import Counter
from statistics import median

import numpy as np
from pandas import DataFrame

from sk_mnist_cnn import CNNDigitClassifier
from sk_mnist_cnn._recipes import RECIPES
from sk_mnist_cnn._training.config import TrainingConfig

from . import probabilities_report, scaling, scaling_report
from .saved import load
from .table import number

RECOMMENDED = "CNN, recommended"
# Classifiers of the learning curves, by the names that the tables show.
CURVES = {
    "recommended recipe": RECOMMENDED,
    "recommended recipe without augmentation": "CNN, recommended, no augmentation",
    "default parameters": "CNN, defaults",
    "ten epochs of the default parameters": "CNN, ten epochs",
}
# Libraries and cases of the benchmarks. The cases have the names that the tables show.
LIBRARIES = ("sk_mnist_cnn", "Keras", "scikeras", "keras.wrappers", "skorch")
COMPARED = {
    "one_row": "predict one image",
    "batch": "predict 128 images",
    "many_rows": "predict 10,000 images",
    "first_prediction": "first prediction of a loaded model",
    "cold_start": "start a process and predict",
    "start_memory": "memory of that process",
    "training": "train, batches of 128",
    "training_batch_32": "train, batches of 32",
    "refit": "fit a network that was fitted before",
    "grid_search": "grid search with 18 fits",
    "memory_growth": "memory growth per fit",
    "pickle_size": "pickle of a fitted estimator",
}
# Drawings that are not digits, by the names that the tables show.
DRAWINGS = {
    "A": "drawings of the letter A",
    "M": "drawings of the letter M",
    "triangle": "drawings of a triangle",
    "zigzag": "zigzag lines",
}
# Kinds of pages of `tests.benchmarks.pictures`, by the names that the table shows.
PAGES_OF_PICTURES = {
    "lines": "of them: lines of digits",
    "grid": "of them: tables with ruled cells",
    "mixed": "of them: digits among words or signs",
    "scattered": "of them: digits in no order",
}
EVIDENCE = ("one_row", "cold_start", "start_memory", "grid_search", "memory_growth")


def benchmarks():
    """Return the median of each library, with its unit, by the name of the benchmark."""
    return {
        case["name"]: {
            row["label"].removesuffix(", n_jobs=1"): f"{number(median(row['values']))} {case['unit']}"
            for row in case["rows"]
            if row["values"]
        }
        for case in load("results")["cases"]
    }


def curves(data="MNIST"):
    """Return the mean test accuracy in % of each classifier, by the number of training images."""
    runs = DataFrame(load("learning_curves")["runs"]).query("data == @data")
    means = 100 * runs.groupby(["classifier", "images"], sort=False)["accuracy"].mean()
    return {
        name: {n: f"{means[name, n]:.1f}" for n in sorted(runs["images"].unique())}
        for name in runs["classifier"].unique()
    }


def draws(data="MNIST"):
    """Return the number of draws of training images of each classifier, by the number of training images."""
    runs = DataFrame(load("learning_curves")["runs"]).query("data == @data")
    counts = runs.groupby(["classifier", "images"], sort=False).size()
    return {
        name: {n: str(counts[name, n]) for n in sorted(runs["images"].unique())}
        for name in runs["classifier"].unique()
    }


def recipes(data="MNIST"):
    """Return the results of each recipe, alone and with test-time augmentation, as formatted numbers."""
    digits = 2 if data == "MNIST" else 1
    found = {}
    for row in load("recipes")[data]["rows"]:
        percentages = ("accuracy", "lowest", "highest", "augmented accuracy")
        found[row["recipe"]] = {
            **{name.replace(" ", "_"): f"{row[name]:.{digits}%}" for name in percentages},
            "seeds": str(row["seeds"]),
            "errors": f"{row['errors']:.0f}",
            "log_loss": f"{row['log loss']:.{digits + 2}f}",
        }
        if "relative time" in row:
            found[row["recipe"]]["time"] = f"{row['relative time']:.2g}"
    return found


def checks():
    """Return how many of scikit-learn's estimator checks each estimator passes and fails."""
    return {
        name: (len(outcomes["passed"]), len(outcomes["failed"]))
        for name, outcomes in load("estimator_checks")["estimators"].items()
    }


def best_of_others(n_images):
    """Return the scikit-learn classifier with the highest mean accuracy, and its accuracy in %."""
    others = {name: means[n_images] for name, means in curves().items() if not name.startswith("CNN")}
    return max(others.items(), key=lambda item: float(item[1]))


def numbers():
    """Return the numbers that pages show as ``{{ name }}``."""
    return {
        "benchmarks": benchmarks(),
        "curves": curves(),
        "draws": draws(),
        "best_of_others": {n: best_of_others(n)[1] for n in curves()[RECOMMENDED]},
        "compilation": compilation(),
        "drawing_start": f"{load('drawing')['start']:.1f} seconds",
        "outliers": {name: f"{share:.2%}" for name, share in load("novelty")["outliers"].items()},
        "probabilities": probabilities_report.numbers(),
    }


def compilation():
    """Return the time to compile a network, a coefficient of the cost model of searches."""
    searches = scaling_report.measured_searches(load("scaling"))
    return f"{scaling_report.fit_model(searches, scaling.is_held_out).trace:.1f} seconds"


def evidence():
    """Return the measurements of the first page."""
    measured = benchmarks()
    rows = [["", "sk_mnist_cnn", "other packages"]]
    name, accuracy = best_of_others(100)
    mlp = curves()["MLPClassifier"][100]
    others = [f"{accuracy}% {name}"] + [f"{mlp}% MLPClassifier"] * (name != "MLPClassifier")
    rows.append(["test accuracy, 100 training images", f"{curves()[RECOMMENDED][100]}%", ", ".join(others)])
    for case in EVIDENCE:
        values = measured[case]
        others = [f"{values[name]} {name}" for name in ("scikeras", "skorch") if name in values]
        rows.append([COMPARED[case], values["sk_mnist_cnn"], ", ".join(others)])
    failed = {name: str(n_failed) for name, (_, n_failed) in checks().items()}
    others = [f"{failed[name]} {name}" for name in ("scikeras", "keras.wrappers", "skorch")]
    rows.append(["failed estimator checks", f"{failed['sk_mnist_cnn']} in float64", ", ".join(others)])
    return rows


def estimator_checks():
    """Return the numbers of checks that are passed and failed."""
    rows = [["estimator", "passed", "failed"]]
    return rows + [[name, str(passed), str(failed)] for name, (passed, failed) in checks().items()]


def comparison():
    """Return all measurements of this package and of the other libraries."""
    rows = [["", *LIBRARIES]]
    for case, values in benchmarks().items():
        if case in COMPARED:
            rows.append([COMPARED[case], *(values.get(name, "") for name in LIBRARIES)])
    return rows


def learning_curves():
    means = curves()
    labels = {name: label for label, name in CURVES.items()}
    rows = [["classifier", *(f"{n:,}" for n in means[RECOMMENDED])]]
    return rows + [[labels.get(name, f"`{name}`"), *row.values()] for name, row in means.items()]


def epochs():
    """Return the accuracy in % of the default parameters, by the number of batches."""
    rows = DataFrame(load("epochs")["rows"]).set_index(["data", "images", "batches"])
    accuracies = 100 * rows["accuracy"].unstack(sort=False)
    header = ["training images", 'epochs of `"auto"`', *(f"{n:,} steps" for n in accuracies.columns)]
    return [header] + [
        [f"{data}, {images:,}", str(auto_epochs(images)), *(f"{value:.1f}" for value in row)]
        for (data, images), row in zip(accuracies.index, accuracies.to_numpy(), strict=True)
    ]


def auto_epochs(n_images):
    config = TrainingConfig.from_params(CNNDigitClassifier().get_params(), seed=0)
    return config.auto_epochs(n_images)


def transfer():
    """Return the mean accuracy in % on `load_digits` of each method, by the training images of each class."""
    runs = DataFrame(load("transfer")["runs"])
    means = 100 * runs.groupby(["method", "per_class"], sort=False)["accuracy"].mean().unstack()
    counts = sorted(means.columns)
    rows = [["method", *map(str, counts)]]
    for method, values in means[counts].iterrows():
        rows.append([method, *("" if np.isnan(value) else f"{value:.1f}" for value in values)])
    return rows


def choice_of_recipe():
    """Return what each recipe is for, in the order of `from_recipe`."""
    results = recipes()
    measured = ["training time", "test accuracy", "log loss"]
    rows = [["recipe", "for", "training images", *measured, "probabilities"]]
    for name, recipe in RECIPES.items():
        result = results.get(name, {})
        cells = [result.get(key, "not measured") for key in ("time", "accuracy", "log_loss")]
        is_smoothed = recipe.params.get("label_smoothing", 0) > 0
        cells += ["calibrate them" if is_smoothed else "calibrated"]
        rows.append([f'`"{name}"`', recipe.purpose, f"{recipe.images:,} or more", *cells])
    return rows


def parameters_of(chosen):
    """Return the parameters that differ from the defaults, one column per chosen recipe."""
    recipes = [RECIPES[name] for name in chosen]
    names = dict.fromkeys(name for recipe in recipes for name in recipe.params)
    rows = [["parameter", *(f'`"{name}"`' for name in chosen)]]
    for name in names:
        values = (recipe.params.get(name) for recipe in recipes)
        rows.append([f"`{name}`", *("" if value is None else f"`{value!r}`" for value in values)])
    return rows


def recipe_results():
    """Return the results of all recipes and committees with MNIST."""
    header = {
        "seeds": "runs",
        "accuracy": "test accuracy",
        "range": "range",
        "errors": "errors",
        "log_loss": "log loss",
        "time": "relative time",
        "augmented_accuracy": "with augmentation",
    }
    results = recipes()
    for row in results.values():
        row["range"] = f"{row['lowest']} to {row['highest']}" if row["lowest"] != row["highest"] else ""
    rows = [["recipe", *header.values()]]
    return rows + [[name, *(row[key] for key in header)] for name, row in results.items()]


def recipes_by_data():
    """Return the test accuracy of each recipe on each data set."""
    measured = load("recipes")
    header = ["recipe", *(f"{data}, {run['training images']:,} images" for data, run in measured.items())]
    results = [recipes(data) for data in measured]
    names = [name for name in RECIPES if all(name in found for found in results)]
    return [header] + [[f'`"{name}"`', *(found[name]["accuracy"] for found in results)] for name in names]


def novelty():
    """Return the detection of images that are not digits, over all kinds of them."""
    rows = [row for row in load("novelty")["rows"] if row["images"] == "all of them"]
    cells = [[row["method"], f"{row['roc_auc']:.3f}", f"{row['false_alarms']:.1%}"] for row in rows]
    return [["score", "ROC AUC", "false alarms"], *cells]


def drawings():
    """Return the share of images and of drawings that the drawing page marks as doubtful."""
    measured = load("drawing")
    shares = measured["images"] | {name: row["doubted"] for name, row in measured["drawings"].items()}
    rows = [[DRAWINGS.get(name, name), f"{share:.1%}"] for name, share in shares.items()]
    return [["images", "marked as doubtful"], *rows]


def drawn_numbers():
    """Return the share of drawn numbers that the drawing page reads."""
    rows = [
        [f"{row['digits']} digits", f"{row['gap']:g}", f"{row['read']:.0%}", f"{row['separated']:.0%}"]
        for row in load("drawing")["numbers"]
    ]
    return [["numbers", "gap", "read", "separated"], *rows]


def pictures():
    """Return how accurately pictures that other people made are read."""
    measured = load("pictures")
    single, amounts = measured["single"], measured["amounts"]
    of_all = sum(map(Counter, measured["pages"].values()), Counter())
    rows = [["pictures", "read without an error", "digits read", "marks read as digits"]]
    for name, counts in [("pages", of_all)] + [
        (PAGES_OF_PICTURES[kind], counts) for kind, counts in measured["pages"].items()
    ]:
        n_digits = counts["right"] + counts["misread"] + counts["missed"]
        exact = f"{counts['exact']} of {counts['lines']} lines" if counts.get("lines") else ""
        digits = f"{counts['right'] / n_digits:.1%} of {n_digits:,}"
        rows.append([f"{counts['pages']} {name}", exact, digits, str(counts.get("false", 0))])
    rate = f"{amounts['exact'] / amounts['n']:.1%}"
    digits = f"{amounts['right'] / amounts['digits']:.1%} of {amounts['digits']:,}"
    rows.append([f"{amounts['n']:,} amounts on cheques", rate, digits, str(amounts["false"])])
    rows.append([f"{single['n']} of one digit", f"{single['read'] / single['n']:.1%}", "", ""])
    predicted = f"{single['predicted'] / single['n']:.1%}"
    return [*rows, ["the same, with `MNISTNormalizer` and the network", predicted, "", ""]]


def confidences_of_numbers():
    """Return the share of numbers with at least a confidence, and how many of them are right."""
    measured = load("pictures")["confidences"]
    rows = [[f"{row['from']:.0%}", f"{row['share']:.1%}", f"{row['right']:.1%}"] for row in measured]
    return [["confidence from", "numbers", "right"], *rows]


def confidences_of_amounts():
    """Return the share of amounts with at least a confidence, and how many of them are right."""
    measured = load("amounts")
    chosen = {row["from"]: row for row in measured["chosen"]}
    rows = [
        [
            f"{row['from']:.0%}",
            *(f"{part[key]:.1%}" for part in (row, chosen[row["from"]]) for key in ("share", "right")),
        ]
        for row in measured["read"]
    ]
    return [
        ["confidence from", "amounts", "right", "amounts, with candidates", "right, with candidates"],
        *rows,
    ]


TABLES = {
    "evidence": evidence,
    "comparison": comparison,
    "estimator-checks": estimator_checks,
    "learning-curves": learning_curves,
    "epochs": epochs,
    "transfer": transfer,
    "choice-of-recipe": choice_of_recipe,
    "parameters-for-digits": lambda: parameters_of([name for name in RECIPES if name != "best_objects"]),
    "parameters-for-objects": lambda: parameters_of(["best_objects"]),
    "recipes": recipe_results,
    "novelty": novelty,
    "pictures": pictures,
    "confidences-of-numbers": confidences_of_numbers,
    "confidences-of-amounts": confidences_of_amounts,
    "drawings": drawings,
    "drawn-numbers": drawn_numbers,
    "calibration": probabilities_report.calibration,
    "rejection": probabilities_report.rejection,
    "sets-of-labels": probabilities_report.sets_of_labels,
    "committees": probabilities_report.committees,
    "recipes-by-data": recipes_by_data,
}


def markdown(rows):
    """Return a table in Markdown; the first row is the header."""
    header, *body = rows
    lines = [header, ["---"] * len(header), *body]
    return "\n".join(f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in lines)


if __name__ == "__main__":
    for name, table in TABLES.items():
        print(f"{name}\n\n{markdown(table())}\n")
