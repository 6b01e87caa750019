"""Commands as a user runs them: real processes, watched from outside.

Holds the fixtures that tests/commands and tests/deploy share; their conftest.py files import them.
"""

import contextlib
import dataclasses
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import pytest

from digits_server import models
from digits_server.settings import SHIPPED_MODELS
from digits_training.datasets import DATA_DIR_VARIABLE

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = [f"samples/{digit}/marker.png" for digit in range(10)]
"""One drawing of each digit, by its path from the repository's root."""
PATIENCE_SECONDS = 100
"""Longest wait for a process or a condition; below the time limit of a test."""


@dataclass(frozen=True)
class ServerProcess:
    """A ``digits-server`` that is ready."""

    process: subprocess.Popen[str]
    address: str
    admin_address: str | None = None

    @property
    def port(self) -> str:
        return self.address.rpartition(":")[2]


class Run(Protocol):
    """Runs a module as a command and waits for its end."""

    def __call__(
        self, module: str, *arguments: str, stdin: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]: ...


class StartServer(Protocol):
    """Starts a server and waits until it is ready."""

    def __call__(self, *flags: str, port: str = "0") -> ServerProcess: ...


@contextlib.contextmanager
def running_server(
    environment: Mapping[str, str], *flags: str, command: tuple[str, ...] = ()
) -> Iterator[ServerProcess]:
    """Run a server until the context ends, and yield it once it is ready.

    Args:
        environment: The server's environment variables.
        flags: The server's flags.
        command: Prefix of the command line, such as ``ip netns exec NAME``.
    """
    with subprocess.Popen(
        [*command, sys.executable, "-m", "digits_server", *flags],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            yield ServerProcess(process, *ready_addresses(process.stderr))
        finally:
            process.kill()


def ready_addresses(log: IO[str]) -> tuple[str, str | None]:
    """Read a server's log until the server is ready.

    Returns:
        The server's address, and the address of its admin port if it has one.
    """
    lines = []
    admin_address = None
    for line in log:
        lines.append(line)
        if match := re.search(r"health and metrics on (\S+)$", line):
            admin_address = match[1]
        if match := re.search(r"ready on (\S+)$", line):
            return match[1], admin_address
    raise AssertionError(f"the server ended before it was ready: {lines}")


def wait_until(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until a condition holds; fail after some seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"still not true after {seconds} s"
        time.sleep(0.02)


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def image_count(admin_address: str) -> int:
    """Return how many images a server has recognized."""
    url = f"http://{admin_address}/metrics"
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as response:
        metrics = response.read().decode()
    return int(sum(map(float, re.findall(r"^digits_verdicts_total{.*} (\S+)$", metrics, re.M))))


def add_model(models_dir: Path, version: int) -> Path:
    """Copy the shipped model into a models folder as a version, and return its folder."""
    shipped = SHIPPED_MODELS / str(models.versions(SHIPPED_MODELS)[0])
    part, folder = models_dir / f"{version}.part", models_dir / str(version)
    shutil.copytree(shipped, part)
    manifest = models.Manifest.read(shipped)
    dataclasses.replace(manifest, version=str(version)).write(part)
    return part.rename(folder)


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """Environment variables without settings of the commands, except the data folder.

    Nor with those of Python that hide what is lost in its buffers.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if (not name.startswith("DIGITS_") or name == DATA_DIR_VARIABLE)
        and name != "PYTHONUNBUFFERED"
    }


@pytest.fixture(scope="session")
def run(environment: dict[str, str]) -> Run:
    """Runs a module as a command in the repository's root."""

    def run(
        module: str, *arguments: str, stdin: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            input=stdin,
            env=environment | variables,
            cwd=ROOT,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    return run


@pytest.fixture
def start_server(environment: dict[str, str]) -> Iterator[StartServer]:
    """Starts servers and kills them after the test."""
    with contextlib.ExitStack() as servers:

        def start(*flags: str, port: str = "0") -> ServerProcess:
            return servers.enter_context(running_server(environment, "--port", port, *flags))

        yield start


@pytest.fixture
def server(start_server: StartServer) -> ServerProcess:
    """A server with the shipped model on a free port, for one test."""
    return start_server()


@pytest.fixture(scope="module")
def shared_server(environment: dict[str, str]) -> Iterator[ServerProcess]:
    """A server with the shipped model, for all tests of a module that do not disturb it."""
    with running_server(environment, "--port", "0") as server:
        yield server


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    """A models folder with the shipped model as version 5."""
    folder = tmp_path / "models"
    folder.mkdir()
    add_model(folder, 5)
    return folder


@pytest.fixture(scope="session")
def samples() -> list[str]:
    """Path of every sample, in the order of ``digits-batch samples``."""
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / "samples").rglob("*.png"))
