"""The controls below the sheet."""

import tkinter as tk
from tkinter import ttk
from typing import Final, Protocol

from .theme import Theme

_MAX_DIGITS: Final = 32


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

    def save_correction(self, text: str) -> None:
        """Save the drawing with the digit or the number that the person meant."""


class Controls(ttk.Frame):
    """Pen, eraser, undo and redo; what to recognize and when; and a field for corrections."""

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
        self._gap = theme.pixels(6)
        self._eraser = tk.BooleanVar(self, value=False)
        self._live = tk.BooleanVar(self, value=True)
        self._numbers = tk.BooleanVar(self, value=True)
        self._meant = tk.StringVar(self)
        self._meant_field: ttk.Entry
        drawing_group = ttk.Frame(self)
        self._pen = ttk.Scale(
            drawing_group,
            from_=pen_widths[0],
            to=pen_widths[1],
            length=theme.pixels(110),
            command=lambda value: actions.set_pen(float(value)),
        )
        self._undo = ttk.Button(drawing_group, text="Undo", command=actions.undo)
        self._redo = ttk.Button(drawing_group, text="Redo", command=actions.redo)
        self._fill_drawing_group(drawing_group, actions)
        recognition_group = self._create_recognition_group(actions)
        correction_group = self._create_correction_group(actions)
        drawing_group.grid(row=0, column=0, sticky="w")
        recognition_group.grid(row=0, column=1, sticky="e")
        correction_group.grid(row=1, column=0, columnspan=2, sticky="w", pady=(self._gap, 0))
        self.columnconfigure(0, weight=1)
        for group in (drawing_group, recognition_group, correction_group):
            for widget in group.winfo_children():
                # Keys belong to the window: Enter recognizes, whichever control was clicked last.
                widget.configure(takefocus=False)  # type: ignore[call-arg]  # every ttk widget has it
        self.show_steps(undo=False, redo=False)

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

    def type_correction(self, digit: str) -> None:
        """Go to the field for what the person meant, and start it with a digit."""
        self._meant.set(digit)
        self._meant_field.focus_set()
        self._meant_field.icursor("end")

    def clear_correction(self) -> None:
        """Empty the field for what the person meant, and leave it."""
        self._meant.set("")
        self.winfo_toplevel().focus_set()

    def show_steps(self, *, undo: bool, redo: bool) -> None:
        """Enable or disable the buttons for undo and redo."""
        self._undo.state(["!disabled" if undo else "disabled"])
        self._redo.state(["!disabled" if redo else "disabled"])

    def _fill_drawing_group(self, group: ttk.Frame, actions: Actions) -> None:
        widgets: list[tk.Widget] = [
            ttk.Label(group, text="Pen"),
            self._pen,
            ttk.Checkbutton(
                group, text="Eraser", variable=self._eraser, command=actions.toggle_eraser
            ),
            self._undo,
            self._redo,
            ttk.Button(group, text="Clear", command=actions.clear),
        ]
        for column, widget in enumerate(widgets):
            widget.grid(row=0, column=column, padx=(0, self._gap))

    def _create_recognition_group(self, actions: Actions) -> ttk.Frame:
        group = ttk.Frame(self)
        ttk.Checkbutton(
            group, text="Numbers", variable=self._numbers, command=actions.toggle_numbers
        ).grid(row=0, column=0, padx=(0, self._gap))
        ttk.Checkbutton(
            group, text="While drawing", variable=self._live, command=actions.toggle_live
        ).grid(row=0, column=1, padx=(0, self._gap))
        ttk.Button(group, text="Recognize", style="Accent.TButton", command=actions.recognize).grid(
            row=0, column=2
        )
        return group

    def _create_correction_group(self, actions: Actions) -> ttk.Frame:
        group = ttk.Frame(self)

        def save(_: object = None) -> None:
            actions.save_correction(self._meant.get())

        check = (self.register(_is_number), "%P")
        field = ttk.Entry(
            group, textvariable=self._meant, width=10, validate="key", validatecommand=check
        )
        field.bind("<Return>", save)
        field.bind("<KP_Enter>", save)
        field.bind("<Escape>", lambda _: self.clear_correction())
        self._meant_field = field
        ttk.Label(group, text="Wrong? It should be").grid(row=0, column=0, padx=(0, self._gap))
        field.grid(row=0, column=1, padx=(0, self._gap))
        ttk.Button(group, text="Save", command=save).grid(row=0, column=2)
        return group


def _is_number(text: str) -> bool:
    """Return whether a text may stand in the field for what the person meant."""
    return not text or (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS)
