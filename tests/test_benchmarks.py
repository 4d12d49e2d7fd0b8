import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks import cases
from tests.benchmarks.measuring import Case, Row, take_turns

ROOT = Path(__file__).parents[1]


def test_every_action_has_its_turn_in_every_round():
    order = []
    actions = {"a": lambda: order.append("a") or 1.0, "b": lambda: order.append("b") or 2.0}
    a, b = take_turns(actions, 2, warm_up=1)
    assert "".join(order) == "abbaab"
    assert (a.values, b.values) == ([1.0, 1.0], [2.0, 2.0])


def test_what_is_absent_or_fails_is_reported():
    absent, failing, fine = take_turns({"a": "absent: b not installed", "c": lambda: 1 / 0, "d": float}, 2)
    assert (absent.values, absent.note) == ([], "absent: b not installed")
    assert (failing.values, failing.note) == ([], "failed: ZeroDivisionError: division by zero")
    assert (fine.values, fine.note) == ([0.0, 0.0], "")


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_advantages_are_ratios_within_rounds(higher_is_better):
    better, worse = Row("ours", [4.0, 8.0, 6.0]), Row("theirs", [2.0, 2.0, 3.0])
    rows = [better, worse] if higher_is_better else [worse, better]
    case = Case("name", "Title", "", "s", rows, higher_is_better)
    assert case.advantages(rows[1]) == [2.0, 4.0, 2.0]


@pytest.mark.slow
def test_a_quick_run_of_this_package_alone(tmp_path):
    pytest.importorskip("psutil")
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--without-peers", "--output", tmp_path]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    results = json.loads((tmp_path / "results.json").read_text())
    assert [case["name"] for case in results["cases"]] == list(cases.ALL)
    for case in results["cases"]:
        assert all(row["values"] for row in case["rows"]), case
    (search,) = (case for case in results["cases"] if case["name"] == "grid_search")
    assert search["rows"][0]["note"] == "1 training graphs traced for 6 fits"
    assert "Measured with ``python -m tests.benchmarks --quick" in (tmp_path / "results.rst").read_text()
    assert (tmp_path / "benchmarks.png").stat().st_size > 1000
