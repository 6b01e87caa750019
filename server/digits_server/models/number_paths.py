"""Choosing the digits of a number: the most probable path through its candidates.

A path takes the segments of a line from left to right. Each of its candidates is a digit, a place
that is not a digit, or ink that is left out, such as a speck.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits_server.preprocessing.strips import Line

from .engine import DIGIT_COUNT, NOT_A_DIGIT

UNKNOWN: Final = -1
"""In a path, a place that is not a digit."""

# Natural logarithms of prior probabilities, chosen on numbers by validation writers: that a digit
# ends at a cut, that a place is not a digit, and that ink is left out.
_CUT: Final = -0.5
_UNKNOWN: Final = -2.5
_LEFT_OUT: Final = -1.5
# What is left out costs less if it is smaller than that, as a share of the line's height.
_LARGE: Final = 0.5
# Digits have at least about this share of the line's height; less costs its square times that.
_LEAST_HEIGHT: Final = 0.6
_HEIGHT_COST: Final = 64.0
# A place that is not a digit is at least so high.
_UNKNOWN_HEIGHT: Final = 0.5
# One digit more has to be so probable to be evidence for a way to see the ink.
_EVIDENCE: Final = 0.5
LEAST_PROBABILITY: Final = 1e-9
"""In place of 0, so that it has a logarithm."""


def evidence_of(probability: float) -> float:
    """Return how much a digit of this probability speaks for itself."""
    return math.log(max(probability, LEAST_PROBABILITY) / _EVIDENCE)


class Path(NamedTuple):
    """One way to read a line."""

    rows: list[int]
    """Index of the candidate of each place, from left to right."""
    digits: list[int]
    """The digit of each place, or UNKNOWN."""
    share: float
    """The probability of this path, 0 to 1, given that one of all paths is right."""
    evidence: float
    """How much speaks for digits here at all; natural logarithm, above 0 for likely ones."""


class _Step(NamedTuple):
    """The best way to a boundary between segments."""

    score: float
    row: int
    start: int
    digit: int | None
    """None for ink that is left out."""


def best_path(line: Line, probs: NDArray[np.float32]) -> Path:
    """Return the most probable path through the candidates of a line.

    Args:
        line: The C candidates.
        probs: (C, 10) to (C, 12) the network's probabilities.
    """
    logs = np.log(np.maximum(probs, LEAST_PROBABILITY), dtype=np.float64)
    digits = logs[:, :DIGIT_COUNT]
    best_digits, highest = digits.argmax(axis=1).tolist(), digits.max(axis=1)
    totals = np.logaddexp.reduce(digits, axis=1)
    extents = line.heights * np.maximum(1, line.boxes[:, 2] / line.boxes[:, 3])
    others = np.logaddexp.reduce(logs[:, NOT_A_DIGIT:], axis=1)
    others += _LEFT_OUT * np.minimum(1, (extents / _LARGE) ** 2)
    prior = _CUT * line.cuts[line.runs[:, 1]]
    prior -= _HEIGHT_COST * np.maximum(0, _LEAST_HEIGHT - line.heights) ** 2
    count = len(line.cuts) - 1
    steps = [_Step(0.0, -1, -1, None)] + [_Step(-math.inf, -1, -1, None)] * count
    total = np.full(count + 1, -math.inf)
    total[0] = 0
    for row, (start, end) in enumerate(line.runs.tolist()):
        options = [(highest[row] + prior[row], totals[row] + prior[row], best_digits[row])]
        if end == start + 1 and not (line.cuts[start] or line.cuts[end]):
            options.append((others[row], others[row], None))
            if line.heights[row] >= _UNKNOWN_HEIGHT and logs.shape[1] > NOT_A_DIGIT:
                unknown = logs[row, NOT_A_DIGIT] + _UNKNOWN
                options.append((unknown, unknown, UNKNOWN))
        for score, share, digit in options:
            total[end] = np.logaddexp(total[end], total[start] + share)
            if steps[start].score + score > steps[end].score:
                steps[end] = _Step(steps[start].score + score, row, start, digit)
    return _follow(steps, math.exp(steps[-1].score - total[-1]))


def _follow(steps: list[_Step], share: float) -> Path:
    """Return the path that ends at the last step."""
    rows, digits, at = [], [], len(steps) - 1
    while at > 0:
        step = steps[at]
        if step.digit is not None:
            rows.append(step.row)
            digits.append(step.digit)
        at = step.start
    evidence = steps[-1].score - math.log(_EVIDENCE) * sum(digit != UNKNOWN for digit in digits)
    return Path(rows[::-1], digits[::-1], share, evidence)
