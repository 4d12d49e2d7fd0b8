"""The code and the commands of the README run, from top to bottom, in a folder with nothing but a photo."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sk_mnist_cnn import load_mnist_sample

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = re.sub(r"<!-- published\n.*?-->\n|<!-- unpublished -->\n", "", PAGE, flags=re.DOTALL)
COMMANDS = [line for block in re.findall(r"```console\n(.*?)```", SHOWN, re.DOTALL) for line in block.splitlines()]
# Accuracies in comments behind the lines that print them. On other processors, they differ slightly.
PROMISED = re.findall(r"^print.*# (\d\d\.\d)%$", PAGE, re.MULTILINE)


@pytest.fixture
def photo(tmp_path, monkeypatch):
    """A photo of the number 407, in an otherwise empty working directory."""
    monkeypatch.chdir(tmp_path)
    mnist = load_mnist_sample()
    digits = [mnist.x_test[np.flatnonzero(mnist.y_test == label)[0]] for label in (4, 0, 7)]
    paper = Image.fromarray(255 - np.pad(np.concatenate(digits, axis=1), 20))
    paper.resize((4 * paper.width, 4 * paper.height)).convert("RGB").save("photo.jpg")


@pytest.mark.slow
def test_code_runs(photo, capsys):
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


def test_command_line_reads_the_photo(photo):
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
        ["make", "--dry-run", "demo", "VENV=no-such-folder"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    first = shown.stdout.splitlines()[0]
    assert "downloads" in first
    assert "minutes" in first


def test_readme_is_short():
    assert len(SHOWN.split()) <= 600
