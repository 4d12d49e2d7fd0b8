"""Read one number: the most probable strings of its digits, and the most probable of given strings.

A digit that was found is a hypothesis: it is real with the probability of its score, and hypotheses that
overlap exclude each other. The probability of a string is summed over all ways to find it from left to right.
"""

import numpy as np

# Below 1, it makes likely strings more likely: the digits of one hand are right together, or wrong together.
TEMPERATURE = 0.5
_OVERLAP = 0.65  # of the smaller one of two boxes, up to which both can be digits
_MISSED = 0.02  # probability that a digit was not found, in relation to the one that a false one was
_UNLISTED = 0.01  # probability that a number is none of the candidates
_WIDTH = 24  # of the beam, in strings
_SMALLEST = 1e-4  # probability of the strings in the beam


class Lattice:
    """The ways to read one number.

    Parameters
    ----------
    boxes : ndarray of shape (n, 4)
        Top, left, bottom and right of the hypotheses, in any order.
    scores : ndarray of shape (n,)
        Probability that each is a digit.
    probabilities : ndarray of shape (n, n_classes)
        Probability of each class, if it is one.
    """

    def __init__(self, boxes, scores, probabilities):
        order = np.argsort(boxes[:, 1] + boxes[:, 3])
        boxes, scores, probabilities = boxes[order], scores[order], probabilities[order]
        # Row and column 0 are the start, and each other one a hypothesis. Those between two are not real.
        absent = np.cumsum(np.log(np.maximum(1 - np.append(0, scores), 1e-3)))
        follows = np.triu(np.ones((len(absent),) * 2), 1)
        follows[1:, 1:] *= overlaps(boxes, boxes) <= _OVERLAP
        self._follows = follows * np.exp(np.minimum(np.append(0, absent[:-1]) - absent[:, np.newaxis], 0))
        self._end = np.exp(absent[-1] - absent)
        self._weights = np.vstack([np.zeros(probabilities.shape[1]), scores[:, np.newaxis] * probabilities])
        self._rest = self._sum(self._weights.sum(axis=1))  # of all ways to go on from each hypothesis

    def strings(self):
        """Return strings of class indices, the most probable first, and their probabilities."""
        # The beam has exact probabilities of prefixes: `_rest` sums over all ways to go on.
        prefixes, masses, found = [()], np.eye(1, len(self._rest)), {}
        while prefixes:
            found.update(zip(prefixes, masses @ self._end / self._rest[0], strict=True))
            longer = (masses @ self._follows)[:, np.newaxis] * self._weights.T
            probabilities = (longer @ self._rest).ravel() / self._rest[0]
            kept = np.argsort(-probabilities)[:_WIDTH]
            kept = kept[probabilities[kept] > _SMALLEST]
            parents, classes = np.divmod(kept, longer.shape[1])
            prefixes = [(*prefixes[i], int(k)) for i, k in zip(parents, classes, strict=True)]
            masses = longer[parents, classes]
        strings = sorted(found, key=found.get, reverse=True)
        probabilities = np.array([found[string] for string in strings])
        return strings, _flatten(probabilities, max(0, 1 - probabilities.sum()))

    def match(self, candidates):
        """Return the probability that the number is each of the candidates, strings of class indices."""
        lengths, n_classes = np.array([len(string) for string in candidates]), self._weights.shape[1]
        classes = np.zeros((len(candidates), lengths.max() + 1), int)
        for row, string in zip(classes, candidates, strict=True):
            row[: len(string)] = string
        masses, evidence = np.zeros((len(candidates), len(self._rest))), np.zeros(len(candidates))
        masses[:, 0] = 1
        for position, labels in enumerate(classes.T):
            ends = lengths == position
            evidence[ends] = masses[ends] @ self._end
            found = (masses @ self._follows) * self._weights.T[labels]
            masses = found + _MISSED / n_classes * masses
        any_string = self._sum(self._weights.sum(axis=1) / n_classes)[0]
        return _flatten(evidence * (1 - _UNLISTED) / len(candidates), _UNLISTED * any_string)

    def _sum(self, weights):
        """Return the sum of the products of weights over all ways from the start and from each hypothesis."""
        return np.linalg.solve(np.eye(len(weights)) - self._follows * weights, self._end)


def _flatten(masses, other):
    """Return the probabilities of outcomes at the temperature; all others have one mass."""
    flat = (np.append(masses, other) / (masses.sum() + other)) ** (1 / TEMPERATURE)
    return flat[:-1] / flat.sum()


def overlaps(boxes, others):
    """Return the area that two boxes share, divided by that of the smaller one, of shape (n, n_others)."""
    low = np.maximum(boxes[:, np.newaxis, :2], others[:, :2])
    high = np.minimum(boxes[:, np.newaxis, 2:], others[:, 2:])
    areas = [np.prod(corners[:, 2:] - corners[:, :2], axis=1) for corners in (boxes, others)]
    return np.prod(np.maximum(high - low, 0), axis=2) / np.maximum(np.minimum.outer(*areas), 1e-9)
