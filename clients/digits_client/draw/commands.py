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
    keys: tuple[str, ...] = ()
    """Keys in Tk's notation, except that ``Mod`` means Control, or Command on macOS. The menu
    shows the first. None is a letter alone, which is typed by accident easily."""
    state: str = ""
    """The name of the window's property that a check mark shows; empty for none."""
    starts_group: bool = False
    """Whether a line separates it from the entry above."""


COMMANDS: Final = (
    Command("open_picture", "File", "Open picture …", ("Mod-o",)),
    Command("paste_picture", "File", "Paste picture", ("Mod-v",)),
    Command("show_samples", "File", "Samples …", ("Mod-g",)),
    Command("save_drawing", "File", "Save drawing …", ("Mod-s",), starts_group=True),
    Command("copy_results", "File", "Copy earlier results as CSV", ("Mod-Shift-C",)),
    Command("close", "File", "Quit", ("Mod-q",), starts_group=True),
    Command("undo", "Edit", "Undo", ("Mod-z",)),
    Command("redo", "Edit", "Redo", ("Mod-Shift-Z", "Mod-y")),
    Command("clear", "Edit", "Clear", ("Delete", "BackSpace")),
    Command("toggle_eraser", "Edit", "Eraser", ("Mod-e",), "is_erasing", starts_group=True),
    Command("thicker", "Edit", "Thicker pen", ("plus", "bracketright")),
    Command("thinner", "Edit", "Thinner pen", ("minus", "bracketleft")),
    Command("recognize", "Recognize", "Recognize now", ("Return",)),
    Command(
        *("toggle_live", "Recognize", "Recognize while drawing", ("Mod-l",), "is_live"),
        starts_group=True,
    ),
    Command("toggle_numbers", "Recognize", "Read numbers", ("Mod-n",), "reads_numbers"),
    Command("correct", "Corrections", "Correct …", ("Mod-k",)),
    Command(
        *("show_corrections", "Corrections", "Corrected drawings …", ("Mod-Shift-K",)),
        starts_group=True,
    ),
    Command("show_training", "Corrections", "Learn from corrections …", ("Mod-t",)),
    Command("present", "View", "Presentation", ("F11",), "is_presenting"),
    Command("toggle_history", "View", "Earlier results", ("Mod-h",), "shows_history"),
    Command("toggle_dark", "View", "Dark theme", ("Mod-d",), "is_dark", starts_group=True),
    Command("show_keys", "Help", "Keyboard shortcuts", ("F1",)),
    Command("show_about", "Help", "About digits"),
)

OTHER_KEYS: Final = (
    ("Mod-0", "to 9", "Start a correction with this digit"),
    ("Escape", "", "End the presentation or correction"),
)
"""Further keys: the first, what follows its label, and what it does."""

_KEY_LABELS: Final = {
    "bracketright": "]",
    "bracketleft": "[",
    "plus": "+",
    "minus": "-",
    "Return": "Enter",
    "Escape": "Esc",
    "Delete": "Del",
    "BackSpace": "Backspace",
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
        if command.keys
    ]
    others = [
        (f"{key_label(key, mac=mac)} {rest}".rstrip(), label) for key, rest, label in OTHER_KEYS
    ]
    return [*commands, *others]
