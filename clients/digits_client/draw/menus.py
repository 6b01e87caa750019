"""The window's menus and keys, built from the table of commands."""

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk
from typing import Protocol

from .commands import COMMANDS, event_sequence, key_label


class CommandTarget(Protocol):
    """An object with a method for each command, and this one for the ten digit keys."""

    def type_correction(self, digit: str) -> None:
        """Start to type what the person meant."""


def is_mac(root: tk.Misc) -> bool:
    """Return whether the window runs on macOS, where keyboards have a Command key."""
    return str(root.tk.call("tk", "windowingsystem")) == "aqua"


def add_menus(root: tk.Tk, target: CommandTarget) -> list[tk.Menu]:
    """Add the menu bar to a window, and bind all keys.

    Returns:
        The bar and its menus. Tk does not recolor them when the theme changes.
    """
    mac = is_mac(root)
    bar = tk.Menu(root, tearoff=False)
    menus: dict[str, tk.Menu] = {}
    for command in COMMANDS:
        if command.menu not in menus:
            menus[command.menu] = tk.Menu(bar, tearoff=False)
            bar.add_cascade(label=command.menu, menu=menus[command.menu])
        action: Callable[[], None] = getattr(target, command.name)
        menus[command.menu].add_command(
            label=command.label, command=action, accelerator=key_label(command.keys[0], mac=mac)
        )
        for key in command.keys:
            _bind(root, event_sequence(key, mac=mac), action)
    for digit in "0123456789":
        _bind(root, f"<Key-{digit}>", lambda digit=digit: target.type_correction(digit))  # type: ignore[misc]  # mypy infers no type for a default
    root.configure(menu=bar)
    return [bar, *menus.values()]


def _bind(root: tk.Tk, sequence: str, action: Callable[[], None]) -> None:
    def on_key(event: "tk.Event[tk.Misc]") -> None:
        # Tk delivers the keys of a dialog to the main window too; they are not for it. Nor are
        # those that are typed into a field.
        is_typed = isinstance(event.widget, ttk.Entry) and "-" not in sequence.replace("Key-", "")
        if event.widget.winfo_toplevel() is root and not is_typed:
            action()

    root.bind(sequence, on_key)
