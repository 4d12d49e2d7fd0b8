"""Assert that reading a file runs no code and is bounded in time and memory."""

import contextlib
import sys
import time
from pathlib import Path

from tests.benchmarks.memory import process_memory

# Audit events of code, processes and connections. Not "compile": NumPy parses the headers of arrays with it.
_EVENTS = {
    "ctypes.dlopen",
    "exec",
    "import",
    "marshal.loads",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "pickle.find_class",
    "socket.connect",
    "subprocess.Popen",
}

_is_watching = False
_seen = []


def _record(event, arguments):
    if _is_watching and event in _EVENTS:
        _seen.append((event, arguments))


sys.addaudithook(_record)  # cannot be removed, so it is added once and does nothing outside of `guarded`


@contextlib.contextmanager
def guarded(seconds, megabytes):
    """Assert that the block runs no code, and takes at most this much processor time and further memory.

    Importing a module counts as running code, so run the block once before. Memory is the growth of the
    process' peak resident size, which includes what C libraries allocate. Linux only.
    """
    global _is_watching
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak to the current size
    memory, start = process_memory("VmRSS"), time.process_time()
    _seen.clear()
    _is_watching = True
    try:
        yield
    finally:
        _is_watching = False
    used = time.process_time() - start, (process_memory("VmHWM") - memory) / 1024
    assert not _seen, _seen
    assert used[0] <= seconds, f"{used[0]:.2f} s of processor time"
    assert used[1] <= megabytes, f"{used[1]:.1f} MB"
