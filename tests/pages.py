"""Pages of clearly written digits: large, dark, and with space around each one."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from sk_mnist_cnn import load_mnist_sample
from tests.benchmarks.pages import photograph

_CLEAR = 105, 189, 69, 92, 103, 166, 35, 70, 30, 128  # index of a test digit of each class, from 0 to 9
_BOX = 20  # height of MNIST's digits, in pixels of their images
_PITCH = 1.7, 2.6  # distance of digits and of lines, in heights


class Page(NamedTuple):
    picture: np.ndarray  # of shape (h, w), uint8
    boxes: np.ndarray  # of shape (n, 4): top, left, bottom, right of each digit
    line: np.ndarray  # of shape (n,): the line of each digit


def draw_digit(digit, height=40):
    """Return the ink of a digit from 0 to 255."""
    image = load_mnist_sample().x_test[_CLEAR[digit]]
    side = round(height * len(image) / _BOX)
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))


def write_page(*lines, height=40, paper=None):
    """Write lines of digits in dark ink. A space separates numbers.

    The page is white, or a noisy photo of a `paper` of `tests.benchmarks.pages`.
    """
    across, down = (round(height * pitch) for pitch in _PITCH)
    margin = 2 * height
    ink = np.zeros((down * len(lines) + margin, across * max(map(len, lines)) + 2 * margin), np.uint8)
    boxes, line = [], []
    for number, text in enumerate(lines):
        for place, character in enumerate(text):
            if character == " ":
                continue
            digit = draw_digit(int(character), height)
            top, left = height + down * number, margin + across * place
            ink[top : top + len(digit), left : left + len(digit)] = digit
            rows, columns = (np.flatnonzero((digit > 100).any(axis=axis)) for axis in (1, 0))
            boxes.append([top + rows[0], left + columns[0], top + rows[-1] + 1, left + columns[-1] + 1])
            line.append(number)
    picture = photograph(ink / 255, paper, np.random.default_rng(0)) if paper else 255 - ink
    return Page(picture, np.array(boxes), np.array(line))
