"""Strokes as pictures with smooth edges, which Tk's lines do not have. Does not use Tk."""

import math
from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw

from .strokes import Point

_OVERSAMPLING: Final = 3


def ink_image(
    points: Sequence[Point], width: float, color: str
) -> tuple[Image.Image, tuple[int, int]]:
    """Return a stroke, transparent around the ink, and where its left and top are.

    Args:
        points: The points of the curve, at least one, in pixels of the screen.
        width: The width of the pen, in the same pixels.
        color: ``#rrggbb``.
    """
    radius = width / 2
    columns, rows = zip(*points, strict=True)
    left, top = math.floor(min(columns) - radius) - 1, math.floor(min(rows) - radius) - 1
    right, bottom = math.ceil(max(columns) + radius) + 1, math.ceil(max(rows) + radius) + 1
    scale = _OVERSAMPLING
    mask = Image.new("L", ((right - left) * scale, (bottom - top) * scale))
    draw = ImageDraw.Draw(mask)
    places = [((x - left) * scale, (y - top) * scale) for x, y in points]
    draw.line(places, 255, round(width * scale))
    for x, y in places:  # round ends and joints
        draw.circle((x, y), radius * scale, 255)
    image = Image.new("RGBA", (right - left, bottom - top), color)
    image.putalpha(mask.resize(image.size, Image.Resampling.BOX))
    return image, (left, top)
