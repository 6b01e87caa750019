"""What is on the sheet, how it came about, and what was taken back. Knows no window."""

from dataclasses import dataclass
from typing import Final

from PIL import Image

from .strokes import PAPER, Point, Stroke, draw_stroke

SHEET_SIDE: Final = 400
"""Pixels of the square sheet. The window may show it at any size: strokes are kept, and the
image is made, in these."""


@dataclass(frozen=True)
class _Cleared:
    """All that was there before is gone."""


_Step = Stroke | Image.Image | _Cleared


class Drawing:
    """A sheet with strokes, or with a picture in their place.

    Every change is a step that can be undone. A stroke on a picture puts the picture away,
    and undoing the stroke brings it back.
    """

    def __init__(self) -> None:
        self._steps: list[_Step] = []
        self._undone: list[_Step] = []
        self._points: list[Point] = []
        self._pen = (0.0, False)
        self._sheet = _blank_sheet()

    @property
    def strokes(self) -> tuple[Stroke, ...]:
        """What is drawn, the stroke that the pen is at included."""
        done = tuple(step for step in self._shown_steps() if isinstance(step, Stroke))
        return (*done, self._growing()) if self._points else done

    @property
    def picture(self) -> Image.Image | None:
        """The picture in place of strokes, if there is one."""
        shown = self._shown_steps()
        if self._points or not shown or not isinstance(shown[0], Image.Image):
            return None
        return shown[0]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing on the sheet."""
        return not self._points and not self._shown_steps()

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return bool(self._steps)

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone step."""
        return bool(self._undone)

    def image(self) -> Image.Image:
        """Return what is on the sheet: (400, 400) gray, or the picture as it is."""
        if self.picture is not None:
            return self.picture
        sheet = self._sheet.copy()
        if self._points:
            draw_stroke(sheet, self._growing())
        return sheet

    def begin_stroke(self, point: Point, width: float, *, erases: bool = False) -> None:
        """Put the pen on the sheet; a stroke that was not ended is ended first."""
        self.end_stroke()
        if self.picture is not None:
            self._sheet = _blank_sheet()
        self._points = [point]
        self._pen = (width, erases)

    def extend_stroke(self, point: Point) -> None:
        """Move the pen, if it is on the sheet."""
        if self._points:
            self._points.append(point)

    def end_stroke(self) -> None:
        """Take the pen off the sheet, if it is on it."""
        if self._points:
            stroke = self._growing()
            self._points = []
            self._take(stroke)

    def clear(self) -> None:
        """Take everything off the sheet."""
        self.end_stroke()
        if not self.is_empty:
            self._take(_Cleared())

    def show_picture(self, picture: Image.Image) -> None:
        """Put a picture in place of what is there."""
        self.end_stroke()
        self._take(picture)

    def undo(self) -> None:
        """Take the last step back, if there is one."""
        self.end_stroke()
        if self._steps:
            self._undone.append(self._steps.pop())
            self._redraw()

    def redo(self) -> None:
        """Do again what was undone last, if nothing was done since."""
        self.end_stroke()
        if self._undone:
            self._steps.append(self._undone.pop())
            self._redraw()

    def _growing(self) -> Stroke:
        width, erases = self._pen
        return Stroke(tuple(self._points), width, erases)

    def _take(self, step: _Step) -> None:
        self._steps.append(step)
        self._undone.clear()
        if isinstance(step, Stroke):
            draw_stroke(self._sheet, step)
        else:
            self._redraw()

    def _redraw(self) -> None:
        self._sheet = _blank_sheet()
        for stroke in self.strokes:
            draw_stroke(self._sheet, stroke)

    def _shown_steps(self) -> list[_Step]:
        """Return the steps since the sheet was last empty: a picture alone, or strokes."""
        shown: list[_Step] = []
        for step in reversed(self._steps):
            if isinstance(step, _Cleared):
                break
            if isinstance(step, Image.Image):
                if not shown:
                    shown.append(step)
                break
            shown.append(step)
        return shown[::-1]


def _blank_sheet() -> Image.Image:
    return Image.new("L", (SHEET_SIDE, SHEET_SIDE), PAPER)
