"""Issue warnings that point at the line of the user's code that called the package."""

import os
import sys
import warnings
from pathlib import Path

import joblib
import sklearn

_SKIPPED = tuple(str(Path(path).parent) + os.sep for path in (__file__, sklearn.__file__, joblib.__file__))


def warn(message, category=UserWarning):
    """Issue a warning that points at the first line outside this package, scikit-learn and joblib.

    By default, Python shows a text once per line, but forgets which it has shown when a filter is set, as
    scikit-learn does in each fit of a search. Here it is remembered for as long as the filters are equal.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_SKIPPED):
        frame = frame.f_back
    shown = frame.f_globals.setdefault("__warningregistry__", {})
    filters = [rule for rule in warnings.filters if issubclass(category, rule[2])]
    # scikit-learn compiles patterns anew
    key = message, category, frame.f_lineno, str([[getattr(r, "pattern", r) for r in f] for f in filters])
    if key in shown:
        return
    registry = {}
    module = frame.f_globals.get("__name__", "<unknown>")
    warnings.warn_explicit(message, category, frame.f_code.co_filename, frame.f_lineno, module, registry)
    if (message, category, frame.f_lineno) in registry:  # the filter shows it once
        shown[key] = True
