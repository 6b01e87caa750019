"""Recognizing items with several messages in flight, while the server fails in many ways."""

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from digits_client import (
    AccessError,
    AsyncClient,
    DigitsError,
    FileResult,
    OverloadedError,
    Prediction,
    ServerFailureError,
    UnavailableError,
)
from digits_client.bulk import group_size, pipeline, retry
from digits_client.bulk.pipeline import GROUPS_AHEAD, recognize_items
from digits_client.responses import to_result
from digits_client.sources import Item, find

from .conftest import retry_info

if TYPE_CHECKING:
    from tests.integration.clients.conftest import FakeRecognizer


@dataclass(frozen=True)
class MemoryItem:
    """An image in memory."""

    path: str
    content: bytes

    def read(self, limit_bytes: int) -> bytes:
        return self.content


def numbered(count: int) -> list[MemoryItem]:
    """Return images whose digit is the last digit of their number."""
    return [MemoryItem(f"{number}.png", str(number).encode()) for number in range(count)]


def digits(results: Iterable[FileResult]) -> list[int | None]:
    return [file.result.digit if isinstance(file.result, Prediction) else None for file in results]


async def recognize_groups(
    client: AsyncClient, items: Iterable[Item], **options: Any
) -> AsyncGenerator[list[FileResult], None]:
    limits = (await client.model()).limits
    async with contextlib.aclosing(
        recognize_items(client.sender, items, limits, **options)
    ) as groups:
        async for group in groups:
            yield [FileResult(path, to_result(result)) for path, result in group]


