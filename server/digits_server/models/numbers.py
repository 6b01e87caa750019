"""The numbers of an image: what is read in the lines of the most convincing view of it."""

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_server.preprocessing.frames import to_frame
from digits_server.preprocessing.layout import MAX_NUMBER_DIGITS
from digits_server.preprocessing.recipe import FRAME_SIZE
from digits_server.preprocessing.strips import Line

from .engine import DIGIT_COUNT
from .line_text import LEAST_PROBABILITY, Text, divide_ink, read_text
from .rest import limit_rest

UNKNOWN: Final = -1
"""The digit of a place that is not one."""
UNKNOWN_TEXT: Final = "?"
# One digit more has to be so probable to be evidence for a way to see the ink.
_EVIDENCE: Final = 0.5
# What the network of single digits finds in a whole digit counts so many times as much as what the
# line network finds: it knows more handwriting. Chosen on numbers by validation writers.
_ALONE_WEIGHT: Final = 1.5
# So probable a character is read in its line only, which is faster.
_SURE: Final = 0.98
# An image with fewer digits is read as one digit.
_LEAST_DIGITS: Final = 2
# How much more speaks for several digits than for one that is convincing, at least: the grain of a
# desk makes two ones easily. How much speaks for the digits of any other image, at least; and for
# those of a line, which is left out otherwise. Chosen by hand on validation writers.
_ADVANTAGE: Final = 0.5
_LEAST_EVIDENCE: Final = -4.0
_LINE_LEFT_OUT: Final = -5.0


Probs: TypeAlias = NDArray[np.float32]
Classify: TypeAlias = Callable[[NDArray[np.float32]], Probs]
"""Returns (N, 10) to (N, 12) probabilities for (N, 28, 28) frames."""
Weights: TypeAlias = tuple[float, float, float]
"""Of the logit of a text's share, of its evidence, and a constant: their sum is the logit of the
number's confidence."""
PLAIN_WEIGHTS: Final[Weights] = (1.0, 0.0, 0.0)
"""The confidence is the share of the text."""
_LEAST_SHARE: Final = 1e-6


class Place(NamedTuple):
    """A place of a number."""

    digit: int
    """0 to 9, or UNKNOWN."""
    confidence: float
    """The largest of ``probs``."""
    probs: NDArray[np.float32]
    """(10,) the probability of each digit, given that it is one."""
    ink: NDArray[np.float32]
    """(h, w) in 0..1, cropped."""
    box: tuple[int, int, int, int]
    """Left, top, width and height in pixels of the image."""
    not_a_digit: float
    """The probability that the ink is not a digit."""

    @property
    def frame(self) -> NDArray[np.float32]:
        """(28, 28) in 0..1; all zeros if other characters have all of the ink."""
        return _to_frame(self.ink)


class Number(NamedTuple):
    """A line of digits."""

    places: list[Place]
    """From left to right."""
    confidence: float
    """The probability that all places are right, 0 to 1."""
    share: float
    """The line network's probability of this text."""
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


class _Cutout(NamedTuple):
    """The ink of a character."""

    ink: NDArray[np.float32]
    box: tuple[int, int, int, int]
    is_asked: bool
    """Whether the network of single digits is asked about it: it touches no other character, and
    the line network is not sure."""


class _Read(NamedTuple):
    """What is read in a line."""

    line: Line
    text: Text
    evidence: float


def find_numbers(
    lines: Sequence[Line],
    probs: Sequence[Probs],
    classify: Classify,
    singles: Mapping[int, float],
    threshold: float,
    weights: Weights = PLAIN_WEIGHTS,
) -> dict[int, Sequence[Number]]:
    """Return the numbers of the images that hold several digits, by image, lines from the top.

    Args:
        lines: The lines of digits, in the order of the images and their views.
        probs: The line network's probabilities for each, (T, 12).
        classify: The network of single digits.
        singles: The probability of the most convincing single digit of each image that has one.
        threshold: Minimum probability of a single digit that is read as one.
        weights: What makes a confidence of a text's share and evidence.
    """
    found: dict[int, list[_Read]] = {}
    of_lines = zip(lines, probs, strict=True)
    for image, of_image in groupby(of_lines, key=lambda item: item[0].image):
        best: list[_Read] = []
        single = singles.get(image, 0.0)
        most = _evidence_of(single) + _ADVANTAGE if single >= threshold else _LEAST_EVIDENCE
        for _, of_view in groupby(of_image, key=lambda item: item[0].view):
            read = [_read(line, those) for line, those in of_view]
            kept = [each for each in read if each.evidence > _LINE_LEFT_OUT]
            evidence = sum(max(each.evidence, _LINE_LEFT_OUT) for each in read)
            count = sum(_digit_count(each.text) for each in kept)
            is_short = all(len(each.text.characters) <= MAX_NUMBER_DIGITS for each in kept)
            if count >= _LEAST_DIGITS and is_short and evidence > most:
                best, most = kept, evidence
        if best:
            found[image] = [each for each in best if each.text.characters]
    cutouts = {image: [list(_cut_out(each)) for each in those] for image, those in found.items()}
    frames = [
        _to_frame(cutout.ink)
        for those in cutouts.values()
        for each in those
        for cutout in each
        if cutout.is_asked
    ]
    rows = iter(classify(np.array(frames)) if frames else ())
    return {
        image: [
            _to_number(read, each, rows, weights)
            for read, each in zip(those, cutouts[image], strict=True)
        ]
        for image, those in found.items()
    }


