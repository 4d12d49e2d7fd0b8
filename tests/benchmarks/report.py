"""Write the tables and figures of the benchmarks page again, from the saved results: nothing is measured.

``python -m tests.benchmarks.report`` is needed after a change to the tables or figures.
"""

from . import learning_report, scaling, scaling_report
from .__main__ import write
from .measuring import Case, Results, Row
from .saved import OUTPUT, load


def main(folder=OUTPUT):
    results = load("results")
    cases = [Case(**{**case, "rows": [Row(**row) for row in case["rows"]]}) for case in results["cases"]]
    write(Results(results["machine"], cases), folder)
    learning_report.write(load("learning_curves"), folder)
    scaling_report.write(load("scaling"), scaling.LARGE, scaling.is_held_out, folder)


if __name__ == "__main__":
    main()
