"""The machine and the versions of a run."""

import os
import platform
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "sk_mnist_cnn",
    "tensorflow",
    "keras",
    "scikeras",
    "onnxruntime",
    "scikit-learn",
    "numpy",
    "torch",
    "skorch",
)


def describe(command):
    """Return machine, versions, date and command."""
    return {
        "command": command,
        "date": date.today().isoformat(),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {name: installed for name in PACKAGES if (installed := _version(name))},
    }


def differences(before, now):
    """Return in what two descriptions differ, without their dates."""
    before, now = ({**description, **description["versions"]} for description in (before, now))
    names = dict.fromkeys([*before, *now])
    return [
        f"{name}: {before.get(name)} instead of {now.get(name)}"
        for name in names
        if name not in ("date", "later", "versions") and before.get(name) != now.get(name)
    ]


def cpu_model():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None
