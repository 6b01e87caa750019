"""Which server a command asks, and what it shows there: the same options for every command."""

import argparse
import os
from dataclasses import dataclass
from typing import Final, Self

from digits_client import addresses
from digits_client.aio import AsyncClient
from digits_client.channel import DEFAULT_ADDRESS

# Parameters of the clients, with what they do as the help says it.
_FILES: Final = {
    "tls_ca": "connect by TLS, and trust the authorities in this PEM file",
    "client_cert": "show the certificate in this PEM file to the server",
    "client_key": "its key, as PEM",
    "token_file": "show the token in this file to the server",
}


@dataclass(frozen=True)
class ServerOptions:
    """A server, and how to get in."""

    address: str = DEFAULT_ADDRESS
    """``host:port``, any name that gRPC resolves, or a list of addresses in numbers."""

    tls_ca: str | None = None
    """A PEM file of authorities; None for no TLS, unless there is a certificate of ours."""

    client_cert: str | None = None
    """A PEM file of the certificate to show; None for none."""

    client_key: str | None = None
    """A PEM file of its key."""

    token_file: str | None = None
    """A file with a token; None for none."""

    @classmethod
    def of(cls, parser: argparse.ArgumentParser, parsed: argparse.Namespace) -> Self | None:
        """Return what the options say, or None where they name no server.

        The options are those of ``add_options``; one that is not given is taken from the
        environment: --tls-ca from DIGITS_TLS_CA, and so for each. Options that need a server
        where none is named, a certificate without its key, and a list of servers that cannot
        be used end the command as wrong usage.
        """
        address = parsed.server or os.environ.get("DIGITS_SERVER")
        given = {name: getattr(parsed, name) for name in _FILES}
        if not address:
            for name, value in given.items():
                if value:
                    parser.error(f"argument {_flag(name)}: needs --server")
            return None
        files = {
            name: value or os.environ.get(f"DIGITS_{name.upper()}") or None
            for name, value in given.items()
        }
        if (files["client_cert"] is None) != (files["client_key"] is None):
            parser.error("--client-cert and --client-key belong together")
        try:
            addresses.target(address, has_tls=bool(files["tls_ca"] or files["client_cert"]))
        except ValueError as error:
            parser.error(f"{'argument --server' if parsed.server else 'DIGITS_SERVER'}: {error}")
        return cls(address, **files)

    def client(self) -> AsyncClient:
        """Return a client of the server.

        Raises:
            CredentialFileError: A TLS file cannot be read or is not PEM.
        """
        files = {name: getattr(self, name) for name in _FILES}
        return AsyncClient(self.address, **files)


def add_options(parser: argparse.ArgumentParser, *, otherwise: str) -> None:
    """Add --server, and the files that let in.

    Args:
        parser: Of a command.
        otherwise: What the command does where no server is named, for its help.
    """
    group = parser.add_argument_group("server")
    group.add_argument(
        "--server",
        metavar="ADDRESS",
        help=f"host:port, or several in numbers with commas; default: $DIGITS_SERVER, {otherwise}",
    )
    for name, what in _FILES.items():
        group.add_argument(
            _flag(name), metavar="FILE", help=f"{what}; default: $DIGITS_{name.upper()}"
        )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
