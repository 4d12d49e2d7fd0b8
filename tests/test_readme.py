"""The Python code of the README runs, from top to bottom."""

import re
from pathlib import Path

import pytest

from sk_mnist_cnn import CNNDigitClassifier
from tests.benchmarks.learning_curves import CLASSIFIERS

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


def test_recipe_for_few_images_is_the_one_that_was_measured():
    _, measured = CLASSIFIERS["CNN, few images"]
    pages = README, README.parent / "docs" / "guide" / "how_long_to_train.md"
    for page in pages:
        (recipe,) = re.findall(
            r"few_images = (\w+\(.*?^\))", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
        )
        described = eval(recipe, {"CNNDigitClassifier": CNNDigitClassifier})
        assert (
            described.get_params()
            == CNNDigitClassifier(**measured, random_state=described.random_state).get_params()
        )
