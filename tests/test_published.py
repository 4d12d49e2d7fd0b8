"""The numbers of the README and the documentation are those in `docs/benchmarks`."""

import re
from statistics import median

import pandas as pd
import pytest

from sk_mnist_cnn import ImageNoveltyDetector
from sk_mnist_cnn._recipes import RECIPES
from sk_mnist_cnn.draw import _recognizer
from tests.benchmarks import published
from tests.draw import measure
from tests.test_docs import DOCS, PAGES

README = (DOCS.parent / "README.md").read_text(encoding="utf-8")
NUMBERS = published.numbers()
PERCENTAGE = re.compile(r"\b\d+(?:\.\d+)?%")


@pytest.mark.parametrize(
    "page", [page for page in PAGES if DOCS in page.parents], ids=lambda page: str(page.relative_to(DOCS))
)
def test_substitutions_and_tables_of_page_exist(page):
    jinja2 = pytest.importorskip("jinja2")  # with which Sphinx replaces the names
    text = page.read_text(encoding="utf-8")
    for expression in re.findall(r"\{\{ .+? \}\}", text):
        value = jinja2.Template(expression, undefined=jinja2.StrictUndefined).render(NUMBERS)
        assert re.fullmatch(r"[\d,.]+( ?[\w%/]+)?", value), (expression, value)
    assert set(re.findall(r"\{measurements\} (\S+)", text)) <= set(published.TABLES)


@pytest.mark.parametrize("name", published.TABLES)
def test_rows_of_table_have_equal_lengths(name):
    header, *rows = published.TABLES[name]()
    assert rows
    assert {len(row) for row in rows} == {len(header)}


def test_table_of_recipes_has_all_recipes():
    _, *rows = published.choice_of_recipe()
    assert [row[0] for row in rows] == [f'`"{name}"`' for name in RECIPES]
    assert [row[2] for row in rows] == [f"{recipe.images:,} or more" for recipe in RECIPES.values()]


def test_percentages_of_readme_are_published():
    rows = [row for mean in published.curves().values() for row in mean.values()]
    known = {f"{value}%" for value in rows}
    known |= {value for row in published.recipes().values() for value in row.values()}
    for page in ("guide/pretrained.md", "from_notebook.md"):
        known |= set(PERCENTAGE.findall((DOCS / page).read_text(encoding="utf-8")))
    prose = re.sub(r"```python.*?```", "", README, flags=re.DOTALL)
    assert set(PERCENTAGE.findall(prose)) <= known


def test_statements_about_the_learning_curves():
    """The guide compares all classifiers for each number of images, and 1,000 images with 60,000."""
    curves = published.curves()
    ours = {n: float(mean) for n, mean in curves[published.RECOMMENDED].items()}
    for n, mean in ours.items():
        assert mean > float(published.best_of_others(n)[1]), n
    assert ours[1000] > float(published.best_of_others(60_000)[1])
    plain = {n: float(mean) for n, mean in curves["CNN, recommended, no augmentation"].items()}
    assert all(100 - plain[n] > 2 * (100 - ours[n]) for n in (100, 300, 1000))


def test_statements_about_recipes_with_other_images():
    """The page says which recipes are less accurate than the notebook's, and how many runs there are."""
    measured = published.load("recipes")
    accuracies = {
        data: {row["recipe"]: row["accuracy"] for row in run["rows"]} for data, run in measured.items()
    }
    clothes = accuracies["Fashion-MNIST"]
    less_accurate = {name for name in clothes if clothes[name] < clothes["notebook"]}
    assert less_accurate == {"one_epoch", "strong", "recommended"}
    assert all(of_data["best"] > of_data["notebook"] for of_data in accuracies.values())
    for data, n_runs in (("animals", 3), ("Fashion-MNIST", 2)):
        assert {row["seeds"] for row in measured[data]["rows"]} == {n_runs}


