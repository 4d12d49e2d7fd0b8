"""Command line of the benchmarks.

Without names, all cases are measured. With names, these cases are measured again, and replace those of an
earlier run of all cases, which must have had the same options, machine and versions.
"""

import shlex
from dataclasses import asdict
from functools import partial

from . import cases, figures, libraries, machine, plot, table
from .measuring import Case, Results, Row
from .options import benchmark_parser
from .saved import load, save


def main(arguments=None):
    options = parse(arguments)
    peers = () if options.without_peers else libraries.PEERS
    run = machine.describe(command(options))
    results = begin(options, run)
    for name in options.cases:
        print(f"{name} ...", flush=True)
        case = cases.ALL[name](peers, cases.QUICK if options.quick else cases.FULL)
        results.add(case, run)
        print(table.as_text(case), flush=True)
        write(results, options.output)  # after every case, so that an interrupted run keeps its results


def parse(arguments):
    parser = benchmark_parser("tests.benchmarks", __doc__)
    parser.add_argument(
        "cases", nargs="*", metavar="case", help=f"any of {', '.join(cases.ALL)}; default: all"
    )
    parser.add_argument("--without-peers", action="store_true", help="measure sk_mnist_cnn alone")
    options = parser.parse_args(arguments)
    options.cases = options.cases or list(cases.ALL)
    if unknown := set(options.cases) - cases.ALL.keys():
        parser.error(f"unknown cases: {', '.join(sorted(unknown))}; pass any of {', '.join(cases.ALL)}")
    return options


def begin(options, run):
    """Return the results to which a run adds its cases: those of an earlier run of all cases, or new ones."""
    path = options.output / "results.json"
    of_all_cases = {**run, "command": command(options, of_all_cases=True)}
    if run == of_all_cases or not path.exists():
        return Results(run)
    results = read(options.output)
    if results.machine["command"] == run["command"]:
        return Results(run)
    if differences := machine.differences(results.machine, of_all_cases):
        raise SystemExit(
            f"{path} must come from the same command, machine and versions to replace some of its cases, got "
            f"{'; '.join(differences)}. Measure all cases, or pass another folder as --output."
        )
    return results


def command(options, *, of_all_cases=False):
    """Return the command that repeats this run, without its output folder; or the one of all its cases."""
    flags = ["--quick"] * options.quick + ["--without-peers"] * options.without_peers
    names = [] if of_all_cases or options.cases == list(cases.ALL) else options.cases
    return shlex.join(["python", "-m", "tests.benchmarks", *names, *flags])


def read(folder):
    """Return saved results."""
    results = load("results", folder)
    saved = [Case(**{**case, "rows": [Row(**row) for row in case["rows"]]}) for case in results["cases"]]
    return Results(results["machine"], saved)


def write(results, folder):
    save(asdict(results), "results", folder)
    (folder / "results.rst").write_text(table.as_rst(results), encoding="utf-8")
    figures.save(partial(plot.draw, results), folder, "benchmarks")


if __name__ == "__main__":
    main()
