"""The window's menus and keys, made from the table of commands."""

import tkinter as tk
from collections.abc import Callable
from typing import Protocol

from .commands import COMMANDS, sequence, spoken


class Keeps(Protocol):
    """Has a method for each command, and this one for ten keys."""

    def keep(self, digit: int) -> None:
        """Keep the drawing as what was meant."""


def is_mac(root: tk.Misc) -> bool:
    """Return whether the window is one of macOS, which has a Command key."""
    return str(root.tk.call("tk", "windowingsystem")) == "aqua"


def add_menus(root: tk.Tk, window: Keeps) -> list[tk.Menu]:
    """Give a window its menu bar, and its keys the commands they stand for.

    Returns:
        The bar and the menus, whose colours Tk does not change by itself.
    """
    mac = is_mac(root)
    bar = tk.Menu(root, tearoff=False)
    menus: dict[str, tk.Menu] = {}
    for command in COMMANDS:
        if command.menu not in menus:
            menus[command.menu] = tk.Menu(bar, tearoff=False)
            bar.add_cascade(label=command.menu, menu=menus[command.menu])
        do: Callable[[], None] = getattr(window, command.name)
        menus[command.menu].add_command(
            label=command.label, command=do, accelerator=spoken(command.keys[0], mac=mac)
        )
        for key in command.keys:
            _bind(root, sequence(key, mac=mac), do)
    for digit in range(10):
        _bind(root, f"<Key-{digit}>", lambda digit=digit: window.keep(digit))  # type: ignore[misc]  # mypy infers no type for a default
    root.configure(menu=bar)
    return [bar, *menus.values()]


def _bind(root: tk.Tk, sequence: str, do: Callable[[], None]) -> None:
    def pressed(event: "tk.Event[tk.Misc]") -> None:
        # A key in a dialog belongs to the dialog, which Tk counts as a part of the window.
        if event.widget.winfo_toplevel() is root:
            do()

    root.bind(sequence, pressed)
