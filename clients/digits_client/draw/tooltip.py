"""A short text that appears while the pointer rests on a button."""

import tkinter as tk
from tkinter import ttk
from typing import Final

from .theme import Theme

_DELAY_MILLISECONDS: Final = 600


class Tooltip:
    """Shows a text above a widget."""

    def __init__(self, widget: tk.Misc, theme: Theme, text: str) -> None:
        self._widget, self._theme, self._text = widget, theme, text
        self._timer: str | None = None
        self._label: ttk.Label | None = None
        widget.bind("<Enter>", self._wait, add=True)
        for sequence in ("<Leave>", "<ButtonPress>", "<Destroy>"):
            widget.bind(sequence, self._hide, add=True)

    def _wait(self, _: "tk.Event[tk.Misc]") -> None:
        self._timer = self._widget.after(_DELAY_MILLISECONDS, self._show)

    def _show(self) -> None:
        self._timer = None
        window = self._widget.winfo_toplevel()
        label = ttk.Label(
            window, text=self._text, style="Notice.TLabel", padding=self._theme.gap / 2
        )
        x = self._widget.winfo_rootx() - window.winfo_rootx()
        y = self._widget.winfo_rooty() - window.winfo_rooty() - self._theme.gap / 2
        x = min(x, window.winfo_width() - label.winfo_reqwidth())
        label.place(x=max(x, 0), y=y, anchor="sw")
        self._label = label

    def _hide(self, _: "tk.Event[tk.Misc]") -> None:
        if self._timer is not None:
            self._widget.after_cancel(self._timer)
            self._timer = None
        if self._label is not None:
            self._label.destroy()
            self._label = None
