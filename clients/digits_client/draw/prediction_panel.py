"""The answer in the window: the digit, ten bars, and what the model saw."""

import tkinter as tk
from tkinter import ttk
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageTk

from .theme import Theme
from .view_model import Answer, percent

_ROW: Final = 19
_BAR: Final = 150
_FRAME: Final = 112


class AnswerPanel(ttk.Frame):
    """Shows an answer. Nothing is made anew for one: what is there is moved."""

    def __init__(self, parent: tk.Misc, theme: Theme) -> None:
        super().__init__(parent)
        self._theme = theme
        self._headline = ttk.Label(self, style="Headline.TLabel", anchor="center", width=2)
        self._caption = ttk.Label(self, style="Caption.TLabel", anchor="center")
        self._bars = Bars(self, theme)
        self._frame = FrameView(self, theme)
        seen = ttk.Label(self, text="What the model sees", style="Faint.TLabel")
        self._headline.grid(row=0, column=0, sticky="ew")
        self._caption.grid(row=1, column=0, sticky="ew", pady=(0, theme.pixels(8)))
        self._bars.grid(row=2, column=0)
        seen.grid(row=3, column=0, pady=(theme.pixels(10), theme.pixels(3)))
        self._frame.grid(row=4, column=0)
        self.columnconfigure(0, weight=1)
        self._answer: Answer | None = None

    @property
    def answer(self) -> Answer | None:
        """What is shown."""
        return self._answer

    def show(self, answer: Answer, frame: NDArray[np.uint8] | None) -> None:
        """Show an answer and the (28, 28) frame that it is about."""
        self._answer = answer
        colour = self._theme.palette.tones[answer.tone]
        self._headline.configure(text=answer.headline, foreground=colour)
        self._caption.configure(text=answer.caption, foreground=colour)
        self._bars.show(answer.bars)
        self._frame.show(frame)

    def recolour(self) -> None:
        """Take the theme's colours."""
        self._bars.recolour()
        self._frame.recolour()
        if self._answer is not None:
            colour = self._theme.palette.tones[self._answer.tone]
            self._headline.configure(foreground=colour)
            self._caption.configure(foreground=colour)


class Bars(tk.Canvas):
    """Ten bars, one below the other, each with its digit and its share."""

    def __init__(self, parent: tk.Misc, theme: Theme) -> None:
        row, bar = theme.pixels(_ROW), theme.pixels(_BAR)
        label, share = theme.pixels(18), theme.pixels(56)
        super().__init__(
            parent, width=label + bar + share, height=10 * row, highlightthickness=0, borderwidth=0
        )
        self._theme = theme
        self._left, self._row, self._length = label, row, bar
        self._shares: tuple[float, ...] = (0.0,) * 10
        middles = [(digit + 0.5) * row for digit in range(10)]
        font = theme.small_font
        self._labels = [
            self.create_text(label * 0.4, y, text=str(digit), font=font)
            for digit, y in enumerate(middles)
        ]
        self._troughs = [self.create_rectangle(self._box(d, 1.0), width=0) for d in range(10)]
        self._fills = [self.create_rectangle(self._box(d, 0.0), width=0) for d in range(10)]
        self._texts = [
            self.create_text(label + bar + share, y, anchor="e", font=font) for y in middles
        ]
        self.recolour()

    def show(self, shares: tuple[float, ...]) -> None:
        """Move the bars to ten shares of 1."""
        self._shares = shares
        largest = max(shares)
        colours = self._theme.palette
        for digit, share in enumerate(shares):
            self.coords(self._fills[digit], *self._box(digit, share))
            leads = 0 < share == largest
            self.itemconfigure(
                self._texts[digit],
                text=percent(share) if largest else "",
                fill=colours.text if leads else colours.faint,
            )
            self.itemconfigure(self._labels[digit], fill=colours.text if leads else colours.faint)

    def recolour(self) -> None:
        """Take the theme's colours."""
        colours = self._theme.palette
        self.configure(background=colours.window)
        for trough, fill in zip(self._troughs, self._fills, strict=True):
            self.itemconfigure(trough, fill=colours.pressed)
            self.itemconfigure(fill, fill=colours.accent)
        self.show(self._shares)

    def _box(self, digit: int, share: float) -> tuple[float, float, float, float]:
        top = (digit + 0.22) * self._row
        return self._left, top, self._left + share * self._length, top + 0.56 * self._row


class FrameView(tk.Canvas):
    """The 28 x 28 pixels that the model was given, each large enough to be seen."""

    def __init__(self, parent: tk.Misc, theme: Theme) -> None:
        self._zoom = max(1, theme.pixels(_FRAME) // 28)
        self._side = 28 * self._zoom
        super().__init__(parent, width=self._side, height=self._side, borderwidth=0)
        self.configure(highlightthickness=1)
        self._theme = theme
        self._frame: NDArray[np.uint8] | None = None
        self._image = ImageTk.PhotoImage("L", (self._side, self._side), master=self)
        self._item = self.create_image(1, 1, anchor="nw", image=self._image)
        self.recolour()

    def show(self, frame: NDArray[np.uint8] | None) -> None:
        """Show a (28, 28) frame, 255 for full ink; None for an empty one."""
        self._frame = frame
        pixels = np.zeros((28, 28), np.uint8) if frame is None else frame
        large = Image.fromarray(pixels).resize((self._side, self._side), Image.Resampling.NEAREST)
        self._image.paste(large)

    def recolour(self) -> None:
        """Take the theme's colours; the frame itself is white on black, as the model has it."""
        colours = self._theme.palette
        self.configure(background=colours.window, highlightbackground=colours.line)
        self.show(self._frame)
