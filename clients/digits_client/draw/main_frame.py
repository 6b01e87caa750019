"""The content of the main window: creates its parts and arranges them."""

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk
from typing import Final, Protocol

from .canvas import SheetCanvas
from .controls import Actions, Controls
from .correction_bar import CorrectionBar
from .drawing import SHEET_HEIGHT, Drawing
from .history import EarlierResult
from .history_strip import HistoryStrip
from .layout import Rect, arrange
from .notices import Notices
from .prediction_panel import PredictionPanel
from .result_view import ResultView
from .status_bar import StatusBar
from .theme import Theme

MIN_PEN_WIDTH: Final = 4.0
MAX_PEN_WIDTH: Final = 48.0


class FrameActions(Actions, Protocol):
    """The actions that the parts of the window trigger."""

    def save_correction(self, text: str) -> None:
        """Save the drawing with what the person meant."""

    def leave_mode(self) -> None:
        """End the mode for corrections."""

    def bring_back(self, result: EarlierResult) -> None:
        """Show an earlier result on the sheet again."""

    def copy_results(self) -> None:
        """Copy all earlier results."""


class MainFrame(ttk.Frame):
    """Creates the parts of the window and arranges them."""

    def __init__(
        self,
        root: tk.Tk,
        theme: Theme,
        drawing: Drawing,
        actions: FrameActions,
        on_change: Callable[[], None],
    ) -> None:
        """Create the parts.

        Args:
            root: The main window.
            theme: The colors, fonts and sizes.
            drawing: The drawing that the sheet shows and changes.
            actions: Called when a control is used.
            on_change: Called after every movement that changes the drawing.
        """
        super().__init__(root)
        self._theme = theme
        self._drawing = drawing
        self._area = Rect(0, 0, 1, 1)
        self._presents = self._corrects = False
        self._has_history = True
        self.sheet = SheetCanvas(self, theme, drawing, on_change, self._point)
        self.panel = PredictionPanel(self, theme)
        self.result = ResultView(drawing, self.sheet, self.panel)
        self.controls = Controls(self, theme, actions, (MIN_PEN_WIDTH, MAX_PEN_WIDTH))
        self.correction_bar = CorrectionBar(
            self, theme, actions.save_correction, actions.leave_mode
        )
        self.history = HistoryStrip(self, theme, actions.bring_back, actions.copy_results)
        self.status = StatusBar(self, theme)
        self.notices = Notices(self.sheet, theme)
        self.bind("<Configure>", lambda event: self._arrange(event.width, event.height))

    def show_parts(
        self,
        *,
        presents: bool | None = None,
        corrects: bool | None = None,
        has_history: bool | None = None,
    ) -> None:
        """Show or hide parts; None leaves them as they are.

        Args:
            presents: Whether to show the sheet and the result alone.
            corrects: Whether to show the bar for corrections in place of the toolbar.
            has_history: Whether to show the earlier results.
        """
        self._presents = self._presents if presents is None else presents
        self._corrects = self._corrects if corrects is None else corrects
        self._has_history = self._has_history if has_history is None else has_history
        self._arrange(self.winfo_width(), self.winfo_height())

    def fit_sheet(self) -> None:
        """Give the sheet the proportions of its area, as far as no ink is cut off."""
        area = self._area
        self._drawing.set_width(SHEET_HEIGHT * area.width / area.height)
        scale = min(area.width / self._drawing.width, area.height / SHEET_HEIGHT)
        width = max(1, round(self._drawing.width * scale))
        height = max(1, round(SHEET_HEIGHT * scale))
        x, y = area.x + (area.width - width) // 2, area.y + (area.height - height) // 2
        _place(self.sheet, Rect(x, y, width, height))

    def apply_theme(self) -> None:
        """Redraw the parts that do not follow the theme automatically."""
        for part in (self.sheet, self.panel, self.controls, self.history, self.status):
            part.apply_theme()

    def _point(self, index: int | None) -> None:
        self.result.point(index)

    def _arrange(self, width: int, height: int) -> None:
        toolbar_height = self.controls.fit(width - 2 * self._theme.gap)
        layout = arrange(
            (width, height),
            self._theme.pixels,
            toolbar_height=0 if self._presents and not self._corrects else toolbar_height,
            status_height=0 if self._presents else self.status.height,
            has_history=self._has_history and not self._presents,
        )
        controls, bar = (None, layout.toolbar) if self._corrects else (layout.toolbar, None)
        _place(self.panel, layout.panel)
        _place(self.history, layout.history)
        _place(self.controls, controls)
        _place(self.correction_bar, bar)
        _place(self.status, layout.status)
        if layout.sheet != self._area:
            self._area = layout.sheet
            self.fit_sheet()


def _place(widget: tk.Widget, place: Rect | None) -> None:
    if place is None:
        widget.place_forget()
    else:
        widget.place(x=place.x, y=place.y, width=place.width, height=place.height)
