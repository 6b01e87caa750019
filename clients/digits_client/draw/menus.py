"""The window's menus and keys, built from the table of commands."""

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk
from typing import Protocol

from .commands import COMMANDS, Command, event_sequence, key_label


class CommandTarget(Protocol):
    """An object with a method for each command, and these for other keys."""

    def correct(self, digit: str = "") -> None:
        """Start a correction, with a digit or empty."""

    def leave_mode(self) -> None:
        """Leave the presentation or the correction."""


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
        _add_entry(menus[command.menu], command, target, mac=mac)
        action: Callable[[], None] = getattr(target, command.name)
        for key in command.keys:
            _bind(root, event_sequence(key, mac=mac), action)
    for digit in "0123456789":
        sequence = event_sequence(f"Mod-Key-{digit}", mac=mac)
        _bind(root, sequence, lambda digit=digit: target.correct(digit))  # type: ignore[misc]  # mypy infers no type for a default
    _bind(root, "<Key-Escape>", target.leave_mode)
    root.configure(menu=bar)
    return [bar, *menus.values()]


def _add_entry(menu: tk.Menu, command: Command, target: CommandTarget, *, mac: bool) -> None:
    if command.starts_group:
        menu.add_separator()
    action: Callable[[], None] = getattr(target, command.name)
    accelerator = key_label(command.keys[0], mac=mac) if command.keys else ""
    if not command.state:
        menu.add_command(label=command.label, command=action, accelerator=accelerator)
        return
    is_on = tk.BooleanVar(menu)
    menu.add_checkbutton(
        label=command.label, command=action, accelerator=accelerator, variable=is_on
    )

    def update(_: object = None) -> None:
        is_on.set(bool(getattr(target, command.state)))

    menu.bind("<<MenuSelect>>", update, add=True)
    menu.bind("<Map>", update, add=True)


def _bind(root: tk.Tk, sequence: str, action: Callable[[], None]) -> None:
    def on_key(event: "tk.Event[tk.Misc]") -> None:
        # Tk delivers the keys of a dialog to the main window too; they are not for it. Nor are
        # those that are typed into a field.
        is_typed = isinstance(event.widget, ttk.Entry) and "-" not in sequence.replace("Key-", "")
        if event.widget.winfo_toplevel() is root and not is_typed:
            action()

    root.bind(sequence, on_key)
