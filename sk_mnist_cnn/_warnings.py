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

    Python 3.12 adds this to `warnings.warn` as `skip_file_prefixes`.
    """
    frame, stacklevel = sys._getframe(1), 2  # 1 is this function, 2 its caller
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_SKIPPED):
        frame, stacklevel = frame.f_back, stacklevel + 1
    warnings.warn(message, category, stacklevel=stacklevel)
