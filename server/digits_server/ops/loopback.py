"""Addresses whose traffic stays on this machine."""

import ipaddress
import re
from typing import Final

_SOCKET_SCHEMES: Final = ("unix:", "unix-abstract:")
_HOST: Final = re.compile(r"(?:dns:(?:///)?|ipv4:|ipv6:)?(?:\[([^\]]*)\]|([^:]*))(?::[^:]*)?")
# A connection to it is one to this machine; a server that listens there is open to all.
_ANY_HOSTS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared only


def is_loopback_host(host: str) -> bool:
    """Return whether only this machine can reach a server that listens on a host."""
    if host.lower() == "localhost" or host.startswith(_SOCKET_SCHEMES):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_loopback_target(target: str) -> bool:
    """Return whether a connection to a gRPC target, such as ``host:port``, stays here."""
    if target.startswith(_SOCKET_SCHEMES):
        return True
    found = _HOST.fullmatch(target)
    host = (found[1] or found[2]) if found else target
    return host in _ANY_HOSTS or is_loopback_host(host)
