"""Strokes as pictures with smooth edges, which Tk's lines do not have. Does not use Tk."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from .strokes import Point


def ink_image(
    points: Sequence[Point], width: float, color: str
) -> tuple[Image.Image, tuple[int, int]]:
    """Return a stroke, transparent around the ink, and where its left and top are.

    Args:
        points: The points of the curve, at least one, in pixels of the screen.
        width: The width of the pen, in the same pixels.
        color: ``#rrggbb``.
    """
    # Of a pixel that the edge crosses, about this share is ink: that of its center's distance.
    radius = width / 2 + 0.5
    columns, rows = zip(*points, strict=True)
    left, top = math.floor(min(columns) - radius), math.floor(min(rows) - radius)
    right, bottom = math.ceil(max(columns) + radius), math.ceil(max(rows) + radius)
    ink = np.zeros((bottom - top, right - left), np.float32)
    starts = [(x - left - 0.5, y - top - 0.5) for x, y in points]
    for start, end in zip(starts, [*starts[1:], starts[-1]], strict=True):
        (x, y), (dx, dy) = start, (end[0] - start[0], end[1] - start[1])
        part = tuple(
            slice(max(math.floor(min(pair) - radius), 0), math.ceil(max(pair) + radius) + 1)
            for pair in ((y, end[1]), (x, end[0]))
        )
        pixel_rows, pixel_columns = np.ogrid[
            part[0].start : min(part[0].stop, ink.shape[0]),
            part[1].start : min(part[1].stop, ink.shape[1]),
        ]
        to_y, to_x = pixel_rows - y, pixel_columns - x
        along = np.clip((to_x * dx + to_y * dy) / (dx * dx + dy * dy or 1), 0, 1)
        distance = np.hypot(to_x - along * dx, to_y - along * dy)
        np.maximum(ink[part], radius - distance, out=ink[part])
    image = Image.new("RGBA", (right - left, bottom - top), color)
    image.putalpha(Image.fromarray((ink.clip(0, 1) * 255).astype(np.uint8)))
    return image, (left, top)
