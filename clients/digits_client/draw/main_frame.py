"""The content of the main window: the sheet, the prediction, the controls and the status."""

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk
from typing import Final

from .canvas import SheetCanvas
from .controls import Actions, Controls
from .drawing import SHEET_HEIGHT, Drawing
from .prediction_panel import PredictionPanel
from .status_bar import StatusBar
from .theme import Theme

MIN_PEN_WIDTH: Final = 4.0
MAX_PEN_WIDTH: Final = 48.0

_INITIAL_SIZE: Final = (680, 400)
"""Width and height of the sheet in a new window, in pixels at 96 per inch."""


class MainFrame(ttk.Frame):
    """Creates the parts of the window and arranges them."""

    def __init__(
        self,
        root: tk.Tk,
        theme: Theme,
        drawing: Drawing,
        actions: Actions,
        on_change: Callable[[], None],
        on_point: Callable[[int | None], None],
    ) -> None:
        """Create the parts.

        Args:
            root: The main window.
            theme: The colors, fonts and sizes.
            drawing: The drawing that the sheet shows and changes.
            actions: Called when a control is used.
            on_change: Called after every movement that changes the drawing.
            on_point: Called with the index of the digit that is pointed at, or None.
        """
        super().__init__(root)
        pad = theme.pixels(12)
        width, height = map(theme.pixels, _INITIAL_SIZE)
        self._drawing = drawing
        self.controls = Controls(self, theme, actions, (MIN_PEN_WIDTH, MAX_PEN_WIDTH))
        self.panel = PredictionPanel(self, theme)
        self.status = StatusBar(self, theme)
        sheet_area = ttk.Frame(self, width=width, height=height)
        self.sheet = SheetCanvas(sheet_area, theme, drawing, on_change, on_point)
        self.sheet.place(width=width, height=height)
        sheet_area.bind("<Configure>", self._fit_sheet)
        sheet_area.grid(row=0, column=0, sticky="nsew", padx=pad, pady=(pad, 0))
        self.panel.grid(row=0, column=1, sticky="n", padx=(0, pad), pady=(pad, 0))
        self.controls.grid(row=1, column=0, columnspan=2, sticky="ew", padx=pad, pady=(pad, 0))
        self.status.grid(row=2, column=0, columnspan=2, sticky="ew", padx=pad, pady=pad)
        self.columnconfigure(0, weight=1)
        self.rowconfigure(0, weight=1)

    def apply_theme(self) -> None:
        """Redraw the parts that do not follow the theme automatically."""
        self.sheet.apply_theme()
        self.panel.apply_theme()
        self.status.apply_theme()

    def _fit_sheet(self, event: "tk.Event[tk.Misc]") -> None:
        """Give the sheet the proportions of its area, as far as it can have them."""
        self._drawing.set_width(SHEET_HEIGHT * event.width / max(1, event.height))
        scale = min(event.width / self._drawing.width, event.height / SHEET_HEIGHT)
        width = max(1, round(self._drawing.width * scale))
        height = max(1, round(SHEET_HEIGHT * scale))
        x, y = (event.width - width) // 2, (event.height - height) // 2
        self.sheet.place_configure(x=x, y=y, width=width, height=height)
