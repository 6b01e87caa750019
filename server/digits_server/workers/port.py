"""Holding a port for several processes, and for nobody else."""

import contextlib
import errno
import socket
from collections.abc import Iterator
from typing import Final

from digits_server.errors import BindError
from digits_server.settings import Settings

_WILDCARDS: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on
_NOT_OF_THIS_MACHINE: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


@contextlib.contextmanager
def claimed_port(settings: Settings) -> Iterator[int]:
    """Keep the settings' port for as long as the context lasts.

    Sockets of this user's that are set to share (SO_REUSEPORT) can be bound to it meanwhile.
    All others are refused, also while no worker listens.

    Yields:
        The port: with 0 in the settings, one that was free.

    Raises:
        BindError: Somebody has the port, sharing it or not, or the host is not this machine.
    """
    with contextlib.ExitStack() as claims:
        try:
            port = _claim_all(settings.host, settings.port, claims)
        except OSError as error:
            raise BindError(
                f"cannot listen on {settings.address}: the address is in use or not local"
            ) from error
        yield port


def _claim_all(host: str, port: int, claims: contextlib.ExitStack) -> int:
    """Claim a port of all addresses behind a name that this machine has."""
    addresses = _addresses(host)
    if not port:
        # Bound until it is claimed, so that nobody else is given this number meanwhile.
        with _bound(*addresses[0], 0) as free:
            return _claim_all(host, free.getsockname()[1], claims)
    missing = []
    for family, address in addresses:
        try:
            claims.enter_context(_claim(family, address, port))
        except OSError as error:
            if error.errno not in _NOT_OF_THIS_MACHINE:
                raise
            missing.append(error)
    if len(missing) == len(addresses):
        raise missing[0]
    return port


def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    if host in _WILDCARDS:
        # As gRPC does: one socket for both kinds of addresses, where there are both.
        if socket.has_dualstack_ipv6():
            return [(socket.AF_INET6, "::")]
        return [(socket.AF_INET, "0.0.0.0")]  # noqa: S104 - the operator asks for it
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((family, str(where[0])) for family, _, _, _, where in found))


def _claim(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    claim = _bound(family, address, port)
    try:
        # Of several that are bound like this, the kernel lets one listen. That one then refuses
        # to be bound beside, but for those that share, and listens no more: it would get
        # connections that it does not serve. It stays bound.
        claim.listen()
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        claim.shutdown(socket.SHUT_RDWR)
    except OSError:
        claim.close()
        raise
    return claim


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Connections of an earlier server, which may linger for a minute, do not matter. Not
        # SO_REUSEPORT: somebody else's that shares is to be noticed.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            only_v6 = address not in _WILDCARDS
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(only_v6))
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    return bound
