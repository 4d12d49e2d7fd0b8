"""The types that users' type checkers see: mypy and pyright check a script, and the choices of parameters."""

import ast
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args, get_type_hints

import keras
import pytest
from sklearn.utils._param_validation import StrOptions

import sk_mnist_cnn
from sk_mnist_cnn import CNNDigitClassifier, ImagePreprocessor, MNISTNormalizer
from sk_mnist_cnn._architecture import ACTIVATIONS

ROOT = Path(__file__).parents[1]

# Everything that README and user guide show first, with the types that it must have.
SCRIPT = """
from typing import Any, assert_type

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import classification_report
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from sk_mnist_cnn import (
    CNNDigitClassifier,
    EvaluationReport,
    FilterDisplay,
    ImageNoveltyDetector,
    ImagePreprocessor,
    MisclassifiedDisplay,
    MNISTNormalizer,
    SaliencyDisplay,
    TrainingHistoryDisplay,
    build_cnn,
    evaluation_report,
    export_onnx,
    fetch_mnist,
    load_image_folder,
    load_mnist_sample,
    load_model,
    load_pretrained,
    save_model,
)

mnist = load_mnist_sample()
assert_type(mnist.x_train, NDArray[np.uint8])
assert_type(mnist.y_train, NDArray[np.int64])
assert_type(mnist.data, NDArray[np.uint8])
assert_type(mnist.target, NDArray[np.int64])
assert_type(mnist.DESCR, str)
X, y = fetch_mnist("mnist.npz", return_X_y=True)
assert_type(X, NDArray[np.uint8])
assert_type(y, NDArray[np.int64])
assert_type(fetch_mnist(as_frame=True).x_train, pd.DataFrame)
assert_type(load_mnist_sample(as_frame=True).x_train, pd.DataFrame)
assert_type(load_mnist_sample(return_X_y=True, as_frame=True)[0], pd.DataFrame)
assert_type(load_image_folder("digits").data, NDArray[np.str_])
assert_type(load_image_folder("digits", return_X_y=True)[0], NDArray[np.str_])

model = Pipeline([("images", ImagePreprocessor()), ("cnn", CNNDigitClassifier(random_state=0))])
model.fit(mnist.x_train, mnist.y_train)
print(classification_report(mnist.y_test, model.predict(mnist.x_test)))
search = GridSearchCV(model, {"cnn__conv_dropout": [0.0, 0.2]}, cv=3)
search.fit(mnist.x_train[:2000], mnist.y_train[:2000])

classifier = CNNDigitClassifier([16, 32], optimizer="adam", learning_rate=0.003, augmentation="affine")
classifier.fit(X, y).partial_fit(X, y)
loss: list[float] = classifier.history_["loss"]
assert_type(classifier.fit(X, y), CNNDigitClassifier)
assert_type(classifier.set_params(epochs=3).partial_fit(X, y).fit(X, y).predict(X), NDArray[Any])
assert_type(classifier.fit_transform(X, y), NDArray[np.floating[Any]])
assert_type(classifier.score(X, y), float)
assert_type(classifier.get_params(), dict[str, Any])
CNNDigitClassifier(range(16, 48, 16), kernel_size=((3, 5), 3), pool_size=np.int64(2))
CNNDigitClassifier(np.array([16, 32]), kernel_size=np.array([[3, 5], [3, 3]]), dense_units=())
preprocessor = ImagePreprocessor(max_value="auto")
assert_type(preprocessor.fit(X), ImagePreprocessor)
assert_type(preprocessor.fit_transform(X), NDArray[np.float32])
assert_type(preprocessor.fit(X).transform(X), NDArray[np.float32])
assert_type(ImagePreprocessor(flatten=True).fit(X).get_feature_names_out(), NDArray[np.object_])
assert_type(MNISTNormalizer().fit([X[0]]), MNISTNormalizer)
assert_type(MNISTNormalizer().fit_transform([X[0]]), NDArray[np.uint8])
assert_type(MNISTNormalizer().transform([X[0]]), NDArray[np.uint8])
print(load_pretrained().predict(X))

report = evaluation_report(model, mnist.x_test, mnist.y_test)
assert_type(report, EvaluationReport)
assert_type(report.accuracy, float)
assert_type(report.per_class, pd.DataFrame)
assert_type(report.to_text(), str)
report.to_html("report.html")

display = MisclassifiedDisplay.from_estimator(search, mnist.x_test, mnist.y_test, n_images=9)
assert_type(display, MisclassifiedDisplay)
assert_type(display.ax_, Axes)
assert_type(display.figure_, Figure)
SaliencyDisplay.from_estimator(model, mnist.x_test[:4], patch_size="auto").figure_.savefig("saliency.png")
FilterDisplay.from_estimator(model).plot(im_kw={"cmap": "gray"})
TrainingHistoryDisplay.from_estimators({"first": model, "second": model})

save_model(model, "model.skops")
save_model(search, "search.skops")
save_model(ImageNoveltyDetector(), "detector.skops")
save_model(preprocessor, "preprocessor.skops")
save_model(MNISTNormalizer(), "normalizer.skops")
print(load_model("model.skops").predict(mnist.x_test))
export_onnx(model, "model.onnx")
export_onnx(model[1:], "network.onnx")
export_onnx(search, "best.onnx")
export_onnx(classifier, "classifier.onnx")
export_onnx(load_pretrained(), "pretrained.onnx")
names: list[str] = list(CNNDigitClassifier.recipes())
build_cnn((28, 28, 1), 10, activation="relu", dtype="float32", random_state=0)
"""

