"""The toolbar below the sheet."""

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk
from typing import Protocol

from .icons import Icons
from .theme import Theme
from .tooltip import Tooltip


class Actions(Protocol):
    """The actions that the controls trigger."""

    def undo(self) -> None:
        """Undo the last step."""

    def redo(self) -> None:
        """Redo the step that was undone last."""

    def clear(self) -> None:
        """Remove everything from the sheet."""

    def toggle_eraser(self) -> None:
        """Switch between pen and eraser."""

    def set_pen(self, width: float) -> None:
        """Set the width of the pen, in pixels of the sheet."""

    def recognize(self) -> None:
        """Recognize the drawing now."""

    def toggle_live(self) -> None:
        """Switch between recognizing while drawing and on request only."""

    def toggle_numbers(self) -> None:
        """Switch between reading numbers and single digits."""

    def correct(self) -> None:
        """Start or end the mode for corrections."""


class Controls(ttk.Frame):
    """Pen, eraser, undo and redo; what to recognize and when; and the way to corrections.

    In a narrow window they are two rows.
    """

    def __init__(
        self, parent: tk.Misc, theme: Theme, actions: Actions, pen_widths: tuple[float, float]
    ) -> None:
        """Create the controls.

        Args:
            parent: The widget that contains them.
            theme: The colors, fonts and sizes.
            actions: Called when a control is used.
            pen_widths: The smallest and the largest width of the pen, in pixels of the sheet.
        """
        super().__init__(parent)
        self._theme = theme
        self._gap = theme.gap
        self._icons = Icons(self, theme)
        self._eraser = tk.BooleanVar(self, value=False)
        self._live = tk.BooleanVar(self, value=True)
        self._numbers = tk.BooleanVar(self, value=True)
        self._drawing, self._recognition = ttk.Frame(self), ttk.Frame(self)
        self._pen = ttk.Scale(
            self._drawing,
            from_=pen_widths[0],
            to=pen_widths[1],
            length=theme.pixels(100),
            command=lambda value: actions.set_pen(float(value)),
        )
        eraser = ttk.Checkbutton(
            self._drawing,
            style="Toolbutton",
            image=self._icons.image("eraser"),  # type: ignore[arg-type]  # see Icons.image
            variable=self._eraser,
            command=actions.toggle_eraser,
        )
        Tooltip(eraser, theme, "Eraser")
        self._undo = self._icon_button("undo", "Undo", actions.undo)
        self._redo = self._icon_button("redo", "Redo", actions.redo)
        clear = self._icon_button("clear", "Clear", actions.clear)
        _in_a_row(
            ttk.Label(self._drawing, text="Pen"),
            *(self._pen, eraser, self._undo, self._redo, clear),
            gap=self._gap,
        )
        group = self._recognition
        numbers = ttk.Checkbutton(
            group, text="Numbers", variable=self._numbers, command=actions.toggle_numbers
        )
        Tooltip(numbers, theme, "Read several digits as a number")
        live = ttk.Checkbutton(
            group, text="While drawing", variable=self._live, command=actions.toggle_live
        )
        Tooltip(live, theme, "Recognize while the pen moves, not only on request")
        _in_a_row(
            *(numbers, live),
            ttk.Button(group, text="Correct …", command=actions.correct),
            ttk.Button(group, text="Recognize", style="Accent.TButton", command=actions.recognize),
            gap=self._gap,
        )
        for part in (self._drawing, self._recognition):
            for widget in part.winfo_children():
                # Keys belong to the window: Enter recognizes, whichever control was clicked last.
                widget.configure(takefocus=False)  # type: ignore[call-arg]  # every ttk widget has it
        self.columnconfigure(1, weight=1)
        self._drawing.grid(row=0, column=0, sticky="w")
        self.show_steps(undo=False, redo=False)

    def fit(self, width: int) -> int:
        """Arrange the controls in one or two rows, and return their height in pixels."""
        left, right = self._drawing, self._recognition
        heights = left.winfo_reqheight(), right.winfo_reqheight()
        if left.winfo_reqwidth() + right.winfo_reqwidth() + 2 * self._gap <= width:
            right.grid(row=0, column=1, sticky="e", pady=0)
            return max(heights)
        right.grid(row=1, column=0, columnspan=2, sticky="w", pady=(self._gap, 0))
        return sum(heights) + self._gap

    def show_pen(self, width: float) -> None:
        """Show the width of the pen."""
        self._pen.set(width)

    def show_eraser(self, erasing: bool) -> None:
        """Show whether the pen erases."""
        self._eraser.set(erasing)

    def show_live(self, live: bool) -> None:
        """Show whether drawings are recognized while they are drawn."""
        self._live.set(live)

    def show_numbers(self, reads_numbers: bool) -> None:
        """Show whether numbers are read."""
        self._numbers.set(reads_numbers)

    def show_steps(self, *, undo: bool, redo: bool) -> None:
        """Enable or disable the buttons for undo and redo."""
        self._undo.state(["!disabled" if undo else "disabled"])
        self._redo.state(["!disabled" if redo else "disabled"])

    def apply_theme(self) -> None:
        """Draw the icons in the theme's colors."""
        self._icons.apply_theme()

    def _icon_button(self, icon: str, name: str, command: Callable[[], None]) -> ttk.Button:
        button = ttk.Button(
            self._drawing,
            style="Icon.TButton",
            image=self._icons.image(icon),  # type: ignore[arg-type]  # see Icons.image
            command=command,
        )
        Tooltip(button, self._theme, name)
        return button


def _in_a_row(*widgets: tk.Widget, gap: int) -> None:
    for column, widget in enumerate(widgets):
        widget.grid(row=0, column=column, padx=(0 if column == 0 else gap, 0))
