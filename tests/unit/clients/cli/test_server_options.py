"""Which server a command asks."""

import argparse
from pathlib import Path

import pytest

from digits_client import AccessError
from digits_client.cli.server_options import ServerOptions, add_options

VARIABLES = (
    "DIGITS_SERVER",
    "DIGITS_TLS_CA",
    "DIGITS_CLIENT_CERT",
    "DIGITS_CLIENT_KEY",
    "DIGITS_TOKEN_FILE",
)


def named(*flags: str) -> ServerOptions | None:
    parser = argparse.ArgumentParser()
    add_options(parser, otherwise="else nothing")
    return ServerOptions.of(parser, parser.parse_args(flags))


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_where_no_server_is_named_there_is_none() -> None:
    assert named() is None


def test_flags_come_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, f"of {name}")
    assert named() == ServerOptions(
        "of DIGITS_SERVER",
        "of DIGITS_TLS_CA",
        "of DIGITS_CLIENT_CERT",
        "of DIGITS_CLIENT_KEY",
        "of DIGITS_TOKEN_FILE",
    )
    flags = (
        *("--server", "a:1", "--tls-ca", "ca.pem", "--token-file", "token"),
        *("--client-cert", "cert.pem", "--client-key", "key.pem"),
    )
    assert named(*flags) == ServerOptions("a:1", "ca.pem", "cert.pem", "key.pem", "token")


@pytest.mark.parametrize("flag", ["--client-cert", "--client-key"])
def test_a_certificate_and_its_key_belong_together(
    flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        named("--server", "a:1", flag, "file")
    assert exit_info.value.code == 2
    assert "--client-cert and --client-key belong together" in capsys.readouterr().err


def test_several_servers_are_one_address() -> None:
    assert named("--server", "10.0.0.1:1,10.0.0.2:2") == ServerOptions("10.0.0.1:1,10.0.0.2:2")


@pytest.mark.parametrize(
    "flags", [("--server", "a:1,b:2"), ("--server", "10.0.0.1:1,10.0.0.2:2", "--tls-ca", "ca.pem")]
)
def test_a_list_that_cannot_be_used_is_wrong_usage(
    flags: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        named(*flags)
    assert exit_info.value.code == 2
    assert "argument --server: " in capsys.readouterr().err
    monkeypatch.setenv("DIGITS_SERVER", flags[1])
    with pytest.raises(SystemExit) as exit_info:
        named(*flags[2:])
    assert exit_info.value.code == 2
    assert "DIGITS_SERVER: " in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--tls-ca", "--client-cert", "--token-file"])
def test_what_is_for_a_server_needs_one(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        named(flag, "file")
    assert exit_info.value.code == 2
    assert f"argument {flag}: needs --server" in capsys.readouterr().err


def test_a_flag_is_joined_by_what_the_environment_says_of_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DIGITS_SERVER", "a:1")
    assert named() == ServerOptions("a:1")
    assert named("--tls-ca", "ca.pem") == ServerOptions("a:1", "ca.pem")
    monkeypatch.setenv("DIGITS_TOKEN_FILE", "token")
    assert named("--server", "b:2") == ServerOptions("b:2", None, token_file="token")


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
    assert named() is None
    assert named("--server", "a:1") == ServerOptions("a:1")


def test_the_environment_may_say_what_is_for_a_server_without_naming_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DIGITS_TLS_CA", "ca.pem")
    monkeypatch.setenv("DIGITS_TOKEN_FILE", "token")
    assert named() is None


def test_the_help_names_each_flag_with_its_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        named("--help")
    text = capsys.readouterr().out
    for name in VARIABLES:
        assert f"${name}" in text
    assert "else nothing" in text


async def test_authorities_that_cannot_be_read_are_an_error_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    file = tmp_path / "none.pem"
    with pytest.raises(AccessError, match=r"none\.pem cannot be read: No such file"):
        ServerOptions("a:1", str(file)).client()
