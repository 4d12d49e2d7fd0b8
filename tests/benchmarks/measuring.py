"""Taking turns, and the figures that come of it. What is measured stands in `cases`."""

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
    """What one library came to, a value a round; or a note that says why there is none."""

    label: str
    values: list = field(default_factory=list)
    note: str = ""


@dataclass
class Case:
    """One thing measured. The first row is what the others are compared with."""

    name: str
    title: str
    description: str
    unit: str
    rows: list
    higher_is_better: bool = False

    def advantages(self, row):
        """How many times better the first row does than another, in every round.

        Within a round the machine is as fast for the one as for the other, which over a run it is not. Where
        there are not as many rounds of both, it is the one ratio of their medians.
        """
        ours, theirs = self.rows[0].values, row.values
        if not ours or not theirs or min(ours + theirs) <= 0:
            return []
        if len(ours) != len(theirs):
            ours, theirs = [median(ours)], [median(theirs)]
        return [a / b if self.higher_is_better else b / a for a, b in zip(ours, theirs, strict=True)]


@dataclass
class Results:
    """One run of the suite."""

    machine: dict
    cases: list = field(default_factory=list)

    def as_json(self):
        return json.dumps(dataclasses.asdict(self), indent=1)


def take_turns(actions, rounds, *, warm_up=0):
    """Have every action give a value in every round; each round begins with another one.

    Parameters
    ----------
    actions : dict of str to (callable or str)
        By label. A str says why there is nothing to call.
    rounds : int
    warm_up : int
        How many rounds go before, and are forgotten.

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
    """What a call returns, or how it failed as a str: a peer that fails does not end the run."""
    try:
        return function(*args)
    except Exception as error:
        return f"failed: {type(error).__name__}: {error}"[:200]


def seconds(function, *args):
    """How long one call takes."""
    start = perf_counter()
    function(*args)
    return perf_counter() - start


def in_fresh_process(function, *args):
    """Call a module's function in a new interpreter, and give what it returns."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        return executor.submit(function, *args).result()
