"""From items to answers, with several messages in flight and a server that has its moods."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

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
from digits_client.bulk import retry
from digits_client.bulk.pipeline import GROUPS_AHEAD, recognize_items
from digits_client.sources import Item, find

if TYPE_CHECKING:
    from tests.integration.clients.conftest import FakeRecognizer


@dataclass(frozen=True)
class Memory:
    """An image that is not in a file."""

    path: str
    content: bytes

    def read(self, limit_bytes: int) -> bytes:
        return self.content


def numbered(count: int) -> list[Memory]:
    """Return images whose digit is the last figure of their number."""
    return [Memory(f"{number}.png", str(number).encode()) for number in range(count)]


def digits(answers: Iterable[FileResult]) -> list[int | None]:
    return [
        answer.result.digit if isinstance(answer.result, Prediction) else None for answer in answers
    ]


async def all_of(
    client: AsyncClient, items: Iterable[Item], give_up_seconds: float = 0.3
) -> list[FileResult]:
    groups = recognize_items(client, items, give_up_seconds=give_up_seconds)
    return [answer async for group in groups for answer in group]


def retry_info(milliseconds: int) -> bytes:
    info = any_pb2.Any()
    delay = duration_pb2.Duration(nanos=milliseconds * 1_000_000)
    info.Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return bytes(status_pb2.Status(details=[info]).SerializeToString())


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between tries are short."""
    monkeypatch.setattr(retry, "_LONGEST_WAIT_SECONDS", 0.01)


@pytest.fixture
async def asking_client(server: "FakeRecognizer") -> AsyncIterator[AsyncClient]:
    """A client of the server."""
    async with AsyncClient(server.address) as client:
        yield client


async def test_answers_come_in_the_order_of_the_items_however_many_messages_are_in_flight(
    asking_client: AsyncClient,
) -> None:
    items = numbered(1500)
    answers = await all_of(asking_client, items)
    assert [answer.path for answer in answers] == [item.path for item in items]
    assert digits(answers) == [number % 10 for number in range(1500)]


async def test_no_items_give_no_answers(asking_client: AsyncClient) -> None:
    assert await all_of(asking_client, []) == []


async def test_messages_hold_no_more_than_the_server_takes(
    asking_client: AsyncClient, server: "FakeRecognizer"
) -> None:
    await all_of(asking_client, [Memory("x", b"7" * 1000)] * 200)
    assert sum(len(request.images) for request in server.requests) == 200
    assert max(len(request.images) for request in server.requests) == 64
    server.requests.clear()
    server.max_message_bytes = 4096 + 10_500
    await all_of(asking_client, [Memory("x", b"7" * 1000)] * 200)
    assert {len(request.images) for request in server.requests} == {10, 4, 8}
    server.requests.clear()
    server.max_batch_images = 3
    await all_of(asking_client, numbered(10))
    # Several are in flight, so that the last may come before the third.
    assert sorted(len(request.images) for request in server.requests) == [1, 3, 3, 3]


async def test_an_image_larger_than_a_message_has_one_for_itself(
    asking_client: AsyncClient, server: "FakeRecognizer"
) -> None:
    server.max_message_bytes = 4096 + 500
    items = [Memory("a", b"1"), Memory("large", b"2" * 900), Memory("b", b"3")]
    assert digits(await all_of(asking_client, items)) == [1, 2, 3]
    assert [len(request.images) for request in server.requests] == [1, 1, 1]


async def test_what_cannot_be_read_has_its_answer_and_is_not_sent(
    asking_client: AsyncClient, server: "FakeRecognizer", tmp_path: Path
) -> None:
    good, large, pipe = tmp_path / "5", tmp_path / "large.png", tmp_path / "pipe"
    good.write_bytes(b"5")
    large.write_bytes(bytes(1001))
    os.mkfifo(pipe)
    paths = [*map(str, (good, large, pipe)), "missing.png"]
    answers = await all_of(asking_client, find(paths))
    assert [str(answer.result) for answer in answers[1:]] == [
        "has 1001 bytes; the server accepts at most 1000",
        "is not a regular file",
        "cannot be read: No such file or directory",
    ]
    assert [len(request.images) for request in server.requests] == [1]


async def test_a_run_of_nothing_but_unreadable_files_asks_the_server_about_none(
    asking_client: AsyncClient, server: "FakeRecognizer"
) -> None:
    answers = await all_of(asking_client, find(["missing.png"] * 3))
    assert all(isinstance(answer.result, DigitsError) for answer in answers)
    assert server.requests == []


async def test_what_listing_raises_is_raised(asking_client: AsyncClient) -> None:
    def broken() -> Iterable[Item]:
        yield Memory("x", b"1")
        raise OSError("no more of it")

    with pytest.raises(OSError, match="no more of it"):
        await all_of(asking_client, broken())


