"""The table of what can be done in the window."""

import inspect
import re

import pytest

from digits_client.draw.commands import COMMANDS, Command, key_table, sequence, spoken

KEYS = [key for command in COMMANDS for key in command.keys]


def test_no_key_stands_for_two_things() -> None:
    for mac in (False, True):
        sequences = [sequence(key, mac=mac) for key in KEYS]
        assert len(sequences) == len(set(sequences))
        shown = [spoken(key, mac=mac) for key in KEYS]
        assert len(shown) == len(set(shown))
    assert not {*"0123456789"} & set(KEYS)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_window_does_each_command(command: Command) -> None:
    pytest.importorskip("tkinter", reason="this Python has no Tk")
    from digits_client.draw.window import DrawWindow

    do = inspect.getattr_static(DrawWindow, command.name)
    assert inspect.isfunction(do)
    inspect.signature(do).bind("the window")  # a menu gives it nothing else


def test_no_command_is_there_twice() -> None:
    assert len({command.name for command in COMMANDS}) == len(COMMANDS)
    assert all(command.keys for command in COMMANDS)


@pytest.mark.parametrize("mac", [False, True])
@pytest.mark.parametrize("key", KEYS)
def test_no_word_of_tk_is_spoken(key: str, mac: bool) -> None:
    one = r"Enter|Esc|Del|F\d+|[A-Z]|[\[\]+-]"
    modifiers = r"(Cmd\+)?(Shift\+)?" if mac else r"(Ctrl\+)?(Shift\+)?"
    assert re.fullmatch(modifiers + f"({one})", spoken(key, mac=mac))


@pytest.mark.parametrize(
    ("key", "linux", "mac"),
    [
        ("Mod-z", "Ctrl+Z", "Cmd+Z"),
        ("Mod-Shift-Z", "Ctrl+Shift+Z", "Cmd+Shift+Z"),
        ("Return", "Enter", "Enter"),
        ("e", "E", "E"),
        ("bracketleft", "[", "["),
        ("plus", "+", "+"),
        ("F1", "F1", "F1"),
    ],
)
def test_keys_are_called_as_people_call_them(key: str, linux: str, mac: str) -> None:
    assert spoken(key, mac=False) == linux
    assert spoken(key, mac=True) == mac


def test_keys_are_events_of_tk() -> None:
    assert sequence("Mod-z", mac=False) == "<Control-z>"
    assert sequence("Mod-z", mac=True) == "<Command-z>"
    assert sequence("plus", mac=False) == "<Key-plus>"
    assert sequence("Mod-Shift-Z", mac=False) == "<Control-Shift-Z>"


def test_every_command_is_told() -> None:
    told = [what for _, what in key_table()]
    assert len(told) == len(COMMANDS) + 1
    assert ("Ctrl+Z", "Undo") in key_table()
    assert ("Cmd+Shift+Z or Cmd+Y", "Redo") in key_table(mac=True)
    assert ("Ctrl+O", "Open a picture") in key_table()
    assert key_table()[0][0] == "0 to 9"
