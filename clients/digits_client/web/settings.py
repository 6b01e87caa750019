"""The settings of ``digits-web``, each from its flag, its environment variable, or its default."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from digits.address import join_address
from digits.arguments import host_name, log_level, whole_number
from digits.settings import CommandSettings, SettingsError, check_tls, check_workers, setting
from digits_client.cli.arguments import non_negative_number, positive_number


def _host(text: str) -> str:
    if not text or any(character in text for character in " /"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a host name or address")
    return host_name(text.removeprefix("[").removesuffix("]"))


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
class Settings(CommandSettings):
    """All settings of the gateway, apart from those that name the digits server.

    Each field has a flag and an environment variable: the field ``max_body_bytes`` has
    ``--max-body-bytes`` and ``DIGITS_WEB_MAX_BODY_BYTES``.
    """

    variable_prefix = "DIGITS_WEB_"
    flag_prefix = "argument "

    host: str = setting("127.0.0.1", _host, "HOST", "address to listen on")
    port: int = setting(
        8080, whole_number(0, 65_535), "PORT", "port to listen on; 0 picks a free port"
    )
    workers: int = setting(
        1, whole_number(1, 256), "N", "gateway processes that share the port (Linux)"
    )
    tls_cert: Path | None = setting(
        None, Path, "FILE", "certificate chain (PEM); enables HTTPS; default: plaintext"
    )
    tls_key: Path | None = setting(
        None, Path, "FILE", "private key (PEM) of the certificate; default: none"
    )
    tls_client_ca: Path | None = setting(
        None, Path, "FILE", "CA bundle (PEM) for verifying client certificates; default: none"
    )
    tokens_file: Path | None = setting(
        None, Path, "FILE", "file of accepted bearer tokens, one per line; default: none"
    )
    tokens_grace_seconds: float = setting(
        300.0,
        positive_number,
        "S",
        "time for which the last tokens stay valid while the file is missing or invalid",
    )
    corrections: Path | None = setting(
        None, Path, "FOLDER", "keep corrections of the page in this folder; default: do not"
    )
    cors_origins: tuple[str, ...] = setting(
        (),
        _origins,
        "ORIGINS",
        "sites whose pages may call this gateway, separated by commas; * is every site; "
        "default: none",
    )
    max_body_bytes: int = setting(
        32 * 2**20, whole_number(1, 2**31 - 1), "N", "maximum bytes of a request body"
    )
    max_files: int = setting(
        256, whole_number(1, 65_536), "N", "maximum files in one multipart request"
    )
    max_requests: int = setting(
        1024, whole_number(1, 10**6), "N", "maximum requests in flight; more are rejected"
    )
    max_queue_bytes: int = setting(
        256 * 2**20,
        whole_number(1, 2**40),
        "N",
        "maximum memory for request bodies in flight; more are rejected",
    )
    max_streams: int = setting(
        256, whole_number(1, 10**6), "N", "maximum open WebSockets; more are rejected"
    )
    max_connections: int = setting(
        2048, whole_number(1, 10**6), "N", "maximum open connections; more are rejected"
    )
    body_seconds: float = setting(
        30.0, positive_number, "S", "maximum time for a request body to arrive"
    )
    timeout_seconds: float = setting(
        10.0, positive_number, "S", "maximum time for the digits server to respond"
    )
    drain_seconds: float = setting(
        0.0, non_negative_number, "S", "time between not ready and refusing requests, on SIGTERM"
    )
    grace_seconds: float = setting(
        10.0, non_negative_number, "S", "time for requests in flight to finish on SIGTERM"
    )
    log_level: str = setting("INFO", log_level, "LEVEL", "debug, info, warning or error")

    def url(self, port: int) -> str:
        """Return the URL of the page.

        Args:
            port: The port as bound.
        """
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        scheme = "http" if self.tls_cert is None else "https"
        return f"{scheme}://{join_address(host, port)}/"

    def _check_together(self) -> None:
        check_tls(self.tls_cert, self.tls_key, self.tls_client_ca)
        check_workers(self.workers)
        if self.corrections is not None:
            _check_folder(self.corrections)


def _check_folder(corrections: Path) -> None:
    try:
        if not corrections.exists():  # it is made when it is needed
            return
    except OSError as error:
        raise SettingsError(f"--corrections: {error.strerror}: {corrections}") from None
    if not corrections.is_dir():
        raise SettingsError(f"--corrections: {corrections} is not a folder")
    if not os.access(corrections, os.W_OK):
        raise SettingsError(f"--corrections: {corrections} cannot be written to")
