"""Digits as other people would write them: recorded strokes in another hand.

The recordings are by few people. Another hand slants, stretches and bends what they wrote, with one
bend for each digit, so that all sevens of a number are alike, as those of one person are.
"""

from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from .canvases import Points
from .recordings import Recording

# Standard deviations of a hand, and of a digit by it. Sizes are shares of a digit's longer side.
_SLANT: Final = (0.22, 0.05)
_STRETCH: Final = (0.2, 0.05)
_TURN_DEGREES: Final = (4.0, 1.5)
_BEND: Final = (0.055, 0.015)
# A bend is the sum of so many waves of about so many radians along a digit.
_WAVES: Final = 3
_RADIANS: Final = 3.5
# How often a hand rounds its strokes, or writes them in straight pieces, and the largest amounts.
_ROUND_SHARE: Final = 0.25
_ROUND: Final = 0.12
_ANGULAR_SHARE: Final = 0.15
_ANGULAR: Final = 0.05
# How far the ends of a stroke are moved along it, at most.
_LONGER: Final = 0.1
_SHORTER: Final = 0.07
_POINTS: Final = 40
"""Points of a stroke in another hand."""


def rewrite(
    recording: Recording, probability: float, random: np.random.Generator
) -> Sequence[Points]:
    """Return the strokes of a recording as they are, or in another hand with a probability."""
    if random.random() >= probability:
        return recording.strokes
    return OtherHand(random).write(recording.strokes, recording.character)


class OtherHand:
    """One person's way to write.

    Example:
        hand = OtherHand(random)
        strokes = hand.write(recording.strokes, recording.character)
    """

    def __init__(self, random: np.random.Generator) -> None:
        """Choose the hand at random; ``random`` is also the source of each digit's deviations."""
        self._random = random
        self._slant, self._stretch, self._turn = (
            random.normal(0, amounts[0]) for amounts in (_SLANT, _STRETCH, _TURN_DEGREES)
        )
        self._bends: dict[str, NDArray[np.float64]] = {}
        self._rounding = random.uniform(0, _ROUND) if random.random() < _ROUND_SHARE else 0.0
        self._angularity = random.uniform(0, _ANGULAR) if random.random() < _ANGULAR_SHARE else 0.0
        self._end = random.uniform(-_SHORTER, _LONGER)

    def write(self, strokes: Sequence[Points], character: str) -> list[Points]:
        """Return the strokes of a character in this hand.

        Args:
            strokes: Strokes, each (N, 2), in any unit, y down.
            character: What they show: a character has the same bend each time.

        Returns:
            As many strokes, each (M, 2), about 1 unit long or high, around the origin.
        """
        points = np.concatenate(strokes)
        low, extent = points.min(axis=0), np.ptp(points, axis=0)
        size = max(float(extent.max()), 1e-6)
        centered = [self._trace((stroke - low - extent / 2) / size) for stroke in strokes]
        if character not in self._bends:
            self._bends[character] = self._waves(_BEND[0])
        waves = np.concatenate((self._bends[character], self._waves(_BEND[1])))
        matrix = self._matrix()
        return [_bend(stroke, waves) @ matrix.T for stroke in centered]

    def _matrix(self) -> NDArray[np.float64]:
        """Return a (2, 2) matrix that slants, stretches and turns."""
        normal = self._random.normal
        angle = np.deg2rad(self._turn + normal(0, _TURN_DEGREES[1]))
        cos, sin = np.cos(angle), np.sin(angle)
        slant = self._slant + normal(0, _SLANT[1])
        stretch = np.exp(self._stretch + normal(0, _STRETCH[1]))
        return np.asarray(
            np.array([[cos, -sin], [sin, cos]]) @ np.array([[stretch, slant], [0, 1]])
        )

    def _waves(self, amount: float) -> NDArray[np.float64]:
        """Return (_WAVES, 5): the way that each wave moves points, its frequencies, its phase."""
        random = self._random
        return np.concatenate(
            (
                random.normal(0, amount / np.sqrt(_WAVES / 2), (_WAVES, 2)),
                random.normal(0, _RADIANS / np.sqrt(2), (_WAVES, 2)),
                random.uniform(0, 2 * np.pi, (_WAVES, 1)),
            ),
            axis=1,
        )

    def _trace(self, stroke: Points) -> NDArray[np.float64]:
        """Return a stroke with evenly spaced points, rounded or angular, and with other ends."""
        steps = np.linalg.norm(np.diff(stroke, axis=0), axis=1)
        distance = np.concatenate(([0.0], np.cumsum(steps)))
        length = float(distance[-1])
        if length < 2 * _SHORTER:  # a dot, or a dash that its ends would take away
            return np.asarray(stroke, np.float64)
        at = np.linspace(max(0.0, -self._end), length - max(0.0, -self._end), _POINTS)
        traced = np.stack([np.interp(at, distance, stroke[:, axis]) for axis in (0, 1)], axis=1)
        if self._angularity:
            traced = _simplify(traced, self._angularity)
        elif self._rounding:
            traced = _smooth(traced, max(1, round(self._rounding * _POINTS)))
        if self._end > 0:
            ends = (_beyond(traced[::-1], self._end), _beyond(traced, self._end))
            traced = np.concatenate((ends[0][None], traced, ends[1][None]))
        return traced


def _bend(stroke: NDArray[np.float64], waves: NDArray[np.float64]) -> NDArray[np.float64]:
    phases = stroke @ waves[:, 2:4].T + waves[:, 4]  # (N, waves)
    return np.asarray(stroke + np.sin(phases) @ waves[:, :2])


def _smooth(stroke: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Return the means of the points up to ``reach`` before and after each."""
    padded = np.pad(stroke, ((reach, reach), (0, 0)), "edge")
    kernel = np.full(2 * reach + 1, 1 / (2 * reach + 1))
    return np.stack([np.convolve(padded[:, axis], kernel, "valid") for axis in (0, 1)], axis=1)


def _simplify(stroke: NDArray[np.float64], tolerance: float) -> NDArray[np.float64]:
    """Return the corners of straight pieces that are within a distance of the stroke."""
    corners: Any = cv2.approxPolyDP(stroke.astype(np.float32)[:, None], tolerance, closed=False)
    return np.asarray(corners[:, 0], np.float64)


def _beyond(stroke: NDArray[np.float64], distance: float) -> NDArray[np.float64]:
    """Return the point that is so far beyond the end of a stroke, straight on."""
    before = stroke[-min(4, len(stroke))]
    direction = stroke[-1] - before
    norm = max(float(np.linalg.norm(direction)), 1e-6)
    return np.asarray(stroke[-1] + direction / norm * distance)
