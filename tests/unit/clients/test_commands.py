"""The table of what can be done in the window."""

import pytest

from digits_client.draw.commands import COMMANDS, key_table, sequence, spoken


def test_no_key_stands_for_two_things() -> None:
    keys = [key for command in COMMANDS for key in command.keys]
    assert len(keys) == len(set(keys))
    assert not {*"0123456789"} & set(keys)


@pytest.mark.parametrize(
    ("key", "linux", "mac"),
    [
        ("Mod-z", "Ctrl+Z", "Cmd+Z"),
        ("Mod-Shift-Z", "Ctrl+Shift+Z", "Cmd+Shift+Z"),
        ("Return", "Enter", "Enter"),
        ("e", "E", "E"),
    ],
)
def test_keys_are_called_as_people_call_them(key: str, linux: str, mac: str) -> None:
    assert spoken(key, mac=False) == linux
    assert spoken(key, mac=True) == mac


def test_keys_are_events_of_tk() -> None:
    assert sequence("Mod-z", mac=False) == "<Control-z>"
    assert sequence("Mod-z", mac=True) == "<Command-z>"
    assert sequence("plus", mac=False) == "<Key-plus>"


def test_every_command_is_told() -> None:
    told = [what for _, what in key_table()]
    assert len(told) == len(COMMANDS) + 1
    assert "Undo" in told
