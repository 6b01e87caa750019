"""The address of one server as a person writes it: what is wrong with it, and what to write."""

import re
from typing import Final

_OTHER_SCHEMES: Final = ("unix:", "unix-abstract:", "vsock:", "xds:")
_PREFIX: Final = re.compile(r"dns:(?://[^/]*/)?|ipv[46]:")
_WEB_SCHEME: Final = re.compile(r"(?!dns:)[A-Za-z][A-Za-z0-9+.-]*://(?P<server>[^/]*).*", re.DOTALL)
_SINGLE: Final = re.compile(r"(?P<host>\[[^\[\]]+\]|[^:\[\]\s]*)(?::(?P<port>[^:]*))?", re.DOTALL)
_PORT: Final = re.compile(r":[0-9]{1,5}$")
_DEFAULT_PORT: Final = 50051
LAST_PORT: Final = 65_535


def check_address(address: str) -> None:
    """Check an address that is not a list.

    Raises:
        ValueError: gRPC would find no host in it, or take a port that nobody named.
    """
    try:
        address.encode()  # fails on bytes of a command line that are not UTF-8
    except UnicodeEncodeError:
        raise ValueError(f"{address!r} is not a valid address: use host:port") from None
    if address.startswith(_OTHER_SCHEMES):
        return
    if web := _WEB_SCHEME.fullmatch(address):
        server = web["server"] or "127.0.0.1"
        example = server if _PORT.search(server) else f"{server}:{_DEFAULT_PORT}"
        raise ValueError(f"{address!r} is not a host and port: use {example}")
    server = _PREFIX.sub("", address, count=1)
    found = _SINGLE.fullmatch(server)
    if found is None and server.count(":") > 1:
        raise ValueError(
            f"{address!r} is not a valid address: write IPv6 as in [::1]:{_DEFAULT_PORT}"
        )
    if found is None or not found["host"]:
        raise ValueError(f"{address!r} is not a valid address: use host:port")
    if not found["port"]:
        raise ValueError(f"{address!r} has no port: use {address.rstrip(':')}:{_DEFAULT_PORT}")
    if not (_PORT.fullmatch(f":{found['port']}") and 1 <= int(found["port"]) <= LAST_PORT):
        raise ValueError(f"{address!r} is not a valid address: ports are 1 to {LAST_PORT}")


def join_address(host: str, port: int) -> str:
    """Return ``host:port``, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
