"""Packages that may be missing: they are imported late, or an error contains the command to install them."""

from importlib import import_module
from importlib.metadata import requires
from importlib.util import find_spec


def require(purpose, *packages):
    """Raise an ImportError with the command that installs the packages, if one of them is missing."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        requirements = [line for line in requires("sk_mnist_cnn") or () if line.startswith((*missing,))]
        quoted = " ".join(f'"{requirement}"' for requirement in requirements)
        raise ImportError(
            f"{purpose} need {', '.join(packages)}, got an installation without {', '.join(missing)}. "
            f"Run: pip install {quoted}",
            name=missing[0],
        )


class LateModule:
    """A module that is imported when one of its names is used."""

    def __init__(self, name, purpose):
        self._name, self._purpose = name, purpose

    def __getattr__(self, name):
        require(self._purpose, self._name.partition(".")[0])
        return getattr(import_module(self._name), name)


pd = LateModule("pandas", "Reports and data frames")
