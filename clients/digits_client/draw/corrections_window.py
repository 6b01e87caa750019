"""The list of corrected drawings, from which they can be removed."""

import tkinter as tk
from tkinter import ttk
from typing import Final

from PIL import Image, ImageTk

from .corrections import Corrections, KeptDrawing
from .theme import Theme

_THUMBNAIL: Final = 40


class KeptWindow(tk.Toplevel):
    """Lists the drawings in the folder, the newest first."""

    def __init__(self, parent: tk.Misc, theme: Theme, kept: Corrections) -> None:
        super().__init__(parent, background=theme.palette.window)
        self.title("Corrected drawings")
        self.transient(parent.winfo_toplevel())
        self._theme = theme
        self._kept = kept
        self._drawings: dict[str, KeptDrawing] = {}
        self._thumbnails: list[ImageTk.PhotoImage] = []
        pad = theme.pixels(12)
        style = "Kept.Treeview"
        theme.style.configure(style, rowheight=theme.pixels(_THUMBNAIL + 6))
        self._list = ttk.Treeview(
            self,
            style=style,
            columns=("meant", "answered", "time"),
            selectmode="extended",
            height=7,
        )
        for column, heading, width in (
            ("#0", "Drawing", 90),
            ("meant", "Meant", 70),
            ("answered", "Answered", 110),
            ("time", "Kept on", 160),
        ):
            self._list.heading(column, text=heading, anchor="w")
            self._list.column(column, width=theme.pixels(width), minwidth=theme.pixels(width))
        scrollbar = ttk.Scrollbar(self, command=self._list.yview)
        self._list.configure(yscrollcommand=scrollbar.set)
        self._summary = ttk.Label(self, style="Faint.TLabel")
        buttons = ttk.Frame(self)
        ttk.Button(buttons, text="Remove", command=self.remove_selected).grid(
            row=0, column=0, padx=(0, pad)
        )
        ttk.Button(buttons, text="Close", command=self.destroy).grid(row=0, column=1)
        self._list.grid(row=0, column=0, sticky="nsew", padx=(pad, 0), pady=pad)
        scrollbar.grid(row=0, column=1, sticky="ns", padx=(0, pad), pady=pad)
        self._summary.grid(row=1, column=0, columnspan=2, sticky="w", padx=pad)
        buttons.grid(row=2, column=0, columnspan=2, sticky="e", padx=pad, pady=pad)
        self.columnconfigure(0, weight=1)
        self.rowconfigure(0, weight=1)
        self.bind("<Delete>", lambda _: self.remove_selected())
        self.bind("<Escape>", lambda _: self.destroy())
        self._fill()
        self._list.focus_set()

    @property
    def rows(self) -> dict[str, KeptDrawing]:
        """What is listed, by the name of its row."""
        return dict(self._drawings)

    def select(self, row: str) -> None:
        """Choose a row."""
        self._list.selection_set(row)

    def remove_selected(self) -> None:
        """Take the chosen drawings out of the folder and the list."""
        try:
            for row in self._list.selection():
                self._kept.remove(self._drawings[row])
        except OSError as error:
            self._fill()
            self._summary.configure(text=f"{error.filename} cannot be removed: {error.strerror}.")
            return
        self._fill()

    def _fill(self) -> None:
        self._list.delete(*self._list.get_children())
        self._drawings.clear()
        self._thumbnails.clear()
        for drawing in reversed(list(self._kept)):
            image = self._thumbnail(drawing)
            answered = {"not_a_digit": "no digit", "": "nothing"}.get(
                drawing.answered, drawing.answered
            )
            when = drawing.time.astimezone().strftime("%Y-%m-%d %H:%M")
            row = self._list.insert(
                "", "end", image=image or "", values=(drawing.label, answered, when)
            )
            self._drawings[row] = drawing
        count = len(self._drawings)
        self._summary.configure(
            text=f"{count} drawing{'' if count == 1 else 's'} in {self._kept.folder}"
        )

    def _thumbnail(self, drawing: KeptDrawing) -> ImageTk.PhotoImage | None:
        side = self._theme.pixels(_THUMBNAIL)
        try:
            with Image.open(drawing.path) as image:
                small = image.convert("RGB")
        except OSError:
            return None  # listed all the same: it can be removed
        small.thumbnail((side, side))
        thumbnail = ImageTk.PhotoImage(small, master=self)
        self._thumbnails.append(thumbnail)
        return thumbnail
