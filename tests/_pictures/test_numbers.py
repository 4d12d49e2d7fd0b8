"""Probabilities of the strings of a number, compared with the sum over all subsets of its hypotheses."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sk_mnist_cnn._pictures import numbers
from sk_mnist_cnn._pictures.numbers import Lattice

# A digit, then one digit or two in the same place, and a digit that is probably none.
BOXES = np.array([[0, 0, 40, 20], [0, 30, 40, 70], [0, 30, 40, 48], [0, 52, 40, 70], [0, 80, 40, 100]])
SCORES = np.array([0.9, 0.6, 0.4, 0.45, 0.3])
COMPETING = {(1, 2), (1, 3)}


@pytest.fixture
def probabilities():
    return np.random.default_rng(0).dirichlet(np.ones(3), len(BOXES))


def enumerate_strings(probabilities):
    """Return the probability of each string."""
    masses = {}
    for chosen in product([False, True], repeat=len(BOXES)):
        real = np.flatnonzero(chosen)
        if any({*pair} <= {*real} for pair in COMPETING):
            continue
        mass = np.prod(np.where(chosen, SCORES, 1 - SCORES))
        for string in product(range(3), repeat=len(real)):
            masses[string] = masses.get(string, 0) + mass * np.prod(probabilities[real, string])
    total = sum(masses.values())
    return {string: mass / total for string, mass in masses.items()}


def test_probabilities_of_strings(probabilities, monkeypatch):
    monkeypatch.setattr(numbers, "TEMPERATURE", 1)
    expected = enumerate_strings(probabilities)
    order = np.random.default_rng(1).permutation(len(BOXES))
    strings, found = Lattice(BOXES[order], SCORES[order], probabilities[order]).strings()
    assert_allclose(found, [expected[string] for string in strings], atol=1e-3)
    assert strings[0] == max(expected, key=expected.get)
    assert np.all(np.diff(found) <= 0)


def test_match_of_candidates(probabilities):
    sharp = 0.97 * np.eye(3)[[0, 1, 2, 2, 0]] + 0.01
    lattice = Lattice(BOXES, SCORES, sharp)
    match = lattice.match([(0, 1), (0, 2, 2), (1, 1), (0, 1, 1, 2)])
    assert match.argmax() == 0
    assert match[1] > match[2]
    assert match.sum() < 1


def test_a_missed_digit_of_a_candidate_costs_less_than_a_misread_number():
    lattice = Lattice(BOXES[[0, 4]], np.array([0.99, 0.99]), 0.97 * np.eye(3)[[0, 1]] + 0.01)
    assert lattice.match([(0, 2, 1), (2, 0, 2)]).argmax() == 0


def test_a_number_that_is_none_of_the_candidates_has_a_low_probability():
    lattice = Lattice(BOXES[[0, 1, 4]], np.full(3, 0.99), 0.9997 * np.eye(3)[[0, 1, 2]] + 0.0001)
    assert lattice.match([(2, 0, 1), (1, 1, 0)]).max() < 0.1
    assert lattice.match([(0, 1, 2), (1, 1, 0)]).max() > 0.95


def test_long_runs_are_finite():
    n_digits = 400
    boxes = np.array([[0, 30 * i, 40, 30 * i + 20] for i in range(n_digits)])
    strings, found = Lattice(boxes, np.ones(n_digits), np.ones((n_digits, 1))).strings()
    assert len(strings[0]) == n_digits
    assert 0 < found[0] <= 1
