"""Run the tests of compatibility with other tools, and write the compatibility page.

``python docs/compatibility newest`` saves the test outcomes of this environment in ``newest.json``, and
writes ``docs/compatibility.md`` from all saved outcomes.
"""

import json
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from checks import SECTIONS

HERE = Path(__file__).parent
TESTS = HERE.parents[1] / "tests"
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
    "scipy",
    "pillow",
    "joblib",
    "tqdm",
)
OPTIONAL = (
    "polars",
    "imbalanced-learn",
    "optuna",
    "optuna-integration",
    "mapie",
    "shap",
    "lime",
    "cleanlab",
    "skore",
    "dask-ml",
    "torch",
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

## Tools

Each row is a tool, and the behavior that is tested with it. A test is skipped if its tool cannot be installed
with the other packages: dask-ml needs an older version of Dask, see [Other tools](guide/tools.md#dask-ml).
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
            key = f"{module.removeprefix('tests/')}::{name.split('[')[0]}"
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
    names = ["Python", *REQUIRED, *OPTIONAL]
    versions = [[name, *(run["versions"].get(name) or "-" for run in runs.values())] for name in names]
    checks = ""
    for section, modules in SECTIONS.items():
        rows = [
            [tool, words, *(_outcome(run["tests"], module, tests) for run in runs.values())]
            for module, checked in modules.items()
            for tool, words, tests in checked
        ]
        checks += f"\n### {section}\n\n{_table(['tool', 'tested behavior', *runs], rows)}\n"
    page = PAGE.format(versions=_table(["", *runs], versions), checks=checks.rstrip())
    HERE.with_suffix(".md").write_text(page, encoding="utf-8")


def _outcome(outcomes, module, tests):
    """Return the worst outcome of several tests. Skipped tests only count if all are skipped."""
    found = {outcomes.get(f"{module}::test_{test}", "not run") for test in tests}
    return next(outcome for outcome in ("failed", "not run", "passed", "skipped") if outcome in found)


def _table(header, body):
    lines = [header, ["---"] * len(header), *body]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    outcomes = Outcomes()
    files = [str(TESTS / module) for modules in SECTIONS.values() for module in modules]
    status = pytest.main([*files, "-q", "-m", "", "-p", "no:randomly"], plugins=[outcomes])
    versions = {"Python": platform.python_version(), **installed(REQUIRED + OPTIONAL)}
    run = {"versions": versions, "tests": outcomes.tests}
    (HERE / f"{sys.argv[1]}.json").write_text(json.dumps(run, indent=1, sort_keys=True) + "\n")
    write_page()
    sys.exit(status)
