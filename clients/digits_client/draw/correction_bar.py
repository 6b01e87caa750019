"""The bar in which the person says what the drawing shows; it stands in the toolbar's place."""

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk
from typing import Final

from digits_client.percent import NOT_A_DIGIT_TEXT

from .theme import Theme

_MAX_DIGITS: Final = 32


class CorrectionBar(ttk.Frame):
    """A field for the digit or the number that the person meant."""

    def __init__(
        self,
        parent: tk.Misc,
        theme: Theme,
        on_save: Callable[[str], None],
        on_cancel: Callable[[], None],
    ) -> None:
        """Create the bar.

        Args:
            parent: The widget that contains it.
            theme: The sizes.
            on_save: Called with the digits, or with NOT_A_DIGIT_TEXT.
            on_cancel: Called to end the mode without a correction.
        """
        super().__init__(parent)
        self._meant = tk.StringVar(self)

        def save(_: object = None) -> None:
            on_save(self._meant.get())

        check = (self.register(_is_number), "%P")
        self._field = ttk.Entry(
            self, textvariable=self._meant, width=9, validate="key", validatecommand=check
        )
        self._field.bind("<Return>", save)
        self._field.bind("<KP_Enter>", save)
        self._field.bind("<Escape>", lambda _: on_cancel())
        widgets = [
            ttk.Label(self, text="It should be"),
            self._field,
            ttk.Button(self, text="Save", style="Accent.TButton", command=save),
            ttk.Button(self, text="Not a digit", command=lambda: on_save(NOT_A_DIGIT_TEXT)),
            ttk.Button(self, text="Cancel", command=on_cancel),
        ]
        for column, widget in enumerate(widgets):
            widget.grid(row=0, column=column, padx=(0, theme.gap))

    def start(self, digit: str) -> None:
        """Go to the field, which starts with a digit or empty."""
        self._meant.set(digit)
        self._field.focus_set()
        self._field.icursor("end")


def _is_number(text: str) -> bool:
    """Return whether a text may stand in the field for what the person meant."""
    return not text or (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS)