# Each line is an error. Those with a comment are found by pyright only, because mypy reads no types of
# scikit-learn's classes, and so accepts all names of attributes.
MISTAKES = """
from sk_mnist_cnn import load_mnist_smaple
import sk_mnist_cnn; sk_mnist_cnn.CNNDigitClasifier
import sk_mnist_cnn as package; package.import_module
from sk_mnist_cnn import CNNDigitClassifier as C1; C1(learning_rate="fast")
from sk_mnist_cnn import CNNDigitClassifier as C2; C2(dtype="float16")
from sk_mnist_cnn import CNNDigitClassifier as C3; C3(epoch=3)
from sk_mnist_cnn import build_cnn as b; b((28, 28, 1), 10, activation="rleu")
from sk_mnist_cnn import evaluation_report as e; e(3, [[0]], [0])
from sk_mnist_cnn import load_mnist_sample as load; load().x_trian
from sk_mnist_cnn import SaliencyDisplay as S; S.from_estimator(C3(), [[0]], patch_size="all")
from sk_mnist_cnn import CNNDigitClassifier as C4; C4("32")
C4(dense_units="84")
C4(kernel_size="5")
C4(pool_size=["2"])
b((28, 28, 1), 10, filters="32")
b((28, 28, 1), 10, dtype="float16")
b((28, 28, 1), 10, seed=0)
C4().fit([[0]])
C4().fit([[0]], [0], X_validation=[[0]])
C4().fit([[0]], [0]).predict()
C4().fit([[0]], [0]).predcit([[0]])  # pyright
C4().set_params(epochs=3).fit([[0]])
C4().score([[0]])
from sk_mnist_cnn import save_model as s; s([0], "model.skops")
from sk_mnist_cnn import export_onnx as o; o(load(), "model.onnx")
C4.from_recipe("bst")
from sk_mnist_cnn import ImagePreprocessor as I; I().fit_transform()
I().get_feature_names_out(None, None)
from sk_mnist_cnn import MNISTNormalizer as M; M().fit([[0]]).transform()
"""

# scikit-learn has no type hints, so users of `mypy --strict` must ignore that.
OPTIONS = {"mypy": ["--strict", "--disable-error-code=import-untyped"], "pyright": []}


def run(checker, *arguments, folder):
    """Run a type checker in a folder, and return its messages and its exit code."""
    pytest.importorskip(checker)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # pyright looks for python
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "MYPYPATH": str(ROOT)}
    command = [sys.executable, "-m", checker, *arguments]
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
    return result.stdout, result.returncode


@pytest.mark.slow
@pytest.mark.parametrize("checker", OPTIONS)
def test_users_script_has_no_errors_and_every_mistake_is_one(checker, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "mistakes.py").write_text(MISTAKES, encoding="utf-8")
    # In one run, since a checker first reads the types of all dependencies.
    messages, _ = run(checker, *OPTIONS[checker], "script.py", "mistakes.py", folder=tmp_path)
    assert not re.search(r"script\.py:\d+:.* error:", messages), messages
    found = {int(line) for line in re.findall(r"mistakes\.py:(\d+):.* error:", messages)}
    mistakes = {
        number
        for number, line in enumerate(MISTAKES.splitlines(), 1)
        if line and (checker == "pyright" or not line.endswith("# pyright"))
    }
    assert found == mistakes, messages


@pytest.mark.slow
def test_public_names_have_all_annotations(tmp_path):
    """Types that are unknown nevertheless are those of other packages, mostly of scikit-learn."""
    output, _ = run("pyright", "--verifytypes", "sk_mnist_cnn", "--outputjson", folder=tmp_path)
    symbols = [symbol for symbol in json.loads(output)["typeCompleteness"]["symbols"] if symbol["isExported"]]
    assert len(symbols) > 100
    messages = [(s["name"], diagnostic["message"]) for s in symbols for diagnostic in s["diagnostics"]]
    assert not [(name, message) for name, message in messages if "missing" in message]


def test_dir_lists_the_public_names():
    assert [name for name in dir(sk_mnist_cnn) if not name.startswith("_")] == sk_mnist_cnn.__all__
    assert {name for name in vars(sk_mnist_cnn) if not name.startswith("_")} <= {
        *sk_mnist_cnn.__all__,
        *(path.stem for path in Path(sk_mnist_cnn.__file__).parent.iterdir()),
    }


def test_late_names_are_public_and_imported_for_type_checkers():
    (check,) = (node for node in ast.parse(inspect.getsource(sk_mnist_cnn)).body if isinstance(node, ast.If))
    late = {name: module for module, names in sk_mnist_cnn._LATE.items() for name in names}
    assert {alias.name: node.module for node in check.body for alias in node.names} == late


def test_misspelt_name_raises():
    with pytest.raises(AttributeError, match="no attribute 'CNNDigitClasifier'"):
        _ = sk_mnist_cnn.CNNDigitClasifier


def literals(hint):
    """Return the strings among the values of all `Literal` in a type hint."""
    return {item for arg in get_args(hint) for item in ([arg] if isinstance(arg, str) else literals(arg))}


@pytest.mark.parametrize("estimator", [CNNDigitClassifier, ImagePreprocessor, MNISTNormalizer])
def test_literals_are_the_choices_of_parameters(estimator):
    hints = get_type_hints(estimator.__init__, localns={"keras": keras})
    choices = {
        name: {choice for rule in rules if isinstance(rule, StrOptions) for choice in rule.options}
        for name, rules in estimator._parameter_constraints.items()
    }
    choices |= {"activation": {*ACTIVATIONS}} if "activation" in choices else {}
    assert {name: literals(hints[name]) for name in choices} == choices
