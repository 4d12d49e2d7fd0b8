"""Find the digits of a page, recognize them with a classifier, and join them to numbers."""

from typing import NamedTuple

import numpy as np

from ._base import warn
from ._pictures.detection import KINDS, THRESHOLD, are_accepted, detect
from ._pictures.layout import arrange, attach
from ._pictures.mnist_format import find_ink, normalize_ink, shows_several_marks
from ._pictures.numbers import Lattice, overlaps
from ._pictures.reading import MAX_SIDE, reduce_gray

_SURE = 0.9  # mean confidence of digits, from which a page is upright
_N_DIGITS = 4, 30  # that are needed to turn a page, and that are read to decide
# Share of the highest evidence from which each orientation is as likely as the best one. It is lower upright,
# as few pictures are turned: 15 of 16 turned pages had less, and 14 of 19 amounts that 0.9 turned had more.
_AS_LIKELY = np.array([0.6, 0.9, 0.9, 0.9])
_N_CANDIDATES = 5  # that are listed for each number


class Found(NamedTuple):
    """The marks of a page, and the probabilities of the classes of its digits."""

    boxes: np.ndarray
    scores: np.ndarray
    kinds: np.ndarray
    is_first: np.ndarray
    is_sure: np.ndarray  # whether each mark is accepted as a digit, before digits compete
    probabilities: np.ndarray  # of shape (n, n_classes), 0 for marks of other kinds
    rules: np.ndarray
    rules_scale: float

    def select(self, chosen):
        """Return the chosen marks only."""
        return self._replace(
            boxes=self.boxes[chosen],
            scores=self.scores[chosen],
            kinds=self.kinds[chosen],
            is_first=self.is_first[chosen],
            is_sure=self.is_sure[chosen],
            probabilities=self.probabilities[chosen],
        )

    @property
    def confidences(self):
        """Confidence of each accepted digit."""
        return self.scores[self.is_sure] * self.probabilities[self.is_sure].max(axis=1, initial=0)


def find(gray, model):
    """Return the marks of a page. A digit that is more probably struck out has a score of 0.

    A digit is accepted by its score times the root of its highest probability. By the score alone, 16 of
    1,023 digits on pages of other people were false instead of 10.
    """
    found = detect(gray)
    probabilities = np.zeros((len(found.boxes), len(model.classes)))
    is_digit = found.kinds == 0
    probabilities[is_digit] = model.classify([found.images[i] for i in np.flatnonzero(is_digit)])
    is_struck = found.kinds == KINDS.index("struck")
    covered = overlaps(found.boxes, found.boxes[is_struck]) > 0.5
    struck_scores = (covered * found.scores[is_struck]).max(axis=1, initial=0)
    scores = np.where(is_digit & (struck_scores > found.scores), 0, found.scores)
    is_sure = are_accepted(found._replace(scores=scores * np.sqrt(probabilities.max(axis=1))))
    rules = found.rules, found.rules_scale
    return Found(found.boxes, scores, found.kinds, found.is_first, is_sure, probabilities, *rules)


def find_orientation(gray, found, model):
    """Return the orientation in which digits are read with the highest confidence: 0, 90, 180 or 270."""
    fewest, most = _N_DIGITS
    is_digit = (found.kinds == 0) & found.is_first
    boxes, scores = found.boxes[is_digit], found.scores[is_digit]
    n_sure = len(found.confidences)
    is_good = 2 * n_sure >= len(boxes) and found.confidences.sum() >= _SURE * n_sure
    if len(boxes) < fewest or is_good:
        return 0
    clearest = np.argmax(scores * np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)))
    away = boxes[:, :2] - boxes[clearest, :2]
    near = boxes[np.argsort(np.hypot(*away.T))[:most]]
    margin = np.ptp(near[:, ::2], axis=1).max()
    top, left = np.maximum(near[:, :2].min(axis=0) - margin, 0).astype(int)
    bottom, right = (near[:, 2:].max(axis=0) + margin).astype(int)
    part = gray[top:bottom, left:right]
    is_inside = np.all((found.boxes[:, :2] >= (top, left)) & (found.boxes[:, 2:] <= (bottom, right)), axis=1)
    turned = [find(np.rot90(part, turns), model) for turns in (1, 2, 3)]
    is_enough = [np.sum(seen.is_sure) >= fewest for seen in turned]
    evidence = np.multiply([_evidence(found.select(is_inside)), *map(_evidence, turned)], [True, *is_enough])
    likely = np.flatnonzero(evidence > _AS_LIKELY * evidence.max())
    if len(likely) > 1:
        warn(
            f"The picture can be read as turned by {' or '.join(map(str, 90 * likely))} degrees. "
            "It is read upright. Pass orientation."
        )
    return int(90 * likely[0]) if len(likely) == 1 else 0


