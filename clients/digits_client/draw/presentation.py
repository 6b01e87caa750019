"""The presentation: the sheet and the result alone, on the whole screen."""

import tkinter as tk
from typing import Final

from .main_frame import MainFrame

# After so long, a window manager has put the window back, and its menus are there again.
_RESTORED_MILLISECONDS: Final = 200


class Presentation:
    """Starts and ends the presentation."""

    def __init__(self, root: tk.Tk, menu: tk.Menu, main: MainFrame) -> None:
        """Present nothing yet.

        Args:
            root: The main window.
            menu: Its menu bar, which the presentation hides.
            main: Its content.
        """
        self._root, self._menu, self._main = root, menu, main
        self._size = 1, 1
        self._restoring: str | None = None
        self.is_on = False

    def toggle(self) -> None:
        """Start the presentation, or end it: the window is where it was, and as large."""
        root = self._root
        self.is_on = not self.is_on
        if self._restoring is not None:  # started again before the window had its size
            root.after_cancel(self._restoring)
            self._restoring = None
        elif self.is_on:
            self._size = root.winfo_width(), root.winfo_height()
        root.attributes("-fullscreen", self.is_on)
        root["menu"] = "" if self.is_on else self._menu
        if not self.is_on:
            self._restoring = root.after(_RESTORED_MILLISECONDS, self._restore_size)
        self._main.show_parts(presents=self.is_on)
        self._main.notices.show("Esc ends the presentation." if self.is_on else "")

    def _restore_size(self) -> None:
        """Give the window its former size.

        With a window manager, the menus that return would make it higher; without one, it would
        stay as large as the screen.
        """
        self._restoring = None
        self._root.geometry("{}x{}".format(*self._size))
