"""The documentation lists every public name, its links point to existing files, and its code runs."""

import re
import runpy
from importlib import import_module
from pathlib import Path

import pytest
from sklearn.utils import Bunch

import sk_mnist_cnn
from sk_mnist_cnn._training import config
from sk_mnist_cnn.datasets import load_mnist_sample

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
NO_PAGES = {"_build", "_templates", "benchmarks", "compatibility", "gallery", "generated"}
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *DOCS.rglob("*.rst")]
    if NO_PAGES.isdisjoint(path.relative_to(ROOT).parts)
)
# Blocks of code that the build of the documentation does not run, unlike code cells.
PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
WITH_CODE = [
    page for page in PAGES if DOCS in page.parents and PYTHON.search(page.read_text(encoding="utf-8"))
]
# Written by the build of the documentation, by `make bench` and by `make compatibility`.
BUILT = re.compile(r"docs/((gallery|api/generated|benchmarks)/|compatibility$)")

# Optional modules that the code of a page needs, by a word in that code.
OPTIONAL = {
    "dask.": "distributed",
    "import mlflow": "mlflow",
    "mapie": "mapie",
    "import shap": "shap",
    "from lime": "lime",
    "cleanlab": "cleanlab",
    "from skore": "skore",
    "optuna_integration": "optuna_integration",
    "imblearn": "imblearn",
}


def paragraphs(page):
    """Return a page without its code. Directives other than code cells are kept."""
    blocks = re.compile(r"^[ *-]*(`{3,})(\{(?!code-cell))?[^\n]*\n.*?^ *\1 *$", re.DOTALL | re.MULTILINE)
    return blocks.sub(lambda block: block[0] if block[2] else "", page)


def references(path):
    """Yield the relative paths in a page: links, images, included files and toctree entries."""
    page = path.read_text(encoding="utf-8")
    text = paragraphs(page)
    yield from re.findall(r"\]\((?!https?:|mailto:|#)([^)\s#]+)", text)
    yield from re.findall(r"(?:\.\. |\{)(?:figure|image|include|literalinclude)(?:::|\}) +(\S+)", text)
    yield from re.findall(r"^:target: +(?!https?:)(\S+)", text, flags=re.MULTILINE)
    for entries in re.findall(r"^```\{toctree\}\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE):
        yield from re.findall(r"^(?!:)(\S+)$", entries, flags=re.MULTILINE)


def test_api_page_lists_every_public_name_once():
    """Public names are those in `__all__` of the package and of its public modules."""
    page = (DOCS / "api" / "index.rst").read_text(encoding="utf-8")
    listed = re.findall(r"^   (\w+)$|^\.\. py:data:: (\S+)$", page, re.MULTILINE)
    names = list(sk_mnist_cnn.__all__)
    for path in sorted((ROOT / "sk_mnist_cnn").glob("[!_]*.py")):
        module = import_module(f"sk_mnist_cnn.{path.stem}")
        names += [f"{path.stem}.{name}" for name in module.__all__ if name not in sk_mnist_cnn.__all__]
    assert sorted(name or data for name, data in listed) == sorted(names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_page_exist(page):
    for reference in references(page):
        target = (page.parent / reference.removesuffix(".html")).resolve()
        if BUILT.match(str(target.relative_to(ROOT))):
            continue
        candidates = [target, *(target.with_name(target.name + suffix) for suffix in (".md", ".rst"))]
        assert any(candidate.is_file() for candidate in candidates), reference


def sections(page):
    """Return the anchors of a page: its headings in lower case, without punctuation, joined by hyphens."""
    headings = re.findall(r"^#+ (.+)$", paragraphs(page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_sections_exist(page):
    text = paragraphs(page.read_text(encoding="utf-8"))
    for file, section in re.findall(r"\]\((?!https?:)([^)\s#]*)#([^)\s]+)\)", text):
        target = (page.parent / file).resolve() if file else page
        assert target.suffix == ".md", target
        assert section in sections(target), (file, section)


def test_every_page_is_linked():
    front = DOCS / "index"
    reached = {front} | {(page.parent / link).resolve() for page in PAGES for link in references(page)}
    assert not {page.with_suffix("") for page in PAGES if DOCS in page.parents} - reached


@pytest.mark.parametrize("page", sorted((DOCS / "guide").glob("*.md")), ids=lambda page: page.stem)
def test_page_of_guide_has_label(page):
    """Docstrings refer to these labels, as in :ref:`guide-training`."""
    label = "guide" if page.stem == "index" else f"guide-{page.stem}"
    assert re.search(rf"^\({label}\)=\n\n# ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)


def load_part_of_sample():
    """Return the first 2,000 training and 500 test images of the shipped digits."""
    sample = load_mnist_sample()
    sizes = {"x_train": 2000, "y_train": 2000, "x_test": 500, "y_test": 500}
    return Bunch(**{**sample, **{name: sample[name][:size] for name, size in sizes.items()}})


# Issued inside Keras when it saves a model, by other tools when they are imported, and inside them.
@pytest.mark.filterwarnings(
    "error::sklearn.exceptions.ConvergenceWarning",
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning",
    "ignore:.*Any type hint is inferred as AnyType:UserWarning",
    "ignore:The ``noload`` loader strategy is deprecated",
    "ignore:The set_.* function will be deprecated:PendingDeprecationWarning",
    "ignore:OptunaSearchCV is experimental",
    "ignore:`optuna.terminator` module:FutureWarning",
)
@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_of_page_runs(page, tmp_path, monkeypatch, capsys):
    """Run the blocks marked ``python``, those marked ``py`` need files of the user.

    They train on a part of the shipped digits, for fewer epochs where the number of epochs is "auto".
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(config, "AUTO_BATCHES", 200)
    monkeypatch.setattr(sk_mnist_cnn, "load_mnist_sample", load_part_of_sample)
    namespace = {}
    for snippet in PYTHON.findall(page.read_text(encoding="utf-8")):
        for word, module in OPTIONAL.items():
            if word in snippet:
                pytest.importorskip(module)
        exec(compile(snippet, str(page), "exec"), namespace)


def test_compatibility_page_lists_every_test_once():
    sections = runpy.run_path(str(DOCS / "compatibility" / "checks.py"))["SECTIONS"]
    modules = [item for section in sections.values() for item in section.items()]
    for module, checks in modules:
        source = (ROOT / "tests" / module).read_text(encoding="utf-8")
        listed = sorted(test for _, _, tests in checks for test in tests)
        assert listed == sorted(re.findall(r"^def test_(\w+)", source, re.MULTILINE))


def test_behavior_with_a_skipped_test_is_not_reported_as_passed(monkeypatch):
    monkeypatch.syspath_prepend(DOCS / "compatibility")
    outcome = runpy.run_path(str(DOCS / "compatibility" / "__main__.py"))["_outcome"]
    outcomes = {"test_x.py::test_a": "passed", "test_x.py::test_b": "skipped"}
    assert outcome(outcomes, "test_x.py", ["a"]) == "passed"
    assert outcome(outcomes, "test_x.py", ["a", "b"]) == "skipped"
    assert outcome(outcomes, "test_x.py", ["b", "c"]) == "not run"
