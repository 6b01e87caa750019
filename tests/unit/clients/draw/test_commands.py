"""The table of the window's commands."""

import inspect
import re

import pytest

from digits_client.draw.commands import COMMANDS, Command, event_sequence, key_label, key_table

KEYS = [key for command in COMMANDS for key in command.keys]


def test_no_key_has_two_commands() -> None:
    for mac in (False, True):
        sequences = [event_sequence(key, mac=mac) for key in KEYS]
        assert len(sequences) == len(set(sequences))
        labels = [key_label(key, mac=mac) for key in KEYS]
        assert len(labels) == len(set(labels))
    assert not {*"0123456789"} & set(KEYS)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_window_has_a_method_for_each_command(command: Command) -> None:
    pytest.importorskip("tkinter", reason="this Python has no Tk")
    from digits_client.draw.window import DrawWindow

    method = inspect.getattr_static(DrawWindow, command.name)
    assert inspect.isfunction(method)
    inspect.signature(method).bind("self")  # a menu passes no other argument


def test_command_names_are_unique_and_no_key_is_a_letter_alone() -> None:
    assert len({command.name for command in COMMANDS}) == len(COMMANDS)
    assert not [key for key in KEYS if len(key) == 1]


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.state], ids=lambda c: c.name)
def test_the_window_has_the_state_of_each_command_with_a_check_mark(command: Command) -> None:
    pytest.importorskip("tkinter", reason="this Python has no Tk")
    from digits_client.draw.window import DrawWindow

    source = inspect.getsource(DrawWindow)
    assert f"self.{command.state} =" in source or f"def {command.state}(self)" in source


@pytest.mark.parametrize("mac", [False, True])
@pytest.mark.parametrize("key", KEYS)
def test_labels_of_keys_contain_no_names_from_tk(key: str, mac: bool) -> None:
    one = r"Enter|Esc|Del|Backspace|F\d+|[A-Z]|[\[\]+-]"
    modifiers = r"(Cmd\+)?(Shift\+)?" if mac else r"(Ctrl\+)?(Shift\+)?"
    assert re.fullmatch(modifiers + f"({one})", key_label(key, mac=mac))


@pytest.mark.parametrize(
    ("key", "linux", "mac"),
    [
        ("Mod-z", "Ctrl+Z", "Cmd+Z"),
        ("Mod-Shift-Z", "Ctrl+Shift+Z", "Cmd+Shift+Z"),
        ("Return", "Enter", "Enter"),
        ("bracketleft", "[", "["),
        ("plus", "+", "+"),
        ("F1", "F1", "F1"),
    ],
)
def test_keys_are_labeled_as_on_the_keyboard(key: str, linux: str, mac: str) -> None:
    assert key_label(key, mac=False) == linux
    assert key_label(key, mac=True) == mac


def test_keys_become_tk_events() -> None:
    assert event_sequence("Mod-z", mac=False) == "<Control-z>"
    assert event_sequence("Mod-z", mac=True) == "<Command-z>"
    assert event_sequence("plus", mac=False) == "<Key-plus>"
    assert event_sequence("Mod-Shift-Z", mac=False) == "<Control-Shift-Z>"


def test_the_key_table_lists_every_command() -> None:
    assert len(key_table()) == len([c for c in COMMANDS if c.keys]) + 2
    assert ("Ctrl+Z", "Undo") in key_table()
    assert ("Cmd+Shift+Z or Cmd+Y", "Redo") in key_table(mac=True)
    assert ("Ctrl+O", "Open picture") in key_table()
    assert ("Ctrl+0 to 9", "Start a correction with this digit") in key_table()
