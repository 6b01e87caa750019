"""The sheet in the window: takes the pen's movements and shows the drawing."""

import tkinter as tk
from collections.abc import Callable
from typing import Final

from PIL import Image, ImageTk

from .drawing import SHEET_SIDE, Drawing
from .pictures import viewable
from .strokes import Point, Stroke
from .theme import Theme

_CURRENT_STROKE: Final = "unfinished"


class SheetCanvas(tk.Canvas):
    """Shows a drawing, scaled to the size of the canvas, and draws on it.

    Each movement of the pen goes to the canvas and to the drawing at once. The image that is
    sent is made from the drawing; the screen is never read.
    """

    def __init__(
        self,
        parent: tk.Misc,
        theme: Theme,
        drawing: Drawing,
        on_change: Callable[[], None],
    ) -> None:
        """Create the sheet.

        Args:
            parent: The widget that contains it.
            theme: The colors.
            drawing: The drawing to show and to change.
            on_change: Called after every movement that changes the drawing.
        """
        super().__init__(parent, highlightthickness=1, borderwidth=0, cursor="pencil")
        self.pen_width = 16.0
        """Width of the pen, in pixels of the sheet."""
        self.erasing = False
        """Whether the first button erases. The third always does."""
        self._theme = theme
        self._drawing = drawing
        self._on_change = on_change
        self._scale = 1.0
        self._pen_position: Point | None = None
        self._photo: ImageTk.PhotoImage | None = None
        for button, erases in ((1, False), (3, True)):
            # The third button is the side button of a stylus too.
            self.bind(f"<ButtonPress-{button}>", lambda event, e=erases: self._press(event, e))  # type: ignore[misc]  # mypy infers no type for a default
            self.bind(f"<B{button}-Motion>", self._move)
            self.bind(f"<ButtonRelease-{button}>", self._release)
        self.bind("<Configure>", self._resize)
        self.apply_theme()

    def apply_theme(self) -> None:
        """Redraw in the theme's colors."""
        colors = self._theme.palette
        self.configure(
            background=colors.paper,
            highlightbackground=colors.line,
            highlightcolor=colors.line,
        )
        self.redraw()

    def redraw(self) -> None:
        """Show the drawing again, after something other than the pen changed it."""
        self.delete("all")
        self._photo = None
        self._pen_position = None
        picture = self._drawing.picture
        if picture is not None:
            self._show_picture(picture)
        for stroke in self._drawing.strokes:
            self._show_stroke(stroke)

    def _press(self, event: "tk.Event[tk.Misc]", erases: bool) -> None:
        self.focus_set()
        had_picture = self._drawing.picture is not None
        self._finish_stroke()
        point = self._sheet_point(event)
        self._drawing.begin_stroke(point, self.pen_width, erases=erases or self.erasing)
        if had_picture:
            self.redraw()
        self._show_stroke(self._drawing.strokes[-1], tag=_CURRENT_STROKE)
        self._pen_position = point
        self._on_change()

    def _move(self, event: "tk.Event[tk.Misc]") -> None:
        if self._pen_position is None:
            return  # the sheet was cleared, or a step undone, while the pen was down
        point = self._sheet_point(event)
        if point == self._pen_position:
            return
        self._drawing.extend_stroke(point)
        # Draw only the new segment, so that the cost does not grow with the stroke.
        self._show_line((self._pen_position, point), self._drawing.strokes[-1], _CURRENT_STROKE)
        self._pen_position = point
        self._on_change()

    def _release(self, _: "tk.Event[tk.Misc]") -> None:
        if self._pen_position is not None:
            self._finish_stroke()
            self._on_change()

    def _finish_stroke(self) -> None:
        """End the current stroke, and replace its segments by one line."""
        self._pen_position = None
        self._drawing.end_stroke()
        if self.find_withtag(_CURRENT_STROKE):
            self.delete(_CURRENT_STROKE)
            self._show_stroke(self._drawing.strokes[-1])

    def _resize(self, event: "tk.Event[tk.Misc]") -> None:
        self._scale = min(event.width, event.height) / SHEET_SIDE
        pen_position = self._pen_position
        self.redraw()
        self._pen_position = pen_position

    def _sheet_point(self, event: "tk.Event[tk.Misc]") -> Point:
        return event.x / self._scale, event.y / self._scale

    def _show_stroke(self, stroke: Stroke, tag: str = "") -> None:
        points = stroke.points
        # A line from a point to itself is a disc.
        self._show_line(points if len(points) > 1 else points * 2, stroke, tag)

    def _show_line(self, points: tuple[Point, ...], stroke: Stroke, tag: str) -> None:
        colors = self._theme.palette
        self.create_line(
            [coordinate * self._scale for point in points for coordinate in point],
            fill=colors.paper if stroke.erases else colors.ink,
            width=max(1.0, stroke.width * self._scale),
            capstyle=tk.ROUND,
            joinstyle=tk.ROUND,
            tags=tag,
        )

    def _show_picture(self, picture: Image.Image) -> None:
        side = max(1, round(SHEET_SIDE * self._scale))
        shown = viewable(picture)
        shown.thumbnail((side, side))
        if max(shown.size) < side:
            factor = side / max(shown.size)
            size = (max(1, round(shown.width * factor)), max(1, round(shown.height * factor)))
            shown = shown.resize(size, Image.Resampling.NEAREST)
        self._photo = ImageTk.PhotoImage(shown, master=self)
        self.create_image(side / 2, side / 2, image=self._photo)
