"""The Python code of the README runs, from top to bottom."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
# Accuracies in comments behind the lines that print them. On other processors, they differ slightly.
PROMISED = re.findall(r"^print.*# (\d\d\.\d)%$", README.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.slow
def test_code_runs(capsys):
    snippets = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(snippets) >= 2
    assert PROMISED
    namespace = {}
    for snippet in snippets:
        exec(compile(snippet, str(README), "exec"), namespace)
    shown = capsys.readouterr().out
    accuracy = float(re.search(r"accuracy +(\d\.\d+)", shown)[1])
    assert accuracy >= 0.97
    for printed, promised in zip(re.findall(r"^(\d\d\.\d)%$", shown, re.MULTILINE), PROMISED, strict=True):
        assert float(printed) == pytest.approx(float(promised), abs=1)
    assert "cnn__filters" in shown
