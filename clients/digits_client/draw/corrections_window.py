"""The list of corrections, from which they can be removed."""

import tkinter as tk
from tkinter import ttk
from typing import Final

from PIL import Image, ImageOps, ImageTk

from . import pictures
from .corrections import NOT_A_DIGIT, Correction, Corrections
from .dialog import Dialog
from .theme import Theme

_THUMBNAIL_SIDE: Final = 40
_PREDICTED_TEXTS: Final = {"not_a_digit": "not a digit", "": "none"}


class CorrectionsWindow(Dialog):
    """Lists the corrections in the folder, the newest first."""

    def __init__(self, parent: tk.Misc, theme: Theme, corrections: Corrections) -> None:
        super().__init__(parent, theme, "Corrected drawings")
        self._corrections = corrections
        self._rows: dict[str, Correction] = {}
        self._thumbnails: list[ImageTk.PhotoImage] = []
        content = self.content
        self._list = self._create_list()
        self._scrollbar = ttk.Scrollbar(content, command=self._list.yview)
        self._list.configure(yscrollcommand=self._show_scrollbar)
        self._summary = ttk.Label(content, style="Faint.TLabel")
        self._list.grid(row=0, column=0, sticky="nsew")
        self._scrollbar.grid(row=0, column=1, sticky="ns")
        self._summary.grid(row=1, column=0, columnspan=2, sticky="w", pady=(theme.gap, 0))
        self.add_buttons(
            2,
            ttk.Button(content, text="Remove", command=self.remove_selected),
            ttk.Button(content, text="Close", command=self.destroy),
        )
        content.columnconfigure(0, weight=1)
        content.rowconfigure(0, weight=1)
        self.bind("<Delete>", lambda _: self.remove_selected())
        self._fill()
        self.open()
        self._list.focus_set()

    @property
    def rows(self) -> dict[str, Correction]:
        """The listed corrections, by the identifiers of their rows."""
        return dict(self._rows)

    def select(self, row: str) -> None:
        """Select a row."""
        self._list.selection_set(row)

    def remove_selected(self) -> None:
        """Remove the selected corrections from the folder and the list."""
        try:
            for row in self._list.selection():
                self._corrections.remove(self._rows[row])
        except OSError as error:
            self._fill()
            self._summary.configure(text=f"Cannot remove {error.filename}: {error.strerror}.")
            return
        self._fill()

    def _create_list(self) -> ttk.Treeview:
        style = "Corrections.Treeview"
        self.theme.style.configure(
            style, rowheight=self.theme.pixels(_THUMBNAIL_SIDE) + self.theme.gap
        )
        rows = ttk.Treeview(
            self.content,
            style=style,
            columns=("meant", "predicted", "time"),
            selectmode="extended",
            height=7,
        )
        for column, heading, width in (
            ("#0", "Drawing", 90),
            ("meant", "Corrected to", 110),
            ("predicted", "Predicted", 110),
            ("time", "Saved", 160),
        ):
            pixels = self.theme.pixels(width)
            rows.heading(column, text=heading, anchor="w")
            rows.column(column, width=pixels, minwidth=pixels)
        return rows

    def _show_scrollbar(self, first: float, last: float) -> None:
        """Show what part of the list is in view; nothing if that is all of it."""
        self._scrollbar.set(first, last)
        if float(first) <= 0 and float(last) >= 1:
            self._scrollbar.grid_remove()
        else:
            self._scrollbar.grid()

    def _fill(self) -> None:
        self._list.delete(*self._list.get_children())
        self._rows.clear()
        self._thumbnails.clear()
        try:
            corrections = list(self._corrections)
        except OSError as error:
            self._summary.configure(text=f"Cannot read {error.filename}: {error.strerror}.")
            return
        for correction in reversed(corrections):
            image = self._create_thumbnail(correction)
            predicted = _PREDICTED_TEXTS.get(correction.predicted, correction.predicted)
            label = "not a digit" if correction.label == NOT_A_DIGIT else correction.label
            time = correction.time.astimezone().strftime("%Y-%m-%d %H:%M")
            row = self._list.insert("", "end", image=image or "", values=(label, predicted, time))
            self._rows[row] = correction
        count = len(self._rows)
        self._summary.configure(
            text=f"{count} drawing{'' if count == 1 else 's'} in {self._corrections.folder}"
        )

    def _create_thumbnail(self, correction: Correction) -> ImageTk.PhotoImage | None:
        side = self.theme.pixels(_THUMBNAIL_SIDE)
        try:
            small = _ink(pictures.from_file(correction.path).image.convert("RGB"))
        except pictures.PictureError:
            return None  # still listed, so that it can be removed
        small.thumbnail((side, side))
        thumbnail = ImageTk.PhotoImage(small, master=self)
        self._thumbnails.append(thumbnail)
        return thumbnail


def _ink(image: Image.Image) -> Image.Image:
    """Return the ink of a drawing with a margin; a picture stays whole."""
    box = ImageOps.invert(image).getbbox()
    if box is None or image.getpixel((0, 0)) != (255, 255, 255):
        return image
    return ImageOps.expand(image.crop(box), image.height // 20, "white")
