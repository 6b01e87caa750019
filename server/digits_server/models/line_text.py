"""From the line network's probabilities to the text of a strip, and the ink of each character.

A. Graves et al., "Connectionist temporal classification" (2006): a character is one or more steps
of its class, and equal characters have a step without a character between them.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from .line_engine import CHARACTER_COUNT, COLUMNS_PER_STEP, NO_CHARACTER

LEAST_PROBABILITY: Final = 1e-9
"""In place of 0, so that it has a logarithm."""
# Steps after which the numbers of the recursion are scaled, so that none of them becomes 0.
_STEPS_PER_SCALING: Final = 8
# Ink is what is at least so dark; what is farther from each character is left out.
_LEAST_INK: Final = 0.2
_MAX_DISTANCE: Final = 14.0


class Text(NamedTuple):
    """What the network reads in a strip."""

    characters: list[int]
    """0 to 9, or 10 for a character that is not a digit, from left to right."""
    probs: list[NDArray[np.float32]]
    """For each character, the probability of each digit and of another character, (11,)."""
    centers: list[float]
    """The column of each character."""
    log_probability: float
    """Natural logarithm of the probability of these characters and no other."""


def read_text(probs: NDArray[np.float32]) -> Text:
    """Return the text of the most probable class of each step.

    Args:
        probs: (T, 12) the probabilities of the digits, another character, and none.
    """
    best = probs.argmax(axis=1)
    starts = np.flatnonzero(np.diff(best, prepend=-1))
    ends = np.append(starts[1:], len(best))
    runs = [
        (start, end)
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        if best[start] != NO_CHARACTER
    ]
    characters = [int(best[start]) for start, _ in runs]
    shares, centers = [], []
    for (start, end), character in zip(runs, characters, strict=True):
        sums = probs[start:end, :CHARACTER_COUNT].sum(axis=0)
        shares.append(sums / max(float(sums.sum()), LEAST_PROBABILITY))
        weights = probs[start:end, character]
        center = float(weights @ np.arange(start, end) / weights.sum())
        centers.append((center + 0.5) * COLUMNS_PER_STEP)
    return Text(characters, shares, centers, _log_probability(probs, characters))


def _log_probability(probs: NDArray[np.float32], characters: Sequence[int]) -> float:
    """Return the logarithm of the summed probability of all alignments of a text to the steps."""
    # The states are the characters, and none before, between and after them.
    states = np.full(2 * len(characters) + 1, NO_CHARACTER)
    states[1::2] = characters
    count = len(states)
    moves = np.eye(count) + np.eye(count, k=1)
    is_skip = (states[2:] != NO_CHARACTER) & (states[2:] != states[:-2])
    moves[np.arange(count - 2)[is_skip], np.arange(2, count)[is_skip]] = 1
    likely = np.maximum(probs[:, states], LEAST_PROBABILITY).astype(np.float64)
    shares = np.zeros(count)
    shares[:2] = likely[0, :2]
    log_scale = 0.0
    for step in range(1, len(likely)):
        shares = (shares @ moves) * likely[step]
        if step % _STEPS_PER_SCALING == 0:
            total = float(shares.sum())
            shares, log_scale = shares / total, log_scale + math.log(total)
    return log_scale + math.log(max(float(shares[-2:].sum()), 1e-300))


class Division(NamedTuple):
    """Which ink of a strip belongs to which character."""

    owners: NDArray[np.intp]
    """(H, W) the index of each pixel's character, or -1 for none."""
    touches: list[bool]
    """Whether each character touches another one."""


def divide_ink(strip: NDArray[np.float32], centers: Sequence[float]) -> Division:
    """Return which ink of a strip belongs to which character.

    Args:
        strip: (H, W) ink in 0..1.
        centers: The column of each character, at least one.
    """
    mask = (strip > _LEAST_INK).view(np.uint8)
    count, labels, boxes, middles = cv2.connectedComponentsWithStats(mask, connectivity=8)
    lefts, widths = boxes[1:, cv2.CC_STAT_LEFT], boxes[1:, cv2.CC_STAT_WIDTH]
    of_piece: dict[int, list[int]] = {}
    for index, center in enumerate(centers):
        # Of pieces on top of each other, the one whose middle is nearest.
        outside = np.maximum(np.maximum(lefts - center, center - lefts - widths), 0)
        distance = np.abs(middles[1:, 0] - center) + count * strip.shape[1] * (outside > 0)
        of_piece.setdefault(int(distance.argmin()), []).append(index)
    owners = np.full(labels.shape, -1, np.intp)
    at = np.array(centers)
    for piece in range(count - 1):
        left, top, width, height = boxes[piece + 1, :4].tolist()
        area = np.s_[top : top + height, left : left + width]
        ink = labels[area] == piece + 1
        own = of_piece.get(piece, [])
        if not own:
            gaps = np.maximum(np.maximum(left - at, at - left - width), 0)
            own = [int(gaps.argmin())] if gaps.min() <= _MAX_DISTANCE else []
        if own:
            amounts = (strip[area] * ink).sum(axis=0)
            cuts = [
                _thinnest(amounts, at[one] - left, at[other] - left)
                for one, other in itertools.pairwise(own)
            ]
            places = np.array(own)[np.searchsorted(cuts, np.arange(width), side="right")]
            owners[area][ink] = np.broadcast_to(places, ink.shape)[ink]
    touches = [False] * len(centers)
    for own in of_piece.values():
        for index in own:
            touches[index] = len(own) > 1
    return Division(owners, touches)


def _thinnest(amounts: NDArray[np.float32], start: float, end: float) -> int:
    """Return the column between two others with the least ink."""
    first = min(max(int(start) + 1, 0), len(amounts) - 1)
    last = max(first + 1, min(int(end) + 1, len(amounts)))
    return first + int(amounts[first:last].argmin())
