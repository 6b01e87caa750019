"""The line at the bottom of the window: the connection, and what just happened."""

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk
from typing import Final

from .theme import Theme
from .view_model import Status, Tone, milliseconds

NOTICE_MILLISECONDS: Final = 8000


class StatusBar(ttk.Frame):
    """Says how the connection is, in words and colour, and offers what can be done about it."""

    def __init__(self, parent: tk.Misc, theme: Theme) -> None:
        super().__init__(parent)
        self._theme = theme
        self._tone = Tone.PLAIN
        self._clearing: str | None = None
        self._dot = ttk.Label(self, text="●")
        self._text = ttk.Label(self, anchor="w", justify="left")
        self._answer = ttk.Label(self, style="Faint.TLabel", anchor="e")
        self._button = ttk.Button(self, takefocus=False)
        self._notice = ttk.Label(self, anchor="w", justify="left")
        gap = theme.pixels(6)
        self._dot.grid(row=0, column=0, padx=(0, gap))
        self._text.grid(row=0, column=1, sticky="ew")
        self._answer.grid(row=0, column=2, padx=(gap, 0))
        self._button.grid(row=0, column=3, padx=(gap, 0))
        self._notice.grid(row=1, column=0, columnspan=4, sticky="ew", pady=(gap, 0))
        self.columnconfigure(1, weight=1)
        self.bind("<Configure>", self._wrap)
        self.offer(None)

    @property
    def text(self) -> str:
        """What is said of the connection."""
        return str(self._text.cget("text"))

    @property
    def notice_text(self) -> str:
        """What is said of what just happened."""
        return str(self._notice.cget("text"))

    @property
    def offered(self) -> str | None:
        """What is offered, if something is."""
        return str(self._button.cget("text")) if self._button.winfo_manager() else None

    def accept(self) -> None:
        """Take the offer."""
        self._button.invoke()

    def show(self, status: Status) -> None:
        """Say how the connection is."""
        self._tone = status.tone
        self._text.configure(text=status.text)
        if status.tone is not Tone.GOOD:
            self._answer.configure(text="")
        self.recolour()

    def show_model(self, version: str) -> None:
        """Say which model is there, before it has answered anything."""
        self._answer.configure(text=f"model {version}")

    def show_answer(self, model_version: str, round_trip_seconds: float) -> None:
        """Say who answered, and how fast."""
        self._answer.configure(text=f"model {model_version} · {milliseconds(round_trip_seconds)}")

    def offer(self, text: str | None, do: Callable[[], None] | None = None) -> None:
        """Offer something to do about the connection; None to offer nothing."""
        if text is None or do is None:
            self._button.grid_remove()
        else:
            self._button.configure(text=text, command=do)
            self._button.grid()

    def notice(self, text: str) -> None:
        """Say what just happened, for a few seconds."""
        if self._clearing is not None:
            self.after_cancel(self._clearing)
        self._notice.configure(text=text)
        self._clearing = self.after(NOTICE_MILLISECONDS, self._clear)

    def recolour(self) -> None:
        """Take the theme's colours."""
        self._dot.configure(foreground=self._theme.palette.tones[self._tone])

    def _clear(self) -> None:
        self._clearing = None
        self._notice.configure(text="")

    def _wrap(self, event: "tk.Event[tk.Misc]") -> None:
        # Long sentences take a second line and are not cut off.
        self._text.configure(wraplength=max(event.width * 6 // 10, 1))
        self._notice.configure(wraplength=event.width)
