"""The sheet in the window: takes the pen's movements and shows the drawing."""

import tkinter as tk
from collections.abc import Callable
from typing import Final

from PIL import Image, ImageTk

from .drawing import SHEET_SIDE, Drawing
from .pictures import viewable
from .strokes import Point, Stroke
from .theme import Theme

_GROWING: Final = "growing"


class SheetCanvas(tk.Canvas):
    """Shows a drawing at the size that there is, and draws on it.

    Each movement is drawn here and told to the drawing at once; what is sent is made from
    the drawing, and the screen is never read.
    """

    def __init__(
        self,
        parent: tk.Misc,
        theme: Theme,
        drawing: Drawing,
        changed: Callable[[], None],
    ) -> None:
        """Make the sheet.

        Args:
            parent: In which it is.
            theme: Whose colours it has.
            drawing: What is shown and changed.
            changed: Called after every movement that changes the drawing.
        """
        super().__init__(parent, highlightthickness=1, borderwidth=0, cursor="pencil")
        self.pen_width = 16.0
        """In pixels of the sheet."""
        self.erasing = False
        """Whether the first button erases, as the third always does."""
        self._theme = theme
        self._drawing = drawing
        self._changed = changed
        self._scale = 1.0
        self._last: Point | None = None
        self._picture: ImageTk.PhotoImage | None = None
        for button, erases in ((1, False), (3, True)):
            # The third button is a stylus' side button too.
            self.bind(f"<ButtonPress-{button}>", lambda event, e=erases: self._press(event, e))  # type: ignore[misc]  # mypy infers no type for a default
            self.bind(f"<B{button}-Motion>", self._move)
            self.bind(f"<ButtonRelease-{button}>", self._release)
        self.bind("<Configure>", self._resize)
        self.recolour()

    def recolour(self) -> None:
        """Take the theme's colours."""
        colours = self._theme.palette
        self.configure(
            background=colours.paper,
            highlightbackground=colours.line,
            highlightcolor=colours.line,
        )
        self.show()

    def show(self) -> None:
        """Show the drawing anew, after it was changed by other means than the pen."""
        self.delete("all")
        self._picture = None
        self._last = None
        picture = self._drawing.picture
        if picture is not None:
            self._show_picture(picture)
        for stroke in self._drawing.strokes:
            self._show_stroke(stroke)

    def _press(self, event: "tk.Event[tk.Misc]", erases: bool) -> None:
        self.focus_set()
        had_picture = self._drawing.picture is not None
        self._finish()
        point = self._on_sheet(event)
        self._drawing.begin_stroke(point, self.pen_width, erases=erases or self.erasing)
        if had_picture:
            self.show()
        self._show_stroke(self._drawing.strokes[-1], tag=_GROWING)
        self._last = point
        self._changed()

    def _move(self, event: "tk.Event[tk.Misc]") -> None:
        if self._last is None:
            return  # the sheet was cleared, or a step undone, while the pen was on it
        point = self._on_sheet(event)
        if point == self._last:
            return
        self._drawing.extend_stroke(point)
        # A piece a movement: its cost does not grow with the stroke.
        self._show_line((self._last, point), self._drawing.strokes[-1], _GROWING)
        self._last = point
        self._changed()

    def _release(self, _: "tk.Event[tk.Misc]") -> None:
        if self._last is not None:
            self._finish()
            self._changed()

    def _finish(self) -> None:
        """End the stroke that the pen is at: one line takes the place of its pieces."""
        self._last = None
        self._drawing.end_stroke()
        if self.find_withtag(_GROWING):
            self.delete(_GROWING)
            self._show_stroke(self._drawing.strokes[-1])

    def _resize(self, event: "tk.Event[tk.Misc]") -> None:
        self._scale = min(event.width, event.height) / SHEET_SIDE
        pen_down = self._last
        self.show()
        self._last = pen_down

    def _on_sheet(self, event: "tk.Event[tk.Misc]") -> Point:
        return event.x / self._scale, event.y / self._scale

    def _show_stroke(self, stroke: Stroke, tag: str = "") -> None:
        points = stroke.points
        # A line from a point to itself is a disc.
        self._show_line(points if len(points) > 1 else points * 2, stroke, tag)

    def _show_line(self, points: tuple[Point, ...], stroke: Stroke, tag: str) -> None:
        colours = self._theme.palette
        self.create_line(
            [coordinate * self._scale for point in points for coordinate in point],
            fill=colours.paper if stroke.erases else colours.ink,
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
        self._picture = ImageTk.PhotoImage(shown, master=self)
        self.create_image(side / 2, side / 2, image=self._picture)
