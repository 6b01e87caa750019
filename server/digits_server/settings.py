"""The server's settings, each from its flag, its environment variable, or its default."""

import argparse
import ipaddress
import os
import socket
import sys
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 50051
# Pillow itself warns above 89 million pixels and refuses at twice that.
MAX_IMAGE_PIXELS: Final = 2**26
PRECISIONS: Final = ("float32", "int8")
UNIX_SCHEME: Final = "unix:"
SHIPPED_MODELS: Final = Path(__file__).parent / "shipped_models"


class SettingsError(Exception):
    """A setting is invalid; the message names its flag or environment variable."""


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a whole number") from None
        if not low <= value <= high:
            raise ValueError(f"{value} is not between {low} and {high}")
        return value

    return parse


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number of seconds") from None
    if not 0 <= value <= 86_400:
        raise ValueError(f"{value:g} is not between 0 and 86400 seconds")
    return value


def _log_level(text: str) -> str:
    level = text.upper()
    if level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError(f"{text!r} is not one of debug, info, warning, error")
    return level


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"{text!r} is not one of {', '.join(words)}")
        return text

    return parse


def _host(text: str) -> str:
    if not text:
        raise ValueError("the host must not be empty")
    if text.startswith(UNIX_SCHEME):
        if not hasattr(socket, "AF_UNIX"):
            raise ValueError("this system has no Unix sockets for Python programs")
        path = text.removeprefix(UNIX_SCHEME)
        if not path.removeprefix("//").startswith("/"):
            raise ValueError(f"{text!r} is not unix: and an absolute path")
        # Like a client's address, which is a URI.
        return UNIX_SCHEME + urllib.parse.quote(urllib.parse.unquote(path.removeprefix("//")))
    host = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if ":" in host or host != text:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise ValueError(f"{text!r} is not a host name or address without a port") from None
    return host


def _setting(default: Any, parse: Callable[[str], Any], placeholder: str, text: str) -> Any:
    """Return the dataclass field of a setting.

    Args:
        default: The value without a flag and an environment variable.
        parse: Returns the value of a text, or raises ValueError.
        placeholder: Stands for the value in the help.
        text: The help of the flag.
    """
    return field(default=default, metadata={"parse": parse, "metavar": placeholder, "help": text})


