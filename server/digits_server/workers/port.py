"""Claiming a port for several processes, and for no one else."""

import contextlib
import socket
from collections.abc import Iterator

from digits_server.ops.listening import bind_error, bound_socket, bound_sockets, local_addresses
from digits_server.settings import Settings


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
            raise bind_error(settings.address, error) from error
        yield port


def _claim_all(host: str, port: int, claims: contextlib.ExitStack) -> int:
    """Claim a port on all local addresses of a host name."""
    if not port:
        # Stays bound until it is claimed, so that no other program is given this port meanwhile.
        with bound_socket(*local_addresses(host)[0], 0) as free:
            return _claim_all(host, free.getsockname()[1], claims)
    bound_sockets(host, port, claims, _claim)
    return port


def _claim(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    claim = bound_socket(family, address, port)
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
