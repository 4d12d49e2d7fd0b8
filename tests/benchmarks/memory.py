"""Measure the memory of a process, and its growth per fit."""

import gc
import re
from pathlib import Path

from .data import digits

WARM_UP = 5
STATUS = Path("/proc/self/status")


def process_memory(kind):
    """Return the memory of this process in units of 1,024 bytes; `kind` is a field such as "VmRSS"."""
    return int(re.search(rf"{kind}:\s+(\d+) kB", STATUS.read_text())[1])


def growth_per_fit(library, n_fits, n_images):
    """Return the growth of the resident memory per fit, in MB, after the first `WARM_UP` fits."""
    import psutil

    process, resident = psutil.Process(), []
    X, y = digits(n_images, library)
    for _ in range(n_fits):
        library.fit(X, y)
        gc.collect()
        resident.append(process.memory_info().rss / 1e6)
    return (resident[-1] - resident[WARM_UP - 1]) / (n_fits - WARM_UP)
