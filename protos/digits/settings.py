"""The settings of a command, each from its flag, its environment variable, or its default."""

import argparse
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Self


class SettingsError(Exception):
    """A setting is invalid; the message names its flag or environment variable."""


def setting(default: Any, parse: Callable[[str], Any], placeholder: str, text: str) -> Any:
    """Return the dataclass field of a setting.

    Args:
        default: The value without a flag and an environment variable.
        parse: Returns the value of a text, or raises ArgumentTypeError.
        placeholder: Stands for the value in the help.
        text: The help of the flag.
    """
    return field(default=default, metadata={"parse": parse, "metavar": placeholder, "help": text})


def flag_name(name: str) -> str:
    """Return the flag of a command for a setting, or for a parameter of the client."""
    return "--" + name.replace("_", "-")


@dataclass(frozen=True)
class CommandSettings:
    """The base of a frozen dataclass whose fields ``setting`` makes."""

    variable_prefix: ClassVar[str]
    """Start of each environment variable; the name of the setting in capitals follows."""
    flag_prefix: ClassVar[str] = ""
    """Precedes a flag in messages."""

    @classmethod
    def add_flags(cls, parser: argparse._ActionsContainer) -> None:
        """Add one flag per setting to a parser or a group; the help states each default."""
        for each in fields(cls):
            text = each.metadata["help"]
            if "default" not in text:
                text += f"; default: {each.default}"
            parser.add_argument(
                flag_name(each.name),
                metavar=each.metadata["metavar"],
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
        settings = cls(**cls._values(flags, environment))
        settings._check_together()
        return settings

    @classmethod
    def _values(cls, flags: argparse.Namespace, environment: Mapping[str, str]) -> dict[str, Any]:
        """Return the values of the settings that have a flag or a variable."""
        values: dict[str, Any] = {}
        for each in fields(cls):
            source, text = cls.flag_prefix + flag_name(each.name), getattr(flags, each.name)
            if text is None:
                source = cls.variable_prefix + each.name.upper()
                text = environment.get(source) or None
            if text is None:
                continue
            try:
                values[each.name] = each.metadata["parse"](text)
            except argparse.ArgumentTypeError as error:
                raise SettingsError(f"{source}: {error}") from None
        return values

    def _check_together(self) -> None:
        """Raise SettingsError if settings do not fit each other, or this system."""


def check_tls(cert: Path | None, key: Path | None, client_ca: Path | None) -> None:
    """Check which files of TLS are set.

    Raises:
        SettingsError: One of them needs another one.
    """
    if (cert is None) != (key is None):
        raise SettingsError("--tls-cert and --tls-key must be set together")
    if client_ca is not None and cert is None:
        raise SettingsError("--tls-client-ca requires --tls-cert and --tls-key")


def check_workers(count: int) -> None:
    """Check the number of processes that share a port, each with a part of its connections.

    macOS lets them share it, but one gets all connections.

    Raises:
        SettingsError: This system has no such ports.
    """
    if count > 1 and not (sys.platform == "linux" and hasattr(socket, "SO_REUSEPORT")):
        raise SettingsError(
            "--workers: this system does not spread connections over processes; use 1"
        )
