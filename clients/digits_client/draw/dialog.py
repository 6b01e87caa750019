"""A window of its own above the main window, such as a list or a help page."""

import tkinter as tk
from tkinter import ttk

from .theme import Theme


class Dialog(tk.Toplevel):
    """A window with a frame for the content; Escape closes it.

    It takes the place of another one of its kind.
    """

    def __init__(self, parent: tk.Misc, theme: Theme, title: str) -> None:
        for other in parent.winfo_children():
            if type(other) is type(self):
                other.destroy()
        super().__init__(parent)
        self.withdraw()
        self.theme = theme
        self.title(title)
        self.transient(parent.winfo_toplevel())
        self.content = ttk.Frame(self, padding=theme.pad)
        """Holds the content; its background follows the theme."""
        self.content.grid(sticky="nsew")
        self.columnconfigure(0, weight=1)
        self.rowconfigure(0, weight=1)
        self.bind("<Escape>", lambda _: self.destroy())

    def open(self) -> None:
        """Show the window, in the middle of the main window, on the screen and above others."""
        self.update_idletasks()
        over = self.master.winfo_toplevel()
        size = self.winfo_reqwidth(), self.winfo_reqheight()
        width = min(size[0], self.winfo_screenwidth())
        height = min(size[1], self.winfo_screenheight() * 9 // 10)
        x = over.winfo_rootx() + (over.winfo_width() - width) // 2
        y = over.winfo_rooty() + (over.winfo_height() - height) // 2
        x = max(0, min(x, self.winfo_screenwidth() - width))
        y = max(0, min(y, self.winfo_screenheight() - height))
        # Where it fits, it has no fixed size, and grows with its content.
        fixed = "" if (width, height) == size else f"{width}x{height}"
        self.geometry(f"{fixed}+{x}+{y}")
        self.deiconify()
        self.lift()
        self.focus_set()

    def add_buttons(self, row: int, *buttons: tk.Widget) -> None:
        """Place buttons of the content at the right of a row, in all columns."""
        frame = ttk.Frame(self.content)
        frame.grid(row=row, column=0, columnspan=9, sticky="e", pady=(self.theme.pad, 0))
        for column, button in enumerate(buttons):
            button.grid(in_=frame, row=0, column=column, padx=(self.theme.gap if column else 0, 0))
            button.lift()
