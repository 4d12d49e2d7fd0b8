"""The direction of imports inside the package, the places of costly imports, and the size of modules."""

import ast
import io
import subprocess
import sys
import tokenize
from graphlib import CycleError, TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "sk_mnist_cnn"
ENGINES = ("_keras", "_onnx")

# From top to bottom. A module may import modules of its own layer and of the layers below. The name of a
# folder means all modules in it.
LAYERS = (
    ("__init__",),
    (
        "__main__",
        "draw",
        "plotting",
        "reading",
        "_recognition",
        "reporting",
        "_report",
        "exporting",
        "persistence",
        "_skops",
        "pretrained",
    ),
    ("_attribution", "_fitted"),
    ("classifier", "preprocessing", "normalization", "novelty", "network", "datasets"),
    ("_training.preparation", "_pictures"),
    ENGINES,
    ("_training.checkpoint",),
    ("_architecture", "_training", "_images"),
    (
        "_base",
        "_files",
        "_training.fingerprint",
        "_packages",
        "_process",
        "_recipes",
    ),
)

# Packages that take long to import, and the modules that may import them.
COSTLY = {
    "tensorflow": ("_keras",),
    "keras": ("_keras",),
    "scikeras": ("_keras",),
    "onnx": (),
    "onnxruntime": ("_onnx",),
    "matplotlib": ("plotting", "_report"),
    "PIL": ("_pictures", "draw"),
    "skops": ("persistence",),
}


def find_modules():
    """Return the file of each module, by its name without the name of the package."""
    folder = ROOT / PACKAGE
    modules = {}
    for path in sorted(folder.rglob("*.py")):
        *folders, name = path.relative_to(folder).with_suffix("").parts
        modules[".".join(folders if folders and name == "__init__" else [*folders, name])] = path
    return modules


MODULES = find_modules()


class Import(NamedTuple):
    """One name that a module imports."""

    line: int
    target: str  # its full name
    is_late: bool  # inside a function
    is_typing: bool  # under `if TYPE_CHECKING`


def find_imports(node, package, *, is_late=False, is_typing=False):
    """Yield the imports below a node of a module's syntax tree.

    `package` is the full name of the package that relative imports start from.
    """
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(node.lineno, alias.name, is_late, is_typing)
    elif isinstance(node, ast.ImportFrom):
        base = resolve_name("." * node.level + (node.module or ""), package)
        for alias in node.names:
            yield Import(node.lineno, f"{base}.{alias.name}", is_late, is_typing)
    is_late |= isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    is_typing |= isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    for child in ast.iter_child_nodes(node):
        yield from find_imports(child, package, is_late=is_late, is_typing=is_typing)


def imports_of(module):
    """Yield the imports of a module of this package."""
    path = MODULES[module]
    package = ".".join(path.parent.relative_to(ROOT).parts)
    yield from find_imports(ast.parse(path.read_text(encoding="utf-8")), package)


def imported_modules(module):
    """Yield pairs of (module of this package, import) for the imports of a module."""
    for found in imports_of(module):
        top, _, name = found.target.partition(".")
        if top == PACKAGE:
            while name and name not in MODULES:
                name = name.rpartition(".")[0]
            yield name or "__init__", found


def is_in(module, names):
    """Return whether a module is one of `names`, or in a folder that is."""
    return any(module == name or module.startswith(f"{name}.") for name in names)


def layer(module):
    """Return the index of the layer that names the module or else its folder, 0 for the top; or None."""
    places = [(len(name), i) for i, names in enumerate(LAYERS) for name in names if is_in(module, [name])]
    return max(places)[1] if places else None


@pytest.mark.parametrize("module", MODULES)
def test_module_is_in_a_layer(module):
    assert layer(module) is not None, (
        f"{module} is in no layer. Add it to LAYERS in tests/test_layout.py: in the lowest layer where it "
        "imports no module of a higher one."
    )


def is_higher(one, other):
    """Return whether a module is in a higher layer than another; False if one of them is in no layer."""
    places = layer(one), layer(other)
    return None not in places and places[0] < places[1]


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_same_and_lower_layers(module):
    upward = {
        f"line {found.line} imports {target}"
        for target, found in imported_modules(module)
        if is_higher(target, module)
    }
    assert not upward, f"{module} imports modules of higher layers: {upward}"


def test_no_circular_imports():
    imported = {module: {target for target, _ in imported_modules(module)} for module in MODULES}
    try:
        TopologicalSorter(imported).prepare()
    except CycleError as error:
        pytest.fail(f"circular import: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize("module", MODULES)
def test_engines_are_imported_late(module):
    early = {
        f"line {found.line} imports {target}"
        for target, found in imported_modules(module)
        if not (found.is_late or found.is_typing)
        and any(is_in(target, [engine]) and not is_in(module, [engine]) for engine in ENGINES)
    }
    assert not early, f"{module} must import engines inside functions: {early}"


@pytest.mark.parametrize("module", MODULES)
def test_costly_packages_are_imported_in_few_modules(module):
    costly = {
        f"line {found.line} imports {found.target}"
        for found in imports_of(module)
        for package, places in COSTLY.items()
        if is_in(found.target, [package]) and not is_in(module, places) and not found.is_typing
    }
    assert not costly, f"{module} must leave these imports to other modules: {costly}"


IMPORTS = """
import sys
import sklearn.utils
by_scikit_learn = set(sys.modules)  # pandas, where it is installed

def found(*packages):
    return {*packages} & (sys.modules.keys() - by_scikit_learn)

import sk_mnist_cnn.datasets, sk_mnist_cnn.normalization
assert not (early := found("tensorflow", "keras", "pandas", "matplotlib", "PIL")), early
import sk_mnist_cnn.plotting
assert not (early := found("tensorflow", "keras")), early
import numpy, sk_mnist_cnn
sk_mnist_cnn.load_pretrained().predict(numpy.zeros((1, 28, 28), numpy.uint8))
assert not (early := found("tensorflow", "keras", "onnx", "ml_dtypes", "google.protobuf", "skops")), early
"""


def test_importing_the_package_and_predicting_do_not_import_slow_packages():
    subprocess.run([sys.executable, "-c", IMPORTS], cwd=ROOT, check=True)


def code_lines(source):
    """Return the numbers of the lines of code: no docstrings, comments, types of attributes, blank lines."""
    spacing = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in {*spacing, tokenize.ENDMARKER}:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and ast.get_docstring(node) is not None:
            docstring = node.body[0]
            lines.difference_update(range(docstring.lineno, docstring.end_lineno + 1))
        if isinstance(node, ast.AnnAssign) and node.value is None:
            lines.difference_update(range(node.lineno, node.end_lineno + 1))
    return lines


@pytest.mark.parametrize("module", MODULES)
def test_module_is_short(module):
    n_lines = len(code_lines(MODULES[module].read_text(encoding="utf-8")))
    assert n_lines <= (300 if module == "classifier" else 250), f"{module} has {n_lines} lines of code"
