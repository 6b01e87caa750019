"""The content of the sheet, with undo and redo. Does not use Tk."""

from dataclasses import dataclass
from typing import Final

from PIL import Image

from .curves import draw_curve
from .strokes import PAPER, Point, Stroke

SHEET_HEIGHT: Final = 400
"""Height of the sheet in pixels. Strokes are stored and the image is made at this size; the window
may show the sheet at any other."""
MAX_SHEET_WIDTH: Final = 1600
"""Width of the widest sheet. None is narrower than it is high."""
# To the right of ink that makes the sheet wider.
_MARGIN: Final = 20


@dataclass(frozen=True)
class Content:
    """What is on a sheet: strokes, or a picture."""

    strokes: tuple[Stroke, ...]
    picture: Image.Image | None


@dataclass(frozen=True)
class _Cleared:
    """The step that removes everything before it."""


_Step = Stroke | Image.Image | _Cleared


class Drawing:
    """A sheet with strokes, or with a picture in their place.

    Every change is a step that can be undone. A stroke on a picture removes the picture, and
    undoing the stroke restores it.
    """

    def __init__(self) -> None:
        self._steps: list[_Step] = []
        self._undone: list[_Step] = []
        self._points: list[Point] = []  # of the unfinished stroke; empty while the pen is up
        self._pen = (0.0, False)  # width and erases of the unfinished stroke
        self._drawn_count = 0  # segments of the unfinished stroke that are on the sheet already
        self._width = SHEET_HEIGHT
        # With all finished strokes, and with the segments that no further point changes.
        self._sheet = self._blank_sheet()

    @property
    def width(self) -> int:
        """The width of the sheet in pixels."""
        return self._width

    def set_width(self, width: float) -> None:
        """Make the sheet wider or narrower, within limits and not so narrow that ink is cut off."""
        ink = [stroke for stroke in self.strokes if not stroke.erases]
        right = max((x + each.width / 2 for each in ink for x, _ in each.points), default=0)
        width = max(SHEET_HEIGHT, width)
        if right > width:
            width = right + _MARGIN
        self._width = round(min(width, MAX_SHEET_WIDTH))
        self._redraw()

    @property
    def strokes(self) -> tuple[Stroke, ...]:
        """The strokes on the sheet, including the unfinished one."""
        finished = tuple(step for step in self._visible_steps() if isinstance(step, Stroke))
        return (*finished, self._unfinished_stroke()) if self._points else finished

    @property
    def picture(self) -> Image.Image | None:
        """The picture on the sheet, if there is one instead of strokes."""
        visible = self._visible_steps()
        if self._points or not visible or not isinstance(visible[0], Image.Image):
            return None
        return visible[0]

    @property
    def content(self) -> Content:
        """What is on the sheet."""
        picture = self.picture
        return Content((), picture) if picture is not None else Content(self.strokes, None)

    @property
    def is_empty(self) -> bool:
        """True if there is nothing on the sheet."""
        return not self._points and not self._visible_steps()

    @property
    def is_blank(self) -> bool:
        """True if the sheet is empty, or all of its ink was erased."""
        return self.picture is None and self.image().getextrema() == (PAPER, PAPER)

    @property
    def can_undo(self) -> bool:
        """True if there is a step to undo."""
        return bool(self._steps)

    @property
    def can_redo(self) -> bool:
        """True if there is a step to redo."""
        return bool(self._undone)

    def image(self) -> Image.Image:
        """Return the sheet as a gray image, 400 pixels high, or the picture unchanged."""
        if self.picture is not None:
            return self.picture
        sheet = self._sheet.copy()
        if self._points:
            draw_curve(sheet, self._unfinished_stroke(), first=self._drawn_count)
        return sheet

    def begin_stroke(self, point: Point, width: float, *, erases: bool = False) -> None:
        """Put the pen down; an unfinished stroke is ended first."""
        self.end_stroke()
        if self.picture is not None:
            self._sheet = self._blank_sheet()
        self._points = [point]
        self._pen = (width, erases)
        self._drawn_count = 0

    def extend_stroke(self, point: Point) -> None:
        """Move the pen to a point, if it is down."""
        if self._points:
            self._points.append(point)
            self._draw_settled()

    def end_stroke(self) -> None:
        """Lift the pen, if it is down."""
        if self._points:
            stroke = self._unfinished_stroke()
            draw_curve(self._sheet, stroke, first=self._drawn_count)
            self._points = []
            self._add_step(stroke)

    def clear(self) -> None:
        """Remove everything from the sheet."""
        self.end_stroke()
        if not self.is_empty:
            self._add_step(_Cleared())

    def show_picture(self, picture: Image.Image) -> None:
        """Replace the content of the sheet with a picture."""
        self.end_stroke()
        self._add_step(picture)

    def restore(self, content: Content) -> None:
        """Replace the content of the sheet with an earlier one, stroke by stroke."""
        self.clear()
        if content.picture is not None:
            self._add_step(content.picture)
        self._steps += content.strokes
        self._undone.clear()
        self._redraw()

    def undo(self) -> None:
        """Undo the last step, if there is one; an unfinished stroke counts as one."""
        self.end_stroke()
        if self._steps:
            self._undone.append(self._steps.pop())
            self._redraw()

    def redo(self) -> None:
        """Redo the step that was undone last, unless another step was made since."""
        self.end_stroke()
        if self._undone:
            self._steps.append(self._undone.pop())
            self._redraw()

    def _unfinished_stroke(self) -> Stroke:
        width, erases = self._pen
        return Stroke(tuple(self._points), width, erases)

    def _add_step(self, step: _Step) -> None:
        self._steps.append(step)
        self._undone.clear()
        if not isinstance(step, Stroke):
            self._redraw()

    def _redraw(self) -> None:
        self._sheet = self._blank_sheet()
        for step in self._visible_steps():
            if isinstance(step, Stroke):
                draw_curve(self._sheet, step)
        self._drawn_count = 0
        self._draw_settled()

    def _draw_settled(self) -> None:
        """Draw the segments of the unfinished stroke that no further point changes."""
        settled = max(len(self._points) - 2, 0)
        if settled > self._drawn_count:
            stroke = self._unfinished_stroke()
            draw_curve(self._sheet, stroke, first=self._drawn_count, last=settled)
            self._drawn_count = settled

    def _blank_sheet(self) -> Image.Image:
        return Image.new("L", (self._width, SHEET_HEIGHT), PAPER)

    def _visible_steps(self) -> list[_Step]:
        """Return the steps since the sheet was last empty: one picture, or strokes."""
        visible: list[_Step] = []
        for step in reversed(self._steps):
            if isinstance(step, _Cleared):
                break
            if isinstance(step, Image.Image):
                if not visible:
                    visible.append(step)
                break
            visible.append(step)
        return visible[::-1]
