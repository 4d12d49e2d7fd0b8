"""Everything that imports onnx or ONNX Runtime: the graph of a network, and the sessions that predict."""

import os

# ONNX Runtime 1.29 and later report their use to Microsoft unless this is set before they are imported. The
# thread that sends the reports would also keep forked processes from exiting.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
