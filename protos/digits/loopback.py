"""Addresses whose traffic stays on this machine."""

import ipaddress
import re
from typing import Final

_SOCKET_SCHEMES: Final = ("unix:", "unix-abstract:")
_HOST: Final = re.compile(r"(?:dns:(?:///)?|ipv4:|ipv6:)?(?:\[([^\]]*)\]|([^:]*))(?::[^:]*)?")


def is_loopback_host(host: str) -> bool:
    """Return whether only this machine can reach a server that listens on a host."""
    if host.lower() == "localhost" or host.startswith(_SOCKET_SCHEMES):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_loopback_address(address: str) -> bool:
    """Return whether traffic to an address stays on this machine, judging by the address.

    Args:
        address: ``host:port``, any other name that gRPC resolves, or a list.
    """
    if address.startswith(_SOCKET_SCHEMES):
        return True
    return all(_is_of_this_machine(part.strip()) for part in address.split(","))


def _is_of_this_machine(part: str) -> bool:
    found = _HOST.fullmatch(part)
    # A bare IPv6 address, without brackets and port, has too many colons to match.
    host = (found[1] or found[2]) if found else part
    try:
        # A connection to 0.0.0.0 is one to this machine; a server there is open to all.
        return ipaddress.ip_address(host).is_unspecified or is_loopback_host(host)
    except ValueError:
        return host.lower() == "localhost"
