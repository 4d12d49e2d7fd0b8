"""New processes: their time from the start to the first prediction, and the memory they need.

``python -m tests.benchmarks.starting`` compares the pretrained network with the import of scikit-learn. It
runs without TensorFlow, too.
"""

import pickle
import statistics
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
PREDICT_PRETRAINED = """
import numpy as np
from sk_mnist_cnn import load_pretrained
load_pretrained().predict(np.zeros((1, 28, 28), np.uint8))
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


def main(rounds=11):
    """Print the medians of all processes, and the median of the ratios within rounds."""
    run(PREDICT_PRETRAINED)  # from now on, all files are in the cache of the operating system
    measured = [(run(IMPORT_SKLEARN), run(PREDICT_PRETRAINED)) for _ in range(rounds)]
    for i, name in enumerate(("import of scikit-learn", "load_pretrained().predict")):
        seconds, megabytes = (statistics.median(pair[i][j] for pair in measured) for j in range(2))
        print(f"{name}: {seconds:.2f} s, {megabytes:.0f} MB")
    ratio = statistics.median(predicted[0] / imported[0] for imported, predicted in measured)
    print(f"ratio of the times: {ratio:.2f}")


if __name__ == "__main__":
    main()
