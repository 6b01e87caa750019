"""The server's settings: flag, else environment, else default; parsed once."""

import argparse
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 50051
# Pillow itself warns above 89 million pixels and refuses at twice that, whatever we accept.
MOST_IMAGE_PIXELS = 2**26
TRANSPORTS: Final = ("grpc", "native")
# What the native transport cannot do, so that nobody relies on it: the defaults of these are
# without effect there, and asking for one is an error.
_NOT_NATIVE: Final = {
    "tls_cert": "speaks no TLS",
    "tls_key": "speaks no TLS",
    "tls_client_ca": "speaks no TLS",
    "max_connections": "does not limit connections",
    "max_connection_age_seconds": "closes no connection by its age",
}
SHIPPED_MODELS = Path(__file__).parent / "shipped_models"


class SettingsError(Exception):
    """A setting has a value that it cannot have; the message names where it was given."""


def _whole(low: int, high: int) -> Callable[[str], int]:
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
        raise ValueError("an empty host is no address")
    return text


def _flag(parse: Callable[[str], Any], placeholder: str, text: str) -> dict[str, Any]:
    return {"parse": parse, "metavar": placeholder, "help": text}


def _core_count() -> int:
    """Return the cores that this process may use, which may be fewer than there are.

    Threads beyond them do not only gain nothing: those of the model wait for each other in
    busy loops.
    """
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Settings:
    """Everything that an operator can set.

    The field ``max_queue_images`` has the flag ``--max-queue-images`` and the variable
    ``DIGITS_MAX_QUEUE_IMAGES``; so for each.
    """

    host: str = field(default=DEFAULT_HOST, metadata=_flag(_host, "HOST", "address to listen on"))
    port: int = field(
        default=DEFAULT_PORT, metadata=_flag(_whole(0, 65_535), "PORT", "port; 0 takes a free one")
    )
    models_dir: Path = field(
        default=SHIPPED_MODELS,
        metadata=_flag(Path, "DIR", "folder of numbered model folders; default: the shipped one"),
    )
    model_version: int = field(
        default=0, metadata=_flag(_whole(0, 2**31), "N", "model version; 0 takes the highest")
    )
    workers: int = field(
        default=1, metadata=_flag(_whole(1, 256), "N", "processes that share the port")
    )
    threads: int = field(
        default=_core_count(),
        metadata=_flag(
            _whole(1, 1024),
            "N",
            "threads of each process that decode, and threads of its model; default: its share "
            f"of the cores, {_core_count()} here",
        ),
    )
    poll_seconds: float = field(
        default=2.0,
        metadata=_flag(
            _seconds, "S", "time between looks for new versions; 0 looks on SIGHUP only"
        ),
    )
    max_queue_images: int = field(
        default=1024,
        metadata=_flag(_whole(1, 10**7), "N", "images in hand at once; more are turned away"),
    )
    max_queue_bytes: int = field(
        default=256 * 2**20,
        metadata=_flag(_whole(1, 2**40), "N", "bytes of images in hand at once"),
    )
    max_wait_seconds: float = field(
        default=1.0,
        metadata=_flag(_seconds, "S", "expected wait for the images in hand; more are turned away"),
    )
    max_streams: int = field(
        default=256, metadata=_flag(_whole(1, 10**6), "N", "drawings that are streamed at once")
    )
    max_connections: int = field(
        default=1024, metadata=_flag(_whole(1, 10**6), "N", "connections at once")
    )
    max_connection_calls: int = field(
        default=128,
        metadata=_flag(_whole(1, 10**6), "N", "calls at once on one connection; others wait"),
    )
    max_connection_age_seconds: float = field(
        default=1800.0,
        metadata=_flag(
            _seconds, "S", "after which a client has to connect anew, and so finds new servers"
        ),
    )
    max_batch_images: int = field(
        default=256, metadata=_flag(_whole(1, 65_536), "N", "images in one batch request")
    )
    max_image_bytes: int = field(
        default=16 * 2**20,
        metadata=_flag(_whole(1, 2**31 - 1), "N", "bytes of one encoded image"),
    )
    max_image_pixels: int = field(
        default=4096 * 4096,
        metadata=_flag(_whole(1, MOST_IMAGE_PIXELS), "N", "pixels of one decoded image"),
    )
    max_message_bytes: int = field(
        default=32 * 2**20,
        metadata=_flag(_whole(1024, 2**31 - 1), "N", "bytes of one request message"),
    )
    drain_seconds: float = field(
        default=0.0,
        metadata=_flag(_seconds, "S", "time between NOT_SERVING and refusing calls, on SIGTERM"),
    )
    grace_seconds: float = field(
        default=10.0,
        metadata=_flag(_seconds, "S", "time that calls in flight then have to finish"),
    )
    tls_cert: Path | None = field(
        default=None,
        metadata=_flag(Path, "FILE", "certificate chain as PEM: speak TLS; default: plaintext"),
    )
    tls_key: Path | None = field(
        default=None, metadata=_flag(Path, "FILE", "the certificate's key as PEM; default: none")
    )
    tls_client_ca: Path | None = field(
        default=None,
        metadata=_flag(
            Path, "FILE", "authorities as PEM, one of which has to know a client; default: none"
        ),
    )
    tokens_file: Path | None = field(
        default=None,
        metadata=_flag(
            Path, "FILE", "tokens, one a line, one of which is asked for; default: none"
        ),
    )
    transport: str = field(
        default="grpc",
        metadata=_flag(
            _one_of(*TRANSPORTS),
            "KIND",
            "grpc, or native: faster for single images, plaintext only; an extra",
        ),
    )
    admin_port: int | None = field(
        default=None,
        metadata=_flag(
            _whole(0, 65_535), "PORT", "plaintext port with health and metrics; default: none"
        ),
    )
    telemetry: str = field(
        default="none",
        metadata=_flag(
            _one_of("none", "otlp"),
            "KIND",
            "none or otlp: send traces and metrics by OpenTelemetry",
        ),
    )
    log_format: str = field(
        default="console", metadata=_flag(_one_of("console", "json"), "FORM", "console or json")
    )
    log_level: str = field(
        default="INFO", metadata=_flag(_log_level, "LEVEL", "debug, info, warning or error")
    )

    @classmethod
    def add_flags(cls, parser: argparse.ArgumentParser) -> None:
        """Give a parser one flag for each setting, with its default in the help."""
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
        """Parse what the flags and the environment give.

        An empty variable counts as not set.

        Raises:
            SettingsError: A value is wrong; the message names its flag or variable.
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
        settings._check_transport(values)
        return settings

    @property
    def address(self) -> str:
        """``host:port``, as gRPC wants it and as people write it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def as_flags(self) -> list[str]:
        """Return the flags that resolve to these settings in the same environment."""
        left_out = _NOT_NATIVE if self.transport == "native" else ()
        given = (
            (_flag_name(setting), getattr(self, setting.name))
            for setting in fields(self)
            if setting.name not in left_out
        )
        return [f"{flag}={value}" for flag, value in given if value is not None]

    def _check_together(self) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise SettingsError("--tls-cert and --tls-key belong together")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise SettingsError("--tls-client-ca needs --tls-cert and --tls-key")
        if self.workers > 1 and not hasattr(socket, "SO_REUSEPORT"):
            raise SettingsError("--workers: this system lets no two processes share a port")

    def _check_transport(self, given: Mapping[str, Any]) -> None:
        if self.transport != "native":
            return
        for name, what in _NOT_NATIVE.items():
            if given.get(name):
                raise SettingsError(
                    f"--{name.replace('_', '-')}: --transport native {what}; use --transport grpc"
                )


def _flag_name(setting: Field[Any]) -> str:
    return "--" + setting.name.replace("_", "-")
