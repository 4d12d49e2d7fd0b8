"""Measure several actions in turns. The actions are in `cases`."""

import gc
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter


@dataclass
class Row:
    """The values of one library, one per round; or a note that says why there are none."""

    label: str
    values: list = field(default_factory=list)
    note: str = ""


@dataclass
class Case:
    """One benchmark. The other rows are compared with the first row."""

    name: str
    title: str
    description: str
    unit: str
    rows: list
    higher_is_better: bool = False

    def advantages(self, row):
        """Return the factors by which the first row is better than another, one per round.

        The speed of the machine changes less within a round than over a run. Rows with different numbers of
        rounds give one factor, of their medians.
        """
        ours, theirs = self.rows[0].values, row.values
        if not ours or not theirs or min(ours + theirs) <= 0:
            return []
        if len(ours) != len(theirs):
            ours, theirs = [median(ours)], [median(theirs)]
        return [a / b if self.higher_is_better else b / a for a, b in zip(ours, theirs, strict=True)]


@dataclass
class Results:
    """One run of the suite, and cases that were measured again later, by their names."""

    machine: dict
    cases: list = field(default_factory=list)

    def add(self, case, run):
        """Append a case, or replace the one of its name. `run` describes its machine, date and command."""
        if run["command"] != self.machine["command"]:
            self.machine.setdefault("later", {})[case.name] = run["date"]
        names = [known.name for known in self.cases]
        position = names.index(case.name) if case.name in names else len(names)
        self.cases[position : position + 1] = [case]


def take_turns(actions, rounds, *, warm_up=0):
    """Call every action once per round, starting each round with another action.

    Parameters
    ----------
    actions : dict of str to (callable or str)
        Actions by label. A str is a note that says why there is nothing to call.
    rounds : int
    warm_up : int
        Number of rounds before these, whose values are not kept.

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
    """Return the result of a call, or its error as a str, so that a failing peer does not end the run."""
    try:
        return function(*args)
    except Exception as error:
        return f"failed: {type(error).__name__}: {error}"[:200]


def seconds(function, *args):
    """Return the duration of one call."""
    start = perf_counter()
    function(*args)
    return perf_counter() - start


def in_fresh_process(function, *args):
    """Return the result of a function that is called in a new process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        return executor.submit(function, *args).result()
