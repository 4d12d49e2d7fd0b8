"""The messages that TensorFlow's C++ code writes to standard error, whatever its log level is."""

import re

_MESSAGE = re.compile(r"(WARNING: All log messages before absl::|[IWEF]\d{4} ).*\n")


def without_logs(stderr):
    """Return what a process wrote to standard error, without these messages."""
    return _MESSAGE.sub("", stderr)
