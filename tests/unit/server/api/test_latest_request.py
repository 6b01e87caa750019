"""Reading a stream ahead of its answers: what was overtaken, and what becomes of the reader."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from digits.v1 import recognizer_pb2 as pb
from digits_server.api.recognizer_servicer import READ_AHEAD_COUNT, _newest

Lines = asyncio.Queue["int | Exception | None"]
"""What a caller sends: sequences, then None or the error that the stream ends with."""


async def requests_of(lines: Lines) -> AsyncIterator[pb.StreamingRecognizeRequest]:
    """Yield requests; a line is done once the reader has taken it in."""
    while True:
        line = await lines.get()
        if isinstance(line, int):
            yield pb.StreamingRecognizeRequest(sequence=line)
        lines.task_done()
        if isinstance(line, Exception):
            raise line
        if line is None:
            return


def filled(*sent: int | Exception | None) -> Lines:
    lines = Lines()
    for line in sent:
        lines.put_nowait(line)
    return lines


async def test_a_request_that_comes_alone_overtakes_nothing() -> None:
    lines = filled()
    async with aclosing(_newest(requests_of(lines))) as newest:
        for sequence in (1, 2, 3):
            lines.put_nowait(sequence)
            overtaken, request = await anext(newest)
            assert (overtaken, request.sequence) == ([], sequence)


@pytest.mark.parametrize("end", [(), (None,)])
async def test_the_newest_of_those_that_wait_overtakes_the_others(end: tuple[None, ...]) -> None:
    lines = filled(1)
    async with aclosing(_newest(requests_of(lines))) as newest:
        await anext(newest)
        for line in (2, 3, 4, *end):
            lines.put_nowait(line)
        await lines.join()
        overtaken, request = await anext(newest)
        assert (overtaken, request.sequence) == ([2, 3], 4)


async def test_the_requests_before_the_end_are_still_given() -> None:
    given = [request.sequence async for _, request in _newest(requests_of(filled(1, None)))]
    assert given == [1]


async def test_no_requests_give_nothing() -> None:
    assert [item async for item in _newest(requests_of(filled(None)))] == []


async def test_no_more_is_read_ahead_than_the_limit() -> None:
    lines = filled(*range(1, READ_AHEAD_COUNT + 10))
    async with aclosing(_newest(requests_of(lines))) as newest:
        overtaken, request = await anext(newest)
        assert len(overtaken) == READ_AHEAD_COUNT - 1
        assert request.sequence == READ_AHEAD_COUNT


async def test_an_error_that_ends_the_requests_is_raised() -> None:
    lines = filled(1)
    async with aclosing(_newest(requests_of(lines))) as newest:
        await anext(newest)
        lines.put_nowait(ConnectionError("the line is dead"))
        with pytest.raises(ConnectionError, match="the line is dead"):
            await anext(newest)


async def test_the_reader_ends_with_the_one_it_reads_for() -> None:
    before = asyncio.all_tasks()
    newest = _newest(requests_of(filled(1)))
    await anext(newest)
    [reader] = asyncio.all_tasks() - before
    await newest.aclose()
    await asyncio.wait([reader])
    assert reader.cancelled()
