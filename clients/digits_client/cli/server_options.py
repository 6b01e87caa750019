"""The options that name a server and its credentials; the same for every command."""

import argparse
import os
from dataclasses import dataclass
from typing import Final, Self

from digits_client import addresses
from digits_client.aio import AsyncClient
from digits_client.channel import DEFAULT_ADDRESS

# Parameters of the clients, with their help.
_FILES: Final = {
    "tls_ca": "CA bundle (PEM) for verifying the server; enables TLS",
    "client_cert": "client certificate (PEM)",
    "client_key": "key of the client certificate (PEM)",
    "token_file": "file with the bearer token",
}


@dataclass(frozen=True)
class ServerOptions:
    """The address of a server, and the credentials for it."""

    address: str = DEFAULT_ADDRESS
    """``host:port``, any other name that gRPC resolves, or a list of numeric addresses."""

    tls_ca: str | None = None
    """CA bundle (PEM); None disables TLS, unless there is a client certificate."""

    client_cert: str | None = None
    """Client certificate (PEM); None to present none."""

    client_key: str | None = None
    """Key of the client certificate (PEM)."""

    token_file: str | None = None
    """File with the bearer token; None to send none."""

    @classmethod
    def of(cls, parser: argparse.ArgumentParser, parsed: argparse.Namespace) -> Self | None:
        """Return the server of a command line, or None if it names none.

        Options not given are taken from the environment: --tls-ca from DIGITS_TLS_CA, and so
        on. Options that need a server when none is named, a certificate without its key, and
        a list of servers that is not valid end the command with exit status 2.

        Args:
            parser: The parser of the command, for its errors.
            parsed: The result of a parser with the options of ``add_options``.
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
            parser.error("--client-cert and --client-key must be given together")
        try:
            addresses.to_target(address, has_tls=bool(files["tls_ca"] or files["client_cert"]))
        except ValueError as error:
            parser.error(f"{'argument --server' if parsed.server else 'DIGITS_SERVER'}: {error}")
        return cls(address, **files)

    def client(self) -> AsyncClient:
        """Return a client of the server.

        Raises:
            CredentialFileError: A TLS file cannot be read or is not PEM, or the certificate
                and the key do not match.
        """
        files = {name: getattr(self, name) for name in _FILES}
        return AsyncClient(self.address, **files)


def add_options(parser: argparse.ArgumentParser, *, otherwise: str) -> None:
    """Add --server and the options for its credentials.

    Args:
        parser: The parser of a command.
        otherwise: The help on what the command does if no server is named.
    """
    group = parser.add_argument_group("server")
    group.add_argument(
        "--server",
        metavar="ADDRESS",
        help="host:port, or several numeric addresses separated by commas; "
        f"default: $DIGITS_SERVER, {otherwise}",
    )
    for name, text in _FILES.items():
        group.add_argument(
            _flag(name), metavar="FILE", help=f"{text}; default: $DIGITS_{name.upper()}"
        )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
