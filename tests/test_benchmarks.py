import itertools
import json
import re
import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.exceptions import ConvergenceWarning

from sk_mnist_cnn import load_mnist_sample
from sk_mnist_cnn._recipes import RECIPES
from tests.benchmarks import __main__ as command
from tests.benchmarks import cases, recipes, report, saved, starting
from tests.benchmarks.cost import CostModel, Search
from tests.benchmarks.libraries import Ours
from tests.benchmarks.measuring import Case, Row, take_turns

ROOT = Path(__file__).parents[1]


def run_quick(module, output, *arguments):
    """Run a benchmark on little data; it writes its results to the folder `output`."""
    command = [sys.executable, "-m", module, "--quick", "--output", output, *arguments]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


@pytest.mark.slow
def test_every_round_calls_every_action_once():
    order = []
    actions = {"a": lambda: order.append("a") or 1.0, "b": lambda: order.append("b") or 2.0}
    a, b = take_turns(actions, 2, warm_up=1)
    assert "".join(order) == "abbaab"
    assert (a.values, b.values) == ([1.0, 1.0], [2.0, 2.0])


@pytest.mark.slow
def test_missing_packages_and_failures_are_reported():
    absent, failing, fine = take_turns({"a": "absent: b not installed", "c": lambda: 1 / 0, "d": float}, 2)
    assert (absent.values, absent.note) == ([], "absent: b not installed")
    assert (failing.values, failing.note) == ([], "failed: ZeroDivisionError: division by zero")
    assert (fine.values, fine.note) == ([0.0, 0.0], "")


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_advantages_are_ratios_within_rounds(higher_is_better):
    better, worse = Row("ours", [4.0, 8.0, 6.0]), Row("theirs", [2.0, 2.0, 3.0])
    rows = [better, worse] if higher_is_better else [worse, better]
    case = Case("name", "Title", "", "s", rows, higher_is_better)
    assert case.advantages(rows[1]) == [2.0, 4.0, 2.0]


def test_slowest_imports_are_named(tmp_path):
    (tmp_path / "slow_module.py").write_text("import time\ntime.sleep(0.3)\n", encoding="utf-8")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import slow_module"
    ((name, seconds),) = starting.slowest_imports(code, 1)
    assert name == "slow_module"
    assert seconds >= 0.3


def test_cost_model_counts_fits_of_busiest_worker():
    search = Search(workers=4, candidates=5, architectures=3, images=900, epochs=2, folds=3)
    assert search.fits_per_worker == 4  # of 15
    assert search.image_epochs == 2 * 600 + 300 / 5
    model = CostModel(start=5.0, trace=1.0, fit=0.1, epoch=0.05, image_epoch=0.001)
    assert model.seconds(search) == pytest.approx(5 + 3 * 1 + 4 * (0.1 + 2 * 0.05 + 1.26))


def test_cost_model_is_fitted_to_its_own_predictions():
    model = CostModel(start=5.0, trace=1.0, fit=0.1, epoch=0.05, image_epoch=0.001)
    searches = [
        Search(1, 2),
        Search(2, 8),
        Search(1, 4, architectures=4),
        Search(2, 4, images=4_000),
        Search(1, 4, epochs=8),
    ]
    fitted = CostModel.fitted(searches, [model.seconds(search) for search in searches])
    assert vars(fitted) == pytest.approx(vars(model))


