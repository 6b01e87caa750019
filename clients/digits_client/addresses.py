"""What a person names as the server, and what gRPC is told of it."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

_OF_SOCKETS: Final = ("unix:", "unix-abstract:")
_SCHEME: Final = re.compile(r"(dns|unix|unix-abstract|vsock|xds):")
_NUMERIC_SCHEME: Final = re.compile(r"(ipv4|ipv6):")
_MEMBER: Final = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<v4>[0-9.]+)):(?P<port>[0-9]{1,5})")
_HOST: Final = re.compile(r"(?:dns:(?:///)?|ipv4:|ipv6:)?(?:\[([^\]]*)\]|([^:]*))(?::[^:]*)?")
_LAST_PORT: Final = 65_535


@dataclass(frozen=True)
class Target:
    """One server, or several that calls go to in turn."""

    uri: str
    """What gRPC connects to."""
    authority: str | None = None
    """For whom a certificate has to be; None for whom gRPC takes from the uri."""


def target(address: str, *, has_tls: bool) -> Target:
    """Return what gRPC is told of an address.

    One server stays as it is named: gRPC looks a name up itself, again and again, and goes to
    all that is behind it in turn. Several, with commas between them, are named by numbers
    alone. Names among them would have to be looked up here and once, and a server that comes
    back elsewhere would never be found again.

    Args:
        address: ``host:port``, any other name that gRPC resolves, or a list such as
            ``10.0.0.1:50051,10.0.0.2:50051``, of IPv4 or of IPv6.
        has_tls: Whether certificates are checked. gRPC checks all that a list names for one
            name, so that they have to be on one host.

    Raises:
        ValueError: A list cannot be used; the message says why.
    """
    if "," not in address or _SCHEME.match(address):
        return Target(address)
    parts = _NUMERIC_SCHEME.sub("", address, count=1).split(",")
    members = [_member(part.strip()) for part in parts]
    versions = {ip.version for ip, _ in members}
    if len(versions) > 1:
        raise ValueError("addresses of IPv4 and of IPv6 do not go into one list")
    if has_tls and len({ip for ip, _ in members}) > 1:
        raise ValueError(
            "with TLS, a list is of servers on one host; for several hosts, use a name that leads "
            "to all of them and that their certificates are for"
        )
    servers = [f"[{ip}]:{port}" if ip.version == 6 else f"{ip}:{port}" for ip, port in members]
    return Target(f"ipv{versions.pop()}:{','.join(servers)}", servers[0])


def is_loopback(address: str) -> bool:
    """Return whether what is sent to an address stays on this machine, as far as it tells."""
    if address.startswith(_OF_SOCKETS):
        return True
    return all(_is_host_of_loopback(part.strip()) for part in address.split(","))


def _member(part: str) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]:
    found = _MEMBER.fullmatch(part)
    if found is None:
        raise ValueError(
            f"{part!r} in a list is not an address in numbers with its port, as 10.0.0.1:50051 or "
            "[::1]:50051; a name stands alone"
        )
    port = int(found["port"])
    if not 1 <= port <= _LAST_PORT:
        raise ValueError(f"{part!r} is no address: ports are 1 to {_LAST_PORT}")
    try:
        if found["v6"]:
            return ipaddress.IPv6Address(found["v6"]), port
        return ipaddress.IPv4Address(found["v4"]), port
    except ValueError as error:
        raise ValueError(f"{part!r} is no address: {error}") from None


def _is_host_of_loopback(part: str) -> bool:
    found = _HOST.fullmatch(part)
    # IPv6 alone, without brackets and port, has more colons than that.
    host = (found[1] or found[2]) if found else part
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
