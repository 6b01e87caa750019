"""Which server a command asks, and what it shows there: the same options for every command."""

import argparse
import os
from dataclasses import dataclass
from typing import Self

from .aio import AsyncClient
from .channel import DEFAULT_ADDRESS


@dataclass(frozen=True)
class Connection:
    """A server, and how to get in."""

    address: str = DEFAULT_ADDRESS
    """``host:port``, or any name that gRPC resolves."""

    tls_ca: str | None = None
    """A PEM file of authorities; None for no TLS."""

    token_file: str | None = None
    """A file with a token; None for none."""

    @classmethod
    def of(cls, parser: argparse.ArgumentParser, parsed: argparse.Namespace) -> Self | None:
        """Return what the options say, or None where they name no server.

        The options are those of ``add_options``; one that is not given is taken from the
        environment: DIGITS_SERVER, DIGITS_TLS_CA, DIGITS_TOKEN_FILE. Options that need a
        server where none is named end the command as wrong usage.
        """
        address = parsed.server or os.environ.get("DIGITS_SERVER")
        if not address:
            for flag, value in (("--tls-ca", parsed.tls_ca), ("--token-file", parsed.token_file)):
                if value:
                    parser.error(f"argument {flag}: needs --server")
            return None
        return cls(
            address,
            parsed.tls_ca or os.environ.get("DIGITS_TLS_CA") or None,
            parsed.token_file or os.environ.get("DIGITS_TOKEN_FILE") or None,
        )

    def client(self) -> AsyncClient:
        """Return a client of the server.

        Raises:
            AccessError: The file of authorities cannot be read.
        """
        return AsyncClient(self.address, tls_ca=self.tls_ca, token_file=self.token_file)


def add_options(parser: argparse.ArgumentParser, *, otherwise: str) -> None:
    """Add --server, --tls-ca and --token-file.

    Args:
        parser: Of a command.
        otherwise: What the command does where no server is named, for its help.
    """
    group = parser.add_argument_group("server")
    group.add_argument(
        "--server", metavar="ADDRESS", help=f"host:port; default: $DIGITS_SERVER, {otherwise}"
    )
    group.add_argument(
        "--tls-ca",
        metavar="FILE",
        help="connect by TLS, and trust the authorities in this PEM file; default: $DIGITS_TLS_CA",
    )
    group.add_argument(
        "--token-file",
        metavar="FILE",
        help="show the token in this file to the server; default: $DIGITS_TOKEN_FILE",
    )
