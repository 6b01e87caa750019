"""Gateways as processes, in front of a fake or a real digits server."""

import contextlib
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import httpx
import pytest

from tests.integration.clients.conftest import FakeRecognizer, server
from tests.processes import PATIENCE_SECONDS, ROOT, ServerProcess, environment, running_server

__all__ = ["environment", "server"]

SELF_TEST_IMAGES = ROOT / "server" / "digits_server" / "self_test_images"
THREE = (SELF_TEST_IMAGES / "3.png").read_bytes()


@dataclass(frozen=True)
class Gateway:
    """A ``digits-web`` that is ready."""

    process: subprocess.Popen[str]
    url: str
    client: httpx.Client
    """Sends requests to it; their paths are enough."""

    @property
    def stream_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/v1/stream"

    @property
    def log(self) -> IO[str]:
        assert self.process.stderr is not None
        return self.process.stderr


class StartWeb(Protocol):
    """Starts a gateway and waits until it is ready."""

    def __call__(self, address: str, *flags: str, ca: Path | None = None) -> Gateway: ...


@contextlib.contextmanager
def running_web(
    environment: dict[str, str], address: str, *flags: str, ca: Path | None = None
) -> Iterator[Gateway]:
    """Run a gateway until the context ends."""
    command = [sys.executable, "-m", "digits_client.web.cli", "--port", "0", "--no-open"]
    with subprocess.Popen(
        [*command, "--server", address, *flags],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            url = process.stdout.readline().strip().rstrip("/")
            assert url, process.stderr.read()
            with httpx.Client(
                base_url=url,
                timeout=PATIENCE_SECONDS,
                verify=ssl.create_default_context(cafile=ca) if ca else True,
            ) as client:
                yield Gateway(process, url, client)
        finally:
            process.kill()


@pytest.fixture
def start_web(environment: dict[str, str]) -> Iterator[StartWeb]:
    """Starts gateways and kills them after the test."""
    with contextlib.ExitStack() as gateways:

        def start(address: str, *flags: str, ca: Path | None = None) -> Gateway:
            return gateways.enter_context(running_web(environment, address, *flags, ca=ca))

        yield start


@pytest.fixture
def fake_web(start_web: StartWeb, server: FakeRecognizer) -> Gateway:
    """A gateway in front of a fake server, for one test."""
    return start_web(server.address, "--timeout-seconds", "5")


@pytest.fixture(scope="module")
def digits_server(environment: dict[str, str]) -> Iterator[ServerProcess]:
    """A digits server with the shipped model, for all tests of a module."""
    with running_server(environment, "--port", "0") as running:
        yield running


@pytest.fixture(scope="module")
def web(environment: dict[str, str], digits_server: ServerProcess) -> Iterator[Gateway]:
    """A gateway in front of a digits server, for all tests of a module."""
    with running_web(environment, digits_server.address) as gateway:
        yield gateway


def png(digit: int, *, side: int = 28, size: int = 32) -> bytes:
    """Return what looks like a PNG file to the gateway, and like a digit to the fake server."""
    header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + side.to_bytes(4, "big") * 2
    return header + b"x" * (size - len(header) - 1) + str(digit).encode()


def files(*contents: bytes) -> Sequence[tuple[str, tuple[str, bytes, str]]]:
    """Return the files of a form, as httpx takes them."""
    return [("files", (f"{index}.png", each, "image/png")) for index, each in enumerate(contents)]


def check_problem(response: httpx.Response, status: int, code: str) -> str:
    """Check a response that is a problem, and return its detail."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert list(body) == ["type", "title", "status", "detail", "code", "requestId"]
    assert (body["status"], body["code"]) == (status, code)
    assert body["requestId"] == response.headers["x-request-id"]
    assert os.sep + "clients" not in response.text
    return str(body["detail"])
