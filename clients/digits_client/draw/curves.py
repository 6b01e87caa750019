"""Smooth curves through the points of a stroke, for the sheet and for the image alike.

A pen reports its position some hundred times per second, which is few points for a fast stroke.
The curves are Catmull-Rom splines, which pass through all points, and sharp corners stay sharp.
Does not use Tk.
"""

import math
from collections.abc import Sequence
from typing import Final

from PIL import Image

from .strokes import Point, Stroke, draw_stroke

_PIECE_LENGTH: Final = 5.0
"""Length of the straight pieces of a curve, in pixels."""
_MAX_PIECES: Final = 16


def smooth(points: Sequence[Point]) -> list[Point]:
    """Return points on the curve through one or more points, so close that no corner is seen."""
    curve = [points[0]]
    for index in range(len(points) - 1):
        curve += segment(points, index)[1:]
    return curve


def segment(points: Sequence[Point], index: int) -> list[Point]:
    """Return points on the curve from one point to the next, both included.

    It depends on one further point at each side: the end of an unfinished stroke still changes.
    """
    start, end = points[index], points[index + 1]
    before, after = points[max(index - 1, 0)], points[min(index + 2, len(points) - 1)]
    # A curve around the sharp corner of a 4 or a 7 would bulge.
    before = start if _is_corner(before, start, end) else before
    after = end if _is_corner(start, end, after) else after
    count = min(math.ceil(math.dist(start, end) / _PIECE_LENGTH), _MAX_PIECES)
    inner = (_on_curve(before, start, end, after, step / count) for step in range(1, count))
    return [start, *inner, end]


def _is_corner(before: Point, point: Point, after: Point) -> bool:
    """Return whether a stroke turns by more than 90 degrees at a point."""
    x, y = point[0] - before[0], point[1] - before[1]
    next_x, next_y = after[0] - point[0], after[1] - point[1]
    return x * next_x + y * next_y < 0


def _on_curve(before: Point, start: Point, end: Point, after: Point, t: float) -> Point:
    """Return the point of a curve from start to end at t, 0 to 1."""
    x, y = (
        (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        / 2
        for a, b, c, d in zip(before, start, end, after, strict=True)
    )
    return x, y


def draw_curve(
    image: Image.Image, stroke: Stroke, *, first: int = 0, last: int | None = None
) -> None:
    """Draw a stroke as a curve on a gray image, or some of the segments between its points.

    Args:
        image: The image.
        stroke: The stroke, whose points the curve passes through.
        first: The first segment.
        last: The segment to stop before; None for all.
    """
    points = stroke.points
    if len(points) == 1:
        draw_stroke(image, stroke)
        return
    for index in range(first, len(points) - 1 if last is None else last):
        piece = tuple(segment(points, index))
        draw_stroke(image, Stroke(piece, stroke.width, stroke.erases))
