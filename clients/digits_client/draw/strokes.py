"""A pen stroke, and how to draw it on an image. Does not use Tk.

A person's drawing is stored as strokes and drawn by this module, so that the image that is
sent is the same on every system. Training images are drawn by the same code.
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
    """At least one (x, y), in pixels; x to the right, y down."""

    width: float
    """Width of the pen in pixels; above 0."""

    erases: bool = False
    """True to draw paper instead of ink."""


def draw_stroke(image: Image.Image, stroke: Stroke, *, paper: int = PAPER, ink: int = INK) -> None:
    """Draw a stroke on a gray image, with round ends and joints."""
    draw = ImageDraw.Draw(image)
    fill = paper if stroke.erases else ink
    draw.line(stroke.points, fill=fill, width=max(1, round(stroke.width)), joint="curve")
    radius = stroke.width / 2
    # The ends are discs; a single point is only a disc.
    for x, y in (stroke.points[0], stroke.points[-1]):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def draw(
    strokes: Iterable[Stroke], size: tuple[int, int], *, paper: int = PAPER, ink: int = INK
) -> Image.Image:
    """Return a gray image of (width, height) with strokes on it; later ones lie on top."""
    image = Image.new("L", size, paper)
    for stroke in strokes:
        draw_stroke(image, stroke, paper=paper, ink=ink)
    return image
