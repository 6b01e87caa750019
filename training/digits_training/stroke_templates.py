"""Synthetic digits in the forms that are taught in different countries.

MNIST was written by Americans and the pen strokes by 44 people at one university, so a one
with a long flag or a foot, a barred seven or an open four is rare in both. Each template
holds the strokes of one form. Its points are moved at random and joined by smooth curves;
slant, proportions and pen vary when the strokes are drawn.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.floating[Any]]  # (N, 2), x and y

# Strokes in a box of about 60 by 100 units, y down. A point that is given twice is a sharp
# corner; the curve passes smoothly through the others.
Template = tuple[tuple[tuple[float, float], ...], ...]

_JITTER: Final = 3.0
_POINTS_PER_SEGMENT: Final = 8

_TEMPLATES: Final[dict[int, tuple[Template, ...]]] = {
    0: (
        (((32, 0), (4, 25), (2, 65), (28, 100), (56, 70), (56, 28), (32, 0)),),
        (((40, 6), (10, 14), (0, 55), (24, 98), (54, 75), (58, 30), (34, 2), (22, 8)),),
        (((20, 4), (48, 4), (60, 40), (50, 90), (18, 98), (0, 60), (14, 8)),),
    ),
    1: (
        (((30, 0), (30, 100)),),
        (((10, 22), (32, 0), (32, 0), (32, 100)),),
        (((0, 48), (34, 0), (34, 0), (34, 100)),),
        (((6, 30), (34, 2), (34, 2), (30, 50), (28, 100)),),
        (((10, 22), (32, 0), (32, 0), (32, 100)), ((8, 100), (56, 100))),
        (((4, 36), (32, 0), (32, 0), (32, 100), (32, 100), (10, 100), (10, 100), (54, 99)),),
        (((30, 0), (30, 100)), ((10, 100), (50, 100))),
    ),
    2: (
        (((2, 20), (26, 0), (52, 18), (36, 55), (0, 100), (0, 100), (58, 100)),),
        (((4, 16), (30, 0), (54, 22), (30, 66), (4, 98), (0, 84), (16, 80), (36, 96), (60, 94)),),
        (((4, 4), (52, 2), (52, 2), (4, 98), (4, 98), (56, 98)),),
        (((0, 26), (10, 4), (40, 2), (54, 28), (24, 70), (0, 98), (0, 98), (30, 92), (60, 100)),),
    ),
    3: (
        (((4, 10), (32, 0), (50, 22), (22, 46), (22, 46), (56, 68), (36, 98), (0, 88)),),
        (((4, 2), (52, 2), (52, 2), (22, 40), (22, 40), (56, 66), (34, 100), (0, 88)),),
        (((2, 14), (28, 0), (48, 20), (26, 44), (18, 50), (30, 50), (54, 72), (30, 100), (0, 86)),),
    ),
    4: (
        (((20, 0), (4, 56), (4, 56), (58, 56)), ((44, 24), (40, 100))),
        (((44, 100), (44, 0), (44, 0), (0, 66), (0, 66), (60, 66)),),
        (((32, 0), (0, 62), (0, 62), (58, 60)), ((40, 36), (36, 100))),
        (((8, 0), (6, 48), (6, 48), (50, 48)), ((50, 0), (50, 100))),
        (((4, 4), (8, 44), (30, 50), (48, 40), (48, 40), (50, 2), (50, 2), (48, 100)),),
    ),
    5: (
        (((12, 2), (8, 42), (8, 42), (42, 40), (54, 70), (30, 100), (0, 90)), ((12, 2), (54, 2))),
        (((54, 0), (14, 2), (14, 2), (8, 44), (8, 44), (40, 42), (54, 72), (28, 100), (0, 90)),),
        (((56, 4), (20, 6), (10, 28), (34, 46), (52, 70), (28, 98), (0, 90)),),
    ),
    6: (
        (((46, 0), (12, 34), (2, 76), (28, 100), (52, 78), (34, 56), (6, 70)),),
        (((24, 0), (6, 50), (4, 84), (28, 100), (54, 82), (36, 60), (8, 74)),),
        (((54, 10), (30, 0), (6, 36), (4, 80), (30, 100), (56, 78), (36, 54), (8, 66)),),
    ),
    7: (
        (((0, 2), (54, 2), (54, 2), (18, 100)),),
        (((0, 2), (54, 2), (54, 2), (18, 100)), ((12, 50), (54, 48))),
        (((2, 16), (2, 2), (2, 2), (54, 4), (54, 4), (22, 100)),),
        (((2, 20), (4, 2), (4, 2), (56, 4), (56, 4), (20, 100)), ((10, 52), (56, 46))),
        (((0, 8), (28, 4), (56, 2), (56, 2), (32, 46), (26, 100)),),
        (((0, 10), (20, 2), (38, 8), (58, 0), (58, 0), (30, 50), (22, 100)), ((16, 54), (50, 50))),
    ),
    8: (
        (
            (
                (46, 10),
                (26, 0),
                (8, 20),
                (30, 48),
                (56, 76),
                (30, 100),
                (4, 78),
                (28, 50),
                (50, 22),
                (42, 6),
            ),
        ),
        (
            ((30, 0), (10, 20), (30, 44), (50, 22), (30, 0)),
            ((30, 44), (4, 72), (30, 100), (56, 72), (30, 44)),
        ),
        (((54, 6), (20, 4), (16, 30), (50, 64), (40, 96), (10, 92), (12, 62), (50, 24), (54, 6)),),
    ),
    9: (
        (((50, 22), (28, 0), (4, 24), (24, 48), (50, 24), (50, 24), (46, 100)),),
        (((48, 18), (24, 2), (4, 28), (26, 50), (50, 20), (54, 56), (38, 94), (4, 94)),),
        (((52, 8), (20, 2), (4, 30), (26, 46), (50, 12), (50, 12), (50, 60), (30, 100)),),
        (((48, 16), (26, 0), (6, 24), (26, 46), (48, 20), (48, 20), (34, 62), (22, 100)),),
    ),
}


def write_digit(digit: int, random: np.random.Generator) -> list[Points]:
    """Return the strokes of a digit, written after one of its templates.

    Args:
        digit: 0..9.
        random: Source of the template and of the points' displacements.

    Returns:
        Strokes, each (N, 2), in a box of about 60 by 100 units, y down.
    """
    templates = _TEMPLATES[digit]
    template = templates[random.integers(len(templates))]
    return [_write_stroke(np.array(stroke, np.float64), random) for stroke in template]


def _write_stroke(points: Points, random: np.random.Generator) -> Points:
    corners = np.flatnonzero((points[1:] == points[:-1]).all(axis=1))
    moved = points + random.normal(0, _JITTER, points.shape)
    moved[corners + 1] = moved[corners]
    parts = np.split(moved, corners + 1)
    return np.concatenate([_smooth(part) for part in parts])


def _smooth(points: Points) -> Points:
    """Return points on a Catmull-Rom spline through the given points."""
    before = np.concatenate((points[:1], points[:-2]))
    after = np.concatenate((points[2:], points[-1:]))
    t = np.linspace(0, 1, _POINTS_PER_SEGMENT, endpoint=False)[:, None, None]
    p0, p1, p2, p3 = before, points[:-1], points[1:], after
    curve = (
        p1
        + (p2 - p0) * t / 2
        + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 / 2
        + (3 * p1 - p0 - 3 * p2 + p3) * t**3 / 2
    )
    return np.concatenate((curve.swapaxes(0, 1).reshape(-1, 2), points[-1:]))
