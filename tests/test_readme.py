"""The code and the commands of the README run, from top to bottom, in a folder with nothing but a photo."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = re.sub(r"<!-- published\n.*?-->\n|<!-- unpublished -->\n", "", PAGE, flags=re.DOTALL)
COMMANDS = [
    line for block in re.findall(r"```console\n(.*?)```", SHOWN, re.DOTALL) for line in block.splitlines()
]
# Accuracies in comments behind the lines that print them. On other processors, they differ slightly.
PROMISED = re.findall(r"^print.*# (\d\d\.\d)%$", PAGE, re.MULTILINE)


@pytest.fixture
def folder(photo, tmp_path, monkeypatch):
    """The working directory, with nothing but a photo."""
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("photo.jpg").write_bytes(photo)


@pytest.mark.slow
def test_code_runs(folder, capsys):
    snippets = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(snippets) >= 2
    assert PROMISED
    namespace = {}
    for snippet in snippets:
        exec(compile(snippet, "README.md", "exec"), namespace)
    shown = capsys.readouterr().out
    assert shown.startswith("['407']\n")
    for printed, promised in zip(re.findall(r"^(\d\d\.\d)%$", shown, re.MULTILINE), PROMISED, strict=True):
        assert float(printed) == pytest.approx(float(promised), abs=1)
    assert "cnndigitclassifier__augmentation" in shown
    assert re.search(r"^\[\d \d \d \d \d\]$", shown, re.MULTILINE)


def test_command_line_reads_the_photo(folder):
    (command,) = [command for command in COMMANDS if "photo.jpg" in command]
    python, *arguments = shlex.split(command)
    assert python == "python"
    result = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
    assert re.search(r"\b407\b", result.stdout)


def test_drawing_page_starts():
    assert "`python -m sk_mnist_cnn.draw`" in PAGE
    command = [sys.executable, "-m", "sk_mnist_cnn.draw", "--help"]
    assert "--port" in subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_other_commands_are_those_of_continuous_integration():
    """They install the package, so that they run before the tests, and not as one of them."""
    targets = re.findall(r"`make (\w+)`", SHOWN)
    assert targets == ["demo", "docs"]
    assert set(COMMANDS) == {"pip install .", "python -m sk_mnist_cnn photo.jpg"}
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for target in targets:
        assert re.search(rf"^make .*\b{target}\b", run, re.MULTILINE)


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_demo_says_first_how_long_it_takes():
    shown = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "demo", "VENV=no-such-folder"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    first = shown.stdout.splitlines()[0]
    assert "downloads" in first
    assert "minutes" in first


def test_readme_is_short():
    assert len(SHOWN.split()) <= 600