def test_statements_about_your_own_digits():
    """The guide says that continued training is the best choice, and when to compare it with another one."""
    header, *rows = published.transfer()
    accuracies = {method: dict(zip(header[1:], row, strict=True)) for method, *row in rows}
    untrained = accuracies.pop("load_pretrained, not trained further")["0"]
    continued = accuracies.pop("load_pretrained, training continued")
    for n in ("1", "3", "10", "30"):
        assert float(continued[n]) > float(untrained)
        assert all(float(continued[n]) >= float(of_method[n]) for of_method in accuracies.values())
    assert float(accuracies["recommended recipe, from scratch"]["30"]) > float(continued["30"]) - 0.2


def test_statements_about_probabilities():
    """The guide says when temperature scaling improves the probabilities, and what is the lowest log loss."""
    rows = pd.DataFrame(published.load("probabilities")["scores"])
    means = rows.groupby(["model", "label_smoothing", "scaling"]).mean()
    plain, scaled_plain, smoothed, scaled = (
        means.loc["network", smoothing, scaling]
        for smoothing in (0.0, 0.05)
        for scaling in ("none", "temperature")
    )
    assert scaled_plain["log_loss"] == pytest.approx(plain["log_loss"], rel=0.05)
    assert scaled["log_loss"] < plain["log_loss"] < smoothed["log_loss"]
    assert scaled["calibration_error"] < smoothed["calibration_error"] / 2
    assert smoothed["errors"] < plain["errors"]
    assert means["log_loss"].idxmin() == ("committee", 0.05, "temperature")
    errors = rows.groupby(["model", "label_smoothing"])["errors"]
    spread = errors.max() - errors.min()
    assert (spread["committee"] < spread["network"]).all()
    sets = pd.DataFrame(published.load("probabilities")["sets"]).groupby("confidence_level").mean()
    assert (sets["true_label"] < sets.index).all()


def test_fractions_of_outliers_in_docstring_are_published():
    for data in ("shipped", "fitted_on_sample"):
        assert NUMBERS["outliers"][data] in ImageNoveltyDetector.__doc__


def test_statements_about_the_drawing_page():
    """The guide says which drawings are not read as numbers, how many are measured, and how it is trained."""
    measured = published.load("drawing")
    others = {name: row for name, row in measured["drawings"].items() if name != "drawings of digits"}
    assert all(row["numbers"] == 0 for row in others.values())
    page = " ".join((DOCS / "guide/drawing.md").read_text(encoding="utf-8").split())
    assert f"There are {measure.N // 2} numbers of each kind" in page
    assert f"{_recognizer._N_KNOWN} of the shipped training digits" in page
    assert f"a probability of at least {_recognizer._SURE}" in page
    assert f"Up to {_recognizer._MAX_UNDO} corrections can be undone" in page
    assert f"It stops after {_recognizer._N_ROUNDS} calls" in page


def test_readme_and_first_page_name_the_number_of_draws():
    assert "the mean over ten draws of 100 MNIST digits" in README
    assert published.draws()[published.RECOMMENDED][100] == "10"


def test_statements_about_other_packages():
    """The comparison and the page for users of scikeras say what is faster, smaller or equal."""
    values = {
        case["name"]: {row["label"]: median(row["values"]) for row in case["rows"]}
        for case in published.load("results")["cases"]
    }

    def ratio(case, name):
        return values[case][name] / values[case]["sk_mnist_cnn"]

    assert ratio("first_prediction", "skorch") < 1
    assert ratio("refit", "skorch") == pytest.approx(1, rel=0.2)
    assert ratio("memory_growth", "skorch") < 0.1
    assert ratio("pickle_size", "scikeras") == pytest.approx(3, rel=0.2)
    assert (
        min(values["one_row"][name] for name in ("scikeras", "keras.wrappers")) > 10
    )  # tens of milliseconds
    assert all(ratio("one_row", name) > 1 for name in ("Keras", "scikeras", "keras.wrappers", "skorch"))
