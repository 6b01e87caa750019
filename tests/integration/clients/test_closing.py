"""Closing a client, and leaving a stream, while calls are under way."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import grpc
import pytest

from digits_client import AsyncClient, Client, ServerFailureError, StreamResult
from digits_client.images import ImageLike

if TYPE_CHECKING:
    from tests.integration.clients.conftest import FakeRecognizer


class Drawing:
    """One image, and then none until the test is over."""

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
    """A drawing whose next image does not come."""
    drawing = Drawing()
    yield drawing
    drawing.ended.set()


def test_closing_during_a_stream_ends_it_as_cancelled(
    server: "FakeRecognizer", drawing: Drawing
) -> None:
    client = Client(server.address)
    answers = client.recognize_stream(drawing)
    assert next(answers).prediction is not None
    client.close()
    with pytest.raises(ServerFailureError) as raised:
        next(answers)
    assert raised.value.code is grpc.StatusCode.CANCELLED


async def test_closing_during_a_stream_ends_it_as_cancelled_for_asyncio_too(
    server: "FakeRecognizer", drawing: Drawing
) -> None:
    client = AsyncClient(server.address)
    answers = client.recognize_stream(drawing)
    assert (await anext(answers)).prediction is not None
    await client.close()
    with pytest.raises(ServerFailureError) as raised:
        await anext(answers)
    assert raised.value.code is grpc.StatusCode.CANCELLED


async def test_closing_ends_a_call_that_waits_without_cancelling_its_task(
    server: "FakeRecognizer",
) -> None:
    server.go_on.clear()
    client = AsyncClient(server.address)
    waiting = asyncio.create_task(client.recognize(b"1"))
    await asyncio.to_thread(server.arrived.wait)
    await client.close()
    with pytest.raises(ServerFailureError):
        await waiting


async def test_a_cancelled_task_stays_cancelled(server: "FakeRecognizer") -> None:
    server.go_on.clear()
    async with AsyncClient(server.address) as client:
        waiting = asyncio.create_task(client.recognize(b"1"))
        await asyncio.to_thread(server.arrived.wait)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert waiting.cancelled()


async def test_a_time_limit_of_the_caller_holds(server: "FakeRecognizer") -> None:
    server.go_on.clear()
    async with AsyncClient(server.address) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.recognize(b"1")


def test_a_stream_may_be_left_before_its_end(server: "FakeRecognizer", drawing: Drawing) -> None:
    with Client(server.address) as client:
        for answer in client.recognize_stream(drawing):
            assert answer.sequence == 0
            break
        assert client.recognize(b"2").digit == 2


async def test_a_stream_may_be_left_before_its_end_for_asyncio_too(
    server: "FakeRecognizer", drawing: Drawing
) -> None:
    async with AsyncClient(server.address) as client:
        answers: AsyncIterator[StreamResult] = client.recognize_stream(drawing)
        async for answer in answers:
            assert answer.sequence == 0
            break
        assert (await client.recognize(b"2")).digit == 2


def test_a_client_may_be_used_by_several_threads_at_once(server: "FakeRecognizer") -> None:
    digits: list[int | None] = []

    def ask(client: Client) -> None:
        digits.extend(client.recognize(str(number).encode()).digit for number in range(10))

    with Client(server.address) as client:
        threads = [threading.Thread(target=ask, args=(client,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(digits, key=str) == sorted([*range(10)] * 4)
