"""Command line of the benchmarks."""

import shlex
from dataclasses import asdict
from functools import partial

from . import cases, figures, libraries, machine, plot, table
from .measuring import Results
from .options import benchmark_parser
from .saved import save


def main(arguments=None):
    options = parse(arguments)
    peers = () if options.without_peers else libraries.PEERS
    results = Results(machine.describe(command(options)))
    for name in options.cases:
        print(f"{name} ...", flush=True)
        case = cases.ALL[name](peers, cases.QUICK if options.quick else cases.FULL)
        results.cases.append(case)
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


def command(options):
    """Return the command that repeats this run, without its output folder."""
    flags = ["--quick"] * options.quick + ["--without-peers"] * options.without_peers
    names = options.cases if options.cases != list(cases.ALL) else []
    return shlex.join(["python", "-m", "tests.benchmarks", *names, *flags])


def write(results, folder):
    save(asdict(results), "results", folder)
    (folder / "results.rst").write_text(table.as_rst(results), encoding="utf-8")
    figures.save(partial(plot.draw, results), folder, "benchmarks")


if __name__ == "__main__":
    main()
