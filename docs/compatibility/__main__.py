"""Runs the tests against other tools, and writes the page that says what was checked with which versions.

``python docs/compatibility newest`` keeps the outcome of this environment as ``newest.json``, and makes
``docs/compatibility.md`` from all outcomes that are kept.
"""

import json
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TESTS = HERE.parents[1] / "tests"
MODULES = {
    "test_estimator_checks.py": "scikit-learn's estimator checks",
    "test_ecosystem.py": "scikit-learn's tools",
    "test_third_party.py": "other packages",
    "test_exporting.py": "ONNX",
}
REQUIRED = ("tensorflow", "keras", "scikeras", "scikit-learn", "numpy", "pandas", "matplotlib")
OPTIONAL = (
    "polars",
    "imbalanced-learn",
    "optuna",
    "skops",
    "cloudpickle",
    "mlflow-skinny",
    "onnx",
    "onnxruntime",
    "tensorboard",
)
PAGE = """# Compatibility

The package is tested at both ends of the versions that its metadata admits. This page is made from the
outcome of the tests, by `make compatibility`. [Contributing](contributing.md) says how long versions are
supported.

## Versions

{versions}

## What was checked

Each line is a test against the tool itself; several variants of one count as one.

{checks}
"""


class Outcomes:
    """A pytest plugin that keeps what became of every test, its variants taken together."""

    def __init__(self):
        self.tests = {}

    def pytest_runtest_logreport(self, report):
        """Keep the worst outcome of a test's variants; a skipped one counts for nothing beside others."""
        if report.when == "call" or report.outcome != "passed":
            module, name = report.nodeid.split("::", 1)
            key = f"{Path(module).name}::{name.split('[')[0]}"
            seen = self.tests.get(key)
            self.tests[key] = (
                report.outcome if seen in (None, "skipped") else max(seen, report.outcome, key=_rank)
            )


def _rank(outcome):
    return ["skipped", "passed", "failed"].index(outcome)


def installed(names):
    """The version of each package, None where it is absent."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def write_page():
    """Make the page from all outcomes that are kept."""
    runs = {path.stem: json.loads(path.read_text()) for path in sorted(HERE.glob("*.json"), reverse=True)}
    heading = "| | " + " | ".join(runs) + " |\n| --- |" + " --- |" * len(runs)
    names = ["Python", *REQUIRED, *OPTIONAL]
    versions = [
        _row(name, [run["versions"].get(name) or "absent" for run in runs.values()]) for name in names
    ]
    tests = sorted({test for run in runs.values() for test in run["tests"]}, key=_place)
    checks = []
    for module, group in groupby(tests, key=lambda test: test.split("::")[0]):
        checks.append(f"\n### {MODULES[module][0].upper()}{MODULES[module][1:]}\n\n{heading}")
        for test in group:
            title = test.split("::test_")[1].replace("_", " ")
            checks.append(_row(title, [run["tests"].get(test, "absent") for run in runs.values()]))
    page = PAGE.format(versions="\n".join([heading, *versions]), checks="\n".join(checks))
    HERE.with_suffix(".md").write_text(page, encoding="utf-8")


def _place(test):
    module, name = test.split("::")
    return list(MODULES).index(module), name


def _row(name, cells):
    return f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    outcomes = Outcomes()
    files = [str(TESTS / module) for module in MODULES]
    status = pytest.main([*files, "-q", "-m", "", "-p", "no:randomly"], plugins=[outcomes])
    versions = {"Python": platform.python_version(), **installed(REQUIRED + OPTIONAL)}
    run = {"versions": versions, "tests": outcomes.tests}
    (HERE / f"{sys.argv[1]}.json").write_text(json.dumps(run, indent=1, sort_keys=True) + "\n")
    write_page()
    sys.exit(status)
