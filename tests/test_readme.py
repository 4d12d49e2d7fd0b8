"""The Python code of the README runs, from top to bottom."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.slow
def test_code_runs(capsys):
    snippets = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(snippets) >= 2
    namespace = {}
    for snippet in snippets:
        exec(compile(snippet, str(README), "exec"), namespace)
    shown = capsys.readouterr().out
    accuracy = float(re.search(r"accuracy +(\d\.\d+)", shown)[1])
    assert accuracy >= 0.97
    assert "cnn__filters" in shown
