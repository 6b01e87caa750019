"""Several hosts on this machine: network namespaces, and a bridge between them."""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

# For tests of networks (RFC 2544): nothing real has such an address.
_PREFIX = "198.18"


class Network:
    """Hosts that reach each other and are reached from here."""

    def __init__(self) -> None:
        self._name = f"digits{os.getpid()}"
        self._subnet = f"{_PREFIX}.{os.getpid() % 256}"
        self._namespaces: list[str] = []

    def open(self) -> None:
        """Put a bridge into a namespace of its own, with a cable from here to it.

        Raises:
            subprocess.CalledProcessError: It is not allowed.
        """
        bridge = self._namespace("bridge")
        _ip("-n", bridge, "link", "add", "bridge", "type", "bridge")
        _ip("-n", bridge, "link", "set", "bridge", "up")
        _ip("link", "add", self._name, "type", "veth", "peer", "name", "here", "netns", bridge)
        _ip("-n", bridge, "link", "set", "here", "master", "bridge", "up")
        _ip("address", "add", f"{self._subnet}.254/24", "dev", self._name)
        _ip("link", "set", self._name, "up")

    def close(self) -> None:
        """Remove all of it, whatever there is."""
        # First of all: in a namespace that is removed, the kernel takes its time for the rest.
        with contextlib.suppress(subprocess.CalledProcessError):
            _ip("link", "delete", self._name)
        for namespace in self._namespaces:
            _ip("netns", "delete", namespace)

    def add_host(self, number: int) -> str:
        """Add a host and return its address."""
        host, bridge = self._namespace(str(number)), self._namespaces[0]
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

    def on(self, number: int) -> list[str]:
        """Return what a command begins with that is to run on a host."""
        return ["ip", "netns", "exec", f"{self._name}-{number}"]

    def cut_off(self, number: int) -> None:
        """Lose all that goes to a host and comes from it, without a word to anybody."""
        _ip("-n", self._namespaces[0], "link", "set", f"port{number}", "down")

    def reconnect(self, number: int) -> None:
        """Undo ``cut_off``."""
        _ip("-n", self._namespaces[0], "link", "set", f"port{number}", "up")

    def _namespace(self, name: str) -> str:
        namespace = f"{self._name}-{name}"
        _ip("netns", "add", namespace)
        self._namespaces.append(namespace)
        _ip("-n", namespace, "link", "set", "lo", "up")
        return namespace


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True, timeout=30)


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """Make a network for as long as the context lasts; skip the test where there can be none."""
    if shutil.which("ip") is None:
        pytest.skip("network namespaces need the command ip (Debian: iproute2)")
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    made = Network()
    try:
        try:
            made.open()
        except subprocess.CalledProcessError as error:
            if not re.search("not permitted|denied|not supported", error.stderr):
                raise
            pytest.skip(f"network namespaces are not allowed here: {error.stderr.strip()}")
        yield made
    finally:
        made.close()
