"""Claiming a port for several processes, and for no one else."""

import contextlib
import errno
import socket
from collections.abc import Iterator
from typing import Final

from digits_server.errors import BindError
from digits_server.settings import Settings

_WILDCARDS: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on
_NOT_LOCAL: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


@contextlib.contextmanager
def claimed_port(settings: Settings) -> Iterator[int]:
    """Claim the port of the settings for as long as the context lasts.

    Meanwhile, sockets of the same user that share the port (SO_REUSEPORT) can be bound to it.
    All others are refused, even while no worker listens.

    Yields:
        The port; if it is 0 in the settings, a free one.

    Raises:
        BindError: The port is in use, shared or not, or the host is not this machine.
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
    """Claim a port on all local addresses of a host name."""
    addresses = _addresses(host)
    if not port:
        # Stays bound until it is claimed, so that no other program is given this port meanwhile.
        with _bound(*addresses[0], 0) as free:
            return _claim_all(host, free.getsockname()[1], claims)
    errors = []
    for family, address in addresses:
        try:
            claims.enter_context(_claim(family, address, port))
        except OSError as error:
            if error.errno not in _NOT_LOCAL:
                raise
            errors.append(error)
    if len(errors) == len(addresses):
        raise errors[0]
    return port


def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    if host in _WILDCARDS:
        # Like gRPC: one socket for IPv6 and IPv4 where the system supports it.
        if socket.has_dualstack_ipv6():
            return [(socket.AF_INET6, "::")]
        return [(socket.AF_INET, "0.0.0.0")]  # noqa: S104 - requested by the operator
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def _claim(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    claim = _bound(family, address, port)
    try:
        # Of several sockets bound like this one, the kernel lets only one listen. Having listened,
        # this socket changes its options so that only sockets that share can be bound next to it.
        # It then stops listening, or it would receive connections that it does not serve, and
        # stays bound.
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
        # SO_REUSEADDR ignores connections of an earlier server, which may linger for a minute.
        # SO_REUSEPORT is not set, so that another program that shares the port is detected.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            only_v6 = address not in _WILDCARDS
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(only_v6))
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    return bound
