"""The panel next to the sheet: the digit or number, eleven bars, and the model's input."""

import tkinter as tk
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageTk

from digits_client import look
from digits_client.percent import NOT_A_DIGIT_TEXT, percent

from .layout import BAR_COUNT, PanelLayout, arrange_panel, panel_factor
from .theme import Theme
from .view_model import NO_PREDICTION, PredictionView

_FRAME_TITLE: Final = "What the model sees"
_BAR_NAMES: Final = (*map(str, range(10)), NOT_A_DIGIT_TEXT)


class PredictionPanel(tk.Canvas):
    """Shows a prediction, as large as there is space. It reuses its items for each."""

    def __init__(self, parent: tk.Misc, theme: Theme) -> None:
        super().__init__(parent, highlightthickness=0, borderwidth=0)
        self._theme = theme
        self._view = NO_PREDICTION
        self._pixels: NDArray[np.uint8] | None = None
        self._small, self._large = theme.small_font, theme.caption_font
        self._headline = self.create_text(0, 0)
        self._caption = self.create_text(0, 0, anchor="n")
        self._place = self.create_text(0, 0, anchor="n")
        self._title = self.create_text(0, 0, anchor="n", justify="center", text=_FRAME_TITLE)
        self._names = [self.create_text(0, 0, anchor="e", text=name) for name in _BAR_NAMES]
        self._troughs = [self.create_rectangle(0, 0, 0, 0, width=0) for _ in _BAR_NAMES]
        self._fills = [self.create_rectangle(0, 0, 0, 0, width=0) for _ in _BAR_NAMES]
        self._texts = [self.create_text(0, 0, anchor="e") for _ in _BAR_NAMES]
        self._frame_box = self.create_rectangle(0, 0, 0, 0)
        self._frame = self.create_image(0, 0, anchor="nw")
        self._photo: ImageTk.PhotoImage | None = None
        self._name_width = self._share_width = self._gap = 0
        self._width = 1
        self._layout = self._arrange(1, 1)
        self.bind("<Configure>", lambda event: self._resize(event.width, event.height))
        self.apply_theme()

    @property
    def view(self) -> PredictionView:
        """The view that is shown."""
        return self._view

    def show(self, view: PredictionView, frame: NDArray[np.uint8] | None) -> None:
        """Show a prediction and its (28, 28) frame, 255 for full ink; None for no frame."""
        self._view, self._pixels = view, frame
        self._show_texts()
        self._show_bars()
        self._show_frame()

    def apply_theme(self) -> None:
        """Redraw in the theme's colors; the frame stays white on black, as the model gets it."""
        colors = self._theme.palette
        self.configure(background=colors.window)
        for trough, fill in zip(self._troughs, self._fills, strict=True):
            self.itemconfigure(trough, fill=colors.pressed)
            self.itemconfigure(fill, fill=colors.accent)
        for text in (self._place, self._title):
            self.itemconfigure(text, fill=colors.faint)
        self.itemconfigure(self._frame_box, fill=colors.pressed, outline=colors.line)
        self.show(self._view, self._pixels)

    def _arrange(self, width: int, height: int) -> PanelLayout:
        theme = self._theme
        return arrange_panel(
            (width, height),
            theme.pixels,
            small_line=self._small.metrics("linespace"),
            caption_line=self._large.metrics("linespace"),
        )

    def _resize(self, width: int, height: int) -> None:
        self._choose_fonts(width, height)
        layout = self._layout = self._arrange(width, height)
        headline, frame = layout.headline, layout.frame
        self._width = width
        self.coords(self._headline, headline.width / 2, headline.height / 2)
        for index in range(BAR_COUNT):
            y = layout.bars_y + (index + 0.5) * layout.row_height
            self.coords(self._names[index], self._name_width, y)
            self.coords(self._troughs[index], *self._bar(index, 1.0))
            self.coords(self._texts[index], width, y)
        self.itemconfigure(self._title, state="normal" if layout.title else "hidden")
        if layout.title:
            self.coords(self._title, layout.title.x + layout.title.width / 2, layout.title.y)
            self.itemconfigure(self._title, width=layout.title.width)
        self.coords(
            self._frame_box,
            *(frame.x, frame.y, frame.x + frame.width - 1, frame.y + frame.height - 1),
        )
        self.coords(self._frame, frame.x, frame.y)
        self._photo = None
        self.show(self._view, self._pixels)

    def _choose_fonts(self, width: int, height: int) -> None:
        """Choose larger fonts for a larger panel."""
        factor = panel_factor((width, height), self._theme.pixels)
        self._small = self._theme.enlarged(look.SMALL, factor)
        self._large = self._theme.enlarged(look.LARGE, factor)
        self._name_width = self._small.measure(NOT_A_DIGIT_TEXT)
        self._gap = round(self._theme.gap * factor)
        self._share_width = self._small.measure("99.9%") + self._gap
        for item in (self._place, self._title, *self._names, *self._texts):
            self.itemconfigure(item, font=self._small)

    def _show_texts(self) -> None:
        view, box = self._view, self._layout.headline
        font = self._theme.headline_font(view.headline, box.width, box.height)
        color = self._theme.tone_color(view.tone)
        self.itemconfigure(self._headline, text=view.headline, font=font, fill=color)
        fits = self._large.measure(view.caption) <= self._width
        caption_font = self._large if fits else self._small
        self.itemconfigure(self._caption, text=view.caption, fill=color, font=caption_font)
        self.itemconfigure(self._place, text=view.place)
        below = (
            (self._caption, caption_font.measure(view.caption), self._layout.caption_y),
            (self._place, self._small.measure(view.place), self._layout.place_y),
        )
        for item, width, y in below:
            # Below the middle of the headline, as far as there is space.
            x = max(min(box.width / 2, self._width - width / 2), width / 2)
            self.coords(item, x, y)

    def _show_bars(self) -> None:
        view, colors = self._view, self._theme.palette
        largest = max(view.bars)
        for index, share in enumerate(view.bars):
            left, top, right, bottom = self._bar(index, share)
            self.coords(self._fills[index], left, top, right, bottom)
            is_visible = right - left >= 0.5
            self.itemconfigure(self._fills[index], state="normal" if is_visible else "hidden")
            color = colors.text if 0 < share == largest else colors.faint
            text = percent(share) if largest else ""
            self.itemconfigure(self._texts[index], text=text, fill=color)
            self.itemconfigure(self._names[index], fill=color)

    def _bar(self, index: int, share: float) -> tuple[float, float, float, float]:
        layout = self._layout
        left = self._name_width + self._gap
        right = left + share * max(self._width - left - self._share_width, 1)
        top = layout.bars_y + (index + 0.2) * layout.row_height
        return left, top, right, top + 0.6 * layout.row_height

    def _show_frame(self) -> None:
        if self._pixels is None or not self._pixels.any():
            self.itemconfigure(self._frame, image="")
            return
        side = self._layout.frame.width
        large = Image.fromarray(self._pixels).resize((side, side), Image.Resampling.NEAREST)
        if self._photo is None:
            self._photo = ImageTk.PhotoImage(large, master=self)
        else:
            self._photo.paste(large)
        self.itemconfigure(self._frame, image=self._photo)
