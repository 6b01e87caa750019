"""The pictures on the window's buttons, and that of the application.

They are drawn here, so that they follow the theme's colors and the display's pixels.
"""

import math
import tkinter as tk
from collections.abc import Callable
from typing import Final

from PIL import Image, ImageDraw, ImageTk

from digits_client.look import LIGHT

from .curves import smooth
from .strokes import Point
from .theme import Theme

_GRID: Final = 16
"""Side of an icon, in the units of the points below and in pixels at 96 per inch."""
_OVERSAMPLING: Final = 4
_PEN: Final = 1.6
_APPLICATION_SIZES: Final = (16, 32, 48, 128)
# The digit of the application's icon, on a grid of 32.
_THREE: Final = [(10, 10.5), (13, 7), (17, 6.5), (21, 9), (21, 13.3), (15.5, 16)]
_THREE_BELOW: Final = [(15.5, 16), (20, 17), (22.2, 21), (20, 25), (14.7, 26.5), (9, 22.5)]


def _arc(x: float, y: float, radius: float, start: int, end: int) -> list[Point]:
    angles = [math.radians(start + (end - start) * step / 16) for step in range(17)]
    return [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles]


# Lines of each icon, on the grid.
_ICONS: Final[dict[str, list[list[Point]]]] = {
    "undo": [[(6, 3), (2.5, 6.2), (6, 9.5)], [(2.5, 6.2), *_arc(10, 9.7, 3.5, -90, 90), (5, 13.2)]],
    "redo": [
        [(10, 3), (13.5, 6.2), (10, 9.5)],
        [(13.5, 6.2), *_arc(6, 9.7, 3.5, -90, -270), (11, 13.2)],
    ],
    "eraser": [
        [(9, 2.5), (13.5, 7), (7.5, 13), (5, 13), (2.5, 10.5), (2.5, 9), (9, 2.5)],
        [(5.5, 6), (10, 10.5)],
        [(7.5, 13.2), (13.5, 13.2)],
    ],
    "clear": [
        [(3, 4.5), (13, 4.5)],
        [(6.2, 4.3), (6.5, 2.5), (9.5, 2.5), (9.8, 4.3)],
        [(4.2, 4.7), (5, 13.5), (11, 13.5), (11.8, 4.7)],
        [(8, 7), (8, 11)],
    ],
    "close": [[(4, 4), (12, 12)], [(12, 4), (4, 12)]],
}


class Icons:
    """The icons of buttons, in the colors of the theme."""

    def __init__(self, root: tk.Misc, theme: Theme) -> None:
        self._theme = theme
        side = theme.pixels(_GRID)
        self._images = {
            name: ImageTk.PhotoImage("RGBA", (side, side), master=root) for name in _ICONS
        }
        self._pale = {
            name: ImageTk.PhotoImage("RGBA", (side, side), master=root) for name in _ICONS
        }
        self.apply_theme()

    def image(self, name: str) -> tuple[str, str, str]:
        """Return the option ``image`` of a button: the icon, and the one while it is disabled."""
        return str(self._images[name]), "disabled", str(self._pale[name])

    def apply_theme(self) -> None:
        """Draw all icons in the theme's colors."""
        colors = self._theme.palette
        side = self._theme.pixels(_GRID)
        for name, lines in _ICONS.items():
            self._images[name].paste(_draw(side, lines, colors.text))
            self._pale[name].paste(_draw(side, lines, colors.line))


def _draw(side: int, lines: list[list[Point]], color: str) -> Image.Image:
    scale = side * _OVERSAMPLING / _GRID

    def draw_lines(draw: ImageDraw.ImageDraw) -> None:
        for line in lines:
            _line(draw, [(x * scale, y * scale) for x, y in line], color, _PEN * scale)

    return _drawn(side, draw_lines)


def _line(draw: ImageDraw.ImageDraw, points: list[Point], color: str, width: float) -> None:
    draw.line(points, color, round(width))
    for x, y in points:  # round joints; Pillow's own leave gaps between the points of a curve
        draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), color)


def _drawn(side: int, draw: Callable[[ImageDraw.ImageDraw], None]) -> Image.Image:
    image = Image.new("RGBA", (side * _OVERSAMPLING, side * _OVERSAMPLING))
    draw(ImageDraw.Draw(image))
    return image.resize((side, side), Image.Resampling.BOX)


def application_icon(side: int) -> Image.Image:
    """Return the application's icon, a square picture: a handwritten 3 on blue."""
    scale = side * _OVERSAMPLING / 32

    def draw(draw: ImageDraw.ImageDraw) -> None:
        draw.rounded_rectangle((0, 0, 32 * scale - 1, 32 * scale - 1), 7 * scale, LIGHT.accent)
        for part in (_THREE, _THREE_BELOW):
            points = smooth([(x * scale, y * scale) for x, y in part])
            _line(draw, points, "#ffffff", 3.2 * scale)

    return _drawn(side, draw)


def set_application_icon(root: tk.Tk) -> None:
    """Show the application's icon in the title of its windows and in the system's lists."""
    photos = [
        ImageTk.PhotoImage(application_icon(side), master=root) for side in _APPLICATION_SIZES
    ]
    root.iconphoto(True, *photos)  # type: ignore[arg-type]  # Pillow's images are taken too
