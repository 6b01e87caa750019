"""A stream of drawings to a scripted server: every drawing has exactly one outcome."""

import asyncio
import itertools
from collections.abc import Iterator, Sequence

import pytest

from digits_client.bench.calls import open_channel, stream_opener
from digits_client.bench.recording import Meter, Recording
from digits_client.bench.requests import build_requests
from digits_client.bench.streams import Stream
from digits_client.bench.workload import CallKind
from digits_client.cli.server_options import ServerOptions

from .fake_server import (
    BAD,
    BREAKING,
    GOOD,
    LAST,
    OVERTAKEN,
    REJECTED,
    SILENT,
    FakeRecognizer,
    image,
)


async def draw(
    server: ServerOptions,
    widths: Sequence[int],
    *,
    size_bytes: int = 1,
    timeout_seconds: float = 20,
) -> Recording:
    """Return the recording of drawings of these widths, one every 20 ms."""
    meter, stop = Meter(asyncio.get_running_loop().time(), 60, 1), asyncio.Event()

    def due_times() -> Iterator[float]:
        start = meter.now()
        for index in range(len(widths)):
            yield start + 0.02 * index
        stop.set()
        yield start + 3600

    images = [image(width, size_bytes) for width in widths]
    requests = itertools.cycle(build_requests(CallKind.STREAM, images, 1))
    async with open_channel(server) as channel:
        stream = Stream(stream_opener(channel, server), requests, meter, timeout_seconds)
        await stream.draw(due_times(), stop)
    return meter.recordings[0]


async def test_a_drawing_is_recognized_or_superseded_or_has_its_error(
    server: ServerOptions, recognizer: FakeRecognizer
) -> None:
    recording = await draw(server, [GOOD, OVERTAKEN, BAD, GOOD, REJECTED, GOOD])
    assert recording.due == 6
    assert recording.calls == {
        "OK": 3,
        "SUPERSEDED": 1,
        "INVALID_ARGUMENT": 1,
        "RESOURCE_EXHAUSTED": 1,
    }
    assert recording.latency.count == 3
    assert recording.messages["INVALID_ARGUMENT"] == "is bad"
    assert recognizer.calls == 1


async def test_a_stream_that_breaks_is_reopened_and_no_drawing_is_lost(
    server: ServerOptions, recognizer: FakeRecognizer
) -> None:
    widths = [GOOD, BREAKING, *[GOOD] * 30]
    recording = await draw(server, widths)
    assert recording.due == recording.calls.total() == len(widths)
    assert recording.calls["OK"] + recording.calls["UNAVAILABLE"] == len(widths)
    assert recording.calls["OK"] > 15
    assert recognizer.calls == 2


async def test_drawings_without_a_response_when_the_stream_ends_are_counted(
    server: ServerOptions, recognizer: FakeRecognizer
) -> None:
    recording = await draw(server, [GOOD, LAST])
    assert recording.calls == {"OK": 1, "UNANSWERED": 1}


async def test_drawings_without_a_response_at_the_end_exceed_the_deadline(
    server: ServerOptions,
) -> None:
    recording = await draw(server, [GOOD, SILENT, SILENT], timeout_seconds=1)
    assert recording.calls == {"OK": 1, "DEADLINE_EXCEEDED": 2}


async def test_the_wait_for_a_server_that_stopped_reading_is_bounded(
    server: ServerOptions,
) -> None:
    widths = [GOOD, *[SILENT] * 6]
    recording = await draw(server, widths, size_bytes=2_000_000, timeout_seconds=1)
    assert recording.due == recording.calls.total() == len(widths)
    assert recording.calls["OK"] == 1
    assert recording.lag.largest < 0.9  # the delay is not the generator's


async def test_without_a_server_every_drawing_fails() -> None:
    recording = await draw(ServerOptions("127.0.0.1:1"), [GOOD] * 5)
    assert recording.calls == {"UNAVAILABLE": 5}
    assert recording.latency.count == 0


async def test_latency_counts_from_the_due_time_of_a_drawing(server: ServerOptions) -> None:
    meter, stop = Meter(asyncio.get_running_loop().time(), 60, 1), asyncio.Event()

    def due_times() -> Iterator[float]:
        yield meter.now() - 5
        stop.set()
        yield meter.now() + 3600

    requests = itertools.cycle(build_requests(CallKind.STREAM, [image(GOOD)], 1))
    async with open_channel(server) as channel:
        stream = Stream(stream_opener(channel, server), requests, meter, 20)
        meter = stream._meter = Meter(meter.now() - 10, 60, 1)
        await stream.draw(due_times(), stop)
    assert meter.recordings[0].latency.smallest > 5
    assert meter.recordings[0].lag.largest == pytest.approx(0, abs=1)
