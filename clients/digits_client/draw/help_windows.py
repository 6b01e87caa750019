"""The windows of the menu *Help*: the keys, and the versions."""

import importlib.metadata
import platform
import tkinter as tk
from tkinter import ttk

from PIL import ImageTk

from .commands import key_table
from .dialog import Dialog
from .icons import application_icon
from .menus import is_mac
from .theme import Theme

_MOUSE = (
    ("Left button", "Draw"),
    ("Right button", "Erase"),
    ("Pointing at a digit", "Show its probabilities"),
)


class KeysWindow(Dialog):
    """A table of all keys, in two columns."""

    def __init__(self, parent: tk.Misc, theme: Theme) -> None:
        super().__init__(parent, theme, "Keyboard shortcuts")
        rows = [*key_table(mac=is_mac(self)), *_MOUSE]
        half = (len(rows) + 1) // 2
        gap = theme.gap
        for index, (keys, label) in enumerate(rows):
            side, row = divmod(index, half)
            ttk.Label(self.content, text=keys, font=theme.bold_font).grid(
                row=row, column=2 * side, sticky="w", padx=(3 * gap * side, gap), pady=gap / 4
            )
            ttk.Label(self.content, text=label).grid(row=row, column=2 * side + 1, sticky="w")
        self.add_buttons(half, ttk.Button(self.content, text="Close", command=self.destroy))
        self.open()


class AboutWindow(Dialog):
    """The name, the versions and the license."""

    def __init__(self, parent: tk.Misc, theme: Theme, model: str) -> None:
        """Show the window.

        Args:
            parent: The main window.
            theme: The colors, fonts and sizes.
            model: What the connected server serves; empty without one.
        """
        super().__init__(parent, theme, "About digits")
        gap = theme.pad
        self._icon = ImageTk.PhotoImage(application_icon(theme.pixels(64)), master=self)
        ttk.Label(self.content, image=self._icon).grid(row=0, column=0, rowspan=2, padx=(0, gap))
        ttk.Label(self.content, text="digits", style="Caption.TLabel").grid(
            row=0, column=1, columnspan=2, sticky="sw"
        )
        ttk.Label(self.content, text="Recognizes handwritten digits", style="Faint.TLabel").grid(
            row=1, column=1, columnspan=2, sticky="nw"
        )
        versions = (
            ("digits", importlib.metadata.version("digits")),
            ("Model", model or "not connected"),
            ("Python", platform.python_version()),
            ("Tk", str(self.tk.call("info", "patchlevel"))),
            ("System", f"{platform.system()} {platform.machine()}"),
        )
        for row, (name, version) in enumerate(versions, 2):
            pady = (gap if row == 2 else 0, gap / 6)
            ttk.Label(self.content, text=name, style="Faint.TLabel").grid(
                row=row, column=0, sticky="e", padx=(0, gap), pady=pady
            )
            ttk.Label(self.content, text=version).grid(row=row, column=1, sticky="w", pady=pady)
        self.add_buttons(
            len(versions) + 2, ttk.Button(self.content, text="Close", command=self.destroy)
        )
        self.open()
