"""The numbers of an image: the most convincing view of it, and the best path through each line."""

import math
import operator
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from digits_server.preprocessing.layout import MAX_NUMBER_DIGITS
from digits_server.preprocessing.strips import Line

from .engine import DIGIT_COUNT
from .number_paths import LEAST_PROBABILITY, UNKNOWN, best_path, evidence_of

UNKNOWN_TEXT: Final = "?"
# An image with fewer digits is read as one digit.
_LEAST_DIGITS: Final = 2
# How much more speaks for several digits than for one that is convincing, at least: the grain of a
# desk makes two ones easily. How much speaks for the digits of any other image, at least; and for
# those of a line, which is left out otherwise. Chosen by hand on validation writers.
_ADVANTAGE: Final = 0.5
_LEAST_EVIDENCE: Final = -4.0
_LINE_LEFT_OUT: Final = -5.0


Weights: TypeAlias = tuple[float, float, float]
"""Of the logit of a path's share, of its evidence, and a constant: their sum is the logit of the
number's confidence."""
PLAIN_WEIGHTS: Final[Weights] = (1.0, 0.0, 0.0)
"""The confidence is the share of the path."""
_LEAST_SHARE: Final = 1e-6


class Place(NamedTuple):
    """A place of a number."""

    digit: int
    """0 to 9, or UNKNOWN."""
    confidence: float
    """The largest of ``probs``."""
    probs: NDArray[np.float32]
    """(10,) the probability of each digit, given that it is one."""
    frame: NDArray[np.float32]
    """(28, 28) in 0..1."""
    box: tuple[int, int, int, int]
    """Left, top, width and height in pixels of the image."""


class Number(NamedTuple):
    """A line of digits."""

    places: list[Place]
    """From left to right."""
    confidence: float
    """The probability that all places are right, 0 to 1."""
    share: float
    """The probability of this text, given that one of all ways to read the line is right."""
    evidence: float
    """How much speaks for digits here; natural logarithm."""

    @property
    def text(self) -> str:
        """The digits, with "?" for a place that is not a digit."""
        return "".join(
            UNKNOWN_TEXT if place.digit == UNKNOWN else str(place.digit) for place in self.places
        )

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, width and height of all places."""
        boxes = np.array([place.box for place in self.places])
        left, top = boxes[:, :2].min(axis=0).tolist()
        right, bottom = (boxes[:, :2] + boxes[:, 2:]).max(axis=0).tolist()
        return left, top, right - left, bottom - top


def main_number(numbers: Sequence[Number]) -> Number:
    """Return the line that an image of one number is taken to hold: the most convincing one."""
    return max(numbers, key=lambda number: number.evidence)


def find_numbers(
    lines: Sequence[Line],
    probs: NDArray[np.float32],
    singles: Mapping[int, float],
    threshold: float,
    weights: Weights = PLAIN_WEIGHTS,
) -> dict[int, Sequence[Number]]:
    """Return the numbers of the images that hold several digits, by image, lines from the top.

    Args:
        lines: The lines of digits, in the order of the images and their views.
        probs: (C, 10) to (C, 12) the network's probabilities for all candidates.
        singles: The probability of the most convincing single digit of each image that has one.
        threshold: Minimum probability of a single digit that is read as one.
        weights: What makes a confidence of a path's share and evidence.
    """
    ends = np.cumsum([len(line.frames) for line in lines])
    numbers: dict[int, Sequence[Number]] = {}
    of_lines = zip(lines, np.split(probs, ends[:-1]), strict=True)
    for image, of_image in groupby(of_lines, key=lambda item: item[0].image):
        best: list[Number] = []
        single = singles.get(image, 0.0)
        most = evidence_of(single) + _ADVANTAGE if single >= threshold else _LEAST_EVIDENCE
        for _, of_view in groupby(of_image, key=lambda item: item[0].view):
            read = [_read(line, those, weights) for line, those in of_view]
            kept = [number for number in read if number.evidence > _LINE_LEFT_OUT]
            evidence = sum(max(number.evidence, _LINE_LEFT_OUT) for number in read)
            count = sum(place.digit != UNKNOWN for number in kept for place in number.places)
            is_short = all(len(number.places) <= MAX_NUMBER_DIGITS for number in kept)
            if count >= _LEAST_DIGITS and is_short and evidence > most:
                best, most = kept, evidence
        if best:
            numbers[image] = [number for number in best if number.places]
    return numbers


def _read(line: Line, probs: NDArray[np.float32], weights: Weights) -> Number:
    """Return the best way to read a line; without places, if all of it is left out."""
    path = best_path(line, probs)
    places = []
    for row, digit in zip(path.rows, path.digits, strict=True):
        shares = probs[row, :DIGIT_COUNT] / max(
            float(probs[row, :DIGIT_COUNT].sum()), LEAST_PROBABILITY
        )
        left, top, width, height = line.boxes[row].tolist()
        box = (left, top, width, height)
        places.append(Place(digit, float(shares.max()), shares, line.frames[row], box))
    confidence = _confidence(path.share, path.evidence, weights)
    return Number(places, confidence, path.share, path.evidence)


def features(share: float, evidence: float) -> tuple[float, float, float]:
    """Return what the weights are of: the logit of the share, the evidence, and 1."""
    share = min(max(share, _LEAST_SHARE), 1 - _LEAST_SHARE)
    return math.log(share / (1 - share)), evidence, 1.0


def _confidence(share: float, evidence: float, weights: Weights) -> float:
    logit: float = sum(map(operator.mul, weights, features(share, evidence)))
    return 1 / (1 + math.exp(-min(max(logit, -30.0), 30.0)))
