"""The bar at the bottom of the window: the connection and the model."""

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from .theme import Theme
from .view_model import Status, Tone, milliseconds


class StatusBar(ttk.Frame):
    """Shows the state of the connection, and offers an action when it is lost.

    Its height is the same whether or not there is one.
    """

    def __init__(self, parent: tk.Misc, theme: Theme) -> None:
        super().__init__(parent)
        self._theme = theme
        self._tone = Tone.PLAIN
        self._precision = ""
        self._dot = ttk.Label(self, text="●")
        self._text = ttk.Label(self, style="Small.TLabel", anchor="w", justify="left")
        self._model = ttk.Label(self, style="Faint.TLabel", anchor="e")
        self._button = ttk.Button(self, takefocus=False)
        gap = theme.gap
        self._dot.grid(row=0, column=0, padx=(0, gap), pady=(0, gap // 4))
        self._text.grid(row=0, column=1, sticky="ew")
        self._model.grid(row=0, column=2, padx=(gap, 0))
        self._button.grid(row=0, column=3, padx=(gap, 0))
        self._text.configure(text="\n")
        self.height = max(self._button.winfo_reqheight(), self._text.winfo_reqheight())
        """Height in pixels of the display: of the button, and of two lines of text."""
        self._text.configure(text="")
        self.columnconfigure(1, weight=1)
        self.rowconfigure(0, weight=1)
        self.bind("<Configure>", lambda _: self._wrap())
        self.offer(None)

    @property
    def text(self) -> str:
        """The text about the connection."""
        return str(self._text.cget("text"))

    @property
    def model_text(self) -> str:
        """The text about the model and its last prediction."""
        return str(self._model.cget("text"))

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
        self._wrap()

    def show_model(self, version: str, precision: str) -> None:
        """Show the version and the precision of the model, before its first prediction."""
        self._precision = precision
        self._model.configure(text=self._model_text(version))
        self._wrap()

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

    def apply_theme(self) -> None:
        """Color the dot by the theme."""
        self._dot.configure(foreground=self._theme.tone_color(self._tone))

    def _model_text(self, version: str) -> str:
        return f"model {version} {self._precision}".rstrip()

    def _wrap(self) -> None:
        # Long sentences wrap instead of being cut off.
        others = [self._dot, *(w for w in (self._model, self._button) if w.winfo_manager())]
        taken = sum(widget.winfo_reqwidth() + self._theme.gap for widget in others)
        self._text.configure(wraplength=max(self.winfo_width() - taken, 1))
