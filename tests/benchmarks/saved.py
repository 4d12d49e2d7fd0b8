"""Read and write the results in ``docs/benchmarks``."""

import json
from pathlib import Path

OUTPUT = Path(__file__).parents[2] / "docs" / "benchmarks"


def load(name, folder=OUTPUT):
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def save(results, name, folder):
    """Write results as JSON to a folder, which is created if it does not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
