"""A fit needs no temporary directory."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

SCRIPT = """
    import tempfile
    import tensorflow  # which needs one, while it is imported
    from sklearn.datasets import load_digits
    from tests.estimators import small_classifier

    tempfile._candidate_tempdir_list = lambda: []  # so that no directory is usable
    X, y = load_digits(return_X_y=True)
    print(small_classifier(epochs=1, checkpoint="run.ckpt").fit(X[:64] / 16, y[:64]).n_iter_)
"""


def test_fits_without_a_usable_temporary_directory(tmp_path):
    root = str(Path(__file__).parents[2])
    shown = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert shown.stdout == "1\n"
