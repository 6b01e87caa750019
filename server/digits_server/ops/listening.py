"""Addresses to listen on, and the reason why one cannot be had, which gRPC does not give."""

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from digits_server.errors import BindError

WILDCARDS: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on
NOT_LOCAL: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
_CONNECT_SECONDS: Final = 1.0


def local_addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    """Return the addresses of a host name or address, each with its family.

    Raises:
        OSError: The name is unknown.
    """
    if host in WILDCARDS:
        # Like gRPC: one socket for IPv6 and IPv4 where the system supports it.
        if socket.has_dualstack_ipv6():
            return [(socket.AF_INET6, "::")]
        return [(socket.AF_INET, "0.0.0.0")]  # noqa: S104 - requested by the operator
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def bound_socket(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address, and does not listen.

    Raises:
        OSError: The address is in use, even if its port is shared, or not local.
    """
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        # SO_REUSEADDR ignores connections of an earlier server, which may linger for a minute. On
        # Windows it would also ignore a server that listens.
        # SO_REUSEPORT is not set, so that another program that shares the port is detected.
        if os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            only_v6 = address not in WILDCARDS
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(only_v6))
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    return bound


def bound_sockets(
    host: str,
    port: int,
    stack: contextlib.ExitStack,
    bind: Callable[[socket.AddressFamily, str, int], socket.socket] = bound_socket,
) -> list[socket.socket]:
    """Return a socket for each address of a host name, all bound to one port.

    Args:
        host: A host name or address. Of its addresses, those that are not local are left out.
        port: The port; 0 for a free one.
        stack: Closes the sockets.
        bind: Returns the socket for an address, as ``bound_socket`` does.

    Raises:
        OSError: The name is unknown, the port is in use at an address, or no address is local.
    """
    bound: list[socket.socket] = []
    errors: list[OSError] = []
    for family, address in local_addresses(host):
        try:
            bound.append(stack.enter_context(bind(family, address, port)))
        except OSError as error:
            if error.errno not in NOT_LOCAL:
                raise
            errors.append(error)
        else:
            port = bound[0].getsockname()[1]
    if not bound:
        raise errors[0]
    return bound


def bind_error(address: str, error: OSError) -> BindError:
    """Return the error for an address that cannot be bound.

    Args:
        address: The address as in the settings.
        error: The reason that the system gives.
    """
    if isinstance(error, socket.gaierror):
        reason = "the host name is unknown"
    elif error.errno == errno.EADDRINUSE:
        reason = "the port is in use"
    elif error.errno in NOT_LOCAL:
        reason = "the host is not an address of this machine"
    elif error.errno == errno.EACCES:
        reason = "this user is not permitted to listen there"
    else:
        reason = error.strerror or str(error)
    return BindError(f"cannot listen on {address}: {reason}")


def find_bind_error(host: str, port: int, address: str) -> BindError:
    """Return the error for an address that a library could not bind.

    Args:
        host: Host to listen on.
        port: Port to listen on.
        address: The address, for the message.
    """
    try:
        for family, local in local_addresses(host):
            bound_socket(family, local, port).close()
    except OSError as error:
        return bind_error(address, error)
    return BindError(f"cannot listen on {address}: the port was in use a moment ago")


def remove_stale_socket(path: Path, address: str) -> None:
    """Make way for a Unix socket: remove the one of a server that was killed.

    Args:
        path: Path of the socket. There need not be one.
        address: The address, for the message.

    Raises:
        BindError: A server listens there, a file that is not a socket is there, or the folder
            cannot be used.
    """
    try:
        if path.exists() and not path.is_socket():
            raise BindError(f"cannot listen on {address}: {path} is a file that is not a socket")
        if path.is_socket():
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.settimeout(_CONNECT_SECONDS)
                if client.connect_ex(str(path)) != errno.ECONNREFUSED:
                    raise BindError(f"cannot listen on {address}: another server listens there")
            path.unlink()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.bind(str(path))
        path.unlink()
    except OSError as error:
        raise bind_error(address, error) from error


def remove_own_socket(path: Path, status: os.stat_result) -> None:
    """Remove a Unix socket, unless it is gone or another server's.

    Args:
        path: Path of the socket.
        status: Status of the socket when it was created.
    """
    try:
        if stat.S_ISSOCK(status.st_mode) and os.path.samestat(path.stat(), status):
            path.unlink()
    except FileNotFoundError:
        pass  # gRPC has removed it
