"""The presentation: the sheet and the result alone, on the whole screen."""

import tkinter as tk

from .main_frame import MainFrame


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
        self.is_on = False

    def toggle(self) -> None:
        """Start the presentation, or end it: the window is as large as before."""
        root = self._root
        self.is_on = not self.is_on
        if self.is_on:
            self._size = root.winfo_width(), root.winfo_height()
        root.attributes("-fullscreen", self.is_on)
        root["menu"] = "" if self.is_on else self._menu
        if not self.is_on:
            # Nothing else does so on a display without a window manager. There the content would
            # stay as large as the screen, and its lower edge would leave it as the menus return.
            root.geometry("{}x{}".format(*self._size))
        self._main.show_parts(presents=self.is_on)
        self._main.notices.show("Esc ends the presentation." if self.is_on else "")