@pytest.mark.slow
def test_variants_of_layers_have_the_same_gradients(monkeypatch, capsys):
    from tests.benchmarks import layers

    monkeypatch.setattr(layers, "ROUNDS", 1)
    monkeypatch.setattr(layers, "STEPS", 1)
    layers.main()
    assert len(capsys.readouterr().out.splitlines()) == len(layers.VARIANTS)


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Run the benchmarks "a", "b" and "c", whose values count the measurements, on an earlier day."""
    numbers = itertools.count(1)

    def measure(peers, scale, name):
        return Case(name, f"Title of {name}", "", "s", [Row("sk_mnist_cnn", [next(numbers)])])

    monkeypatch.setattr(cases, "ALL", {name: partial(measure, name=name) for name in "abc"})
    monkeypatch.setattr(command.figures, "save", lambda *args: None)
    command.main(["--output", str(tmp_path)])
    results = saved.load("results", tmp_path)
    results["machine"]["date"] = "2026-01-01"
    saved.save(results, "results", tmp_path)
    return results


def values(results):
    return {case["name"]: case["rows"][0]["values"] for case in results["cases"]}


def test_named_cases_replace_those_of_an_earlier_run(results, tmp_path):
    assert values(results) == {"a": [1], "b": [2], "c": [3]}
    command.main(["b", "--output", str(tmp_path)])
    again = saved.load("results", tmp_path)
    assert list(values(again).items()) == [("a", [1]), ("b", [4]), ("c", [3])]
    later = again["machine"].pop("later")
    assert (list(later), again["machine"]) == (["b"], results["machine"])
    page = (tmp_path / "results.rst").read_text()
    assert "Measured with ``python -m tests.benchmarks`` on 2026-01-01: " in page
    assert f"with this command and the name of the case: ``b`` on {later['b']}." in page
    command.main(["--output", str(tmp_path)])
    assert "later" not in saved.load("results", tmp_path)["machine"]


@pytest.mark.parametrize(
    ("arguments", "changed", "difference"),
    [
        ([], {"cores": 1_000}, "cores: 1000 instead of"),
        ([], {"versions": {"numpy": "1.0"}}, f"numpy: 1.0 instead of {np.__version__}"),
        (
            ["--quick"],
            {},
            "command: python -m tests.benchmarks instead of python -m tests.benchmarks --quick",
        ),
    ],
    ids=["machine", "versions", "options"],
)
def test_named_cases_do_not_replace_those_of_another_run(results, tmp_path, arguments, changed, difference):
    results["machine"] |= changed
    saved.save(results, "results", tmp_path)
    with pytest.raises(SystemExit, match=f"{difference}.*Measure all cases, or pass another folder"):
        command.main(["b", *arguments, "--output", str(tmp_path)])
    assert saved.load("results", tmp_path) == results


def test_named_cases_are_measured_alone_in_another_folder(results, tmp_path):
    for value in (4, 5):
        command.main(["b", "--output", str(tmp_path / "other")])
        other = saved.load("results", tmp_path / "other")
        assert (other["machine"]["command"], values(other)) == (
            "python -m tests.benchmarks b",
            {"b": [value]},
        )


def test_short_fits_do_not_warn_that_they_have_not_converged(digits):
    images, y = digits
    library = Ours(filters=(4,))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        library.fit(images[:100], y[:100])
    assert not caught
    with pytest.warns(ConvergenceWarning):
        library.estimator().fit(images[:100], y[:100])


@pytest.mark.slow
def test_quick_run_of_this_package(tmp_path):
    pytest.importorskip("psutil")
    run_quick("tests.benchmarks", tmp_path, "--without-peers")
    results = json.loads((tmp_path / "results.json").read_text())
    assert [case["name"] for case in results["cases"]] == list(cases.ALL)
    for case in results["cases"]:
        assert all(row["values"] for row in case["rows"]), case
    (search,) = (case for case in results["cases"] if case["name"] == "grid_search")
    assert search["rows"][0]["note"] == "1 training graphs traced for 6 fits"
    assert "Measured with ``python -m tests.benchmarks --quick" in (tmp_path / "results.rst").read_text()
    assert (tmp_path / "benchmarks.png").stat().st_size > 1000


@pytest.mark.slow
def test_quick_scaling_study(tmp_path):
    pytest.importorskip("distributed")
    run_quick("tests.benchmarks.scaling", tmp_path, "array", "mapped")
    assert not (tmp_path / "scaling.rst").exists()
    run_quick("tests.benchmarks.scaling", tmp_path, "one_worker", "two_workers")
    results = json.loads((tmp_path / "scaling.json").read_text())
    assert results["array"][0]["memory"] > 3  # a thousand images of 28x28 in float32
    assert [row["search"]["workers"] for row in results["two_workers"]] == [2, 2]
    assert "1,000 candidates of 4 networks" in (tmp_path / "scaling.rst").read_text()
    assert "Searches with two folds" in (tmp_path / "scaling_searches.rst").read_text()
    assert (tmp_path / "scaling.png").stat().st_size > 1000


@pytest.mark.slow
def test_quick_learning_curves(tmp_path):
    run_quick("tests.benchmarks.learning_curves", tmp_path)
    runs = json.loads((tmp_path / "learning_curves.json").read_text())["runs"]
    assert len(runs) == 10
    assert all(0.1 < run["accuracy"] < 1 for run in runs)
    assert "8x8 digits: test accuracy" in (tmp_path / "learning_curves.rst").read_text()
    assert (tmp_path / "learning_curves.png").stat().st_size > 1000
    run_quick("tests.benchmarks.learning_curves", tmp_path, "--only", "SVC")
    again = json.loads((tmp_path / "learning_curves.json").read_text())["runs"]
    assert again == runs


@pytest.mark.slow
def test_quick_number_of_epochs(tmp_path):
    run_quick("tests.benchmarks.epochs", tmp_path)
    (row,) = json.loads((tmp_path / "epochs.json").read_text())["rows"]
    assert (row["images"], row["epochs"]) == (100, 300)
    assert row["accuracy"] > 0.7


@pytest.mark.slow
def test_published_tables_are_those_of_the_saved_results(tmp_path):
    report.main(tmp_path)
    for name in ("results.rst", "learning_curves.rst", "scaling.rst", "results.json"):
        assert (tmp_path / name).read_text() == (report.OUTPUT / name).read_text(), name
    images = {path.name for path in tmp_path.glob("*.png")}
    assert images == {path.name for path in report.OUTPUT.glob("*.png")}
    assert {f"scaling{suffix}.png" for suffix in ("", "_dark", "_phone", "_phone_dark")} <= images


@pytest.mark.slow
def test_outcomes_of_estimator_checks_are_saved(tmp_path):
    pytest.importorskip("torch")
    from tests.benchmarks import estimator_checks

    estimator_checks.main(["MLPClassifier", "--output", str(tmp_path)])
    saved = json.loads((tmp_path / "estimator_checks.json").read_text())["estimators"]
    assert list(saved) == ["MLPClassifier"]
    assert len(saved["MLPClassifier"]["passed"]) > 50
    assert not saved["MLPClassifier"]["failed"]


@pytest.fixture
def small_recipes():
    params = {"filters": (4,), "kernel_size": 3, "dense_units": (), "optimizer": "adam", "batch_size": 32}
    epochs = {"notebook": 1, "best": 2}
    small = {name: RECIPES[name]._replace(params={**params, "epochs": n}) for name, n in epochs.items()}
    with patch.dict(RECIPES, small, clear=True):  # and restores the order, unlike monkeypatch
        yield


@pytest.fixture
def images_of_digits(digits, tmp_path):
    """Return a function that writes an npz file of this name, with a few images of digits."""
    images, y = digits

    def write(name):
        path = tmp_path / f"{name}.npz"
        np.savez(path, x_train=images[:150], y_train=y[:150], x_test=images[150:250], y_test=y[150:250])
        return path

    return write


def test_recipes_are_measured_by_data_set(tmp_path, small_recipes, images_of_digits):
    folders = ["--predictions", str(tmp_path / "predictions"), "--output", str(tmp_path)]
    for name, seeds in (("first", 5), ("second", 1)):
        recipes.main(["--images", str(images_of_digits(name)), "--seeds", str(seeds), *folders])
    saved = json.loads((tmp_path / "recipes.json").read_text())
    assert [(data, run["rows"][0]["seeds"]) for data, run in saved.items()] == [("first", 5), ("second", 1)]
    assert (saved["second"]["training images"], saved["second"]["test images"]) == (150, 100)
    rows = {row["recipe"]: row for row in saved["first"]["rows"]}
    assert list(rows) == ["notebook", "best", "best, committee of 5"]
    assert [row["recipe"] for row in saved["second"]["rows"]] == ["notebook", "best"]
    best, committee = rows["best"], rows["best, committee of 5"]
    runs = [np.load(tmp_path / "predictions" / "first" / f"best-{seed}.npz") for seed in range(5)]
    y = np.load(tmp_path / "first.npz")["y_test"]
    correct = [run["alone"].argmax(axis=1) == y for run in runs]
    assert best["accuracy"] == pytest.approx(np.mean(correct))
    assert (best["lowest"], best["highest"]) == (np.min(np.mean(correct, 1)), np.max(np.mean(correct, 1)))
    voted = sum(run["alone"] for run in runs).argmax(axis=1)
    assert committee["accuracy"] == pytest.approx(np.mean(voted == y))
    assert "seconds" not in best
    recipes.add_times(rows.values(), {"notebook": 2.0, "best": 3.0})
    assert [row["seconds"] for row in rows.values()] == [2.0, 6.0, 30.0]
    assert [row["relative time"] for row in rows.values()] == [1.0, 3.0, 15.0]


def test_measurement_of_recipes_is_continued(tmp_path, small_recipes, images_of_digits, capsys):
    images, folder = str(images_of_digits("some")), str(tmp_path / "predictions")
    arguments = ["--images", images, "--predictions", folder, "--output", str(tmp_path)]
    recipes.main([*arguments, "--seeds", "1", "--only", "best"])
    assert capsys.readouterr().out.startswith("best, seed 0: ")
    assert not (tmp_path / "recipes.json").exists()
    recipes.main([*arguments, "--seeds", "1"])
    assert capsys.readouterr().out.startswith("notebook, seed 0: ")
    assert [row["recipe"] for row in json.loads((tmp_path / "recipes.json").read_text())["some"]["rows"]] == [
        "notebook",
        "best",
    ]


@pytest.mark.slow
def test_quick_deep_network(tmp_path):
    run_quick("tests.benchmarks.deep", tmp_path)
    rows = {
        (case["name"], row["label"]): row
        for case in json.loads((tmp_path / "deep.json").read_text())["cases"]
        for row in case["rows"]
    }
    assert len(rows) == 12
    assert not [row["note"] for row in rows.values() if row["note"]]
    assert all(min(row["values"]) > 0 for row in rows.values())


@pytest.mark.slow
def test_quick_transfer(tmp_path):
    run_quick("tests.benchmarks.transfer", tmp_path)
    runs = json.loads((tmp_path / "transfer.json").read_text())["runs"]
    assert len(runs) == 5
    assert all(0.5 < run["accuracy"] < 1 for run in runs)
    assert "8x8 digits through MNISTNormalizer: test accuracy" in (tmp_path / "transfer.rst").read_text()
    run_quick("tests.benchmarks.transfer", tmp_path, "--only", "SVC")
    assert json.loads((tmp_path / "transfer.json").read_text())["runs"] == runs


@pytest.mark.slow
def test_quick_comparison_of_novelty_detectors(tmp_path):
    pytest.importorskip("matplotlib")
    command = [sys.executable, "-m", "tests.benchmarks.novelty", "--quick", "--output", tmp_path]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    rows = json.loads((tmp_path / "novelty.json").read_text())["rows"]
    assert len({row["method"] for row in rows}) == 7
    assert len({row["images"] for row in rows}) >= 9
    overall = {row["method"]: row["roc_auc"] for row in rows if row["images"] == "all of them"}
    of_embeddings = [auc for method, auc in overall.items() if method.endswith("embeddings")]
    assert max(of_embeddings) < 0.97 < overall["ImageNoveltyDetector"]
    assert "False alarms at 95% detection" in (tmp_path / "novelty.rst").read_text()
    outliers = json.loads((tmp_path / "novelty.json").read_text())["outliers"]
    assert all(0 < fraction < 0.05 for fraction in outliers.values())


@pytest.mark.slow
def test_quick_measurement_of_the_drawing_page(tmp_path):
    run_quick("tests.draw.measure", tmp_path)
    measured = json.loads((tmp_path / "drawing.json").read_text())
    assert measured["images"]["test digits"] < 0.1 < 0.5 < measured["drawings"]["M"]["doubted"]
    assert measured["start"] > 0
    assert [row["digits"] for row in measured["numbers"]] == [2, 3, 5, 3, 3]
    assert measured["numbers"][0]["read"] > 0.5


def test_training_is_continued_as_in_the_guide_and_in_the_example():
    from tests.benchmarks.transfer import CONTINUED, N_MNIST, REPEATS

    for page in ("docs/guide/own_digits.md", "examples/read/plot_own_digits.py"):
        text = (ROOT / page).read_text(encoding="utf-8")
        (call,) = re.findall(r"set_params\((.*?)\)", text)
        assert eval(f"dict({call})") == {**CONTINUED, "random_state": 0}, page
        assert {int(n) for n in re.findall(r"np\.repeat\(.+?, (\d+)[,)]", text)} == {REPEATS}, page
        assert {int(n) for n in re.findall(r"_train\[:(\d{3,})\]", text)} == {N_MNIST}, page


@pytest.mark.slow
def test_quick_reading(tmp_path):
    run_quick("tests.benchmarks.reading", tmp_path)
    rows = json.loads((tmp_path / "reading.json").read_text())["rows"]
    assert len(rows) == 14
    assert all(row["found"] > 0.8 for row in rows if "found" in row)
    assert "five-digit numbers read" in (tmp_path / "reading.rst").read_text()


@pytest.mark.slow
def test_quick_probabilities(tmp_path):
    pytest.importorskip("mapie")
    run_quick("tests.benchmarks.probabilities", tmp_path)
    results = json.loads((tmp_path / "probabilities.json").read_text())
    scores = pd.DataFrame(results["scores"])
    assert scores.groupby(["model", "label_smoothing", "scaling"]).size().to_dict() == {
        (model, smoothing, scaling): count
        for model, count in (("network", 5), ("committee", 1))
        for smoothing in (0.0, 0.05)
        for scaling in ("none", "temperature")
    }
    assert scores["accuracy"].between(0.8, 1).all()
    for row in results["sets"]:
        assert sum(value for name, value in row.items() if name.startswith("size_")) == pytest.approx(1)
    assert all(0 < row["coverage"] < 1 for row in results["thresholds"])


def test_networks_with_probabilities_are_those_of_the_guide():
    source = (ROOT / "tests/benchmarks/probabilities.py").read_text(encoding="utf-8")
    (params,) = re.findall(r"^PARAMS = (\{\n.*?\n\})", source, re.DOTALL | re.MULTILINE)
    page = (ROOT / "docs/guide/probabilities.md").read_text(encoding="utf-8")
    (call,) = re.findall(r"^network = CNNDigitClassifier\(\n(.*?)\n\)", page, re.DOTALL | re.MULTILINE)
    assert eval(f"dict({call})") == {**eval(params), "random_state": 0}


@pytest.mark.slow
def test_quick_measurement_of_amounts(tmp_path):
    mnist = load_mnist_sample()
    labels = ["file,text"]
    for first in range(0, 30, 3):
        image = np.pad(np.concatenate(mnist.x_test[first : first + 3], axis=1), 20)
        Image.fromarray(255 - image).save(tmp_path / f"{first}.png")
        labels.append(f"{first}.png,{''.join(map(str, mnist.y_test[first : first + 3]))}")
    (tmp_path / "labels.csv").write_text("\n".join(labels))
    run_quick("tests.benchmarks.amounts", tmp_path, tmp_path)
    measured = json.loads((tmp_path / "amounts.json").read_text())
    assert measured["n"] == 10
    assert measured["read"][0]["right"] >= 0.8
    assert measured["chosen"][0]["right"] == 1


def test_digits_of_pictures_are_compared():
    from tests.benchmarks.pictures import align, compare_digits, compare_unordered, is_equal

    assert align("86019", "8609", compare_digits).tolist() == [4, 0, 1, 0]
    assert align("4?8", "41187", compare_digits).tolist() == [3, 0, 0, 2]
    assert align(["86", "428"], ["428"], partial(align, compare=compare_digits)).tolist() == [3, 0, 2, 0]
    assert compare_unordered("1234", "43256") == [3, 1, 0, 1]
    assert is_equal("1?", "15")
    assert not is_equal("1?", "1")


@pytest.mark.slow
def test_quick_measurement_of_pictures(tmp_path):
    mnist = load_mnist_sample()
    labels = {"pictures": ["file,kind,text"], "amounts": ["file,text,boxes"]}
    for folder in labels:
        (tmp_path / folder).mkdir()
    for i, kind in enumerate(("lines", "grid", "mixed", "scattered", "single")):
        index = range(3 * i, 3 * i + (1 if kind == "single" else 3))
        picture = Image.fromarray(255 - np.pad(np.concatenate(mnist.x_test[index], axis=1), 20))
        text, boxes = "".join(map(str, mnist.y_test[index])), []
        for k, image in enumerate(mnist.x_test[index]):
            left, top, right, bottom = np.add(Image.fromarray(image).getbbox(), 20 + np.tile([28 * k, 0], 2))
            boxes.append(f"{top},{left},{bottom},{right}")
        labels["pictures"].append(f"{i}.png,{kind},{text}")
        labels["amounts"].append(f'{i}.png,{text},"{" ".join(boxes)}"')
        for folder in labels:
            picture.save(tmp_path / folder / f"{i}.png")
    for folder, rows in labels.items():
        (tmp_path / folder / "labels.csv").write_text("\n".join(rows))
    run_quick("tests.benchmarks.pictures", tmp_path, tmp_path)
    measured = json.loads((tmp_path / "pictures.json").read_text())
    assert [counts["pages"] for counts in measured["pages"].values()] == [1, 1, 1, 1]
    assert measured["pages"]["lines"]["lines"] == 1
    assert measured["single"]["predicted"] == 1
    assert measured["confidences"][0]["share"] == 1
    assert measured["amounts"]["digits"] == 13
    assert measured["amounts"]["found"] >= measured["amounts"]["right"] >= 11
