"""An installation without TensorFlow: its errors, and the commands of the page about installation."""

import pickle
import re
import shlex
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

from sk_mnist_cnn import save_model

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "installation.md").read_text(encoding="utf-8")
DEPENDENCIES = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
PACKAGE_ALONE, PREDICTING, REPORTING = (
    shlex.split(command) for command in re.findall(r'^\$ pip (install (?:--no-deps|").*)', PAGE, re.MULTILINE)
)
TRAINING = {"tensorflow", "keras", "scikeras", "tqdm", "ml_dtypes"}
OF_SCIKIT_LEARN = {"numpy", "scipy", "joblib", "threadpoolctl"}  # its own dependencies

BLOCKED = """
import pickle, sys
for name in sys.argv[2].split():
    sys.modules[name] = None
from sk_mnist_cnn import SaliencyDisplay, build_cnn
with open(sys.argv[1], "rb") as file:
    clf, X, y = pickle.load(file)
before = clf.predict_proba(X).tolist()
for code in sys.argv[3:]:
    try:
        eval(code)
    except ImportError as error:
        print(error.name, error)
assert clf.predict_proba(X).tolist() == before
assert SaliencyDisplay.from_estimator(clf, X[:2]).saliency.shape == (2, 8, 8)
"""
STAR = """
import sys
from importlib.machinery import PathFinder

class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, *args):
        is_missing = name.partition(".")[0] in sys.argv[1].split()
        return None if is_missing else super().find_spec(name, *args)

sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
from sk_mnist_cnn import *

model, mnist = load_pretrained(), load_mnist_sample()
X, y = mnist.x_test[:20], mnist.y_test[:20]
page = X[0].repeat(2, axis=0).repeat(2, axis=1)
for code in sys.argv[2:]:
    try:
        print(type(eval(code)).__name__)
    except ImportError as error:
        print(error.name, error)
"""
NEEDS_PANDAS = [
    "evaluation_report(model, X, y)",
    "EvaluationReport(y, y, classes=model.classes_)",
    "load_mnist_sample(as_frame=True)",
]
NEEDS_MATPLOTLIB = [
    "FilterDisplay.from_estimator(model)",
    "MisclassifiedDisplay.from_estimator(model, X, y)",
    "ReadingDisplay.from_estimator(model, page)",
    "SaliencyDisplay.from_estimator(model, X[:1], y[:1])",
    "TrainingHistoryDisplay.from_estimator(model)",
]
# With their types: notebooks show the text if HTML is None.
NEEDS_NEITHER = {
    "build_cnn": "function",
    "read_digits(model, page)._repr_html_()": "NoneType",
    "FilterDisplay(X[..., None])": "FilterDisplay",
    "__import__('sk_mnist_cnn.draw.__main__')": "module",
}
NEEDS_KERAS = [
    "clf.fit(X, y)",
    "clf.partial_fit(X, y)",
    "clf.model_",
    "build_cnn((8, 8, 1), 3)",
]

PREDICT = """
import importlib.util, sys
import numpy as np
import onnxruntime
from PIL import Image
from sklearn.pipeline import make_pipeline
from sk_mnist_cnn import (
    MNISTNormalizer, export_onnx, load_mnist_sample, load_model, load_pretrained, save_model
)

left_out = ["tensorflow", "keras", "scikeras", "tqdm", "ml_dtypes", "onnx", "pandas", "matplotlib"]
assert not any(map(importlib.util.find_spec, left_out))
mnist = load_mnist_sample()
model = load_pretrained()
assert model.score(mnist.x_test, mnist.y_test) > 0.99
assert model.transform(mnist.x_test[:5]).shape == (5, 84)
trained = load_model(sys.argv[1])
save_model(trained, "again.skops")
same = load_model("again.skops")
X = np.random.default_rng(0).random((4, 64), np.float32)
assert np.array_equal(same.predict_proba(X), trained.predict_proba(X))
export_onnx(model, "model.onnx")
session = onnxruntime.InferenceSession("model.onnx")
labels, _ = session.run(None, {session.get_inputs()[0].name: mnist.x_test[:5]})
assert np.array_equal(labels, model.predict(mnist.x_test[:5]))
Image.fromarray(255 - mnist.x_test[0]).resize((280, 280)).convert("RGB").save("photo.jpg")
assert make_pipeline(MNISTNormalizer(), model).predict(["photo.jpg"]) == mnist.y_test[:1]
try:
    trained.fit(X, [0, 1, 0, 1])
except ImportError as error:
    assert "pip install" in str(error)
else:
    raise AssertionError("fit must raise")
"""
REPORT = """
from sk_mnist_cnn import MisclassifiedDisplay, evaluation_report, load_mnist_sample, load_pretrained

mnist = load_mnist_sample()
report = evaluation_report(load_pretrained(), mnist.x_test, mnist.y_test)
assert report.accuracy > 0.99
report.to_html("report.html")
MisclassifiedDisplay.from_estimator(load_pretrained(), mnist.x_test, mnist.y_test)
"""


