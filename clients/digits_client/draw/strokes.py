"""A pen stroke, and how it marks an image. Knows no window.

What a person draws is kept as strokes and drawn by this code, so that the image that is
sent is the same on every system, and the images a network learns from are drawn alike.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image, ImageDraw

Point = tuple[float, float]

PAPER = 255
INK = 0


@dataclass(frozen=True)
class Stroke:
    """One movement of the pen, from touching the paper to leaving it."""

    points: tuple[Point, ...]
    """x to the right and y down, in pixels; at least one."""

    width: float
    """Of the pen, in pixels; above 0."""

    erases: bool = False
    """Whether it leaves paper and not ink."""


def draw_stroke(image: Image.Image, stroke: Stroke, *, paper: int = PAPER, ink: int = INK) -> None:
    """Draw a stroke onto a gray image, round at its ends and joints."""
    draw = ImageDraw.Draw(image)
    fill = paper if stroke.erases else ink
    draw.line(stroke.points, fill=fill, width=max(1, round(stroke.width)), joint="curve")
    radius = stroke.width / 2
    # The ends are discs, and a single point is nothing but one.
    for x, y in (stroke.points[0], stroke.points[-1]):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def draw(
    strokes: Iterable[Stroke], size: tuple[int, int], *, paper: int = PAPER, ink: int = INK
) -> Image.Image:
    """Return a gray image of (width, height) with strokes on it, in their order."""
    image = Image.new("L", size, paper)
    for stroke in strokes:
        draw_stroke(image, stroke, paper=paper, ink=ink)
    return image
