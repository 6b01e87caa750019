"""Servers on several hosts, each in a network namespace, behind what spreads the calls."""

import contextlib
import http.client
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
from tests.commands.conftest import ROOT, address_in
from tests.commands.load import PATIENCE_SECONDS, SAMPLES, Load, add_model, until
from tests.deploy.names import name_server
from tests.deploy.network import Network, network

HAPROXY_CONFIG = ROOT / "deploy" / "haproxy" / "haproxy.cfg"
HAPROXY_NUMBER = 100
PORT, ADMIN_PORT = 50051, 9090


class Host:
    """A host with a server on it."""

    def __init__(
        self, net: Network, number: int, models_dir: Path, environment: dict[str, str]
    ) -> None:
        self.number = number
        self.address = net.add_host(number)
        self.models_dir = models_dir
        self.process: subprocess.Popen[str] | None = None
        self._net = net
        self._environment = environment

    def begin(self, *flags: str) -> None:
        """Start a server; ``wait_until_ready`` waits for it."""
        self.process = subprocess.Popen(
            [
                *(*self._net.on(self.number), sys.executable, "-m", "digits_server"),
                *("--host", self.address, "--port", str(PORT), "--admin-port", str(ADMIN_PORT)),
                *("--models-dir", str(self.models_dir), "--drain-seconds", "3", "--threads", "1"),
                *flags,
            ],
            env=self._environment,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> None:
        assert self.process is not None
        assert self.process.stderr is not None
        assert address_in(self.process.stderr) == f"{self.address}:{PORT}"

    def drain(self) -> None:
        """Have the server end, and wait until it has."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE_SECONDS) == 0
        self.end()

    def end(self) -> None:
        """End the server, if there is one."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def answered(self) -> float:
        """Return how many images the server has answered."""
        connection = http.client.HTTPConnection(self.address, ADMIN_PORT, timeout=PATIENCE_SECONDS)
        with contextlib.closing(connection):
            connection.request("GET", "/metrics")
            page = connection.getresponse().read().decode()
        return sum(map(float, re.findall(r"^digits_verdicts_total{.*} (\S+)$", page, re.M)))


class Hosts:
    """The hosts, and their network."""

    def __init__(self, net: Network, folder: Path, environment: dict[str, str]) -> None:
        self.net = net
        self.all: list[Host] = []
        self._folder = folder
        self._environment = environment

    def add(self, count: int, *flags: str) -> list[Host]:
        """Add hosts with servers that serve the shipped model as version 5."""
        added = []
        for _ in range(count):
            number = len(self.all) + 1
            models_dir = self._folder / str(number)
            models_dir.mkdir()
            add_model(models_dir, 5)
            host = Host(self.net, number, models_dir, self._environment)
            self.all.append(host)
            host.begin(*flags)
            added.append(host)
        for host in added:
            host.wait_until_ready()
        return added


class Balancer(Protocol):
    """What stands between clients and servers."""

    address: str
    """What clients are given."""

    def spread_over(self, hosts: Sequence[Host]) -> None:
        """Spread calls over these from now on."""


class Addresses:
    """The client itself, which is given all addresses."""

    address = ""

    def spread_over(self, hosts: Sequence[Host]) -> None:
        self.address = ",".join(f"{host.address}:{PORT}" for host in hosts)


class Haproxy:
    """HAProxy on a host of its own, configured as ``docker-compose.yml`` has it."""

    def __init__(self, net: Network, config: Path, processes: contextlib.ExitStack) -> None:
        self.address = f"{net.add_host(HAPROXY_NUMBER)}:{PORT}"
        self._net = net
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
            self._process.send_signal(signal.SIGUSR2)  # reads its configuration anew
            return
        self._process = subprocess.Popen(
            [*self._net.on(HAPROXY_NUMBER), "haproxy", "-W", "-q", "-f", str(self._config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._processes.callback(self._end, self._process)

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        process.terminate()  # its workers go with it
        process.wait(PATIENCE_SECONDS)


@pytest.fixture
def hosts(tmp_path: Path, environment: dict[str, str]) -> Iterator[Hosts]:
    with network() as net:
        made = Hosts(net, tmp_path, environment)
        try:
            yield made
        finally:
            for host in made.all:
                host.end()


@pytest.fixture
def haproxy(hosts: Hosts, tmp_path: Path) -> Iterator[Haproxy]:
    if shutil.which("haproxy") is None:
        pytest.skip("haproxy is not installed (Debian: haproxy)")
    with contextlib.ExitStack() as processes:
        yield Haproxy(hosts.net, tmp_path / "haproxy.cfg", processes)


@pytest.fixture(params=["addresses", "haproxy"])
def balancer(request: pytest.FixtureRequest) -> Balancer:
    if request.param == "addresses":
        return Addresses()
    made: Haproxy = request.getfixturevalue("haproxy")
    return made


@contextlib.contextmanager
def load_on(address: str, hosts: Sequence[Host]) -> Iterator[Load]:
    """Ask for as long as the context lasts, all hosts being asked; no answer may be lost."""
    with Client(address) as client:
        until(lambda: is_answered(client))
    load = Load(address, timeout_seconds=10)
    try:
        until_asked(hosts)
        yield load
    finally:
        answers = load.end()
    assert all(asked == answered for asked, answered in answers)


def is_answered(client: Client) -> bool:
    with contextlib.suppress(UnavailableError):
        return client.recognize(SAMPLES[3]).digit == 3
    return False


def until_asked(hosts: Sequence[Host]) -> None:
    """Wait until each of these has answered something from now on."""
    before = [host.answered() for host in hosts]
    until(lambda: all(host.answered() > count for host, count in zip(hosts, before, strict=True)))


def test_calls_are_spread_evenly(hosts: Hosts, balancer: Balancer) -> None:
    balancer.spread_over(hosts.add(3))
    with load_on(balancer.address, hosts.all) as load:
        before = [host.answered() for host in hosts.all]
        load.wait_for(600)
    counts = [host.answered() - count for host, count in zip(hosts.all, before, strict=True)]
    mean = sum(counts) / len(counts)
    assert all(abs(count - mean) <= mean / 10 for count in counts), counts


def test_a_host_whose_server_is_killed_costs_no_answer(hosts: Hosts, balancer: Balancer) -> None:
    first, second, third = hosts.add(3)
    balancer.spread_over(hosts.all)
    with load_on(balancer.address, hosts.all) as load:
        second.end()
        load.wait_for(300)
        until_asked((first, third))
        second.begin()
        second.wait_until_ready()
        until_asked((second,))


def test_a_host_that_is_cut_off_without_a_word_costs_no_answer(
    hosts: Hosts, balancer: Balancer
) -> None:
    first, second, third = hosts.add(3)
    balancer.spread_over(hosts.all)
    with load_on(balancer.address, hosts.all) as load:
        hosts.net.cut_off(second.number)
        load.wait_for(300)
        until_asked((first, third))
    # What was under way has been answered too, while it was still away.
    hosts.net.reconnect(second.number)
    with load_on(balancer.address, hosts.all):
        pass


def test_a_new_version_goes_from_host_to_host_and_no_answer_is_lost(
    hosts: Hosts, balancer: Balancer
) -> None:
    balancer.spread_over(hosts.add(3))
    with load_on(balancer.address, hosts.all) as load:
        assert load.versions == {"5"}
        for host in hosts.all:
            add_model(host.models_dir, 6)
            host.drain()
            host.begin()
            host.wait_until_ready()
            until_asked((host,))
        assert load.versions == {"5", "6"}
        load.wait_for(20)  # what was under way has been answered
        load.versions.clear()
        load.wait_for(100)
        assert load.versions == {"6"}


def test_a_host_that_is_added_behind_haproxy_gets_calls(hosts: Hosts, haproxy: Haproxy) -> None:
    haproxy.spread_over(hosts.add(3))
    with load_on(haproxy.address, hosts.all):
        [fourth] = hosts.add(1)
        haproxy.spread_over(hosts.all)
        until_asked((fourth,))


def test_a_host_that_is_added_to_a_name_gets_calls_when_connections_have_aged(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A name is not looked up twice within half a minute, for which nobody wants to wait here.
    options = [*channel._OPTIONS, ("grpc.dns_min_time_between_resolutions_ms", 1000)]
    monkeypatch.setattr(channel, "_OPTIONS", options)
    young = ("--max-connection-age-seconds", "2")
    with name_server() as names:
        names.addresses = [host.address for host in hosts.add(3, *young)]
        with load_on(f"dns://127.0.0.1:{names.port}/digits.test:{PORT}", hosts.all):
            [fourth] = hosts.add(1, *young)
            names.addresses.append(fourth.address)
            until_asked((fourth,))