def names(requirements):
    return {re.match(r"[\w-]+", requirement)[0] for requirement in requirements}


def test_commands_install_all_dependencies_but_those_of_training():
    assert PACKAGE_ALONE == ["install", "--no-deps", "sk_mnist_cnn"]
    listed = {*PREDICTING[1:], *REPORTING[1:]}
    assert listed <= {*DEPENDENCIES}
    assert names(listed) == names(DEPENDENCIES) - TRAINING - OF_SCIKIT_LEARN


def test_dockerfile_and_uv_leave_out_the_same_packages():
    dockerfile = re.search(r"^```dockerfile\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[1]
    assert set(PREDICTING[1:]) <= set(shlex.split(dockerfile.replace("\\\n", "")))
    excluded = tomllib.loads(re.search(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[1])
    assert {*excluded["tool"]["uv"]["exclude-dependencies"], "tqdm"} == TRAINING


@pytest.mark.parametrize(
    "missing", ["tensorflow keras scikeras tqdm", pytest.param("tensorflow", marks=pytest.mark.slow)]
)
def test_errors_name_what_is_missing_and_the_command(missing, fitted, digits, tmp_path):
    X, y = digits
    (tmp_path / "fitted.pkl").write_bytes(pickle.dumps((fitted, X[:20], y[:20])))
    command = [sys.executable, "-c", BLOCKED, tmp_path / "fitted.pkl", missing, *NEEDS_KERAS]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(shown) == len(NEEDS_KERAS)
    for message in shown:
        assert f"without {', '.join(missing.split())}. Run: pip install" in message
        assert names(re.findall(r'"([^"]+[<>][^"]+)"', message)) == {*missing.split()}


@pytest.mark.parametrize(
    ("missing", "codes"),
    [
        ("pandas", [*NEEDS_PANDAS]),
        ("matplotlib", [*NEEDS_MATPLOTLIB, "evaluation_report(model, X, y).to_html('report.html')"]),
    ],
)
def test_errors_without_packages_for_results_contain_the_command(missing, codes, tmp_path):
    blocked = "tensorflow keras scikeras tqdm pandas matplotlib" if missing == "pandas" else missing
    command = [sys.executable, "-c", STAR, blocked, *codes, *NEEDS_NEITHER]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    shown = run.stdout.splitlines()
    assert shown[len(codes) :] == [*NEEDS_NEITHER.values()]
    (requirement,) = (line for line in DEPENDENCIES if line.startswith(missing))
    for message in shown[: len(codes)]:
        assert message.startswith(f"{missing} ")
        assert message.endswith(f'without {missing}. Run: pip install "{requirement}"')


def test_notebooks_show_the_scores_of_a_report_without_matplotlib(tmp_path):
    code = "print(evaluation_report(model, X, y)._repr_html_())"
    command = [sys.executable, "-c", STAR, "matplotlib", code]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert '<div class="evaluation">' in shown


@pytest.mark.slow
def test_installation_without_tensorflow(fitted, tmp_path):
    """Run the commands of the page in a new environment, with the wheel in place of the package's name."""

    def run(python, *arguments):
        subprocess.run([python, *arguments], cwd=tmp_path, check=True, timeout=1200)

    found = subprocess.run([sys.executable, "-m", "pip", "index", "versions", "skops"], capture_output=True)
    if found.returncode:
        pytest.skip("pip reaches no package index")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, ROOT)
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    wheel = str(next(tmp_path.glob("*.whl")))
    save_model(fitted, tmp_path / "trained.skops")

    for command in (PACKAGE_ALONE, PREDICTING):
        run(python, "-m", "pip", *[wheel if word == "sk_mnist_cnn" else word for word in command])
    run(python, "-c", PREDICT, "trained.skops")
    run(python, "-m", "sk_mnist_cnn", "photo.jpg")
    run(python, "-m", "pip", *REPORTING)
    run(python, "-c", REPORT)
    assert (tmp_path / "report.html").stat().st_size > 10_000
