"""Settings from flags, environment variables and defaults."""

import argparse
from dataclasses import fields
from pathlib import Path

import pytest

from digits.settings import SettingsError
from digits_server.cli import main
from digits_server.settings import Settings
from tests import needs


def resolve(*flags: str, **environment: str) -> Settings:
    parser = argparse.ArgumentParser()
    Settings.add_flags(parser)
    return Settings.resolve(parser.parse_args(flags), environment)


def test_a_flag_overrides_the_environment_and_that_overrides_the_default() -> None:
    assert resolve().port == 50051
    assert resolve(DIGITS_PORT="7").port == 7
    assert resolve("--port", "8", DIGITS_PORT="7").port == 8


def test_an_empty_variable_counts_as_unset() -> None:
    assert resolve(DIGITS_PORT="").port == 50051


def test_values_are_parsed_to_their_types() -> None:
    settings = resolve("--models-dir", "m", "--drain-seconds", "1.5", "--log-level", "debug")
    assert settings.models_dir == Path("m")
    assert settings.drain_seconds == 1.5
    assert settings.log_level == "DEBUG"


def test_the_precision_is_float32_unless_a_flag_or_the_environment_sets_it() -> None:
    assert resolve().precision == "float32"
    assert resolve(DIGITS_PRECISION="int8").precision == "int8"
    assert resolve("--precision", "float32", DIGITS_PRECISION="int8").precision == "float32"
    with pytest.raises(SettingsError, match=r"^--precision: 'int4' is not one of float32, int8$"):
        resolve("--precision", "int4")


@needs.shared_ports
def test_the_workers_divide_the_cores_unless_threads_is_set() -> None:
    cores = resolve().threads
    assert resolve("--workers", "2").threads == max(1, cores // 2)
    assert resolve("--workers", "256").threads == 1
    assert resolve("--workers", "2", DIGITS_THREADS="3").threads == 3


@needs.shared_ports
def test_settings_as_flags_resolve_to_the_same_settings() -> None:
    settings = resolve("--host", "::1", "--models-dir=-m", "--admin-port", "0", "--workers", "2")
    assert resolve(*settings.as_flags(), DIGITS_PORT="7") == settings


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_only_linux_spreads_connections_over_workers(
    monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    monkeypatch.setattr("sys.platform", system)
    assert resolve().workers == 1
    with pytest.raises(SettingsError, match=r"^--workers: this system "):
        resolve("--workers", "2")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("localhost", "localhost:7"),
        ("::1", "[::1]:7"),
        ("[::1]", "[::1]:7"),
        ("fe80::1%eth0", "[fe80::1%eth0]:7"),
        pytest.param("unix:/run/digits.sock", "unix:/run/digits.sock", marks=needs.unix_sockets),
        pytest.param("unix:///run/digits.sock", "unix:/run/digits.sock", marks=needs.unix_sockets),
        pytest.param("unix:/run/a b", "unix:/run/a%20b", marks=needs.unix_sockets),
    ],
)
def test_the_address_of_a_host_is_one_that_clients_accept(host: str, address: str) -> None:
    assert resolve("--host", host, "--port", "7").address == address


@needs.unix_sockets
def test_a_unix_socket_has_a_path_and_only_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve("--host", "unix:/run/a%20b").unix_path == Path("/run/a b")
    not_utf8 = resolve("--host", "unix:/run/\udcff")
    assert not_utf8.address == "unix:/run/%FF"
    assert not_utf8.unix_path == Path("/run/\udcff")
    assert resolve().unix_path is None
    with pytest.raises(SettingsError, match=r"^--workers: .* Unix socket"):
        resolve("--host", "unix:/run/digits.sock", "--workers", "2")
    monkeypatch.delattr("socket.AF_UNIX")
    with pytest.raises(SettingsError, match=r"^--host: this system has no Unix sockets"):
        resolve("--host", "unix:/run/digits.sock")


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--port", "65536"),
        ("--port", "http"),
        ("--workers", "0"),
        ("--threads", "0"),
        ("--max-batch-images", "-1"),
        ("--max-image-pixels", "100000000"),
        ("--grace-seconds", "soon"),
        ("--grace-seconds", "nan"),
        ("--grace-seconds", "-1"),
        ("--log-level", "loud"),
        ("--host", ""),
        ("--host", "127.0.0.1:8500"),
        ("--host", "127..0.0.1"),
        ("--host", "http://digits.example"),
        ("--host", "[::1"),
        ("--host", "[localhost]"),
        ("--host", "unix:relative"),
        ("--host", "unix:/run/a%00b"),
    ],
)
def test_an_invalid_value_is_an_error_that_names_its_flag_or_variable(
    flag: str, value: str
) -> None:
    with pytest.raises(SettingsError, match=f"^{flag}: "):
        resolve(flag, value)
    variable = "DIGITS" + flag[1:].replace("-", "_").upper()
    if value:
        with pytest.raises(SettingsError, match=f"^{variable}: "):
            resolve(**{variable: value})


def test_an_invalid_value_exits_with_2_and_names_the_flag(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--port", "x"])
    assert caught.value.code == 2
    assert "--port: 'x' is not a whole number" in capsys.readouterr().err


def test_every_setting_has_a_flag_in_the_help_with_its_default(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    output = capsys.readouterr().out
    for setting in fields(Settings):
        assert f"--{setting.name.replace('_', '-')} " in output
