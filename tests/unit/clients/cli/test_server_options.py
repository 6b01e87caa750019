"""The options that name a server and its credentials."""

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
    "DIGITS_TLS_SERVER_NAME",
)


def parse(*flags: str) -> ServerOptions | None:
    parser = argparse.ArgumentParser()
    add_options(parser, otherwise="else nothing")
    return ServerOptions.of(parser, parser.parse_args(flags))


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_without_a_named_server_there_are_no_server_options() -> None:
    assert parse() is None


def test_flags_take_precedence_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, f"{name}:1")
    assert parse() == ServerOptions(
        *(f"{name}:1" for name in VARIABLES),
    )
    flags = (
        *("--server", "a:1", "--tls-ca", "ca.pem", "--token-file", "token"),
        *("--client-cert", "cert.pem", "--client-key", "key.pem", "--tls-server-name", "name"),
    )
    assert parse(*flags) == ServerOptions("a:1", "ca.pem", "cert.pem", "key.pem", "token", "name")


@pytest.mark.parametrize("flag", ["--client-cert", "--client-key"])
def test_a_certificate_and_its_key_must_be_given_together(
    flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        parse("--server", "a:1", flag, "file")
    assert exit_info.value.code == 2
    assert "--client-cert and --client-key must be given together" in capsys.readouterr().err


def test_a_list_of_servers_is_one_address() -> None:
    assert parse("--server", "10.0.0.1:1,10.0.0.2:2") == ServerOptions("10.0.0.1:1,10.0.0.2:2")


@pytest.mark.parametrize(
    "flags", [("--server", "a:1,b:2"), ("--server", "10.0.0.1:1,10.0.0.2:2", "--tls-ca", "ca.pem")]
)
def test_a_list_that_is_not_valid_exits_with_2_and_names_the_flag_or_variable(
    flags: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        parse(*flags)
    assert exit_info.value.code == 2
    assert "argument --server: " in capsys.readouterr().err
    monkeypatch.setenv("DIGITS_SERVER", flags[1])
    with pytest.raises(SystemExit) as exit_info:
        parse(*flags[2:])
    assert exit_info.value.code == 2
    assert "DIGITS_SERVER: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("a", "'a' has no port: use a:50051"),
        ("http://a:1", "'http://a:1' is not a host and port: use a:1"),
        ("a:65536", "'a:65536' is not a valid address: ports are 1 to 65535"),
    ],
)
def test_an_address_that_is_not_valid_exits_with_2(
    address: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        parse("--server", address)
    assert exit_info.value.code == 2
    assert f"argument --server: {reason}" in capsys.readouterr().err


def test_a_name_of_a_certificate_needs_tls(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        parse("--server", "a:1", "--tls-server-name", "name")
    assert exit_info.value.code == 2
    assert "--tls-server-name: needs --tls-ca" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--tls-ca", "--client-cert", "--token-file", "--tls-server-name"])
def test_credential_options_need_a_named_server(
    flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        parse(flag, "file")
    assert exit_info.value.code == 2
    assert f"argument {flag}: needs --server" in capsys.readouterr().err


def test_flags_and_the_environment_can_be_combined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DIGITS_SERVER", "a:1")
    assert parse() == ServerOptions("a:1")
    assert parse("--tls-ca", "ca.pem") == ServerOptions("a:1", "ca.pem")
    monkeypatch.setenv("DIGITS_TOKEN_FILE", "token")
    assert parse("--server", "b:2") == ServerOptions("b:2", None, token_file="token")


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
    assert parse() is None
    assert parse("--server", "a:1") == ServerOptions("a:1")


def test_credentials_in_the_environment_do_not_need_a_named_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DIGITS_TLS_CA", "ca.pem")
    monkeypatch.setenv("DIGITS_TOKEN_FILE", "token")
    assert parse() is None


def test_the_help_names_each_flag_with_its_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--help")
    text = capsys.readouterr().out
    for name in VARIABLES:
        assert f"${name}" in text
    assert "else nothing" in text


async def test_a_ca_bundle_that_cannot_be_read_raises_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    file = tmp_path / "none.pem"
    with pytest.raises(AccessError, match=r"none\.pem cannot be read: No such file"):
        ServerOptions("a:1", str(file)).client()
