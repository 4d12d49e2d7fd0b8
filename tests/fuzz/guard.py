"""Assert that reading a file runs no code and is bounded in time and memory."""

import ctypes
import sys
import time
from pathlib import Path

import pytest

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

N_RUNS = 3

linux_only = pytest.mark.skipif(
    sys.platform != "linux", reason="the guard reads the memory of the process in /proc"
)

_is_watching = False
_seen = []


def _record(event, arguments):
    if _is_watching and event in _EVENTS:
        _seen.append((event, arguments))


sys.addaudithook(_record)  # cannot be removed, so it is added once and does nothing outside of `run_guarded`


def run_guarded(function, seconds, megabytes):
    """Return the result of a function that runs no code and stays within these limits, or fail.

    Importing a module counts as running code, so run the function once before. The limits are processor time,
    and the growth of the peak resident size, which includes what C libraries allocate.

    Both are those of the whole process, so other threads add to them. A function that exceeds a limit runs
    again, and fails if it does so each time.
    """
    for _ in range(N_RUNS):
        result, used_seconds, used_megabytes = _run_measured(function)
        if used_seconds <= seconds and used_megabytes <= megabytes:
            return result
    raise AssertionError(
        f"{used_seconds:.2f} s of processor time and {used_megabytes:.1f} MB, "
        f"more than {seconds} s or {megabytes} MB in each of {N_RUNS} runs"
    )


def _run_measured(function):
    global _is_watching
    ctypes.CDLL(None).malloc_trim(0)  # memory that was freed and is still resident would hide a growth
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak to the current size
    memory, start = process_memory("VmRSS"), time.process_time()
    _seen.clear()
    _is_watching = True
    try:
        result = function()
    finally:
        _is_watching = False
    seconds, megabytes = time.process_time() - start, (process_memory("VmHWM") - memory) / 1024
    assert not _seen, _seen
    return result, seconds, megabytes


def error_message(function):
    """Return the message of the ValueError that a function raises, or None if it returns."""
    try:
        function()
    except ValueError as error:
        return str(error)
    return None
