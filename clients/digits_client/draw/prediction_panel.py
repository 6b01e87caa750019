"""The panel next to the sheet: the digit or number, ten bars, and the model's input."""

import tkinter as tk
from tkinter import ttk
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageTk

from .theme import Theme
from .view_model import PredictionView, percent

# Sizes in pixels at 96 per inch.
_ROW_HEIGHT: Final = 19
_BAR_LENGTH: Final = 150
_FRAME_SIDE: Final = 112


class PredictionPanel(ttk.Frame):
    """Shows a prediction. It reuses its widgets and canvas items for each."""

    def __init__(self, parent: tk.Misc, theme: Theme) -> None:
        super().__init__(parent)
        self._theme = theme
        # As high as the largest headline, whatever the length of the number.
        headline_area = ttk.Frame(self)
        tallest = ttk.Label(headline_area, text=" ", font=theme.headline_font("0", 1000))
        self._headline = ttk.Label(headline_area, anchor="center")
        self._caption = ttk.Label(self, style="Caption.TLabel", anchor="center")
        self._place = ttk.Label(self, style="Faint.TLabel", anchor="center")
        self._bars = ProbabilityBars(self, theme)
        self._frame = FrameView(self, theme)
        frame_title = ttk.Label(self, text="What the model sees", style="Faint.TLabel")
        tallest.grid(row=0, column=0)
        self._headline.grid(row=0, column=0)
        headline_area.columnconfigure(0, weight=1)
        headline_area.grid(row=0, column=0, sticky="ew")
        self._caption.grid(row=1, column=0, sticky="ew")
        self._place.grid(row=2, column=0, sticky="ew", pady=theme.pixels(4))
        self._bars.grid(row=3, column=0)
        frame_title.grid(row=4, column=0, pady=(theme.pixels(10), theme.pixels(3)))
        self._frame.grid(row=5, column=0)
        self.columnconfigure(0, weight=1)
        self._view: PredictionView | None = None

    @property
    def view(self) -> PredictionView | None:
        """The view that is shown."""
        return self._view

    def show(self, view: PredictionView, frame: NDArray[np.uint8] | None) -> None:
        """Show a prediction and its (28, 28) frame."""
        self._view = view
        self._bars.show(view.bars)
        self._frame.show(frame)
        width = int(self._bars.cget("width"))
        font = self._theme.headline_font(view.headline, width)
        self._headline.configure(text=view.headline, font=font)
        self._caption.configure(text=view.caption)
        self._place.configure(text=view.place)
        self._color_texts(view)

    def apply_theme(self) -> None:
        """Redraw in the theme's colors."""
        self._bars.apply_theme()
        self._frame.apply_theme()
        if self._view is not None:
            self._color_texts(self._view)

    def _color_texts(self, view: PredictionView) -> None:
        color = self._theme.palette.tones[view.tone]
        self._headline.configure(foreground=color)
        self._caption.configure(foreground=color)


class ProbabilityBars(tk.Canvas):
    """Ten bars, one below the other, each with its digit and its probability."""

    def __init__(self, parent: tk.Misc, theme: Theme) -> None:
        row, bar = theme.pixels(_ROW_HEIGHT), theme.pixels(_BAR_LENGTH)
        label, text = theme.pixels(18), theme.pixels(56)
        super().__init__(
            parent, width=label + bar + text, height=10 * row, highlightthickness=0, borderwidth=0
        )
        self._theme = theme
        self._left, self._row, self._length = label, row, bar
        self._shares: tuple[float, ...] = (0.0,) * 10
        centers = [(digit + 0.5) * row for digit in range(10)]
        font = theme.small_font
        self._labels = [
            self.create_text(label * 0.4, y, text=str(digit), font=font)
            for digit, y in enumerate(centers)
        ]
        self._troughs = [self.create_rectangle(self._box(d, 1.0), width=0) for d in range(10)]
        self._fills = [self.create_rectangle(self._box(d, 0.0), width=0) for d in range(10)]
        self._texts = [
            self.create_text(label + bar + text, y, anchor="e", font=font) for y in centers
        ]
        self.apply_theme()

    def show(self, shares: tuple[float, ...]) -> None:
        """Show ten probabilities, each 0 to 1."""
        self._shares = shares
        largest = max(shares)
        colors = self._theme.palette
        for digit, share in enumerate(shares):
            self.coords(self._fills[digit], *self._box(digit, share))
            is_largest = 0 < share == largest
            color = colors.text if is_largest else colors.faint
            self.itemconfigure(
                self._texts[digit], text=percent(share) if largest else "", fill=color
            )
            self.itemconfigure(self._labels[digit], fill=color)

    def apply_theme(self) -> None:
        """Redraw in the theme's colors."""
        colors = self._theme.palette
        self.configure(background=colors.window)
        for trough, fill in zip(self._troughs, self._fills, strict=True):
            self.itemconfigure(trough, fill=colors.pressed)
            self.itemconfigure(fill, fill=colors.accent)
        self.show(self._shares)

    def _box(self, digit: int, share: float) -> tuple[float, float, float, float]:
        top = (digit + 0.22) * self._row
        return self._left, top, self._left + share * self._length, top + 0.56 * self._row


class FrameView(tk.Canvas):
    """The 28 x 28 pixels of the model's input, enlarged."""

    def __init__(self, parent: tk.Misc, theme: Theme) -> None:
        zoom = max(1, theme.pixels(_FRAME_SIDE) // 28)
        self._side = 28 * zoom
        super().__init__(parent, width=self._side, height=self._side, borderwidth=0)
        self.configure(highlightthickness=1)
        self._theme = theme
        self._frame: NDArray[np.uint8] | None = None
        self._photo = ImageTk.PhotoImage("L", (self._side, self._side), master=self)
        self.create_image(1, 1, anchor="nw", image=self._photo)
        self.apply_theme()

    def show(self, frame: NDArray[np.uint8] | None) -> None:
        """Show a (28, 28) frame, 255 for full ink; None for an empty one."""
        self._frame = frame
        pixels = np.zeros((28, 28), np.uint8) if frame is None else frame
        large = Image.fromarray(pixels).resize((self._side, self._side), Image.Resampling.NEAREST)
        self._photo.paste(large)

    def apply_theme(self) -> None:
        """Redraw in the theme's colors; the frame stays white on black, as the model gets it."""
        colors = self._theme.palette
        self.configure(background=colors.window, highlightbackground=colors.line)
        self.show(self._frame)