def _evidence(found):
    """Return the total confidence of accepted digits in nats, weighted by their size.

    Parts of a digit thus count no more than the digit. On 23 pages, it was highest upright, and by more than
    10%; the sum of the probabilities was so on 14.
    """
    sure = found.select(found.is_sure)
    doubts = 1 - sure.probabilities.max(axis=1)
    sizes = np.sqrt(np.prod(sure.boxes[:, 2:] - sure.boxes[:, :2], axis=1))
    return np.sum(-np.log(doubts + 1e-6) * sure.scores * sizes)


def prefer_single_digit(gray, found, model):
    """Return a digit that is all ink of the picture, unless it more probably has several digits.

    It is recognized as by `MNISTNormalizer`. A classifier cannot decide, because it is sure of half of the
    pairs of digits that touch. A second mark of less than half of the height is a blot beside the digit.
    The score is the mean of 1 and the highest score of a digit.
    """
    parts, heights = found.confidences, np.ptp(found.boxes[found.is_sure, ::2], axis=1)
    is_pair = len(parts) == 2 and parts.prod() >= THRESHOLD and 2 * heights.min() >= heights.max()
    if len(parts) > 2 or is_pair:
        return found
    small = reduce_gray(gray, MAX_SIDE)
    ink = find_ink(small, model.normalizer.invert)
    if not ink.any() or shows_several_marks(ink):
        return found
    probabilities = model.predict_proba(
        normalize_ink(ink, model.normalizer.size, model.normalizer.box)[np.newaxis]
    )
    rows, columns = (np.flatnonzero(np.any(ink > 0.1, axis=axis)) for axis in (1, 0))
    box = np.array([rows[0], columns[0], rows[-1] + 1, columns[-1] + 1]) * (len(gray) / len(small))
    score = (1 + found.scores[found.kinds == 0].max(initial=0)) / 2
    found = found.select(found.kinds != KINDS.index("struck"))
    others = np.where(found.kinds == 0, 0, found.scores)
    return found._replace(
        boxes=np.vstack([box, found.boxes]),
        scores=np.append(score, others),
        kinds=np.append(0, found.kinds),
        is_first=np.append(True, found.is_first),
        is_sure=np.append(True, np.zeros(len(found.boxes), bool)),
        probabilities=np.vstack([probabilities, found.probabilities]),
    )


class ReadNumber(NamedTuple):
    line: int
    digits: np.ndarray  # indices of the marks
    labels: tuple  # indices of their classes
    candidates: list


def read_numbers(found, marks, candidates, classes):
    """Return the numbers of a page in reading order, from accepted and competing digits."""
    sure, unsure = np.flatnonzero(found.is_sure), np.flatnonzero((found.kinds == 0) & ~found.is_sure)
    layout = arrange(found.boxes[sure], found.boxes[marks], found.rules, found.rules_scale)
    sure = sure[layout.order]
    number_of_unsure = np.append(layout.number, -1)[attach(found.boxes[unsure], found.boxes[sure])]
    runs = [
        (line, np.append(sure[layout.number == number], unsure[number_of_unsure == number]))
        for number, line in sorted(set(zip(layout.number.tolist(), layout.line.tolist(), strict=True)))
    ]
    if candidates is not None:
        runs = _join_numbers(runs, found, candidates)
    numbers = []
    for line, run in runs:
        lattice = _lattice(found, run)
        digits = run[found.is_sure[run]]  # from left to right
        labels = tuple(found.probabilities[digits].argmax(axis=1).tolist())
        if candidates is None:
            found_strings = dict(zip(*lattice.strings(), strict=True))
            probable = {labels: found_strings.pop(labels, 0.0)} | found_strings  # what is read is the first
            choices = [
                ("".join(map(str, classes[list(string)])), p) for string, p in probable.items() if string
            ]
        else:
            probabilities = lattice.match(candidates.strings)
            best = np.argsort(-probabilities, kind="stable")
            choices = [(candidates.texts[i], probabilities[i]) for i in best]
        choices = [(text, float(probability)) for text, probability in choices[:_N_CANDIDATES]]
        numbers.append(ReadNumber(line, digits, labels, choices))
    return numbers


def _join_numbers(runs, found, candidates):
    """Join the numbers of a line that is more probably a candidate than one of its parts."""
    joined = []
    for line in sorted({line for line, _ in runs}):
        parts = [run for other, run in runs if other == line]
        whole = np.concatenate(parts)
        sure = [_lattice(found, run).match(candidates.strings).max() for run in (whole, *parts)]
        joined += [(line, run) for run in ([whole] if sure[0] > min(sure[1:]) else parts)]
    return joined


def _lattice(found, run):
    return Lattice(found.boxes[run], found.scores[run], found.probabilities[run])
