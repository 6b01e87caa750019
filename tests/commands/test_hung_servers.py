"""Clients when one of two servers is stopped: it accepts connections and never responds."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from digits_client import AsyncClient, Client
from digits_client.errors import UnavailableError
from digits_client.images import ImageLike
from tests.processes import PATIENCE_SECONDS, ROOT, SAMPLES

if TYPE_CHECKING:
    from tests.processes import ServerProcess, StartServer

# Far above the 2.5 seconds after which a stopped server is noticed. Without the clients' pings, a
# call to it takes 70 seconds.
DEADLINE_SECONDS = 45
LARGE = np.random.default_rng(0).integers(0, 256, (8, 400, 400), np.uint8)
RUN_IMAGES = 2000


@pytest.fixture
def servers(start_server: "StartServer") -> list["ServerProcess"]:
    """Two servers."""
    return [start_server(), start_server()]


@pytest.fixture
def address(servers: list["ServerProcess"]) -> str:
    """One address for both servers, to which calls go in turn."""
    return ",".join(server.address for server in servers)


def stop(server: "ServerProcess") -> None:
    """Stop a server; the test's end kills it."""
    server.process.send_signal(signal.SIGSTOP)


def test_calls_to_a_stopped_server_succeed_on_the_other(
    servers: list["ServerProcess"], address: str
) -> None:
    with Client(address, timeout_seconds=DEADLINE_SECONDS) as client:
        for _ in range(2):
            assert client.recognize(SAMPLES[3]).digit == 3
            assert len(client.recognize_batch(LARGE)) == len(LARGE)
        stop(servers[1])
        for _ in range(2):
            assert client.recognize(SAMPLES[3]).digit == 3


def test_a_batch_larger_than_the_retry_buffer_of_grpc_succeeds_on_the_other_server(
    servers: list["ServerProcess"], address: str
) -> None:
    with Client(address, timeout_seconds=DEADLINE_SECONDS) as client:
        for _ in range(2):
            assert client.recognize(SAMPLES[3]).digit == 3
        stop(servers[1])
        for _ in range(2):
            assert len(client.recognize_batch(LARGE)) == len(LARGE)


async def test_concurrent_calls_of_the_asyncio_client_succeed_on_the_other_server(
    servers: list["ServerProcess"], address: str
) -> None:
    async with AsyncClient(address, timeout_seconds=DEADLINE_SECONDS) as client:

        async def digits() -> set[int | None]:
            calls = (client.recognize(SAMPLES[3]) for _ in range(16))
            return {prediction.digit for prediction in await asyncio.gather(*calls)}

        assert await digits() == {3}
        stop(servers[1])
        assert await digits() == {3}


async def test_an_open_stream_ends_when_its_server_is_stopped_and_a_new_one_can_be_opened(
    server: "ServerProcess",
) -> None:
    async def one_image() -> AsyncIterator[ImageLike]:
        yield SAMPLES[3]
        await asyncio.Event().wait()  # the stream stays open

    # The name of a single server in the form for several, so that it is certain which is stopped.
    async with AsyncClient(f"dns:///{server.address}") as client:
        stream = client.recognize_stream(one_image(), timeout_seconds=600)
        assert (await anext(stream)).prediction is not None
        stop(server)
        with pytest.raises(UnavailableError):
            await asyncio.wait_for(anext(stream), DEADLINE_SECONDS)
        server.process.send_signal(signal.SIGCONT)
        async with contextlib.aclosing(client.recognize_stream(one_image())) as stream:
            assert (await anext(stream)).prediction is not None


def test_a_run_of_digits_batch_goes_on_with_the_other_server(
    servers: list["ServerProcess"], address: str, environment: dict[str, str], tmp_path: Path
) -> None:
    paths = tmp_path / "paths.txt"
    paths.write_text(f"{SAMPLES[3]}\n" * RUN_IMAGES)
    command = [sys.executable, "-m", "digits_client.batch.cli", "-", "--format", "jsonl"]
    with (
        paths.open() as stdin,
        subprocess.Popen(
            # It gives up before the deadline of a message, 30 seconds, has ended the standstill.
            [*command, "--server", address, "--give-up-after", "20"],
            env=environment | {"PYTHONUNBUFFERED": "1"},
            cwd=ROOT,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as run,
    ):
        assert run.stdout is not None
        rows = [run.stdout.readline()]
        stop(servers[1])
        rows += run.stdout
        assert run.wait(PATIENCE_SECONDS) == 0
    assert len(rows) == RUN_IMAGES
    assert all('"digit": 3' in row for row in rows)


@pytest.fixture
def silent_address() -> Iterator[str]:
    """An address that accepts connections and sends nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def test_a_new_client_works_although_one_of_its_servers_is_silent(
    server: "ServerProcess", silent_address: str
) -> None:
    address = f"{silent_address},{server.address}"
    with Client(address, timeout_seconds=DEADLINE_SECONDS) as client:
        for _ in range(3):
            assert client.recognize(SAMPLES[3]).digit == 3
