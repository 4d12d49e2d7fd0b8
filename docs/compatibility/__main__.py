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
    "onnxruntime",
    "scikit-learn",
    "numpy",
    "pandas",
    "matplotlib",
    "scipy",
    "pillow",
    "joblib",
    "skops",
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
    "cloudpickle",
    "mlflow-skinny",
    "tensorboard",
)
PAGE = """# Compatibility

Read this page to find out whether the package works with the versions that you have installed, and with the
tools that you use. `make compatibility` runs the tests and writes this page. [Versions and
deprecations](guide/versioning.md#dependencies) describes how long versions are supported.

## Dependencies

The package is tested with the oldest and with the newest supported version of each dependency. Both are the
same if there has been no newer release.

{required}

## Optional tools

The package declares no version bounds for these tools. Each of them is tested together with the oldest and
with the newest dependencies, in the newest version that can be installed with them. This is often the same
version.

{optional}

## Tested behavior

Each row is a tool and the behavior that is tested with it. A row is "passed" only if all of its tests
passed. A test is skipped if a package is too old for the tested feature, or cannot be installed with the
other packages. Temperature scaling needs scikit-learn 1.8. dask-ml needs an older version of Dask, see
[Other tools](guide/tools.md#dask-ml).
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
    checks = ""
    for section, modules in SECTIONS.items():
        rows = [
            [tool, words, *(_outcome(run["tests"], module, tests) for run in runs.values())]
            for module, checked in modules.items()
            for tool, words, tests in checked
        ]
        checks += f"\n### {section}\n\n{_table(['tool', 'tested behavior', *runs], rows)}\n"
    required, optional = _versions(runs, ("Python", *REQUIRED)), _versions(runs, OPTIONAL)
    page = PAGE.format(required=required, optional=optional, checks=checks.rstrip())
    HERE.with_suffix(".md").write_text(page, encoding="utf-8")


def _versions(runs, names):
    rows = [[name, *(run["versions"].get(name) or "-" for run in runs.values())] for name in names]
    return _table(["", *runs], rows)


def _outcome(outcomes, module, tests):
    """Return the worst outcome of several tests: a skipped test leaves a part of the behavior untested."""
    found = {outcomes.get(f"{module}::test_{test}", "not run") for test in tests}
    return next(outcome for outcome in ("failed", "not run", "skipped", "passed") if outcome in found)


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
