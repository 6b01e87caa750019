"""A stream of drawings to a server that is made up: each drawing has exactly one ending."""

import asyncio
import itertools
from collections.abc import Iterator, Sequence

import pytest

from digits_client.bench.calls import Kind, open_channel, stream_opener
from digits_client.bench.recording import Meter, Recording
from digits_client.bench.requests import requests
from digits_client.bench.streams import Stream
from digits_client.cli.server_options import ServerOptions

from .fake_server import (
    BAD,
    BREAKING,
    GOOD,
    LAST,
    OVERTAKEN,
    REFUSED,
    SILENT,
    FakeRecognizer,
    image,
)


async def drawn(
    connection: ServerOptions,
    widths: Sequence[int],
    *,
    size_bytes: int = 1,
    patience_seconds: float = 20,
) -> Recording:
    """Return the recording of drawings of these widths, one every 20 ms."""
    meter, stop = Meter(asyncio.get_running_loop().time(), 60, 1), asyncio.Event()

    def due_times() -> Iterator[float]:
        begins = meter.now()
        for place in range(len(widths)):
            yield begins + 0.02 * place
        stop.set()
        yield begins + 3600

    sent = [image(width, size_bytes) for width in widths]
    images = itertools.cycle(requests(Kind.STREAM, sent, 1))
    async with open_channel(connection) as channel:
        stream = Stream(stream_opener(channel, connection), images, meter, patience_seconds)
        await stream.draw(due_times(), stop)
    return meter.recordings[0]


async def test_drawings_are_answered_or_superseded_or_have_their_error(
    connection: ServerOptions, recognizer: FakeRecognizer
) -> None:
    recording = await drawn(connection, [GOOD, OVERTAKEN, BAD, GOOD, REFUSED, GOOD])
    assert recording.due == 6
    assert recording.calls == {
        "OK": 3,
        "SUPERSEDED": 1,
        "INVALID_ARGUMENT": 1,
        "RESOURCE_EXHAUSTED": 1,
    }
    assert recording.latency.count == 3
    assert recording.said["INVALID_ARGUMENT"] == "is bad"
    assert recognizer.calls == 1


async def test_a_stream_that_breaks_is_opened_anew_and_no_drawing_is_lost(
    connection: ServerOptions, recognizer: FakeRecognizer
) -> None:
    widths = [GOOD, BREAKING, *[GOOD] * 30]
    recording = await drawn(connection, widths)
    assert recording.due == recording.calls.total() == len(widths)
    # What a stream that is sent to reports when it breaks may be another status.
    assert recording.calls["OK"] < len(widths)
    assert recording.calls["OK"] > 15
    assert recognizer.calls == 2


async def test_drawings_that_a_stream_ends_without_answering_are_counted(
    connection: ServerOptions, recognizer: FakeRecognizer
) -> None:
    recording = await drawn(connection, [GOOD, LAST])
    assert recording.calls == {"OK": 1, "UNANSWERED": 1}


async def test_drawings_without_an_answer_at_the_end_run_into_the_deadline(
    connection: ServerOptions,
) -> None:
    recording = await drawn(connection, [GOOD, SILENT, SILENT], patience_seconds=1)
    assert recording.calls == {"OK": 1, "DEADLINE_EXCEEDED": 2}


async def test_a_server_that_does_not_read_any_more_is_not_waited_for_without_end(
    connection: ServerOptions,
) -> None:
    widths = [GOOD, *[SILENT] * 6]
    recording = await drawn(connection, widths, size_bytes=2_000_000, patience_seconds=1)
    assert recording.due == recording.calls.total() == len(widths)
    assert recording.calls["OK"] == 1
    assert recording.lag.largest < 0.9  # that is not the generator's fault


async def test_a_server_that_is_away_fails_each_drawing() -> None:
    recording = await drawn(ServerOptions("127.0.0.1:1"), [GOOD] * 5)
    assert recording.calls == {"UNAVAILABLE": 5}
    assert recording.latency.count == 0


async def test_latency_counts_from_when_a_drawing_was_due(connection: ServerOptions) -> None:
    meter, stop = Meter(asyncio.get_running_loop().time(), 60, 1), asyncio.Event()

    def due_times() -> Iterator[float]:
        yield meter.now() - 5
        stop.set()
        yield meter.now() + 3600

    images = itertools.cycle(requests(Kind.STREAM, [image(GOOD)], 1))
    async with open_channel(connection) as channel:
        stream = Stream(stream_opener(channel, connection), images, meter, 20)
        meter = stream._meter = Meter(meter.now() - 10, 60, 1)
        await stream.draw(due_times(), stop)
    assert meter.recordings[0].latency.smallest > 5
    assert meter.recordings[0].lag.largest == pytest.approx(0, abs=1)
