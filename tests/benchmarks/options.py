"""The command-line options that benchmarks have in common."""

import argparse
from pathlib import Path

from .saved import OUTPUT


def benchmark_parser(module, description):
    """Return the ArgumentParser of a module, which has the options --quick and --output."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument(
        "--quick", action="store_true", help="a short run that only checks that everything works"
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder for the results")
    return parser
