"""The sockets that the gateway accepts connections from."""

import contextlib
import socket
from collections.abc import Iterator
from typing import Final

_BACKLOG: Final = 2048


@contextlib.contextmanager
def listening(host: str, port: int, count: int) -> Iterator[list[socket.socket]]:
    """Listen on an address for as long as the context lasts.

    Args:
        host: A host name or an address.
        port: The port; 0 for a free one.
        count: Sockets that share the port, among which the system spreads connections.

    Yields:
        The sockets.

    Raises:
        OSError: The port is in use, or the host is not this machine.
    """
    with contextlib.ExitStack() as stack:
        # Others may share the port only from now on, and nobody listens on it yet.
        first = stack.enter_context(_bound(host, port, shares_port=False))
        port = first.getsockname()[1]
        if count == 1:
            listeners = [first]
        else:
            first.close()
            listeners = [
                stack.enter_context(_bound(host, port, shares_port=True)) for _ in range(count)
            ]
        for listener in listeners:
            listener.listen(_BACKLOG)
        yield listeners


def _bound(host: str, port: int, *, shares_port: bool) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shares_port:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound
