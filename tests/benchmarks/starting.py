"""New processes: their time from the start to the first prediction, and the memory they need.

``python -m tests.benchmarks.starting`` compares the pretrained network with the import of scikit-learn. It
runs without TensorFlow, too. It also names the modules that take longest to import, because a release of a
dependency may import something slow.
"""

import os
import pickle
import re
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
    end, peak = map(float, _python("-c", code + _REPORT, *args).stdout.split()[-2:])
    return end - start, peak * 1024 / 1e6


def slowest_imports(code, n=5):
    """Return the modules whose own code takes longest to import, as pairs of (name, seconds)."""
    log = _python("-X", "importtime", "-c", code).stderr
    found = re.findall(r"^import time: +(\d+) \| +\d+ \| +(\S+)$", log, re.MULTILINE)
    seconds = {name: int(microseconds) / 1e6 for microseconds, name in found}
    return sorted(seconds.items(), key=lambda item: -item[1])[:n]


def _python(*arguments):
    """Run Python with compiled modules, as they are after an installation."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)


def main(rounds=11):
    """Print the medians of all processes, and the median of the ratios within rounds."""
    run(PREDICT_PRETRAINED)  # from now on, all files are in the cache of the operating system
    measured = [(run(IMPORT_SKLEARN), run(PREDICT_PRETRAINED)) for _ in range(rounds)]
    for i, name in enumerate(("import of scikit-learn", "load_pretrained().predict")):
        seconds, megabytes = (statistics.median(pair[i][j] for pair in measured) for j in range(2))
        print(f"{name}: {seconds:.2f} s, {megabytes:.0f} MB")
    ratio = statistics.median(predicted[0] / imported[0] for imported, predicted in measured)
    print(f"ratio of the times: {ratio:.2f}")
    for name, seconds in slowest_imports(PREDICT_PRETRAINED):
        print(f"import of {name}: {seconds:.3f} s")


if __name__ == "__main__":
    main()
