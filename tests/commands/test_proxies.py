"""Commands on a machine whose environment names a proxy: loopback needs none."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.processes import PATIENCE_SECONDS

if TYPE_CHECKING:
    from tests.processes import Run, ServerProcess

RECOGNIZE = (
    "import asyncio, sys; from digits_client import AsyncClient, Client\n"
    "async def recognize():\n"
    "    async with AsyncClient(sys.argv[1]) as client: await client.model()\n"
    "with Client(sys.argv[1]) as client: client.model()\n"
    "asyncio.run(recognize())"
)


@pytest.fixture
def proxy() -> Iterator[socket.socket]:
    """A listening socket in the place of a proxy."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture
def variables(proxy: socket.socket) -> dict[str, str]:
    """The variables of a machine behind the proxy, without exceptions."""
    url = f"http://127.0.0.1:{proxy.getsockname()[1]}"
    names = ("grpc_proxy", "http_proxy", "https_proxy")
    return dict.fromkeys(names, url) | {"no_proxy": "", "no_grpc_proxy": ""}


@pytest.fixture
def _was_not_called(proxy: socket.socket) -> Iterator[None]:
    """Fails the test if anything connected to the proxy."""
    yield
    proxy.setblocking(False)
    with pytest.raises(BlockingIOError):
        proxy.accept()


@pytest.mark.usefixtures("_was_not_called")
def test_a_run_with_a_private_server_needs_no_proxy(run: "Run", variables: dict[str, str]) -> None:
    done = run("digits_client.batch.cli", "samples/3", **variables)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("_was_not_called")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_the_health_check_of_this_machine_needs_no_proxy(
    host: str, run: "Run", shared_server: "ServerProcess", variables: dict[str, str]
) -> None:
    done = run("digits_server", "healthcheck", f"{host}:{shared_server.port}", **variables)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.usefixtures("_was_not_called")
def test_the_library_and_the_load_generator_need_no_proxy(
    run: "Run", shared_server: "ServerProcess", variables: dict[str, str]
) -> None:
    command = [sys.executable, "-c", RECOGNIZE, shared_server.address]
    subprocess.run(command, env=os.environ | variables, check=True, timeout=PATIENCE_SECONDS)
    short = ("--seconds", "0.4", "--warmup", "0", "--repeats", "1", "--processes", "1")
    done = run("digits_client.bench.cli", "--server", shared_server.address, *short, **variables)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("digits_client.batch.cli", "samples/3", "--server", "192.0.2.1:50051"),
        ("digits_server", "healthcheck", "192.0.2.1:50051"),
    ],
)
def test_another_address_is_reached_through_the_proxy(
    command: tuple[str, ...], proxy: socket.socket, variables: dict[str, str]
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        env=os.environ | variables,
        cwd=Path(__file__).parents[2],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        proxy.settimeout(PATIENCE_SECONDS)
        connection, _ = proxy.accept()
        with connection:
            connection.settimeout(PATIENCE_SECONDS)
            assert connection.recv(100).startswith(b"CONNECT 192.0.2.1:50051 ")
        process.send_signal(signal.SIGKILL)
