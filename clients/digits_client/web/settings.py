"""The settings of ``digits-web``, each from its flag, its environment variable, or its default."""

import argparse
import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from digits.endpoint import flag_name
from digits_client.cli.arguments import non_negative_number, positive_number, whole_number

VARIABLE_PREFIX: Final = "DIGITS_WEB_"


class SettingsError(Exception):
    """A setting is invalid; the message names its flag or environment variable."""


def _setting(default: Any, parse: Callable[[str], Any], placeholder: str, text: str) -> Any:
    """Return the dataclass field of a setting: see ``digits_server.settings``."""
    return field(default=default, metadata={"parse": parse, "metavar": placeholder, "help": text})


def _host(text: str) -> str:
    if not text or any(character in text for character in " /"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a host name or address")
    return text.removeprefix("[").removesuffix("]")


def _level(text: str) -> str:
    if text.lower() not in ("debug", "info", "warning", "error"):
        raise argparse.ArgumentTypeError(f"{text!r} is not one of debug, info, warning, error")
    return text.upper()


def _origins(text: str) -> tuple[str, ...]:
    """Return origins, as a browser writes them, from a comma-separated list."""
    origins = tuple(part.strip().rstrip("/") for part in text.split(","))
    for origin in origins:
        scheme, separator, host = origin.partition("://")
        if origin != "*" and not (scheme in ("http", "https") and separator and host):
            raise argparse.ArgumentTypeError(
                f"{origin!r} is not an origin: use https://example.org, or * for every site"
            )
    return origins


@dataclass(frozen=True)
class Settings:
    """All settings of the gateway, apart from those that name the digits server.

    Each field has a flag and an environment variable: the field ``max_body_bytes`` has
    ``--max-body-bytes`` and ``DIGITS_WEB_MAX_BODY_BYTES``.
    """

    host: str = _setting("127.0.0.1", _host, "HOST", "address to listen on")
    port: int = _setting(
        8080, whole_number(0, 65_535), "PORT", "port to listen on; 0 picks a free port"
    )
    workers: int = _setting(
        1, whole_number(1, 256), "N", "gateway processes that share the port (Linux)"
    )
    tls_cert: Path | None = _setting(
        None, Path, "FILE", "certificate chain (PEM); enables HTTPS; default: plaintext"
    )
    tls_key: Path | None = _setting(
        None, Path, "FILE", "private key (PEM) of the certificate; default: none"
    )
    tls_client_ca: Path | None = _setting(
        None, Path, "FILE", "CA bundle (PEM) for verifying client certificates; default: none"
    )
    tokens_file: Path | None = _setting(
        None, Path, "FILE", "file of accepted bearer tokens, one per line; default: none"
    )
    tokens_grace_seconds: float = _setting(
        300.0,
        positive_number,
        "S",
        "time for which the last tokens stay valid while the file is missing or invalid",
    )
    corrections: Path | None = _setting(
        None, Path, "FOLDER", "keep corrections of the page in this folder; default: do not"
    )
    cors_origins: tuple[str, ...] = _setting(
        (),
        _origins,
        "ORIGINS",
        "sites whose pages may call this gateway, separated by commas; * is every site; "
        "default: none",
    )
    max_body_bytes: int = _setting(
        32 * 2**20, whole_number(1, 2**31 - 1), "N", "maximum bytes of a request body"
    )
    max_files: int = _setting(
        256, whole_number(1, 65_536), "N", "maximum files in one multipart request"
    )
    max_requests: int = _setting(
        1024, whole_number(1, 10**6), "N", "maximum requests in flight; more are rejected"
    )
    max_queue_bytes: int = _setting(
        256 * 2**20,
        whole_number(1, 2**40),
        "N",
        "maximum memory for request bodies in flight; more are rejected",
    )
    max_streams: int = _setting(
        256, whole_number(1, 10**6), "N", "maximum open WebSockets; more are rejected"
    )
    max_connections: int = _setting(
        2048, whole_number(1, 10**6), "N", "maximum open connections; more are rejected"
    )
    body_seconds: float = _setting(
        30.0, positive_number, "S", "maximum time for a request body to arrive"
    )
    timeout_seconds: float = _setting(
        10.0, positive_number, "S", "maximum time for the digits server to respond"
    )
    drain_seconds: float = _setting(
        0.0, non_negative_number, "S", "time between not ready and refusing requests, on SIGTERM"
    )
    grace_seconds: float = _setting(
        10.0, non_negative_number, "S", "time for requests in flight to finish on SIGTERM"
    )
    log_level: str = _setting("INFO", _level, "LEVEL", "debug, info, warning or error")

    @classmethod
    def add_flags(cls, parser: argparse.ArgumentParser) -> None:
        """Add one flag per setting to a parser; the help states each default."""
        group = parser.add_argument_group("gateway")
        for setting in fields(cls):
            text = setting.metadata["help"]
            if "default" not in text:
                text += f"; default: {setting.default}"
            group.add_argument(
                flag_name(setting.name), metavar=setting.metadata["metavar"], help=text
            )

    @classmethod
    def resolve(cls, flags: argparse.Namespace, environment: Mapping[str, str]) -> "Settings":
        """Return the settings that flags and environment variables specify.

        Args:
            flags: Parsed by a parser with the flags that ``add_flags`` adds.
            environment: Environment variables; an empty one counts as unset.

        Raises:
            SettingsError: A value is invalid; the message names its flag or variable.
        """
        values: dict[str, Any] = {}
        for setting in fields(cls):
            variable = VARIABLE_PREFIX + setting.name.upper()
            source, text = f"argument {flag_name(setting.name)}", getattr(flags, setting.name)
            if text is None:
                source, text = variable, environment.get(variable) or None
            if text is None:
                continue
            try:
                values[setting.name] = setting.metadata["parse"](text)
            except argparse.ArgumentTypeError as error:
                raise SettingsError(f"{source}: {error}") from None
        settings = cls(**values)
        settings._check_together()
        return settings

    def url(self, port: int) -> str:
        """Return the URL of the page.

        Args:
            port: The port as bound.
        """
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        scheme = "http" if self.tls_cert is None else "https"
        return f"{scheme}://{join_address(host, port)}/"

    def _check_together(self) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise SettingsError("--tls-cert and --tls-key must be set together")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise SettingsError("--tls-client-ca requires --tls-cert and --tls-key")
        if self.workers > 1 and not (sys.platform == "linux" and hasattr(socket, "SO_REUSEPORT")):
            raise SettingsError(
                "--workers: this system does not spread connections over processes; use 1"
            )
        if self.corrections is not None and self.corrections.exists():
            if not self.corrections.is_dir():
                raise SettingsError(f"--corrections: {self.corrections} is not a folder")
            if not os.access(self.corrections, os.W_OK):
                raise SettingsError(f"--corrections: {self.corrections} cannot be written to")


def join_address(host: str, port: int) -> str:
    """Return ``host:port``, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
