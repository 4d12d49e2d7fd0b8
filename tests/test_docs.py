"""The documentation is complete, its links lead somewhere, and its code runs."""

import inspect
import re
from pathlib import Path

import pytest

import sk_mnist_cnn

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
NO_PAGES = {"_build", "_templates", "benchmarks", "compatibility", "gallery", "generated"}
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *DOCS.rglob("*.rst")]
    if NO_PAGES.isdisjoint(path.relative_to(ROOT).parts)
)
# Written by the build of the documentation, by `make bench` and by `make compatibility`.
BUILT = re.compile(r"docs/((gallery|api/generated|benchmarks)/|compatibility$)")

# numpydoc's checks of what a docstring says: that there is one with a summary (GL08, SS01), with sections
# that are known and in order (GL06, GL07); that parameters are those of the signature, in its order, with a
# type and a description (PR01 to PR04, PR07); and that what is returned is described (RT01, RT03, YD01).
CHECKS = {"GL06", "GL07", "GL08", "SS01", "PR01", "PR02", "PR03", "PR04", "PR07", "RT01", "RT03", "YD01"}

# What the code of a page uses that may be absent: modules by the words that show it.
OPTIONAL = {
    "save_model": "skops",
    "sklearn.callback": "sklearn.callback",
    "onnxruntime": "onnxruntime",
    "dask.": "distributed",
}


def public_objects():
    """Every public name, and every public method and property that this package defines for it."""
    for name in sk_mnist_cnn.__all__:
        item = getattr(sk_mnist_cnn, name)
        yield f"sk_mnist_cnn.{name}"
        if not inspect.isclass(item):
            continue
        for attribute in dir(item):
            defined = inspect.getattr_static(item, attribute)
            function = getattr(defined, "fget", None) or inspect.unwrap(getattr(defined, "__func__", defined))
            ours = str(getattr(function, "__module__", "")).partition(".")[0] == "sk_mnist_cnn"
            if ours and not attribute.startswith("_"):
                yield f"sk_mnist_cnn.{name}.{attribute}"


def paragraphs(page):
    """A page without its code. Directives, whose name is in braces, stay."""
    blocks = re.compile(r"^[ *-]*(`{3,})(\{?)[^\n]*\n.*?^ *\1 *$", re.DOTALL | re.MULTILINE)
    return blocks.sub(lambda block: block[0] if block[2] else "", page)


def references(path):
    """What a page refers to by a path of its own: links, pictures, included files, entries of a toctree."""
    page = path.read_text(encoding="utf-8")
    text = paragraphs(page)
    yield from re.findall(r"\]\((?!https?:|mailto:|#)([^)\s#]+)", text)
    yield from re.findall(r"(?:\.\. |\{)(?:figure|image|include|literalinclude)(?:::|\}) +(\S+)", text)
    yield from re.findall(r"^:target: +(?!https?:)(\S+)", text, flags=re.MULTILINE)
    for entries in re.findall(r"^```\{toctree\}\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE):
        yield from re.findall(r"^(?!:)(\S+)$", entries, flags=re.MULTILINE)


def test_the_api_page_lists_every_public_name_once():
    page = (DOCS / "api" / "index.rst").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^   (\w+)$", page, re.MULTILINE)) == sorted(sk_mnist_cnn.__all__)


@pytest.mark.parametrize("name", list(public_objects()))
def test_the_docstring_is_valid(name):
    validate = pytest.importorskip("numpydoc.validate").validate
    errors = [f"{code} {message}" for code, message in validate(name)["errors"] if code in CHECKS]
    assert not errors


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_the_page_refers_to_exists(page):
    for reference in references(page):
        target = (page.parent / reference).resolve()
        if BUILT.match(str(target.relative_to(ROOT))):
            continue
        candidates = [target, *(target.with_name(target.name + suffix) for suffix in (".md", ".rst"))]
        assert any(candidate.is_file() for candidate in candidates), reference


def test_every_page_can_be_reached():
    front = DOCS / "index"
    reached = {front} | {(page.parent / link).resolve() for page in PAGES for link in references(page)}
    assert not {page.with_suffix("") for page in PAGES if DOCS in page.parents} - reached


# Keras' own, where it saves a model.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in PAGES if DOCS in page.parents], ids=lambda page: str(page.relative_to(ROOT))
)
def test_the_code_runs(page, tmp_path, monkeypatch, capsys):
    """All that is marked as ``python`` runs, from top to bottom; ``py`` needs what is not there."""
    monkeypatch.chdir(tmp_path)
    code = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    namespace = {}
    for snippet in code:
        for word, module in OPTIONAL.items():
            if word in snippet:
                pytest.importorskip(module)
        exec(compile(snippet, str(page), "exec"), namespace)
