"""The server's settings, each from its flag, its environment variable, or its default."""

import argparse
import ipaddress
import os
import socket
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from digits.address import join_address
from digits.arguments import host_name, log_level, whole_number
from digits.settings import (
    CommandSettings,
    SettingsError,
    check_tls,
    check_workers,
    flag_name,
    setting,
)

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 50051
# Pillow itself warns above 89 million pixels and refuses at twice that.
MAX_IMAGE_PIXELS: Final = 2**26
PRECISIONS: Final = ("float32", "int8")
UNIX_SCHEME: Final = "unix:"
SHIPPED_MODELS: Final = Path(__file__).parent / "shipped_models"


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None
    if not 0 <= value <= 86_400:
        raise argparse.ArgumentTypeError(f"{value:g} is not between 0 and 86400 seconds")
    return value


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(words)}")
        return text

    return parse


def _host(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("the host must not be empty")
    if text.startswith(UNIX_SCHEME):
        if not hasattr(socket, "AF_UNIX"):
            raise argparse.ArgumentTypeError("this system has no Unix sockets for Python programs")
        # Like a client's address, which is a URI.
        path = _unquote(text.removeprefix(UNIX_SCHEME).removeprefix("//"))
        if not path.startswith("/") or "\0" in path:
            raise argparse.ArgumentTypeError(f"{text!r} is not unix: and an absolute path")
        return UNIX_SCHEME + urllib.parse.quote(path, errors="surrogateescape")
    host = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if ":" in host or host != text:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a host name or address without a port"
            ) from None
    return host_name(host)


def _unquote(path: str) -> str:
    """Return the path of a URI, which may hold bytes that are not UTF-8."""
    return urllib.parse.unquote(path, errors="surrogateescape")


def _core_count() -> int:
    """Return the number of cores that this process may use, possibly fewer than exist.

    With more threads than cores the model is slower: its threads wait in busy loops.
    """
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Settings(CommandSettings):
    """All settings of a server.

    Each field has a flag and an environment variable: the field ``max_queue_images`` has
    ``--max-queue-images`` and ``DIGITS_MAX_QUEUE_IMAGES``.
    """

    variable_prefix = "DIGITS_"

    host: str = setting(
        DEFAULT_HOST, _host, "HOST", "address to listen on; unix:PATH is a Unix socket"
    )
    port: int = setting(
        DEFAULT_PORT, whole_number(0, 65_535), "PORT", "port to listen on; 0 picks a free port"
    )
    models_dir: Path = setting(
        SHIPPED_MODELS, Path, "DIR", "folder of numbered model folders; default: the shipped model"
    )
    model_version: int = setting(
        0, whole_number(0, 2**31), "N", "model version to serve; 0 serves the highest"
    )
    precision: str = setting(
        PRECISIONS[0],
        _one_of(*PRECISIONS),
        "KIND",
        "float32, or int8 (faster on processors with VNNI): the model's file to serve",
    )
    workers: int = setting(1, whole_number(1, 256), "N", "server processes that share the port")
    threads: int = setting(
        _core_count(),
        whole_number(1, 1024),
        "N",
        "threads per process that recognize images, each with a copy of the model; default: the "
        f"cores ({_core_count()} available) divided by the workers",
    )
    poll_seconds: float = setting(
        2.0, _seconds, "S", "interval between checks for new versions; 0 checks on SIGHUP only"
    )
    max_queue_images: int = setting(
        1024, whole_number(1, 10**7), "N", "maximum images in flight; more are rejected"
    )
    max_queue_bytes: int = setting(
        64 * 2**20,
        whole_number(1, 2**40),
        "N",
        "maximum memory for messages and images in flight; more are rejected",
    )
    max_wait_seconds: float = setting(
        1.0, _seconds, "S", "maximum expected wait; requests that would wait longer are rejected"
    )
    max_streams: int = setting(32, whole_number(1, 10**6), "N", "maximum open streams of drawings")
    max_connections: int = setting(1024, whole_number(1, 10**6), "N", "maximum open connections")
    max_connection_calls: int = setting(
        128, whole_number(1, 10**6), "N", "maximum calls in flight per connection; others wait"
    )
    max_connection_age_seconds: float = setting(
        1800.0, _seconds, "S", "maximum connection age; clients then reconnect"
    )
    max_connection_idle_seconds: float = setting(
        300.0, _seconds, "S", "time without a call after which a connection is closed; 0 is never"
    )
    max_batch_images: int = setting(
        256, whole_number(1, 65_536), "N", "maximum images in a batch request"
    )
    max_image_bytes: int = setting(
        5 * 2**20, whole_number(1, 2**31 - 1), "N", "maximum bytes of an encoded image"
    )
    max_image_pixels: int = setting(
        4096 * 4096, whole_number(1, MAX_IMAGE_PIXELS), "N", "maximum pixels of a decoded image"
    )
    max_decode_bytes: int = setting(
        104 * 2**20,
        whole_number(2**20, 2**40),
        "N",
        "maximum memory to decode one image that is not a small PNG or raw",
    )
    max_message_bytes: int = setting(
        21 * 2**18, whole_number(1024, 2**31 - 1), "N", "maximum bytes of a request message"
    )
    drain_seconds: float = setting(
        0.0, _seconds, "S", "time between NOT_SERVING and refusing new calls, on SIGTERM"
    )
    grace_seconds: float = setting(
        10.0, _seconds, "S", "time for calls in flight to finish before they are cancelled"
    )
    tls_cert: Path | None = setting(
        None, Path, "FILE", "certificate chain (PEM); enables TLS; default: plaintext"
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
    tokens_grace_seconds: int = setting(
        300,
        whole_number(5, 86_400),
        "S",
        "time for which the last tokens stay valid while the file is missing or invalid",
    )
    admin_port: int | None = setting(
        None,
        whole_number(0, 65_535),
        "PORT",
        "plaintext port for health and metrics; default: none",
    )
    telemetry: str = setting(
        "none",
        _one_of("none", "otlp"),
        "KIND",
        "none, or otlp to export traces and metrics with OpenTelemetry",
    )
    log_format: str = setting("console", _one_of("console", "json"), "FORMAT", "console or json")
    log_level: str = setting("INFO", log_level, "LEVEL", "debug, info, warning or error")

    @classmethod
    def _values(cls, flags: argparse.Namespace, environment: Mapping[str, str]) -> dict[str, Any]:
        values = super()._values(flags, environment)
        values.setdefault("threads", max(1, _core_count() // values.get("workers", 1)))
        return values

    @property
    def address(self) -> str:
        """``host:port``, with brackets around an IPv6 address, or ``unix:PATH``."""
        if self.unix_path is not None:
            return self.host
        return join_address(self.host, self.port)

    @property
    def unix_path(self) -> Path | None:
        """Path of the Unix socket to listen on instead of a port, if the host names one."""
        if not self.host.startswith(UNIX_SCHEME):
            return None
        return Path(_unquote(self.host.removeprefix(UNIX_SCHEME)))

    def as_flags(self) -> list[str]:
        """Return the flags that resolve to these settings in the same environment."""
        values = ((flag_name(each.name), getattr(self, each.name)) for each in fields(self))
        return [f"{flag}={value}" for flag, value in values if value is not None]

    def _check_together(self) -> None:
        check_tls(self.tls_cert, self.tls_key, self.tls_client_ca)
        if self.workers > 1 and self.unix_path is not None:
            raise SettingsError("--workers: processes share a port, but not a Unix socket")
        check_workers(self.workers)
