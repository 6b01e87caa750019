"""The bar at the bottom of the window: the connection, and notices."""

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk
from typing import Final

from .theme import Theme
from .view_model import Status, Tone, milliseconds

NOTICE_MILLISECONDS: Final = 8000
"""Time for which a notice is shown."""


class StatusBar(ttk.Frame):
    """Shows the state of the connection, and offers an action when it is lost."""

    def __init__(self, parent: tk.Misc, theme: Theme) -> None:
        super().__init__(parent)
        self._theme = theme
        self._tone = Tone.PLAIN
        self._precision = ""
        self._notice_timer: str | None = None
        self._dot = ttk.Label(self, text="●")
        self._text = ttk.Label(self, anchor="w", justify="left")
        self._model = ttk.Label(self, style="Faint.TLabel", anchor="e")
        self._button = ttk.Button(self, takefocus=False)
        self._notice = ttk.Label(self, anchor="w", justify="left")
        gap = theme.pixels(6)
        self._dot.grid(row=0, column=0, padx=(0, gap))
        self._text.grid(row=0, column=1, sticky="ew")
        self._model.grid(row=0, column=2, padx=(gap, 0))
        self._button.grid(row=0, column=3, padx=(gap, 0))
        self._notice.grid(row=1, column=0, columnspan=4, sticky="ew", pady=(gap, 0))
        self.columnconfigure(1, weight=1)
        self.bind("<Configure>", self._wrap)
        self.offer(None)

    @property
    def text(self) -> str:
        """The text about the connection."""
        return str(self._text.cget("text"))

    @property
    def notice_text(self) -> str:
        """The notice that is shown, or an empty text."""
        return str(self._notice.cget("text"))

    @property
    def offered(self) -> str | None:
        """The label of the offered action, or None."""
        return str(self._button.cget("text")) if self._button.winfo_manager() else None

    def accept(self) -> None:
        """Run the offered action."""
        self._button.invoke()

    def show(self, status: Status) -> None:
        """Show the state of the connection."""
        self._tone = status.tone
        self._text.configure(text=status.text)
        if status.tone is not Tone.GOOD:
            self._model.configure(text="")
        self.apply_theme()

    def show_model(self, version: str, precision: str) -> None:
        """Show the version and the precision of the model, before its first prediction."""
        self._precision = precision
        self._model.configure(text=self._model_text(version))

    def show_round_trip(self, model_version: str, seconds: float) -> None:
        """Show the version of the model and the round-trip time of its last prediction."""
        text = f"{self._model_text(model_version)} · {milliseconds(seconds)}"
        self._model.configure(text=text)

    def offer(self, label: str | None, action: Callable[[], None] | None = None) -> None:
        """Offer an action about the connection; None removes the offer."""
        if label is None or action is None:
            self._button.grid_remove()
        else:
            self._button.configure(text=label, command=action)
            self._button.grid()

    def notice(self, text: str) -> None:
        """Show a notice for some seconds."""
        if self._notice_timer is not None:
            self.after_cancel(self._notice_timer)
        self._notice.configure(text=text)
        self._notice_timer = self.after(NOTICE_MILLISECONDS, self._clear_notice)

    def apply_theme(self) -> None:
        """Color the dot by the theme."""
        self._dot.configure(foreground=self._theme.palette.tones[self._tone])

    def _model_text(self, version: str) -> str:
        return f"model {version} {self._precision}".rstrip()

    def _clear_notice(self) -> None:
        self._notice_timer = None
        self._notice.configure(text="")

    def _wrap(self, event: "tk.Event[tk.Misc]") -> None:
        # Long sentences wrap instead of being cut off.
        self._text.configure(wraplength=max(event.width * 6 // 10, 1))
        self._notice.configure(wraplength=event.width)
