"""Find the marks of a page that are digits or part of numbers."""

from typing import NamedTuple

import numpy as np

KINDS = ("digit", "point", "comma", "dash", "slash", "struck")
THRESHOLD = 0.5  # score from which a digit is accepted


class Detections(NamedTuple):
    """The marks of a page, in no order."""

    boxes: np.ndarray  # of shape (n, 4): top, left, bottom, right
    scores: np.ndarray  # of shape (n,): probability that each is one whole mark of its kind; at least 0.1
    kinds: np.ndarray  # of shape (n,): index in KINDS
    images: list  # the ink of each digit, dark on white, uint8; None for other kinds
    rules: np.ndarray | None  # of shape (h, w): probability that a pixel belongs to a ruled line
    rules_scale: float = 1.0  # resolution of the rules divided by that of the page


def detect(gray):
    """Return the marks of a page of gray levels from 0 to 1."""
    from .._pieces import find_pieces

    boxes, inks, is_digit = find_pieces(gray)
    images = [np.rint(255 * (1 - np.pad(ink, 4))).astype(np.uint8) for ink in inks]
    return Detections(boxes, np.where(is_digit, 0.98, 0.2), np.zeros(len(boxes), int), images, None)