async def test_an_overloaded_server_is_asked_again_when_it_says(
    asking_client: AsyncClient, server: "FakeRecognizer"
) -> None:
    server.fail(grpc.StatusCode.RESOURCE_EXHAUSTED, count=2, after=1, details=retry_info(1))
    assert digits(await all_of(asking_client, numbered(3))) == [0, 1, 2]
    assert server.attempt_count == 1 + 2 + 1


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.RESOURCE_EXHAUSTED, OverloadedError),
        (grpc.StatusCode.UNAVAILABLE, UnavailableError),
    ],
)
async def test_a_server_that_stays_away_is_given_up_after_a_while(
    asking_client: AsyncClient,
    server: "FakeRecognizer",
    code: grpc.StatusCode,
    error: type[DigitsError],
) -> None:
    server.fail(code, None, after=1, details=retry_info(1))
    with pytest.raises(error):
        await all_of(asking_client, numbered(3))
    assert server.attempt_count > 1 + 3


async def test_a_list_that_was_long_in_coming_is_no_reason_to_give_up(
    asking_client: AsyncClient, server: "FakeRecognizer"
) -> None:
    def slow() -> Iterable[Item]:
        time.sleep(0.4)  # longer than the server may answer nothing
        yield Memory("x", b"7")

    server.fail(grpc.StatusCode.RESOURCE_EXHAUSTED, 2, after=1, details=retry_info(1))
    assert digits(await all_of(asking_client, slow())) == [7]


async def test_a_server_that_is_not_there_at_first_is_not_waited_for(
    asking_client: AsyncClient, server: "FakeRecognizer"
) -> None:
    server.fail(grpc.StatusCode.UNAVAILABLE, None)
    with pytest.raises(UnavailableError):
        await all_of(asking_client, numbered(3), give_up_seconds=1000)


async def test_who_is_not_let_in_does_not_ask_again(
    asking_client: AsyncClient, server: "FakeRecognizer"
) -> None:
    server.fail(grpc.StatusCode.UNAUTHENTICATED, None, after=1)
    with pytest.raises(AccessError):
        await all_of(asking_client, numbered(3))
    assert server.attempt_count == 1 + 1


async def test_a_message_that_is_too_much_is_halved(
    asking_client: AsyncClient, server: "FakeRecognizer"
) -> None:
    server.fail(grpc.StatusCode.RESOURCE_EXHAUSTED, 2, after=1)  # the whole, and its first half
    assert digits(await all_of(asking_client, numbered(8))) == list(range(8))
    assert [len(request.images) for request in server.requests] == [2, 2, 4]


async def test_an_image_that_makes_the_server_fail_has_the_error_alone(
    asking_client: AsyncClient, server: "FakeRecognizer"
) -> None:
    server.fails_on = b"5"
    answers = await all_of(asking_client, numbered(20), give_up_seconds=30)
    assert digits(answers) == [None if number in (5, 15) else number % 10 for number in range(20)]
    assert isinstance(answers[5].result, ServerFailureError)


async def test_a_server_that_fails_at_everything_is_given_up(
    asking_client: AsyncClient, server: "FakeRecognizer"
) -> None:
    items = numbered(300)
    answers: list[FileResult] = []

    async def run() -> None:
        async for group in recognize_items(asking_client, items, give_up_seconds=0.05):
            answers.extend(group)
            server.fail(grpc.StatusCode.INTERNAL, count=None)

    with pytest.raises(ServerFailureError):
        await run()
    assert [answer.path for answer in answers] == [item.path for item in items[: len(answers)]]
    assert 64 <= len(answers) < 300


async def test_once_it_is_to_stop_it_takes_no_more_and_answers_what_is_in_flight(
    asking_client: AsyncClient,
) -> None:
    stopping = asyncio.Event()
    answers: list[FileResult] = []
    items = numbered(100 * 64)
    async for group in recognize_items(asking_client, items, stopping=stopping):
        stopping.set()
        answers.extend(group)
    assert digits(answers) == [number % 10 for number in range(len(answers))]
    assert 64 <= len(answers) <= (GROUPS_AHEAD + 2) * 64


async def test_it_stops_while_it_waits_for_an_item_that_does_not_come(
    asking_client: AsyncClient,
) -> None:
    stopping = asyncio.Event()
    never = threading.Event()
    loop = asyncio.get_running_loop()

    def slow() -> Iterable[Item]:
        loop.call_soon_threadsafe(stopping.set)
        never.wait(30)
        yield from numbered(1)

    groups = recognize_items(asking_client, slow(), stopping=stopping)
    assert [group async for group in groups] == []
    never.set()
