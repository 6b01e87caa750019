"""The commands as a user runs them: real processes, watched from outside."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol

import pytest

from digits_training.datasets import DATA_DIR_VARIABLE, DatasetError, Mnist, load_mnist
from tests.commands.load import add_model

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60


class Run(Protocol):
    """Runs a module as a command to its end."""

    def __call__(
        self, module: str, *arguments: str, stdin: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]: ...


class ServerProcess:
    """A ``digits-server`` that is ready."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process = process
        self.address = address

    @property
    def port(self) -> str:
        return self.address.rpartition(":")[2]


class Start(Protocol):
    """Starts a server and waits until it is ready."""

    def __call__(self, *flags: str, port: str = "0") -> ServerProcess: ...


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """This environment without settings for the commands, but where the data is."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("DIGITS_") or name == DATA_DIR_VARIABLE
    }


@pytest.fixture(scope="session")
def run(environment: dict[str, str]) -> Run:
    """Runs a module as a command in the repository's folder."""

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


def address_in(log: IO[str]) -> str:
    """Read a log up to the line that says where the server is."""
    said = []
    for line in log:
        said.append(line)
        if found := re.search(r"ready on (\S+)$", line):
            return found[1]
    raise AssertionError(f"the server ended before it was ready: {said}")


@pytest.fixture
def transport() -> str:
    """That of the servers; what is to be tried on each overrides it."""
    return "grpc"


@pytest.fixture
def start(environment: dict[str, str], transport: str) -> Iterator[Start]:
    """Starts servers, each ready when it is returned; ends them with the test."""
    with contextlib.ExitStack() as processes:

        def start(*flags: str, port: str = "0") -> ServerProcess:
            process = processes.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "digits_server", "--port", port, *flags],
                    env=environment | {"DIGITS_TRANSPORT": transport},
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            processes.callback(process.kill)
            assert process.stderr is not None
            return ServerProcess(process, address_in(process.stderr))

        yield start


@pytest.fixture
def server(start: Start) -> ServerProcess:
    """A server on a free port, ready, with the shipped model."""
    return start()


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    """A models folder with the shipped model as version 5."""
    (tmp_path / "models").mkdir()
    add_model(tmp_path / "models", 5)
    return tmp_path / "models"


@pytest.fixture(scope="session")
def samples() -> list[str]:
    """Every sample, as ``digits-batch samples`` names it and in its order."""
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / "samples").rglob("*.png"))


@pytest.fixture(scope="session")
def mnist() -> Mnist:
    """MNIST itself."""
    try:
        return load_mnist(download=False)
    except DatasetError as error:
        pytest.skip(str(error))
