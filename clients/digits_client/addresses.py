"""Server addresses: as a person writes them, and as gRPC expects them."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from digits.address import LAST_PORT, check_address

_NUMERIC_SCHEMES: Final = ("ipv4:", "ipv6:")
_SPREAD_SCHEMES: Final = ("dns:", "xds:")
_SCHEME: Final = re.compile(r"(dns|unix|unix-abstract|vsock|xds):")
_NUMERIC_SCHEME: Final = re.compile(r"(ipv4|ipv6):")
_MEMBER: Final = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<v4>[0-9.]+)):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True)
class Target:
    """The target of a channel: one server, or several that calls go to in turn."""

    uri: str
    """The name that gRPC resolves."""
    authority: str | None = None
    """The name that certificates are verified against; None for the one in the URI."""

    @property
    def has_several(self) -> bool:
        """Whether it stands for several servers: a list, or a name as a URI of DNS or xDS."""
        is_list = self.uri.startswith(_NUMERIC_SCHEMES) and "," in self.uri
        return is_list or self.uri.startswith(_SPREAD_SCHEMES)


def to_target(address: str, *, has_tls: bool, tls_server_name: str | None = None) -> Target:
    """Return the target of an address.

    A single server is passed on unchanged: gRPC resolves its name repeatedly, and calls go to
    all addresses of that name in turn. A comma-separated list must be numeric. Host names in
    it would have to be resolved here, once, so that a server that moves would be lost.

    Args:
        address: ``host:port``, any other name that gRPC resolves, or a list such as
            ``10.0.0.1:50051,10.0.0.2:50051``, either IPv4 or IPv6.
        has_tls: Whether certificates are verified. gRPC verifies all servers of a list
            against the same name, so they must be on one host.
        tls_server_name: That name; None for the host in the address.

    Raises:
        ValueError: The address is not valid, or there is a name without TLS; the message has
            the reason.
    """
    if tls_server_name and not has_tls:
        raise ValueError(f"the name {tls_server_name} of a certificate is of no use without TLS")
    if "," not in address or _SCHEME.match(address):
        check_address(address)
        return Target(address, tls_server_name or None)
    parts = _NUMERIC_SCHEME.sub("", address, count=1).split(",")
    members = [_member(part.strip()) for part in parts]
    versions = {ip.version for ip, _ in members}
    if len(versions) > 1:
        raise ValueError("a list of servers cannot mix IPv4 and IPv6 addresses")
    if has_tls and not tls_server_name and len({ip for ip, _ in members}) > 1:
        raise ValueError(
            "with TLS, all servers of a list must be on one host, or their certificates for a "
            "name that is given too"
        )
    servers = [f"[{ip}]:{port}" if ip.version == 6 else f"{ip}:{port}" for ip, port in members]
    return Target(f"ipv{versions.pop()}:{','.join(servers)}", tls_server_name or servers[0])


def _member(part: str) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]:
    found = _MEMBER.fullmatch(part)
    if found is None:
        raise ValueError(
            f"{part!r} is not valid in a list of servers: use numeric addresses with ports, such "
            "as 10.0.0.1:50051 or [::1]:50051, or a single host name"
        )
    port = int(found["port"])
    if not 1 <= port <= LAST_PORT:
        raise ValueError(f"{part!r} is not a valid address: ports are 1 to {LAST_PORT}")
    try:
        if found["v6"]:
            return ipaddress.IPv6Address(found["v6"]), port
        return ipaddress.IPv4Address(found["v4"]), port
    except ValueError as error:
        raise ValueError(f"{part!r} is not a valid address: {error}") from None
