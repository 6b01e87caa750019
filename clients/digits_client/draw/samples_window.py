"""A gallery of samples."""

import tkinter as tk
from collections.abc import Callable
from importlib import resources
from tkinter import ttk
from typing import Final

from PIL import Image, ImageTk

from .dialog import Dialog
from .theme import Theme

_TILE: Final = (112, 84)
_COLUMNS: Final = 5


class SamplesWindow(Dialog):
    """Pictures to click."""

    def __init__(self, parent: tk.Misc, theme: Theme, on_choose: Callable[[str], None]) -> None:
        """Show the gallery.

        Args:
            parent: The main window.
            theme: The colors and sizes.
            on_choose: Called with the path of the sample that was clicked.
        """
        super().__init__(parent, theme, "Samples")
        self._on_choose = on_choose
        self._photos: list[ImageTk.PhotoImage] = []
        self.paths = [str(path) for path in sample_paths()]
        """The files of the samples, in the order in which they are shown."""
        gap = theme.gap / 2
        for index, path in enumerate(self.paths):
            tile = ttk.Button(
                self.content,
                style="Tile.TButton",
                image=self._photo(path),
                command=lambda path=path: self.choose(path),  # type: ignore[misc]  # mypy infers no type for a default
            )
            tile.grid(row=index // _COLUMNS, column=index % _COLUMNS, padx=gap, pady=gap)
        self.add_buttons(
            len(self.paths), ttk.Button(self.content, text="Close", command=self.destroy)
        )
        self.open()

    def choose(self, path: str) -> None:
        """Show a sample on the sheet, and close the gallery."""
        self.destroy()
        self._on_choose(path)

    def _photo(self, path: str) -> str:
        size = self.theme.pixels(_TILE[0]), self.theme.pixels(_TILE[1])
        with Image.open(path) as image:
            small = image.convert("RGB")
        small.thumbnail(size)
        tile = Image.new("RGB", size, small.getpixel((0, 0)))
        tile.paste(small, ((size[0] - small.width) // 2, (size[1] - small.height) // 2))
        photo = ImageTk.PhotoImage(tile, master=self)
        self._photos.append(photo)
        return str(photo)


def sample_paths() -> list[str]:
    """Return the files of the samples, which the web page shows too."""
    folder = resources.files("digits_client") / "web" / "page" / "samples"
    return sorted(str(path) for path in folder.iterdir() if path.name.endswith(".png"))
