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
# So probable is no character at a step that the next one like it changes nothing.
_SURE: Final = 1 - 1e-6
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
    is_empty = probs[:, NO_CHARACTER] > _SURE
    is_empty[1:] &= is_empty[:-1]
    is_empty[0] = False
    likely = np.maximum(probs[~is_empty][:, states], LEAST_PROBABILITY).astype(np.float64)
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

    owners: NDArray[np.int8]
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
    at = np.array(centers)[:, None]
    left, right = boxes[1:, cv2.CC_STAT_LEFT], boxes[1:, : cv2.CC_STAT_WIDTH + 1 : 2].sum(axis=1)
    gaps = np.maximum(np.maximum(left - at, at - right), 0)  # (characters, pieces)
    # Of pieces on top of each other, the one whose middle is nearest.
    distances = np.abs(middles[1:, 0] - at) + count * strip.shape[1] * (gaps > 0)
    of_piece: dict[int, list[int]] = {}
    for index, piece in enumerate(distances.argmin(axis=1).tolist()):
        of_piece.setdefault(piece, []).append(index)
    owner_of = np.full(count, -1, np.int8)
    owner_of[1:] = np.where(gaps.min(axis=0) <= _MAX_DISTANCE, gaps.argmin(axis=0), -1)
    for piece, own in of_piece.items():
        owner_of[piece + 1] = own[0]
    owners = owner_of[labels]
    for piece, own in of_piece.items():
        if len(own) > 1:
            _cut(owners, labels == piece + 1, strip, own, centers)
    touches = [False] * len(centers)
    for own in of_piece.values():
        for index in own:
            touches[index] = len(own) > 1
    return Division(owners, touches)


def _cut(
    owners: NDArray[np.int8],
    ink: NDArray[np.bool_],
    strip: NDArray[np.float32],
    own: Sequence[int],
    centers: Sequence[float],
) -> None:
    """Divide the ink of one piece between its characters, where there is the least ink."""
    amounts = (strip * ink).sum(axis=0)
    cuts = [
        _thinnest(amounts, centers[one], centers[other]) for one, other in itertools.pairwise(own)
    ]
    places = np.array(own, np.int8)[np.searchsorted(cuts, np.arange(len(amounts)), side="right")]
    owners[ink] = np.broadcast_to(places, ink.shape)[ink]


def _thinnest(amounts: NDArray[np.float32], start: float, end: float) -> int:
    """Return the column between two others with the least ink."""
    first = min(max(int(start) + 1, 0), len(amounts) - 1)
    last = max(first + 1, min(int(end) + 1, len(amounts)))
    return first + int(amounts[first:last].argmin())
