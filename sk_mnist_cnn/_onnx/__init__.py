"""Everything that imports onnx or ONNX Runtime: graphs of networks, and sessions for predictions."""

import os

# ONNX Runtime 1.29 and later report their use to Microsoft unless this is set before they are imported. The
# thread that sends the reports would also keep forked processes from exiting.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