async def recognize_all(
    client: AsyncClient, items: Iterable[Item], give_up_seconds: float = 0.3
) -> list[FileResult]:
    groups = recognize_groups(client, items, give_up_seconds=give_up_seconds)
    return [result async for group in groups for result in group]


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the waits between attempts, and let groups wait for all their items."""
    monkeypatch.setattr(retry, "_LONGEST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(pipeline, "INCOMPLETE_SECONDS", 1000)


@pytest.fixture
async def async_client(server: "FakeRecognizer") -> AsyncIterator[AsyncClient]:
    """A client of the server."""
    async with AsyncClient(server.address) as client:
        yield client


async def test_results_are_in_the_order_of_the_items_with_many_messages_in_flight(
    async_client: AsyncClient,
) -> None:
    items = numbered(1500)
    results = await recognize_all(async_client, items)
    assert [file.path for file in results] == [item.path for item in items]
    assert digits(results) == [number % 10 for number in range(1500)]


async def test_no_items_give_no_results(async_client: AsyncClient) -> None:
    assert await recognize_all(async_client, []) == []


async def test_messages_are_within_the_limits_of_the_server(
    async_client: AsyncClient, server: "FakeRecognizer"
) -> None:
    await recognize_all(async_client, [MemoryItem("x", b"7" * 1000)] * 200)
    assert sum(len(request.images) for request in server.requests) == 200
    assert max(len(request.images) for request in server.requests) == 64
    server.requests.clear()
    server.max_message_bytes = 4096 + 10_500
    await recognize_all(async_client, [MemoryItem("x", b"7" * 1000)] * 200)
    assert {len(request.images) for request in server.requests} == {10, 4, 8}
    server.requests.clear()
    server.max_batch_images = 3
    await recognize_all(async_client, numbered(10))
    # Several are in flight, so that the last may arrive before the third.
    assert sorted(len(request.images) for request in server.requests) == [1, 3, 3, 3]


async def test_messages_get_smaller_while_the_server_is_slow(
    async_client: AsyncClient, server: "FakeRecognizer", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_size, "SLOW_SECONDS", -1)
    items = numbered(2000)
    assert digits(await recognize_all(async_client, items)) == [n % 10 for n in range(2000)]
    counts = [len(request.images) for request in server.requests]
    assert counts[0] == 64
    assert counts[-1] == 8


async def test_messages_get_larger_while_they_wait_for_one_another(
    async_client: AsyncClient, server: "FakeRecognizer", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "MESSAGES_IN_FLIGHT", 1)
    monkeypatch.setattr(group_size, "FAST_SECONDS", float("inf"))
    # With one thread, a group whose images have been read waits for the first message before this
    # test goes on.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    server.max_batch_images = 1000
    read: list[str] = []

    @dataclass(frozen=True)
    class RecordedItem(MemoryItem):
        def read(self, limit_bytes: int) -> bytes:
            read.append(self.path)
            return self.content

    limits = (await async_client.model()).limits
    server.go_on.clear()
    items = [RecordedItem("x", b"7")] * 2000
    groups = pipeline.recognize_items(async_client.sender, items, limits)
    first = asyncio.ensure_future(anext(groups))
    while len(read) < GROUPS_AHEAD * 64:
        await asyncio.to_thread(str)
    server.go_on.set()
    results = len(await first)
    async for group in groups:
        results += len(group)
    assert results == 2000
    sizes = [len(request.images) for request in server.requests]
    assert (sizes[0], max(sizes)) == (64, 128)


async def test_a_response_that_lacks_results_is_a_server_failure(
    async_client: AsyncClient, server: "FakeRecognizer"
) -> None:
    server.missing_result_count = 1
    results = await recognize_all(async_client, numbered(2), give_up_seconds=30)
    assert [str(file.result) for file in results] == ["the server sent 0 results for 1 images"] * 2


async def test_an_image_larger_than_a_message_is_sent_in_a_message_by_itself(
    async_client: AsyncClient, server: "FakeRecognizer"
) -> None:
    server.max_message_bytes = 4096 + 500
    items = [MemoryItem("a", b"1"), MemoryItem("large", b"2" * 900), MemoryItem("b", b"3")]
    assert digits(await recognize_all(async_client, items)) == [1, 2, 3]
    assert [len(request.images) for request in server.requests] == [1, 1, 1]


async def test_a_file_that_cannot_be_read_has_an_error_and_is_not_sent(
    async_client: AsyncClient, server: "FakeRecognizer", tmp_path: Path
) -> None:
    good, large, pipe = tmp_path / "5", tmp_path / "large.png", tmp_path / "pipe"
    good.write_bytes(b"5")
    large.write_bytes(bytes(1001))
    os.mkfifo(pipe)
    paths = [*map(str, (good, large, pipe)), "missing.png"]
    results = await recognize_all(async_client, find(paths))
    assert [str(file.result) for file in results[1:]] == [
        "has 1001 bytes; the server accepts at most 1000",
        "is not a regular file",
        "cannot be read: No such file or directory",
    ]
    assert [len(request.images) for request in server.requests] == [1]


async def test_if_no_file_can_be_read_nothing_is_sent(
    async_client: AsyncClient, server: "FakeRecognizer"
) -> None:
    results = await recognize_all(async_client, find(["missing.png"] * 3))
    assert all(isinstance(file.result, DigitsError) for file in results)
    assert server.requests == []


async def test_an_error_of_the_item_iterator_is_raised_after_the_results_of_the_items_before_it(
    async_client: AsyncClient,
) -> None:
    def broken() -> Iterable[Item]:
        yield from numbered(100)
        raise OSError("the listing failed")

    found: list[int | None] = []

    async def run() -> None:
        async for group in recognize_groups(async_client, broken()):
            found.extend(digits(group))

    with pytest.raises(OSError, match="the listing failed"):
        await run()
    assert found == [*range(10)] * 10


async def test_a_rejected_message_is_retried(
    async_client: AsyncClient, server: "FakeRecognizer"
) -> None:
    server.fail(grpc.StatusCode.RESOURCE_EXHAUSTED, count=2, after=1, details=retry_info(1))
    assert digits(await recognize_all(async_client, numbered(3))) == [0, 1, 2]
    assert server.attempt_count == 1 + 2 + 1


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.RESOURCE_EXHAUSTED, OverloadedError),
        (grpc.StatusCode.UNAVAILABLE, UnavailableError),
    ],
)
async def test_a_server_that_stays_unavailable_or_overloaded_is_given_up(
    async_client: AsyncClient,
    server: "FakeRecognizer",
    code: grpc.StatusCode,
    error: type[DigitsError],
) -> None:
    server.fail(code, None, after=1, details=retry_info(1))
    with pytest.raises(error):
        await recognize_all(async_client, numbered(3))
    assert server.attempt_count > 1 + 3


async def test_time_spent_waiting_for_items_does_not_count_towards_giving_up(
    async_client: AsyncClient, server: "FakeRecognizer"
) -> None:
    def slow() -> Iterable[Item]:
        time.sleep(0.4)  # longer than give_up_seconds
        yield MemoryItem("x", b"7")

    server.fail(grpc.StatusCode.RESOURCE_EXHAUSTED, 2, after=1, details=retry_info(1))
    assert digits(await recognize_all(async_client, slow())) == [7]


async def test_a_server_that_is_unavailable_at_the_start_is_not_waited_for(
    async_client: AsyncClient, server: "FakeRecognizer"
) -> None:
    server.fail(grpc.StatusCode.UNAVAILABLE, None)
    with pytest.raises(UnavailableError):
        await recognize_all(async_client, numbered(3), give_up_seconds=1000)


async def test_a_call_that_is_denied_access_is_not_retried(
    async_client: AsyncClient, server: "FakeRecognizer"
) -> None:
    server.fail(grpc.StatusCode.UNAUTHENTICATED, None, after=1)
    with pytest.raises(AccessError):
        await recognize_all(async_client, numbered(3))
    assert server.attempt_count == 1 + 1


async def test_a_message_that_is_too_large_is_bisected(
    async_client: AsyncClient, server: "FakeRecognizer"
) -> None:
    server.fail(
        grpc.StatusCode.RESOURCE_EXHAUSTED, 2, after=1
    )  # the whole message, and its first half
    assert digits(await recognize_all(async_client, numbered(8))) == list(range(8))
    assert [len(request.images) for request in server.requests] == [2, 2, 4]


async def test_only_the_image_that_makes_the_server_fail_has_the_error(
    async_client: AsyncClient, server: "FakeRecognizer"
) -> None:
    server.fails_on = b"5"
    results = await recognize_all(async_client, numbered(20), give_up_seconds=30)
    assert digits(results) == [None if number in (5, 15) else number % 10 for number in range(20)]
    assert isinstance(results[5].result, ServerFailureError)


async def test_a_server_that_fails_every_call_is_given_up(
    async_client: AsyncClient, server: "FakeRecognizer"
) -> None:
    items = numbered(300)
    results: list[FileResult] = []

    async def run() -> None:
        async for group in recognize_groups(async_client, items, give_up_seconds=0.05):
            results.extend(group)
            server.fail(grpc.StatusCode.INTERNAL, count=None)

    with pytest.raises(ServerFailureError):
        await run()
    assert [file.path for file in results] == [item.path for item in items[: len(results)]]
    assert 64 <= len(results) < 300


async def test_after_a_stop_request_only_the_items_in_flight_are_recognized(
    async_client: AsyncClient,
) -> None:
    stopping = asyncio.Event()
    results: list[FileResult] = []
    items = numbered(100 * 64)
    async for group in recognize_groups(async_client, items, stopping=stopping):
        stopping.set()
        results.extend(group)
    assert digits(results) == [number % 10 for number in range(len(results))]
    assert 64 <= len(results) <= (GROUPS_AHEAD + 2) * 64


async def test_a_stop_request_ends_the_wait_for_the_next_item(
    async_client: AsyncClient,
) -> None:
    stopping = asyncio.Event()
    released = threading.Event()
    loop = asyncio.get_running_loop()

    def slow() -> Iterable[Item]:
        loop.call_soon_threadsafe(stopping.set)
        released.wait(30)
        yield from numbered(1)

    groups = recognize_groups(async_client, slow(), stopping=stopping)
    assert [group async for group in groups] == []
    released.set()


async def test_items_that_come_slowly_do_not_wait_for_a_group_to_be_complete(
    async_client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "INCOMPLETE_SECONDS", 0.01)
    shown = threading.Semaphore(0)

    def one_after_another() -> Iterable[Item]:
        for item in numbered(3):
            yield item
            assert shown.acquire(timeout=30)

    groups = []
    async for group in recognize_groups(async_client, one_after_another()):
        groups.append(digits(group))
        shown.release()
    assert groups == [[0], [1], [2]]


async def test_after_a_stop_request_nothing_is_polled_while_images_are_in_flight(
    async_client: AsyncClient, server: "FakeRecognizer", monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping = asyncio.Event()
    released = threading.Event()
    wait, wait_count = asyncio.wait, 0

    async def counted_wait(*arguments: Any, **options: Any) -> Any:
        nonlocal wait_count
        wait_count += 1
        return await wait(*arguments, **options)

    def items() -> Iterable[Item]:
        yield from numbered(64)
        released.wait(30)
        yield from numbered(64)

    limits = (await async_client.model()).limits
    monkeypatch.setattr(asyncio, "wait", counted_wait)
    server.go_on.clear()
    server.arrived.clear()
    groups = recognize_items(async_client.sender, items(), limits, stopping=stopping)
    first = asyncio.ensure_future(anext(groups))
    await asyncio.to_thread(server.arrived.wait, 30)
    stopping.set()
    for _ in range(10):
        await asyncio.to_thread(str)
    released.set()  # so that one more group comes
    for _ in range(100):
        await asyncio.to_thread(str)
    server.go_on.set()
    assert len(await first) == 64
    assert [group async for group in groups] == []
    assert wait_count < 10
