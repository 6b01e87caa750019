"""Settings of digits-web: flag, else environment, else default."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from digits.settings import SettingsError
from digits_client.web.settings import Settings


def resolve(*flags: str, **variables: str) -> Settings:
    parser = argparse.ArgumentParser()
    Settings.add_flags(parser)
    environment = {f"DIGITS_WEB_{name}": value for name, value in variables.items()}
    return Settings.resolve(parser.parse_args(flags), environment)


def test_a_flag_overrides_its_variable_and_that_the_default() -> None:
    assert resolve() == Settings()
    assert resolve(PORT="81", MAX_FILES="").port == 81
    assert resolve("--port", "82", PORT="81").port == 82


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--port", "x"], "argument --port: 'x' is not a whole number from 0 to 65535"),
        (["--host", ""], "argument --host: '' is not a host name or address"),
        (["--host", "a..b"], "argument --host: 'a..b' is not a host name or address"),
        (["--cors-origins", "example.org"], "argument --cors-origins: 'example.org' is not an"),
        (["--tls-cert", "c"], "--tls-cert and --tls-key must be set together"),
        (["--tls-client-ca", "c"], "--tls-client-ca requires --tls-cert and --tls-key"),
        (["--corrections", __file__], f"--corrections: {__file__} is not a folder"),
        (["--corrections", "a" * 5000], f"--corrections: File name too long: {'a' * 5000}"),
        (["--log-level", "loud"], "argument --log-level: 'loud' is not one of"),
    ],
)
def test_a_value_that_is_not_valid_is_named_with_its_flag(flags: list[str], message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        resolve(*flags)
    assert str(raised.value).startswith(message)


def test_a_variable_that_is_not_valid_is_named() -> None:
    with pytest.raises(SettingsError, match=r"^DIGITS_WEB_WORKERS: '0' is not a whole number"):
        resolve(WORKERS="0")


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, "http://127.0.0.1:9/"),
        ({"host": "0.0.0.0"}, "http://127.0.0.1:9/"),
        ({"host": "::"}, "http://[::1]:9/"),
        ({"host": "example.org", "tls_cert": Path("c")}, "https://example.org:9/"),
    ],
)
def test_the_url_is_one_that_a_browser_on_this_machine_opens(
    fields: dict[str, Any], url: str
) -> None:
    assert Settings(**fields).url(9) == url
