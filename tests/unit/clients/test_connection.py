"""Which server a command asks."""

import argparse

import pytest

from digits_client.connection import Connection, add_options

VARIABLES = ("DIGITS_SERVER", "DIGITS_TLS_CA", "DIGITS_TOKEN_FILE")


def named(*flags: str) -> Connection | None:
    parser = argparse.ArgumentParser()
    add_options(parser, otherwise="else nothing")
    return Connection.of(parser, parser.parse_args(flags))


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_where_no_server_is_named_there_is_none() -> None:
    assert named() is None


def test_flags_come_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, f"of {name}")
    assert named() == Connection("of DIGITS_SERVER", "of DIGITS_TLS_CA", "of DIGITS_TOKEN_FILE")
    flags = ("--server", "a:1", "--tls-ca", "ca.pem", "--token-file", "token")
    assert named(*flags) == Connection("a:1", "ca.pem", "token")


@pytest.mark.parametrize("flag", ["--tls-ca", "--token-file"])
def test_what_is_for_a_server_needs_one(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        named(flag, "file")
    assert exit_info.value.code == 2
    assert f"argument {flag}: needs --server" in capsys.readouterr().err
