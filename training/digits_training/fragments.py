"""Wrong cuts of a number, for the class "not a digit": several digits as one, and parts of one."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.floating[Any]]  # (N, 2), x and y

# Half an 8 or a 3 may still look like a 3, and a part of a 4, a 7 or a 1 like a 1.
CUT_DIGITS: Final = frozenset({0, 2, 5, 6, 9})


def join(digits: Sequence[Sequence[Points]], random: np.random.Generator) -> list[Points]:
    """Return the strokes of several digits next to each other, near or touching.

    Args:
        digits: The strokes of each digit, each (N, 2), in any unit.
        random: Source of sizes, gaps and offsets.
    """
    joined: list[Points] = []
    right = 0.0
    for strokes in digits:
        points = np.concatenate(strokes)
        low, extent = points.min(axis=0), np.ptp(points, axis=0)
        scale = 100 * random.uniform(0.8, 1.2) / max(float(extent[1]), 0.5 * float(extent[0]), 1.0)
        origin = np.array([right + random.uniform(-8, 20), random.uniform(-12, 12)])
        joined += [(stroke - low) * scale + origin for stroke in strokes]
        right = float(origin[0] + extent[0] * scale)
    return joined


def cut(strokes: Sequence[Points], random: np.random.Generator) -> list[Points]:
    """Return the smaller part of the strokes of a digit, to one side of a cut through it.

    Args:
        strokes: Strokes, each (N, 2), in any unit.
        random: Source of the place of the cut.
    """
    dense = [_refine(stroke) for stroke in strokes]
    x = np.concatenate(dense)[:, 0]
    place = x.min() + np.ptp(x) * random.uniform(0.35, 0.65)
    is_left = place < x.min() + np.ptp(x) / 2  # the smaller side
    parts: list[Points] = []
    for stroke in dense:
        is_kept = (stroke[:, 0] < place) == is_left
        edges = np.flatnonzero(np.diff(is_kept.astype(np.int8))) + 1
        runs = zip(np.split(stroke, edges), np.split(is_kept, edges), strict=True)
        parts += [run for run, kept in runs if kept[0] and len(run) > 1]
    return parts


def _refine(stroke: Points) -> Points:
    """Return a stroke with ten points for each."""
    steps = np.linspace(0, len(stroke) - 1, 10 * len(stroke))
    index = np.arange(len(stroke))
    return np.stack([np.interp(steps, index, stroke[:, axis]) for axis in (0, 1)], axis=1)
