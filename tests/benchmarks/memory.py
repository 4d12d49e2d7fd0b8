"""Memory that fits leave behind. Runs in a process of its own."""

import gc

from .data import digits

WARM_UP = 5


def growth_per_fit(library, n_fits, n_images):
    """Growth of the resident memory per fit, in MB, after the first `WARM_UP`."""
    import psutil

    process, resident = psutil.Process(), []
    X, y = digits(n_images, library)
    for _ in range(n_fits):
        library.fit(X, y)
        gc.collect()
        resident.append(process.memory_info().rss / 1e6)
    return (resident[-1] - resident[WARM_UP - 1]) / (n_fits - WARM_UP)
