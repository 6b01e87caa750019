"""Closing a client, and leaving a stream early, while calls are in flight."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest

from digits_client import AsyncClient, Client, ServerFailureError, StreamResult
from digits_client.images import ImageLike

if TYPE_CHECKING:
    from tests.integration.clients.conftest import FakeRecognizer


class Drawing:
    """A stream of one image that stays open until the test ends."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def __iter__(self) -> Iterator[ImageLike]:
        yield b"1"
        self.ended.wait()

    async def __aiter__(self) -> AsyncIterator[ImageLike]:
        yield b"1"
        await asyncio.Event().wait()


@pytest.fixture
def drawing() -> Iterator[Drawing]:
    """A drawing whose second image never comes."""
    drawing = Drawing()
    yield drawing
    drawing.ended.set()


def test_closing_a_client_during_a_stream_ends_it_as_cancelled(
    server: "FakeRecognizer", drawing: Drawing
) -> None:
    client = Client(server.address)
    results = client.recognize_stream(drawing)
    assert next(results).prediction is not None
    client.close()
    with pytest.raises(ServerFailureError) as raised:
        next(results)
    assert raised.value.code is grpc.StatusCode.CANCELLED


async def test_closing_an_async_client_during_a_stream_ends_it_as_cancelled(
    server: "FakeRecognizer", drawing: Drawing
) -> None:
    client = AsyncClient(server.address)
    results = client.recognize_stream(drawing)
    assert (await anext(results)).prediction is not None
    await client.close()
    with pytest.raises(ServerFailureError) as raised:
        await anext(results)
    assert raised.value.code is grpc.StatusCode.CANCELLED


async def test_closing_ends_a_waiting_call_without_cancelling_its_task(
    server: "FakeRecognizer",
) -> None:
    server.go_on.clear()
    client = AsyncClient(server.address)
    waiting = asyncio.create_task(client.recognize(b"1"))
    await asyncio.to_thread(server.arrived.wait)
    await client.close()
    with pytest.raises(ServerFailureError):
        await waiting


def test_calls_of_a_closed_client_fail_as_cancelled(
    server: "FakeRecognizer", drawing: Drawing
) -> None:
    client = Client(server.address)
    client.close()
    calls: tuple[Callable[[], object], ...] = (
        client.model,
        lambda: client.recognize(b"1"),
        lambda: client.recognize_batch([b"1"]),
        lambda: next(client.recognize_stream(drawing)),
    )
    for call in calls:
        with pytest.raises(ServerFailureError, match="the client was closed") as raised:
            call()
        assert raised.value.code is grpc.StatusCode.CANCELLED


async def test_calls_of_a_closed_async_client_fail_as_cancelled(
    server: "FakeRecognizer", drawing: Drawing, tmp_path: Path
) -> None:
    client = AsyncClient(server.address)
    await client.close()
    calls: tuple[Callable[[], Awaitable[object]], ...] = (
        client.model,
        lambda: client.recognize(b"1"),
        lambda: client.recognize_batch([b"1"]),
        lambda: anext(client.recognize_stream(drawing)),
        lambda: anext(client.recognize_folder(tmp_path)),
    )
    for call in calls:
        with pytest.raises(ServerFailureError, match="the client was closed") as raised:
            await call()
        assert raised.value.code is grpc.StatusCode.CANCELLED


async def test_a_cancelled_task_stays_cancelled(server: "FakeRecognizer") -> None:
    server.go_on.clear()
    async with AsyncClient(server.address) as client:
        waiting = asyncio.create_task(client.recognize(b"1"))
        await asyncio.to_thread(server.arrived.wait)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert waiting.cancelled()


async def test_a_timeout_of_the_caller_cancels_the_call(server: "FakeRecognizer") -> None:
    server.go_on.clear()
    async with AsyncClient(server.address) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.recognize(b"1")


def test_a_stream_may_be_left_before_its_end(server: "FakeRecognizer", drawing: Drawing) -> None:
    with Client(server.address) as client:
        for result in client.recognize_stream(drawing):
            assert result.sequence == 0
            break
        assert client.recognize(b"2").digit == 2


async def test_an_async_stream_may_be_left_before_its_end(
    server: "FakeRecognizer", drawing: Drawing
) -> None:
    async with AsyncClient(server.address) as client:
        results: AsyncIterator[StreamResult] = client.recognize_stream(drawing)
        async for result in results:
            assert result.sequence == 0
            break
        assert (await client.recognize(b"2")).digit == 2


def test_a_client_may_be_used_by_several_threads(server: "FakeRecognizer") -> None:
    digits: list[int | None] = []

    def recognize(client: Client) -> None:
        digits.extend(client.recognize(str(number).encode()).digit for number in range(10))

    with Client(server.address) as client:
        threads = [threading.Thread(target=recognize, args=(client,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(digits, key=str) == sorted([*range(10)] * 4)
