"""Reading a stream ahead: which requests are superseded, and how the reader ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from digits.v1 import recognizer_pb2 as pb
from digits_server.api.latest_request import READ_AHEAD_COUNT, latest_requests

Inbox = asyncio.Queue["int | Exception | None"]
"""What a caller sends: sequence numbers, then None or the error that ends the stream."""


async def requests_from(inbox: Inbox) -> AsyncIterator[pb.StreamingRecognizeRequest]:
    """Yield requests; an item is done once the consumer has taken its request."""
    while True:
        item = await inbox.get()
        if isinstance(item, int):
            yield pb.StreamingRecognizeRequest(sequence=item)
        inbox.task_done()
        if isinstance(item, Exception):
            raise item
        if item is None:
            return


def inbox_of(*items: int | Exception | None) -> Inbox:
    inbox = Inbox()
    for item in items:
        inbox.put_nowait(item)
    return inbox


async def test_a_request_that_arrives_alone_supersedes_nothing() -> None:
    inbox = inbox_of()
    async with aclosing(latest_requests(requests_from(inbox))) as latest:
        for sequence in (1, 2, 3):
            inbox.put_nowait(sequence)
            superseded, request = await anext(latest)
            assert (superseded, request.sequence) == ([], sequence)


@pytest.mark.parametrize("end", [(), (None,)])
async def test_the_newest_waiting_request_supersedes_the_others(end: tuple[None, ...]) -> None:
    inbox = inbox_of(1)
    async with aclosing(latest_requests(requests_from(inbox))) as latest:
        await anext(latest)
        for item in (2, 3, 4, *end):
            inbox.put_nowait(item)
        await inbox.join()
        superseded, request = await anext(latest)
        assert (superseded, request.sequence) == ([2, 3], 4)


async def test_a_request_before_the_end_of_the_stream_is_yielded() -> None:
    latest = latest_requests(requests_from(inbox_of(1, None)))
    assert [request.sequence async for _, request in latest] == [1]


async def test_an_empty_stream_yields_nothing() -> None:
    assert [item async for item in latest_requests(requests_from(inbox_of(None)))] == []


async def test_reading_ahead_stops_at_the_limit() -> None:
    inbox = inbox_of(*range(1, READ_AHEAD_COUNT + 10))
    async with aclosing(latest_requests(requests_from(inbox))) as latest:
        superseded, request = await anext(latest)
        assert len(superseded) == READ_AHEAD_COUNT - 1
        assert request.sequence == READ_AHEAD_COUNT


async def test_an_error_that_ends_the_stream_is_raised() -> None:
    inbox = inbox_of(1)
    async with aclosing(latest_requests(requests_from(inbox))) as latest:
        await anext(latest)
        inbox.put_nowait(ConnectionError("connection lost"))
        with pytest.raises(ConnectionError, match="connection lost"):
            await anext(latest)


async def test_closing_the_generator_cancels_its_reader() -> None:
    before = asyncio.all_tasks()
    latest = latest_requests(requests_from(inbox_of(1)))
    await anext(latest)
    [reader] = asyncio.all_tasks() - before
    await latest.aclose()
    await asyncio.wait([reader])
    assert reader.cancelled()