def _read(line: Line, probs: NDArray[np.float32]) -> _Read:
    text = read_text(probs)
    return _Read(line, text, text.log_probability - math.log(_EVIDENCE) * _digit_count(text))


def _digit_count(text: Text) -> int:
    return sum(character < DIGIT_COUNT for character in text.characters)


def _evidence_of(probability: float) -> float:
    """Return how much a digit of this probability speaks for itself."""
    return math.log(max(probability, LEAST_PROBABILITY) / _EVIDENCE)


def _cut_out(read: _Read) -> Iterator[_Cutout]:
    """Yield the ink of each character of a line."""
    owners, touches = divide_ink(read.line.strip, read.text.centers)
    for index, (own_probs, is_touching) in enumerate(zip(read.text.probs, touches, strict=True)):
        is_own = (owners == index).view(np.uint8)
        left, top, width, height = cv2.boundingRect(is_own)
        has_ink = width > 0
        if not has_ink:  # other characters have all of the ink
            left, top, width, height = int(read.text.centers[index]), 0, 1, len(owners)
        area = np.s_[top : top + height, left : left + width]
        is_asked = has_ink and not is_touching and float(own_probs.max()) < _SURE
        yield _Cutout(read.line.strip[area] * is_own[area], read.line.place(*area), is_asked)


def _to_number(
    read: _Read, cutouts: Sequence[_Cutout], probs: Iterator[Probs], weights: Weights
) -> Number:
    """Return a number.

    Args:
        read: What is read in its line.
        cutouts: The ink of each character.
        probs: What the network of single digits finds in those that it is asked about.
        weights: What makes the confidence.
    """
    places, log_share = [], read.text.log_probability
    for character, in_line, cutout in zip(
        read.text.characters, read.text.probs, cutouts, strict=True
    ):
        both = np.log(np.maximum(in_line, LEAST_PROBABILITY))
        if cutout.is_asked:
            alone = next(probs)[: len(both)]
            both[: len(alone)] += _ALONE_WEIGHT * np.log(np.maximum(alone, LEAST_PROBABILITY))
        both = np.exp(both - both.max())
        both /= both.sum()
        best = int(both.argmax())
        log_share += math.log(float(both[best] / in_line[character]))
        total = float(both[:DIGIT_COUNT].sum())
        digits = both[:DIGIT_COUNT] / total
        digit = best if best < DIGIT_COUNT else UNKNOWN
        highest = float(digits.max())
        rest = float(limit_rest(np.maximum(1 - total, 0), highest, best < DIGIT_COUNT))
        places.append(Place(digit, highest, digits, cutout.ink, cutout.box, rest))
    share = min(1.0, math.exp(log_share))
    return Number(places, _confidence(share, read.evidence, weights), share, read.evidence)


def _to_frame(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    if not ink.any():
        return np.zeros((FRAME_SIZE, FRAME_SIZE), np.float32)
    return to_frame(ink)


def features(share: float, evidence: float) -> tuple[float, float, float]:
    """Return what the weights are of: the logit of the share, the evidence, and 1."""
    share = min(max(share, _LEAST_SHARE), 1 - _LEAST_SHARE)
    return math.log(share / (1 - share)), evidence, 1.0


def _confidence(share: float, evidence: float, weights: Weights) -> float:
    logit: float = sum(map(operator.mul, weights, features(share, evidence)))
    return 1 / (1 + math.exp(-min(max(logit, -30.0), 30.0)))
