"""load_model raises nothing but a ValueError for damaged and forged files, and runs no code."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sk_mnist_cnn import CNNDigitClassifier, load_model, save_model
from tests.fuzz import n_examples
from tests.fuzz.guard import error_message, linux_only, run_guarded
from tests.fuzz.json_mutations import json_mutations
from tests.fuzz.mutations import mutations, zip_mutations

pytestmark = [pytest.mark.slow, linux_only, pytest.mark.filterwarnings("ignore")]

PIPELINE = Path(__file__).parents[1] / "data" / "pipeline-0.1.0.skops"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A file that is read without skops, and one that is read by skops."""
    X, y = np.random.default_rng(0).random((40, 4)), np.arange(40) % 2
    estimators = [
        ("calibrated", CalibratedClassifierCV(LogisticRegression(), cv=2)),
        (
            "cnn",
            make_pipeline(CNNDigitClassifier(filters=(2,), dense_units=(3,), image_shape=(2, 2), epochs=1)),
        ),
    ]
    search = GridSearchCV(VotingClassifier(estimators), {"voting": ["soft"]}, cv=2).fit(X, y)
    path = tmp_path_factory.mktemp("models") / "search.skops"
    save_model(search, path)
    return {"pipeline": PIPELINE.read_bytes(), "search": path.read_bytes()}


@pytest.mark.parametrize(("name", "n"), [("pipeline", 1000), ("search", 300)])
@pytest.mark.parametrize("kind", ["bytes", "members", "schema", "versions"])
def test_loading_a_damaged_file_raises_only_value_errors(files, name, n, kind, tmp_path):
    data, n = files[name], n_examples(n)
    mutants = {
        "bytes": lambda: mutations(data, n, seed=1),
        "members": lambda: zip_mutations(data, n, seed=2),
        "schema": lambda: json_mutations(data, "schema.json", n, seed=3),
        "versions": lambda: json_mutations(data, "versions.json", n_examples(100), seed=4),
    }[kind]()
    path = tmp_path / "model.skops"

    def load_estimator():
        assert hasattr(load_model(path), "get_params")

    path.write_bytes(data)
    load_estimator()  # imports what is needed
    for i, mutant in enumerate(mutants):
        path.write_bytes(mutant)
        message = run_guarded(lambda: error_message(load_estimator), seconds=5, megabytes=100)
        assert message is None or "model.skops" in message or message.startswith("trusted must name"), i
