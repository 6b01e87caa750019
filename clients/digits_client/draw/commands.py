"""The table of the window's commands, for its menus, keys and help. Does not use Tk."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Command:
    """A command of the window."""

    name: str
    """The name of the window's method."""
    menu: str
    label: str
    keys: tuple[str, ...]
    """Keys in Tk's notation, except that ``Mod`` means Control, or Command on macOS. The menu
    shows the first."""


COMMANDS: Final = (
    Command("open_picture", "File", "Open picture …", ("Mod-o",)),
    Command("paste_picture", "File", "Paste picture", ("Mod-v",)),
    Command("save_drawing", "File", "Save drawing …", ("Mod-s",)),
    Command("show_corrections", "File", "Corrected drawings …", ("Mod-k",)),
    Command("close", "File", "Quit", ("Mod-q",)),
    Command("undo", "Edit", "Undo", ("Mod-z",)),
    Command("redo", "Edit", "Redo", ("Mod-Shift-Z", "Mod-y")),
    Command("clear", "Edit", "Clear", ("Escape", "Delete")),
    Command("toggle_eraser", "Edit", "Toggle eraser", ("e",)),
    Command("thicker", "Edit", "Thicker pen", ("plus", "bracketright")),
    Command("thinner", "Edit", "Thinner pen", ("minus", "bracketleft")),
    Command("recognize", "Recognize", "Recognize now", ("Return",)),
    Command("toggle_live", "Recognize", "Toggle recognition while drawing", ("l",)),
    Command("toggle_numbers", "Recognize", "Toggle numbers", ("n",)),
    Command("toggle_dark", "View", "Toggle dark theme", ("d",)),
    Command("show_keys", "Help", "Keyboard shortcuts", ("F1",)),
)

CORRECTION_KEYS: Final = ("0 to 9", "Correct what was read: type it, then Enter")

_KEY_LABELS: Final = {
    "bracketright": "]",
    "bracketleft": "[",
    "plus": "+",
    "minus": "-",
    "Return": "Enter",
    "Escape": "Esc",
    "Delete": "Del",
}


def event_sequence(key: str, *, mac: bool) -> str:
    """Return the Tk event of a key: ``<Control-z>``."""
    modifier = "Command" if mac else "Control"
    return f"<{key.replace('Mod', modifier)}>" if "-" in key else f"<Key-{key}>"


def key_label(key: str, *, mac: bool) -> str:
    """Return a key as it is written for people: ``Ctrl+Z``."""
    modifier = "Cmd" if mac else "Ctrl"
    parts = [modifier if part == "Mod" else _KEY_LABELS.get(part, part) for part in key.split("-")]
    parts[-1] = parts[-1].upper() if len(parts[-1]) == 1 else parts[-1]
    return "+".join(parts)


def key_table(*, mac: bool = False) -> list[tuple[str, str]]:
    """Return all keys, each with what it does."""
    commands = [
        (" or ".join(key_label(key, mac=mac) for key in command.keys), command.label.rstrip(" …"))
        for command in COMMANDS
    ]
    return [CORRECTION_KEYS, *commands]
