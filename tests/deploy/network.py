"""Several hosts on this machine: network namespaces joined by a bridge."""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

# Reserved for tests of networks (RFC 2544), so no real host has such an address.
_PREFIX = "198.18"


class Network:
    """Hosts that reach each other, and that this machine reaches."""

    def __init__(self) -> None:
        self._name = f"digits{os.getpid()}"
        self._subnet = f"{_PREFIX}.{os.getpid() % 256}"
        self._namespaces: list[str] = []

    def open(self) -> None:
        """Create a bridge in its own namespace, and connect this machine to it.

        Raises:
            subprocess.CalledProcessError: Network namespaces are not allowed.
        """
        bridge = self._add_namespace("bridge")
        _ip("-n", bridge, "link", "add", "bridge", "type", "bridge")
        _ip("-n", bridge, "link", "set", "bridge", "up")
        _ip("link", "add", self._name, "type", "veth", "peer", "name", "here", "netns", bridge)
        _ip("-n", bridge, "link", "set", "here", "master", "bridge", "up")
        _ip("address", "add", f"{self._subnet}.254/24", "dev", self._name)
        _ip("link", "set", self._name, "up")

    def close(self) -> None:
        """Remove everything that was created, even after a failure of ``open``."""
        # This link first: the kernel takes a while to remove the links of a deleted namespace.
        with contextlib.suppress(subprocess.CalledProcessError):
            _ip("link", "delete", self._name)
        for namespace in self._namespaces:
            _ip("netns", "delete", namespace)

    def add_host(self, number: int) -> str:
        """Add a host and return its address."""
        host, bridge = self._add_namespace(str(number)), self._namespaces[0]
        port, address = f"port{number}", self.address(number)
        _ip(
            "-n", bridge, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", host
        )
        _ip("-n", bridge, "link", "set", port, "master", "bridge", "up")
        _ip("-n", host, "address", "add", f"{address}/24", "dev", "eth0")
        _ip("-n", host, "link", "set", "eth0", "up")
        return address

    def address(self, number: int) -> str:
        """Return the address of a host."""
        return f"{self._subnet}.{number}"

    def command_on(self, number: int) -> tuple[str, ...]:
        """Return the prefix that makes a command run on a host."""
        return ("ip", "netns", "exec", f"{self._name}-{number}")

    def disconnect(self, number: int) -> None:
        """Drop every packet to and from a host, without closing its connections."""
        _ip("-n", self._namespaces[0], "link", "set", f"port{number}", "down")

    def reconnect(self, number: int) -> None:
        """Undo ``disconnect``."""
        _ip("-n", self._namespaces[0], "link", "set", f"port{number}", "up")

    def _add_namespace(self, name: str) -> str:
        namespace = f"{self._name}-{name}"
        _ip("netns", "add", namespace)
        self._namespaces.append(namespace)
        _ip("-n", namespace, "link", "set", "lo", "up")
        return namespace


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True, timeout=60)


@contextlib.contextmanager
def virtual_network() -> Iterator[Network]:
    """Create a network until the context ends; skip the test where that is not possible."""
    if shutil.which("ip") is None:
        pytest.skip("network namespaces need the command ip (Debian: iproute2)")
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    network = Network()
    try:
        try:
            network.open()
        except subprocess.CalledProcessError as error:
            if not re.search("not permitted|denied|not supported", error.stderr):
                raise
            pytest.skip(f"network namespaces are not allowed here: {error.stderr.strip()}")
        yield network
    finally:
        network.close()
