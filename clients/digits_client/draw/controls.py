"""The row of controls below the sheet."""

import tkinter as tk
from tkinter import ttk
from typing import Protocol

from .theme import Theme


class Actions(Protocol):
    """What the controls set going."""

    def undo(self) -> None:
        """Take the last step back."""

    def redo(self) -> None:
        """Do the step again that was taken back."""

    def clear(self) -> None:
        """Take everything off the sheet."""

    def toggle_eraser(self) -> None:
        """Change between pen and eraser."""

    def set_pen(self, width: float) -> None:
        """Take a pen of a width."""

    def recognise(self) -> None:
        """Ask about the drawing now."""

    def toggle_live(self) -> None:
        """Change between answers while drawing and answers on request."""

    def keep(self, digit: int) -> None:
        """Keep the drawing as what was meant."""


class Controls(ttk.Frame):
    """Pen, eraser, steps; when to ask; and ten buttons to put an answer right."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, actions: Actions, pens: tuple[float, float]
    ) -> None:
        super().__init__(parent)
        self._eraser = tk.BooleanVar(self, value=False)
        self._live = tk.BooleanVar(self, value=True)
        gap = theme.pixels(6)
        draw = ttk.Frame(self)
        self._pen = ttk.Scale(
            draw,
            from_=pens[0],
            to=pens[1],
            length=theme.pixels(110),
            command=lambda value: actions.set_pen(float(value)),
        )
        self._undo = ttk.Button(draw, text="Undo", command=actions.undo)
        self._redo = ttk.Button(draw, text="Redo", command=actions.redo)
        parts: list[tk.Widget] = [
            ttk.Label(draw, text="Pen"),
            self._pen,
            ttk.Checkbutton(
                draw, text="Eraser", variable=self._eraser, command=actions.toggle_eraser
            ),
            self._undo,
            self._redo,
            ttk.Button(draw, text="Clear", command=actions.clear),
        ]
        for column, part in enumerate(parts):
            part.grid(row=0, column=column, padx=(0, gap))
        ask = ttk.Frame(self)
        ttk.Checkbutton(
            ask, text="While drawing", variable=self._live, command=actions.toggle_live
        ).grid(row=0, column=0, padx=(0, gap))
        ttk.Button(ask, text="Recognise", style="Accent.TButton", command=actions.recognise).grid(
            row=0, column=1
        )
        wrong = ttk.Frame(self)
        ttk.Label(wrong, text="Wrong? It is a").grid(row=0, column=0, padx=(0, gap))
        for digit in range(10):
            ttk.Button(
                wrong,
                text=str(digit),
                style="Digit.TButton",
                command=lambda digit=digit: actions.keep(digit),  # type: ignore[misc]  # mypy infers no type for a default
            ).grid(row=0, column=1 + digit, padx=(0, gap // 3))
        draw.grid(row=0, column=0, sticky="w")
        ask.grid(row=0, column=1, sticky="e")
        wrong.grid(row=1, column=0, columnspan=2, sticky="w", pady=(gap, 0))
        self.columnconfigure(0, weight=1)
        for widget in (*draw.winfo_children(), *ask.winfo_children(), *wrong.winfo_children()):
            # Keys belong to the window: Enter asks and 7 keeps, wherever one clicked last.
            widget.configure(takefocus=False)  # type: ignore[call-arg]  # every ttk widget has it
        self.show_steps(undo=False, redo=False)

    def show_pen(self, width: float) -> None:
        """Show the width of the pen."""
        self._pen.set(width)

    def show_eraser(self, erasing: bool) -> None:
        """Show whether the pen erases."""
        self._eraser.set(erasing)

    def show_live(self, live: bool) -> None:
        """Show when is asked."""
        self._live.set(live)

    def show_steps(self, *, undo: bool, redo: bool) -> None:
        """Show whether there are steps to undo and to redo."""
        self._undo.state(["!disabled" if undo else "disabled"])
        self._redo.state(["!disabled" if redo else "disabled"])
