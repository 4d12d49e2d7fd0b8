"""Write the tables and figures of the benchmarks page again, from the saved results: nothing is measured.

``python -m tests.benchmarks.report`` is needed after a change to the tables or figures.
"""

from . import learning_report, scaling, scaling_report
from .__main__ import read, write
from .saved import OUTPUT, load


def main(folder=OUTPUT):
    write(read(OUTPUT), folder)
    learning_report.write(load("learning_curves"), folder)
    scaling_report.write(load("scaling"), scaling.LARGE, scaling.is_held_out, folder)


if __name__ == "__main__":
    main()
