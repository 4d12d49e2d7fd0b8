"""Importing the displays."""

import subprocess
import sys


def test_does_not_import_tensorflow():
    code = (
        "import sys, sk_mnist_cnn.plotting; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
