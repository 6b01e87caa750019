"""What can be done in the window: for its menus, its keys, and the help. Knows no window."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Command:
    """One thing to do."""

    name: str
    """Of the window's method."""
    menu: str
    label: str
    keys: tuple[str, ...]
    """In Tk's words, with ``Mod`` for Control or, on macOS, Command. The first is shown."""


COMMANDS: Final = (
    Command("open_picture", "File", "Open a picture …", ("Mod-o",)),
    Command("paste_picture", "File", "Paste a picture", ("Mod-v",)),
    Command("save_drawing", "File", "Save the drawing …", ("Mod-s",)),
    Command("show_kept", "File", "Corrected drawings …", ("Mod-k",)),
    Command("close", "File", "Quit", ("Mod-q",)),
    Command("undo", "Edit", "Undo", ("Mod-z",)),
    Command("redo", "Edit", "Redo", ("Mod-Shift-Z", "Mod-y")),
    Command("clear", "Edit", "Clear", ("Escape", "Delete")),
    Command("toggle_eraser", "Edit", "Eraser", ("e",)),
    Command("thicker", "Edit", "Thicker pen", ("plus", "bracketright")),
    Command("thinner", "Edit", "Thinner pen", ("minus", "bracketleft")),
    Command("recognise", "Recognise", "Recognise", ("Return",)),
    Command("toggle_live", "Recognise", "While drawing", ("l",)),
    Command("toggle_dark", "View", "Dark", ("d",)),
    Command("show_keys", "Help", "Keyboard", ("F1",)),
)

CORRECTION_KEYS: Final = ("0 to 9", "Wrong? The digit that was meant: keeps the drawing")

_SPOKEN: Final = {
    "bracketright": "]",
    "bracketleft": "[",
    "plus": "+",
    "minus": "-",
    "Return": "Enter",
    "Escape": "Esc",
    "Delete": "Del",
}


def sequence(key: str, *, mac: bool) -> str:
    """Return a key as a Tk event: ``<Control-z>``."""
    modifier = "Command" if mac else "Control"
    return f"<{key.replace('Mod', modifier)}>" if "-" in key else f"<Key-{key}>"


def spoken(key: str, *, mac: bool) -> str:
    """Return a key as people call it: ``Ctrl+Z``."""
    modifier = "Cmd" if mac else "Ctrl"
    parts = [modifier if part == "Mod" else _SPOKEN.get(part, part) for part in key.split("-")]
    parts[-1] = parts[-1].upper() if len(parts[-1]) == 1 else parts[-1]
    return "+".join(parts)


def key_table(*, mac: bool = False) -> list[tuple[str, str]]:
    """Return all keys and what they do."""
    commands = [
        (" or ".join(spoken(key, mac=mac) for key in command.keys), command.label.rstrip(" …"))
        for command in COMMANDS
    ]
    return [CORRECTION_KEYS, *commands]
