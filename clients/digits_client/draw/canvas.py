"""The sheet in the window: takes the pen's movements and shows the drawing."""

import tkinter as tk
from collections.abc import Callable, Sequence
from tkinter.font import Font
from typing import Final, Literal

from PIL import Image, ImageTk

from digits_client.results import Box

from .curves import segment, smooth
from .drawing import SHEET_HEIGHT, Drawing
from .ink_image import ink_image
from .menus import is_mac
from .pictures import viewable
from .strokes import Point, Stroke
from .theme import Theme

_CURRENT_STROKE: Final = "unfinished"
_TIP: Final = "tip"  # its last segment, which the next point changes
_INVITATION: Final = "invitation"
_INVITATION_TEXT: Final = "Draw a digit or a number"
_INVITATION_MORE: Final = "or open, paste or drop a picture"
_BOXES: Final = "boxes"
# Space between ink and box, in pixels of the screen.
_BOX_MARGIN: Final = 4


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
        on_point: Callable[[int | None], None],
    ) -> None:
        """Create the sheet.

        Args:
            parent: The widget that contains it.
            theme: The colors.
            drawing: The drawing to show and to change.
            on_change: Called after every movement that changes the drawing.
            on_point: Called with the index of the box that is pointed at, or None.
        """
        super().__init__(parent, highlightthickness=1, borderwidth=0, cursor="pencil")
        self.pen_width = 16.0
        """Width of the pen, in pixels of the sheet."""
        self.erasing = False
        """Whether the first button erases. The third always does."""
        self._theme = theme
        self._drawing = drawing
        self._on_change = on_change
        self._on_point = on_point
        self._scale = 1.0
        self._boxes: list[Box] = []
        self._pointed: int | None = None
        self._shown: int | None = None
        self._pen_position: Point | None = None
        self._photo: ImageTk.PhotoImage | None = None
        self._ink: list[ImageTk.PhotoImage] = []
        # The third button is the side button of a stylus too. On macOS, it is the middle one.
        others = (2, 3) if is_mac(self) else (3,)
        for button, erases in ((1, False), *((other, True) for other in others)):
            self.bind(f"<ButtonPress-{button}>", lambda event, e=erases: self._press(event, e))  # type: ignore[misc]  # mypy infers no type for a default
            self.bind(f"<B{button}-Motion>", self._move)
            self.bind(f"<ButtonRelease-{button}>", self._release)
        self.bind("<Motion>", self._point)
        self.bind("<Leave>", lambda _: self._set_pointed(None))
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
        width, height = self.winfo_width(), self.winfo_height()
        self._scale = min(height / SHEET_HEIGHT, width / self._drawing.width)
        self.delete("all")
        self._photo = None
        self._ink.clear()
        self._pen_position = None
        picture = self._drawing.picture
        if picture is not None:
            self._show_picture(picture)
        for stroke in self._drawing.strokes:
            self._show_stroke(stroke)
        if self._drawing.is_empty:
            self._show_invitation()
        self._draw_boxes()

    @property
    def is_inviting(self) -> bool:
        """Whether the invitation to draw stands on the sheet."""
        return bool(self.find_withtag(_INVITATION))

    @property
    def boxes(self) -> list[Box]:
        """The boxes that are shown, in pixels of the image that is sent."""
        return list(self._boxes)

    def show_boxes(self, boxes: Sequence[Box], shown: int | None = None) -> None:
        """Show boxes over the ink.

        Args:
            boxes: In pixels of the image that is sent.
            shown: Index of the box to emphasize, that of the digit in the panel; None for none.
        """
        self._boxes, self._shown = list(boxes), shown
        self._draw_boxes()
        if self._pointed is not None and self._pointed >= len(boxes):
            self._set_pointed(None)

    def _draw_boxes(self) -> None:
        self.delete(_BOXES)
        colors = self._theme.palette
        scale, x, y = self._picture_place()
        for index, box in enumerate(self._boxes):
            left, top = x + box.left * scale - _BOX_MARGIN, y + box.top * scale - _BOX_MARGIN
            right = x + (box.left + box.width) * scale + _BOX_MARGIN
            bottom = y + (box.top + box.height) * scale + _BOX_MARGIN
            is_shown = index == self._shown
            self.create_rectangle(
                *(left, top, right, bottom),
                outline=colors.accent if is_shown else self._theme.box_color,
                width=2 if is_shown else 1,
                tags=_BOXES,
            )

    def _point(self, event: "tk.Event[tk.Misc]") -> None:
        scale, x, y = self._picture_place()
        column, row = (event.x - x) / scale, (event.y - y) / scale
        self._set_pointed(
            next(
                (
                    index
                    for index, box in enumerate(self._boxes)
                    if 0 <= column - box.left < box.width and 0 <= row - box.top < box.height
                ),
                None,
            )
        )

    def _set_pointed(self, index: int | None) -> None:
        if index != self._pointed:
            self._pointed = index
            self._on_point(index)

    def _press(self, event: "tk.Event[tk.Misc]", erases: bool) -> None:
        self.focus_set()
        had_picture = self._drawing.picture is not None
        self._finish_stroke()
        point = self._sheet_point(event)
        self._drawing.begin_stroke(point, self.pen_width, erases=erases or self.erasing)
        if had_picture:
            self.redraw()
        self.delete(_INVITATION)
        # A line from a point to itself is a disc.
        self._show_line([point, point], self._drawing.strokes[-1], _CURRENT_STROKE)
        self._pen_position = point
        self._on_change()

    def _move(self, event: "tk.Event[tk.Misc]") -> None:
        if self._pen_position is None:
            return  # the sheet was cleared, or a step undone, while the pen was down
        point = self._sheet_point(event)
        if point == self._pen_position:
            return
        self._drawing.extend_stroke(point)
        # Draw only what the new point changes, so that the cost does not grow with the stroke.
        stroke = self._drawing.strokes[-1]
        self.delete(_TIP)
        last = len(stroke.points) - 2
        if last > 0:
            self._show_line(segment(stroke.points, last - 1), stroke, _CURRENT_STROKE)
        self._show_line(segment(stroke.points, last), stroke, (_CURRENT_STROKE, _TIP))
        self._pen_position = point
        self._on_change()

    def _release(self, _: "tk.Event[tk.Misc]") -> None:
        if self._pen_position is not None:
            self._pen_position = None
            self._drawing.end_stroke()
            self._on_change()
            self.after_idle(self._settle)  # after the drawing was sent, which is more urgent

    def _finish_stroke(self) -> None:
        """End the current stroke."""
        self._pen_position = None
        self._drawing.end_stroke()
        self._settle()

    def _settle(self) -> None:
        """Replace the segments of a finished stroke by a picture with smooth edges."""
        if self._pen_position is None and self.find_withtag(_CURRENT_STROKE):
            self.delete(_CURRENT_STROKE)
            self._show_stroke(self._drawing.strokes[-1])

    def _resize(self, _: "tk.Event[tk.Misc]") -> None:
        pen_position = self._pen_position
        self.redraw()
        self._pen_position = pen_position

    def _sheet_point(self, event: "tk.Event[tk.Misc]") -> Point:
        return event.x / self._scale, event.y / self._scale

    def _show_stroke(self, stroke: Stroke) -> None:
        points = [(x * self._scale, y * self._scale) for x, y in smooth(stroke.points)]
        width = max(1.0, stroke.width * self._scale)
        image, (left, top) = ink_image(points, width, self._stroke_color(stroke))
        self._ink.append(ImageTk.PhotoImage(image, master=self))
        self.create_image(left, top, image=self._ink[-1], anchor="nw")

    def _show_line(
        self, points: Sequence[Point], stroke: Stroke, tag: str | tuple[str, ...]
    ) -> None:
        self.create_line(
            [coordinate * self._scale for point in points for coordinate in point],
            fill=self._stroke_color(stroke),
            width=max(1.0, stroke.width * self._scale),
            capstyle=tk.ROUND,
            joinstyle=tk.ROUND,
            tags=tag,
        )

    def _stroke_color(self, stroke: Stroke) -> str:
        colors = self._theme.palette
        return colors.paper if stroke.erases else colors.ink

    def _show_invitation(self) -> None:
        x, y = self.winfo_width() / 2, self.winfo_height() / 2
        colors, theme = self._theme.palette, self._theme
        width = max(self.winfo_width() - theme.pixels(24), 1)

        def show(text: str, font: Font, anchor: Literal["n", "s"]) -> None:
            item = self.create_text(x, y, text=text, font=font, anchor=anchor, justify="center")
            self.itemconfigure(item, width=width, fill=colors.faint, tags=_INVITATION)

        show(_INVITATION_TEXT, theme.caption_font, "s")
        show(_INVITATION_MORE, theme.small_font, "n")

    def _show_picture(self, picture: Image.Image) -> None:
        scale, x, y = self._picture_place()
        size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        shown = viewable(picture)
        resampling = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BICUBIC
        self._photo = ImageTk.PhotoImage(shown.resize(size, resampling), master=self)
        self.create_image(x, y, image=self._photo, anchor="nw")

    def _picture_place(self) -> tuple[float, float, float]:
        """Return how large the picture is shown, and where its left and top are."""
        picture = self._drawing.picture
        width, height = self._drawing.width * self._scale, SHEET_HEIGHT * self._scale
        if picture is None:
            return self._scale, 0.0, 0.0
        scale = min(width / picture.width, height / picture.height)
        left, top = (width - picture.width * scale) / 2, (height - picture.height * scale) / 2
        return scale, left, top
