"""The window's commands for pictures in files and in the clipboard."""

import contextlib
import tkinter as tk
from collections.abc import Callable, Iterator
from pathlib import Path
from tkinter import filedialog
from typing import Any

from digits_client.atomic_file import atomic_write

from . import pictures
from .drawing import Drawing
from .notices import Notices
from .view_model import unread_pages


class FileCommands:
    """Opens, pastes and saves pictures. Errors become notices."""

    def __init__(
        self,
        root: tk.Tk,
        drawing: Drawing,
        notices: Notices,
        before_picture: Callable[[], None],
        on_picture: Callable[[], None],
    ) -> None:
        """Set up the commands.

        Args:
            root: The parent of the dialogs.
            drawing: The drawing to replace or to save.
            notices: Where notices are shown.
            before_picture: Called before a picture replaces the drawing.
            on_picture: Called after a picture has replaced the drawing.
        """
        self._root = root
        self._drawing = drawing
        self._notices = notices
        self._before_picture = before_picture
        self._on_picture = on_picture

    def choose_and_open(self) -> None:
        """Let the user choose a file, and show it in place of the drawing."""
        path = self._ask(
            filedialog.askopenfilename,
            title="Open picture",
            filetypes=[
                ("Pictures", "*.png *.jpg *.jpeg *.webp *.bmp *.gif *.tif *.tiff"),
                ("All files", "*"),
            ],
        )
        if path:
            self.open(path)

    def open(self, path: str) -> None:
        """Show a file in place of the drawing."""
        with errors_as_notices(self._notices):
            self._show(pictures.from_file(path))

    def paste(self) -> None:
        """Show the clipboard's picture in place of the drawing."""
        with errors_as_notices(self._notices):
            self._show(pictures.from_clipboard())

    def choose_and_save(self) -> None:
        """Let the user choose a name, and write the content of the sheet as PNG."""
        path = self._ask(
            filedialog.asksaveasfilename,
            title="Save drawing",
            defaultextension=".png",
            initialfile="digit.png",
            filetypes=[("PNG", "*.png")],
        )
        if path:
            self.save(path)

    def save(self, path: str) -> None:
        """Write the content of the sheet as PNG."""
        with errors_as_notices(self._notices):
            with atomic_write(Path(path)) as file:
                self._drawing.image().save(file, "PNG")
            self._notices.show(f"Saved as {path}.")

    def _ask(self, dialog: Callable[..., str], **options: Any) -> str:
        """Return the path that is chosen in a dialog, or an empty text."""
        with contextlib.suppress(tk.TclError):  # the window was closed while the dialog was open
            return dialog(parent=self._root, **options)
        return ""

    def _show(self, picture: pictures.Picture) -> None:
        self._before_picture()
        self._drawing.show_picture(picture.image)
        self._on_picture()
        # What was said of the picture before does not hold for this one.
        count = picture.unread_pages
        self._notices.show(unread_pages(count) if count else "")


@contextlib.contextmanager
def errors_as_notices(notices: Notices) -> Iterator[None]:
    """Show an error of the block, about a picture or about writing a file, as a notice."""
    try:
        yield
    except pictures.PictureError as error:
        notices.show(str(error))
    except OSError as error:
        name = error.filename or "the file"
        notices.show(f"Cannot write {name}: {error.strerror or error}.")
