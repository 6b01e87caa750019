"""Servers on several hosts (network namespaces), with calls spread by the client or by HAProxy."""

import contextlib
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from digits_client import Client, channel
from digits_client.errors import UnavailableError
from tests.commands.load import Load
from tests.deploy.name_server import running_name_server
from tests.deploy.network import Network, virtual_network
from tests.processes import (
    PATIENCE_SECONDS,
    ROOT,
    SAMPLES,
    add_model,
    image_count,
    ready_addresses,
    wait_until,
)

HAPROXY_CONFIG = ROOT / "deploy" / "haproxy" / "haproxy.cfg"
HAPROXY_NUMBER = 100
PORT, ADMIN_PORT = 50051, 9090
CALLS_PER_HOST, ROUNDS = 100, 5


class Host:
    """A host with a server on it."""

    def __init__(
        self, network: Network, number: int, models_dir: Path, environment: dict[str, str]
    ) -> None:
        self.number = number
        self.address = network.add_host(number)
        self.models_dir = models_dir
        self._network = network
        self._environment = environment
        self._process: subprocess.Popen[str] | None = None

    def start(self, *flags: str) -> None:
        """Start a server; ``wait_until_ready`` waits for it."""
        self._process = subprocess.Popen(
            [
                *(*self._network.command_on(self.number), sys.executable, "-m", "digits_server"),
                *("--host", self.address, "--port", str(PORT), "--admin-port", str(ADMIN_PORT)),
                *("--models-dir", str(self.models_dir), "--drain-seconds", "3", "--threads", "1"),
                *flags,
            ],
            env=self._environment,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        assert ready_addresses(self._process.stderr)[0] == f"{self.address}:{PORT}"

    def drain(self) -> None:
        """Stop the server gracefully, and wait for its end."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(PATIENCE_SECONDS) == 0
        self.kill()

    def kill(self) -> None:
        """Kill the server, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def image_count(self) -> int:
        """Return how many images the server has recognized."""
        return image_count(f"{self.address}:{ADMIN_PORT}")


class Hosts:
    """All hosts, and the network between them."""

    def __init__(self, network: Network, folder: Path, environment: dict[str, str]) -> None:
        self.network = network
        self.all: list[Host] = []
        self._folder = folder
        self._environment = environment

    def add(self, count: int, *flags: str) -> list[Host]:
        """Add hosts whose servers serve the shipped model as version 5."""
        added = []
        for _ in range(count):
            number = len(self.all) + 1
            models_dir = self._folder / str(number)
            models_dir.mkdir()
            add_model(models_dir, 5)
            host = Host(self.network, number, models_dir, self._environment)
            self.all.append(host)
            host.start(*flags)
            added.append(host)
        for host in added:
            host.wait_until_ready()
        return added


class Balancer(Protocol):
    """Spreads calls over servers."""

    address: str
    """The address for clients."""

    def spread_over(self, hosts: Sequence[Host]) -> None:
        """Spread calls over these hosts from now on."""


class ClientSide:
    """The client itself, with the addresses of all servers."""

    address = ""

    def spread_over(self, hosts: Sequence[Host]) -> None:
        self.address = ",".join(f"{host.address}:{PORT}" for host in hosts)


class Haproxy:
    """HAProxy on its own host, with the configuration of ``docker-compose.yml``."""

    def __init__(self, network: Network, config: Path, processes: contextlib.ExitStack) -> None:
        self.address = f"{network.add_host(HAPROXY_NUMBER)}:{PORT}"
        self._network = network
        self._config = config
        self._processes = processes
        self._process: subprocess.Popen[bytes] | None = None

    def spread_over(self, hosts: Sequence[Host]) -> None:
        text, count = re.subn(
            r"^    server-template \S+ \S+ \S+ (.*?) resolvers docker init-addr none$",
            lambda line: "\n".join(
                f"    server host{host.number} {host.address}:{PORT} {line[1]}" for host in hosts
            ),
            HAPROXY_CONFIG.read_text("utf-8"),
            flags=re.M,
        )
        assert count == 1
        self._config.write_text(text)
        if self._process is not None:
            self._process.send_signal(signal.SIGUSR2)  # reload the configuration
            return
        self._process = subprocess.Popen(
            [
                *self._network.command_on(HAPROXY_NUMBER),
                *("haproxy", "-W", "-q", "-f", str(self._config)),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._processes.callback(self._stop, self._process)

    @staticmethod
    def _stop(process: subprocess.Popen[bytes]) -> None:
        process.terminate()  # its workers end with it
        process.wait(PATIENCE_SECONDS)


@pytest.fixture
def hosts(tmp_path: Path, environment: dict[str, str]) -> Iterator[Hosts]:
    with virtual_network() as network:
        hosts = Hosts(network, tmp_path, environment)
        try:
            yield hosts
        finally:
            for host in hosts.all:
                host.kill()


@pytest.fixture
def haproxy(hosts: Hosts, tmp_path: Path) -> Iterator[Haproxy]:
    if shutil.which("haproxy") is None:
        pytest.skip("haproxy is not installed (Debian: haproxy)")
    with contextlib.ExitStack() as processes:
        yield Haproxy(hosts.network, tmp_path / "haproxy.cfg", processes)


@pytest.fixture(params=["client", "haproxy"])
def balancer(request: pytest.FixtureRequest) -> Balancer:
    if request.param == "client":
        return ClientSide()
    haproxy: Haproxy = request.getfixturevalue("haproxy")
    return haproxy


@contextlib.contextmanager
def load_on(address: str, hosts: Sequence[Host]) -> Iterator[Load]:
    """Keep callers busy until the context ends, and check that no call failed.

    The context begins once every host has received calls.
    """
    with Client(address) as client:
        wait_until(lambda: is_served(client))
    load = Load(address)
    try:
        wait_for_calls(hosts)
        yield load
    finally:
        calls = load.end()
    assert all(sent == received for sent, received in calls)


def is_served(client: Client) -> bool:
    """Return whether a server recognizes a sample; False while none is reached."""
    with contextlib.suppress(UnavailableError):
        return client.recognize(SAMPLES[3]).digit == 3
    return False


def wait_for_calls(hosts: Sequence[Host]) -> None:
    """Wait until each host has recognized another image."""
    before = [host.image_count() for host in hosts]
    wait_until(
        lambda: all(host.image_count() > count for host, count in zip(hosts, before, strict=True))
    )


def test_calls_of_one_connection_are_spread_evenly(hosts: Hosts, balancer: Balancer) -> None:
    balancer.spread_over(hosts.add(3))
    with Client(balancer.address, timeout_seconds=PATIENCE_SECONDS) as client:
        while not all(host.image_count() for host in hosts.all):
            is_served(client)
        # Each host gets the same number, unless a health check times out because the machine is
        # busy. Balancing that is unfair fails every round.
        for _ in range(ROUNDS):
            before = [host.image_count() for host in hosts.all]
            for _ in range(CALLS_PER_HOST * len(hosts.all)):
                assert client.recognize(SAMPLES[3]).digit == 3
            counts = [
                host.image_count() - count for host, count in zip(hosts.all, before, strict=True)
            ]
            if counts == [CALLS_PER_HOST] * len(hosts.all):
                return
    raise AssertionError(f"not spread evenly in any of {ROUNDS} rounds; the last: {counts}")


def test_a_killed_server_loses_no_call_and_gets_calls_again_after_its_restart(
    hosts: Hosts, balancer: Balancer
) -> None:
    first, second, third = hosts.add(3)
    balancer.spread_over(hosts.all)
    with load_on(balancer.address, hosts.all) as load:
        second.kill()
        load.wait_for(300)
        wait_for_calls((first, third))
        second.start()
        second.wait_until_ready()
        wait_for_calls((second,))


def test_a_host_that_loses_its_network_loses_no_call(hosts: Hosts, balancer: Balancer) -> None:
    first, second, third = hosts.add(3)
    balancer.spread_over(hosts.all)
    with load_on(balancer.address, hosts.all) as load:
        hosts.network.disconnect(second.number)
        load.wait_for(300)
        wait_for_calls((first, third))
    # The calls in flight at the disconnected host have succeeded elsewhere by now.
    hosts.network.reconnect(second.number)
    with load_on(balancer.address, hosts.all):
        pass


def test_a_rolling_update_of_the_model_loses_no_call(hosts: Hosts, balancer: Balancer) -> None:
    balancer.spread_over(hosts.add(3))
    with load_on(balancer.address, hosts.all) as load:
        assert load.versions == {"5"}
        for host in hosts.all:
            add_model(host.models_dir, 6)
            host.drain()
            host.start()
            host.wait_until_ready()
            wait_for_calls((host,))
        assert load.versions == {"5", "6"}
        load.wait_for(20)  # no call of the old version is in flight any more
        load.versions.clear()
        load.wait_for(100)
        assert load.versions == {"6"}


def test_a_host_added_behind_haproxy_gets_calls(hosts: Hosts, haproxy: Haproxy) -> None:
    haproxy.spread_over(hosts.add(3))
    with load_on(haproxy.address, hosts.all):
        [fourth] = hosts.add(1)
        haproxy.spread_over(hosts.all)
        wait_for_calls((fourth,))


def test_a_host_added_to_a_name_gets_calls_once_connections_reach_their_maximum_age(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    # gRPC resolves a name at most every 30 seconds by default, which is too long for a test.
    options = [*channel._OPTIONS, ("grpc.dns_min_time_between_resolutions_ms", 1000)]
    monkeypatch.setattr(channel, "_OPTIONS", options)
    max_age = ("--max-connection-age-seconds", "2")
    with running_name_server() as names:
        names.addresses = [host.address for host in hosts.add(3, *max_age)]
        with load_on(f"dns://127.0.0.1:{names.port}/digits.test:{PORT}", hosts.all):
            [fourth] = hosts.add(1, *max_age)
            names.addresses.append(fourth.address)
            wait_for_calls((fourth,))
