"""Run actions in rounds, and store the results. `cases` defines the actions."""

import dataclasses
import gc
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter


@dataclass
class Row:
    """Results of one library: one value per round, or a note with the reason why there are none."""

    label: str
    values: list = field(default_factory=list)
    note: str = ""


@dataclass
class Case:
    """Results of one benchmark. All rows are compared with the first one."""

    name: str
    title: str
    description: str
    unit: str
    rows: list
    higher_is_better: bool = False

    def advantages(self, row):
        """Return the ratios by which the first row is better than another, one per round.

        Values of one round are compared because the speed of the machine changes during a run. If the rows
        have different numbers of rounds, the only ratio is that of their medians.
        """
        ours, theirs = self.rows[0].values, row.values
        if not ours or not theirs or min(ours + theirs) <= 0:
            return []
        if len(ours) != len(theirs):
            ours, theirs = [median(ours)], [median(theirs)]
        return [a / b if self.higher_is_better else b / a for a, b in zip(ours, theirs, strict=True)]


@dataclass
class Results:
    """Results of one run of the benchmarks."""

    machine: dict
    cases: list = field(default_factory=list)

    def as_json(self):
        return json.dumps(dataclasses.asdict(self), indent=1)


def take_turns(actions, rounds, *, warm_up=0):
    """Call every action once per round, and return the values. Each round starts with another action.

    Parameters
    ----------
    actions : dict of str to (callable or str)
        Actions by label. A str is the reason why there is nothing to call.
    rounds : int
    warm_up : int
        Number of additional rounds before the others, whose values are dropped.

    Returns
    -------
    list of Row
    """
    rows = [Row(label, note=action if isinstance(action, str) else "") for label, action in actions.items()]
    for i in range(warm_up + rounds):
        first = i % len(rows)
        for row in rows[first:] + rows[:first]:
            if row.note:
                continue
            gc.collect()
            value = attempt(actions[row.label])
            if isinstance(value, str):
                row.values, row.note = [], value
            elif i >= warm_up:
                row.values.append(value)
    return rows


def attempt(function, *args):
    """Return the result of a call, or its error as a str, so that one failure does not end the run."""
    try:
        return function(*args)
    except Exception as error:
        return f"failed: {type(error).__name__}: {error}"[:200]


def seconds(function, *args):
    """Return the time of one call, in seconds."""
    start = perf_counter()
    function(*args)
    return perf_counter() - start


def in_fresh_process(function, *args):
    """Call a function of a module in a new interpreter, and return its result."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        return executor.submit(function, *args).result()
