"""Public docstrings are complete, link to the user guide, and list the errors that are raised.

`pytest --doctest-modules` runs their examples.
"""

import doctest
import inspect
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

import sk_mnist_cnn
from sk_mnist_cnn import CNNDigitClassifier, build_cnn
from tests.estimators import small_classifier

GUIDE = Path(__file__).parents[1] / "docs" / "guide"

# numpydoc's checks of a docstring: it exists and has a summary (GL08, SS01); its sections are known and in
# order (GL06, GL07); its parameters are those of the signature, in the same order, with a type and a
# description (PR01 to PR04, PR07); returned values are described (RT01, RT03, YD01); and it has an example
# (EX01). Classes and functions also have a longer description (ES01) and a section "See Also" (SA01).
CHECKS = {"GL06", "GL07", "GL08", "SS01", "PR01", "PR02", "PR03", "PR04", "PR07"}
CHECKS |= {"RT01", "RT03", "YD01", "EX01"}
CHECKS_OF_NAMES = CHECKS | {"ES01", "SA01"}

NAMES = sk_mnist_cnn.__all__
CLASSES = [name for name in NAMES if inspect.isclass(getattr(sk_mnist_cnn, name))]


def own_members(name):
    """Yield the public methods and properties of a class that this package defines."""
    item = getattr(sk_mnist_cnn, name)
    for attribute in dir(item):
        defined = inspect.getattr_static(item, attribute)
        function = getattr(defined, "fget", None) or inspect.unwrap(getattr(defined, "__func__", defined))
        ours = str(getattr(function, "__module__", "")).partition(".")[0] == "sk_mnist_cnn"
        if ours and not attribute.startswith("_"):
            yield attribute


MEMBERS = [f"{name}.{attribute}" for name in CLASSES for attribute in own_members(name)]


def public_object(path):
    """Return the class, function, method or property with a dotted name."""
    item = sk_mnist_cnn
    for name in path.split("."):
        item = getattr(item, name)
    return item


def documented(path, section):
    """Return the names or types in a section of a docstring."""
    docscrape = pytest.importorskip("numpydoc.docscrape")
    entries = docscrape.NumpyDocString(inspect.getdoc(public_object(path)))[section]
    return {part for entry in entries for part in (entry.name or entry.type).split(", ")}


@pytest.mark.parametrize("path", [*NAMES, *MEMBERS])
def test_docstring_is_valid(path):
    validate = pytest.importorskip("numpydoc.validate").validate
    checks = CHECKS_OF_NAMES if path in NAMES else CHECKS
    errors = [
        f"{code} {message}" for code, message in validate(f"sk_mnist_cnn.{path}")["errors"] if code in checks
    ]
    assert not errors


@pytest.mark.parametrize("path", [path for path in [*NAMES, *MEMBERS] if path != "fetch_mnist"])  # a download
def test_examples_are_run(path):
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(public_object(path)))
    assert examples
    assert not any(doctest.SKIP in example.options for example in examples)


@pytest.mark.parametrize("name", NAMES)
def test_docstring_links_to_user_guide(name):
    labels = re.findall(r":ref:`[^`<]+ <(guide-[^>]+)>`", " ".join(public_object(name).__doc__.split()))
    guide = "".join(page.read_text(encoding="utf-8") for page in GUIDE.glob("*.md"))
    assert labels
    assert all(f"({label})=\n" in guide for label in labels)


@pytest.mark.parametrize("name", CLASSES)
def test_attributes_are_documented(name):
    """Attributes are those with a type in the class, and the parameters of classes that are no estimators."""
    item = public_object(name)
    attributes = {attribute for attribute in item.__annotations__ if not attribute.startswith("_")}
    if not issubclass(item, BaseEstimator):
        attributes.update(inspect.signature(item).parameters)
    assert attributes <= documented(name, "Attributes")


UNFITTED = CNNDigitClassifier()
ARGUMENTS = {
    "X": np.zeros((2, 8, 8)),
    "y": np.array([0, 1]),
    "estimator": UNFITTED,
    "estimators": {"unfitted": UNFITTED},
    "model": UNFITTED,
    "picture": np.zeros((8, 8)),
    "path": "unfitted",
}


def calls_without_fit():
    """Yield a dotted name and a call with an estimator that is not fitted."""
    for path in [*NAMES, *MEMBERS]:
        name, _, attribute = path.partition(".")
        if (name in CLASSES and not attribute) or attribute.startswith(("fit", "partial_fit")):
            continue
        owner = getattr(sk_mnist_cnn, name)
        if attribute and issubclass(owner, BaseEstimator):
            is_flat = {"flatten": True} if "flatten" in inspect.signature(owner).parameters else {}
            owner = owner(**is_flat)  # `get_feature_names_out` of ImagePreprocessor needs `flatten`
        if isinstance(inspect.getattr_static(type(owner), attribute, None), property):
            yield path, lambda owner=owner, attribute=attribute: getattr(owner, attribute)
            continue
        function = getattr(owner, attribute) if attribute else owner
        parameters = inspect.signature(function).parameters.values()
        needed = [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
        takes_estimator = isinstance(owner, BaseEstimator) or {"estimator", "estimators", "model"} & {*needed}
        if takes_estimator and ARGUMENTS.keys() >= {*needed}:
            yield path, lambda function=function, needed=needed: function(*map(ARGUMENTS.get, needed))


CALLS = dict(calls_without_fit())


@pytest.mark.filterwarnings("ignore:2 of 2 pictures become black")  # of zeros
@pytest.mark.parametrize("path", CALLS)
def test_not_fitted_error_is_documented_where_it_is_raised(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # `save_model` saves estimators that are not fitted
    try:
        CALLS[path]()
        raised = False
    except NotFittedError:
        raised = True
    assert ("NotFittedError" in documented(path, "Raises")) == raised


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("CNNDigitClassifier.fit", lambda clf, X: small_classifier().fit(X, [0, 1])),
        ("CNNDigitClassifier.partial_fit", lambda clf, X: small_classifier().partial_fit(X, [0, 1], [0, 1])),
        ("CNNDigitClassifier.model_", lambda clf, X: clf.model_),
        ("build_cnn", lambda clf, X: build_cnn((8, 8, 1), 2)),
    ],
)
def test_error_of_forked_process_is_documented(path, call, fitted, digits, monkeypatch):
    monkeypatch.setattr("sk_mnist_cnn._process._forked", True)
    with pytest.raises(RuntimeError, match="forked"):
        call(fitted, digits[0][:2])
    assert "RuntimeError" in documented(path, "Raises")


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("CNNDigitClassifier.fit", lambda clf, X: small_classifier().fit(X, [0, 1])),
        ("CNNDigitClassifier.partial_fit", lambda clf, X: small_classifier().partial_fit(X, [0, 1], [0, 1])),
        ("CNNDigitClassifier.model_", lambda clf, X: clf.model_),
        ("build_cnn", lambda clf, X: build_cnn((8, 8, 1), 2)),
    ],
)
def test_import_error_is_documented(path, call, fitted, digits, monkeypatch):
    """Without the modules that import TensorFlow, as if it was not installed."""
    for module in [*sys.modules, "sk_mnist_cnn._keras"]:
        if module.startswith("sk_mnist_cnn._keras"):
            monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError):
        call(fitted, digits[0][:2])
    assert "ImportError" in documented(path, "Raises")
