"""Run the tests of compatibility with other tools, and write the compatibility page.

``python docs/compatibility newest`` saves the test outcomes of this environment in ``newest.json``, and
writes ``docs/compatibility.md`` from all saved outcomes.
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
    "test_estimator_checks.py": "Estimator checks of scikit-learn",
    "test_ecosystem.py": "Tools of scikit-learn",
    "test_third_party.py": "Other packages",
    "test_exporting.py": "ONNX",
}
REQUIRED = (
    "tensorflow",
    "keras",
    "scikeras",
    "onnx",
    "onnxruntime",
    "scikit-learn",
    "numpy",
    "pandas",
    "matplotlib",
)
OPTIONAL = (
    "polars",
    "imbalanced-learn",
    "optuna",
    "skops",
    "cloudpickle",
    "mlflow-skinny",
    "tensorboard",
)
PAGE = """# Compatibility

The package is tested with the oldest and the newest supported version of each dependency.
`make compatibility` runs the tests and writes this page.
[Contributing](contributing.md#supported-versions) describes how long versions are supported.

## Versions

{versions}

## Tests

Each row is a test with the tool itself. Parametrized variants of a test are combined.

{checks}
"""


class Outcomes:
    """A pytest plugin that records the outcome of each test, over all its parametrized variants."""

    def __init__(self):
        self.tests = {}

    def pytest_runtest_logreport(self, report):
        """Record the worst outcome of the variants. Skipped variants only count if all are skipped."""
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
    """Return the installed version of each package, or None."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def write_page():
    """Write the page from all saved outcomes."""
    runs = {path.stem: json.loads(path.read_text()) for path in sorted(HERE.glob("*.json"), reverse=True)}
    heading = "| | " + " | ".join(runs) + " |\n| --- |" + " --- |" * len(runs)
    names = ["Python", *REQUIRED, *OPTIONAL]
    versions = [
        _row(name, [run["versions"].get(name) or "not installed" for run in runs.values()]) for name in names
    ]
    tests = sorted({test for run in runs.values() for test in run["tests"]}, key=_place)
    checks = []
    for module, group in groupby(tests, key=lambda test: test.split("::")[0]):
        checks.append(f"\n### {MODULES[module]}\n\n{heading}")
        for test in group:
            title = test.split("::test_")[1].replace("_", " ")
            checks.append(_row(title, [run["tests"].get(test, "not run") for run in runs.values()]))
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
