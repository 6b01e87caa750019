"""Notices over the lower edge of the sheet, some with an action such as *Undo*."""

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk
from typing import Final

from .theme import Theme

NOTICE_MILLISECONDS: Final = 8000
"""Time for which a notice is shown."""


class Notices:
    """Shows one notice at a time. It takes no space, so that nothing moves."""

    def __init__(self, over: tk.Misc, theme: Theme) -> None:
        """Show nothing yet.

        Args:
            over: The widget over whose lower edge notices are shown.
            theme: The colors and sizes.
        """
        self._over, self._theme = over, theme
        self._timer: str | None = None
        self._frame = ttk.Frame(over, style="Notice.TFrame", padding=(theme.gap, theme.gap / 2))
        self._text = ttk.Label(self._frame, style="Notice.TLabel", justify="left")
        self._button = ttk.Button(self._frame, style="Notice.TButton", takefocus=False)
        self._text.grid(row=0, column=0)
        self._frame.columnconfigure(0, weight=1)

    @property
    def text(self) -> str:
        """The notice that is shown, or an empty text."""
        return str(self._text.cget("text"))

    @property
    def action(self) -> str | None:
        """The label of the notice's action, or None."""
        return str(self._button.cget("text")) if self._button.winfo_manager() else None

    def accept(self) -> None:
        """Run the notice's action."""
        self._button.invoke()

    def show(self, text: str, action: tuple[str, Callable[[], None]] | None = None) -> None:
        """Show a notice for some seconds, in place of another one; an empty text shows none."""
        if self._timer is not None:
            self._over.after_cancel(self._timer)
            self._timer = None
        self._text.configure(text=text)
        self._button.grid_remove()
        if not text:
            self._frame.place_forget()
            return
        width = self._over.winfo_width() - 2 * self._theme.pad - self._theme.gap
        if action is not None:
            label, run = action
            self._button.configure(text=label, command=run)
            self._button.grid(row=0, column=1, padx=(self._theme.gap, 0))
            width -= self._button.winfo_reqwidth()
        self._text.configure(wraplength=max(width, 1))
        self._frame.place(relx=0.5, rely=1, y=-self._theme.gap, anchor="s")
        self._frame.lift()
        self._timer = self._over.after(NOTICE_MILLISECONDS, lambda: self.show(""))
