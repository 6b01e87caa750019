"""The options that name a server and its credentials; the same for every command."""

import argparse
import os
from dataclasses import dataclass
from typing import Final, Self

from digits.settings import flag_name
from digits_client import addresses
from digits_client.aio import AsyncClient
from digits_client.channel import DEFAULT_ADDRESS

# Parameters of the clients, with the placeholder and the help of their flags.
_PARAMETERS: Final = {
    "tls_ca": ("FILE", "CA bundle (PEM) for verifying the server; enables TLS"),
    "tls_server_name": (
        "NAME",
        "name that the server's certificate is for, if that is not the host in its address",
    ),
    "client_cert": ("FILE", "client certificate (PEM)"),
    "client_key": ("FILE", "key of the client certificate (PEM)"),
    "token_file": ("FILE", "file with the bearer token"),
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

    tls_server_name: str | None = None
    """The name that the server's certificate is for; None for the host in the address."""

    @classmethod
    def of(cls, parser: argparse.ArgumentParser, parsed: argparse.Namespace) -> Self | None:
        """Return the server of a command line, or None if it names none.

        Options not given are taken from the environment: --tls-ca from DIGITS_TLS_CA, and so
        on. Options that need a server when none is named, a certificate without its key, a
        name without TLS, and an address that is not valid end the command with exit status 2.

        Args:
            parser: The parser of the command, for its errors.
            parsed: The result of a parser with the options of ``add_options``.
        """
        address = parsed.server or os.environ.get("DIGITS_SERVER")
        given = {name: getattr(parsed, name) for name in _PARAMETERS}
        if not address:
            for name, value in given.items():
                if value:
                    parser.error(f"argument {flag_name(name)}: needs --server")
            return None
        values = {
            name: value or os.environ.get(f"DIGITS_{name.upper()}") or None
            for name, value in given.items()
        }
        if (values["client_cert"] is None) != (values["client_key"] is None):
            parser.error("--client-cert and --client-key must be given together")
        has_tls = bool(values["tls_ca"] or values["client_cert"])
        if values["tls_server_name"] and not has_tls:
            parser.error("--tls-server-name: needs --tls-ca")
        try:
            addresses.to_target(address, has_tls=has_tls, tls_server_name=values["tls_server_name"])
        except ValueError as error:
            parser.error(f"{'argument --server' if parsed.server else 'DIGITS_SERVER'}: {error}")
        return cls(address, **values)

    def client(self) -> AsyncClient:
        """Return a client of the server.

        Raises:
            CredentialFileError: A TLS file cannot be read or is not PEM, or the certificate
                and the key do not match.
        """
        values = {name: getattr(self, name) for name in _PARAMETERS}
        return _CommandClient(self.address, **values)


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
    for name, (placeholder, text) in _PARAMETERS.items():
        group.add_argument(
            flag_name(name), metavar=placeholder, help=f"{text}; default: $DIGITS_{name.upper()}"
        )


class _CommandClient(AsyncClient):
    """A client whose errors name the flags of a command."""

    @staticmethod
    def _parameter_name(name: str) -> str:
        return flag_name(name)