def _core_count() -> int:
    """Return the number of cores that this process may use, possibly fewer than exist.

    With more threads than cores the model is slower: its threads wait in busy loops.
    """
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Settings:
    """All settings of a server.

    Each field has a flag and an environment variable: the field ``max_queue_images`` has
    ``--max-queue-images`` and ``DIGITS_MAX_QUEUE_IMAGES``.
    """

    host: str = _setting(
        DEFAULT_HOST, _host, "HOST", "address to listen on; unix:PATH is a Unix socket"
    )
    port: int = _setting(
        DEFAULT_PORT, _integer(0, 65_535), "PORT", "port to listen on; 0 picks a free port"
    )
    models_dir: Path = _setting(
        SHIPPED_MODELS, Path, "DIR", "folder of numbered model folders; default: the shipped model"
    )
    model_version: int = _setting(
        0, _integer(0, 2**31), "N", "model version to serve; 0 serves the highest"
    )
    precision: str = _setting(
        PRECISIONS[0],
        _one_of(*PRECISIONS),
        "KIND",
        "float32, or int8 (faster on processors with VNNI): the model's file to serve",
    )
    workers: int = _setting(1, _integer(1, 256), "N", "server processes that share the port")
    threads: int = _setting(
        _core_count(),
        _integer(1, 1024),
        "N",
        "threads per process that recognize images, each with a copy of the model; default: the "
        f"cores ({_core_count()} available) divided by the workers",
    )
    poll_seconds: float = _setting(
        2.0, _seconds, "S", "interval between checks for new versions; 0 checks on SIGHUP only"
    )
    max_queue_images: int = _setting(
        1024, _integer(1, 10**7), "N", "maximum images in flight; more are rejected"
    )
    max_queue_bytes: int = _setting(
        64 * 2**20,
        _integer(1, 2**40),
        "N",
        "maximum memory for messages and images in flight; more are rejected",
    )
    max_wait_seconds: float = _setting(
        1.0, _seconds, "S", "maximum expected wait; requests that would wait longer are rejected"
    )
    max_streams: int = _setting(32, _integer(1, 10**6), "N", "maximum open streams of drawings")
    max_connections: int = _setting(1024, _integer(1, 10**6), "N", "maximum open connections")
    max_connection_calls: int = _setting(
        128, _integer(1, 10**6), "N", "maximum calls in flight per connection; others wait"
    )
    max_connection_age_seconds: float = _setting(
        1800.0, _seconds, "S", "maximum connection age; clients then reconnect"
    )
    max_connection_idle_seconds: float = _setting(
        300.0, _seconds, "S", "time without a call after which a connection is closed; 0 is never"
    )
    max_batch_images: int = _setting(
        256, _integer(1, 65_536), "N", "maximum images in a batch request"
    )
    max_image_bytes: int = _setting(
        5 * 2**20, _integer(1, 2**31 - 1), "N", "maximum bytes of an encoded image"
    )
    max_image_pixels: int = _setting(
        4096 * 4096, _integer(1, MAX_IMAGE_PIXELS), "N", "maximum pixels of a decoded image"
    )
    max_decode_bytes: int = _setting(
        104 * 2**20,
        _integer(2**20, 2**40),
        "N",
        "maximum memory to decode one image that is not a small PNG or raw",
    )
    max_message_bytes: int = _setting(
        21 * 2**18, _integer(1024, 2**31 - 1), "N", "maximum bytes of a request message"
    )
    drain_seconds: float = _setting(
        0.0, _seconds, "S", "time between NOT_SERVING and refusing new calls, on SIGTERM"
    )
    grace_seconds: float = _setting(
        10.0, _seconds, "S", "time for calls in flight to finish before they are cancelled"
    )
    tls_cert: Path | None = _setting(
        None, Path, "FILE", "certificate chain (PEM); enables TLS; default: plaintext"
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
    tokens_grace_seconds: int = _setting(
        300,
        _integer(5, 86_400),
        "S",
        "time for which the last tokens stay valid while the file is missing or invalid",
    )
    admin_port: int | None = _setting(
        None,
        _integer(0, 65_535),
        "PORT",
        "plaintext port for health and metrics; default: none",
    )
    telemetry: str = _setting(
        "none",
        _one_of("none", "otlp"),
        "KIND",
        "none, or otlp to export traces and metrics with OpenTelemetry",
    )
    log_format: str = _setting("console", _one_of("console", "json"), "FORMAT", "console or json")
    log_level: str = _setting("INFO", _log_level, "LEVEL", "debug, info, warning or error")

    @classmethod
    def add_flags(cls, parser: argparse.ArgumentParser) -> None:
        """Add one flag per setting to a parser; the help states each default."""
        for setting in fields(cls):
            text = setting.metadata["help"]
            if "default" not in text:
                text += f"; default: {setting.default}"
            parser.add_argument(
                _flag_name(setting),
                metavar=setting.metadata["metavar"],
                help=text.replace("%", "%%"),
            )

    @classmethod
    def resolve(cls, flags: argparse.Namespace, environment: Mapping[str, str]) -> Self:
        """Return the settings that flags and environment variables specify.

        Args:
            flags: Parsed by a parser with the flags that ``add_flags`` adds.
            environment: Environment variables; an empty one counts as unset.

        Raises:
            SettingsError: A value is invalid; the message names its flag or variable.
        """
        values: dict[str, Any] = {}
        for setting in fields(cls):
            variable = f"DIGITS_{setting.name.upper()}"
            source, text = _flag_name(setting), getattr(flags, setting.name)
            if text is None:
                source, text = variable, environment.get(variable) or None
            if text is None:
                continue
            try:
                values[setting.name] = setting.metadata["parse"](text)
            except ValueError as error:
                raise SettingsError(f"{source}: {error}") from None
        if "threads" not in values:
            values["threads"] = max(1, _core_count() // values.get("workers", 1))
        settings = cls(**values)
        settings._check_together()
        return settings

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
        return Path(urllib.parse.unquote(self.host.removeprefix(UNIX_SCHEME)))

    def as_flags(self) -> list[str]:
        """Return the flags that resolve to these settings in the same environment."""
        values = ((_flag_name(setting), getattr(self, setting.name)) for setting in fields(self))
        return [f"{flag}={value}" for flag, value in values if value is not None]

    def _check_together(self) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise SettingsError("--tls-cert and --tls-key must be set together")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise SettingsError("--tls-client-ca requires --tls-cert and --tls-key")
        if self.workers > 1 and self.unix_path is not None:
            raise SettingsError("--workers: processes share a port, but not a Unix socket")
        if self.workers > 1 and not _spreads_connections():
            raise SettingsError(
                "--workers: this system does not spread connections over processes; use 1"
            )


def _spreads_connections() -> bool:
    """Return whether processes that share a port each get a part of its connections.

    macOS lets them share it, but one gets all connections.
    """
    return sys.platform == "linux" and hasattr(socket, "SO_REUSEPORT")


def join_address(host: str, port: int) -> str:
    """Return ``host:port``, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _flag_name(setting: Field[Any]) -> str:
    return "--" + setting.name.replace("_", "-")
