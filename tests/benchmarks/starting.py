"""New processes: their time from the start to the first prediction, and the memory they need."""

import pickle
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]

IMPORT_SKLEARN = "import sklearn.pipeline, sklearn.ensemble"
PREDICT = """
import pickle, sys
with open(sys.argv[1], "rb") as file:
    library, fitted, images = pickle.load(file)
library.predict_proba(fitted, images)
"""
_REPORT = """
import time
print(time.time())
from tests.benchmarks.memory import process_memory
print(process_memory("VmHWM"))
"""


def store(path, library, fitted, images):
    """Write what `PREDICT` reads."""
    path.write_bytes(pickle.dumps((library, fitted, images)))
    return path


def run(code, *args):
    """Return the seconds from the start of a process to the end of `code`, and its peak memory in MB."""
    start = time.time()
    command = [sys.executable, "-c", code + _REPORT, *args]
    shown = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    end, peak = map(float, shown.stdout.split()[-2:])
    return end - start, peak * 1024 / 1e6
