"""The two loops against servers made up here, in virtual time: each figure is exact."""

import asyncio
import itertools
from collections.abc import Callable

import pytest

from digits_client.bench import load
from digits_client.bench.load import Ask, closed_loop, open_loop
from digits_client.bench.recording import Meter, Outcome, Recording
from digits_client.bench.schedule import Arrivals, due_times

from .virtual_time import VirtualTimeLoop, run

ANSWERED = Outcome("OK", {"OK": 1})
REFUSED = Outcome("RESOURCE_EXHAUSTED", {"RESOURCE_EXHAUSTED": 1})
ANSWER_SECONDS = 0.001


async def stalling(_: bytes) -> Outcome:
    """Answer as a server that does nothing from 0.5 to 0.7 seconds."""
    loop = asyncio.get_running_loop()
    if 0.4999 <= loop.time() < 0.7:
        await asyncio.sleep(0.7 - loop.time())
    await asyncio.sleep(ANSWER_SECONDS)
    return ANSWERED


async def refusing(_: bytes) -> Outcome:
    await asyncio.sleep(0)
    return REFUSED


def hogging(seconds: float) -> Ask:
    """Return calls that leave the generator no time for others."""

    async def ask(_: bytes) -> Outcome:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.work(seconds)
        return ANSWERED

    return ask


def open_at(rate: float, *asks: Ask, seconds: float = 1.0) -> Recording:
    async def main() -> Recording:
        meter, stop = Meter(0, seconds, 1), asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, stop.set)
        due = due_times(Arrivals.CONSTANT, rate, "1")
        await open_loop(asks, itertools.repeat(b""), due, meter, stop)
        return meter.recordings[0]

    return run(main())


def closed_with(callers: int, *asks: Ask) -> Recording:
    async def main() -> Recording:
        meter, stop = Meter(0, 1, 1), asyncio.Event()
        asyncio.get_running_loop().call_later(1, stop.set)
        await closed_loop(asks, itertools.repeat(b""), callers, meter, stop)
        return meter.recordings[0]

    return run(main())


def longer_than(recording: Recording, seconds: float) -> int:
    """Return how many latencies are."""
    shares = (
        (place - 0.5) / recording.latency.count for place in range(1, recording.latency.count + 1)
    )
    times = (recording.latency.percentile(share) for share in shares)
    return sum(time is not None and time > seconds for time in times)


def test_in_an_open_loop_all_who_would_have_waited_for_a_stall_are_late() -> None:
    recording = open_at(100, stalling)
    assert recording.due in (100, 101)
    assert recording.calls == {"OK": recording.due}
    # 200 ms of a second at 100 a second, whose waits go down from 200 ms to none.
    assert longer_than(recording, 2 * ANSWER_SECONDS) == pytest.approx(20, abs=1)
    assert longer_than(recording, 0.1) == pytest.approx(10, abs=1)
    assert recording.latency.largest == pytest.approx(0.2 + ANSWER_SECONDS, abs=0.001)
    assert recording.lag.largest < 1e-6


def test_in_a_closed_loop_only_those_who_wait_are_late() -> None:
    recording = closed_with(2, stalling)
    assert longer_than(recording, 2 * ANSWER_SECONDS) == 2
    assert recording.due == pytest.approx(2 * 800, abs=4)


def test_latency_counts_from_when_a_call_was_due_also_where_the_generator_is_late() -> None:
    recording = open_at(100, hogging(0.02))
    # It can make 50 a second, and so ends with the one that was due after half of it.
    assert recording.lag.largest == pytest.approx(0.5, abs=0.05)
    assert recording.latency.largest == pytest.approx(0.5, abs=0.05)


def test_calls_are_begun_late_or_counted_as_never_begun_but_not_skipped() -> None:
    recording = open_at(100, hogging(0.02))
    assert recording.due in (100, 101)
    assert recording.calls["OK"] == pytest.approx(50, abs=2)
    assert recording.never_begun == recording.due - recording.calls["OK"]


def test_more_calls_than_memory_bears_wait_and_are_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "MOST_IN_FLIGHT", 3)
    in_flight: list[int] = []
    running = 0

    async def ask(_: bytes) -> Outcome:
        nonlocal running
        running += 1
        in_flight.append(running)
        await asyncio.sleep(0.1)
        running -= 1
        return ANSWERED

    recording = open_at(100, ask)
    assert max(in_flight) == 3
    assert recording.lag.largest > 0.5


def test_calls_in_flight_at_the_end_are_waited_for() -> None:
    async def slow(_: bytes) -> Outcome:
        await asyncio.sleep(30)
        return ANSWERED

    for recording in (open_at(10, slow), closed_with(10, slow)):
        assert recording.calls == {"OK": recording.due}
        assert recording.latency.largest == pytest.approx(30)
        assert recording.answered_calls == 0  # within the second


def test_who_is_turned_away_waits_a_little_before_asking_again() -> None:
    recording = closed_with(1, refusing)
    assert recording.calls["RESOURCE_EXHAUSTED"] == pytest.approx(1 / 0.05, abs=1)
    assert recording.latency.count == 0


@pytest.mark.parametrize(
    "loop", [lambda *asks: open_at(100, *asks), lambda *asks: closed_with(4, *asks)]
)
def test_calls_are_spread_over_the_connections(loop: Callable[..., Recording]) -> None:
    counts = [0, 0]

    def ask_on(connection: int) -> Ask:
        async def ask(_: bytes) -> Outcome:
            counts[connection] += 1
            await asyncio.sleep(ANSWER_SECONDS)
            return ANSWERED

        return ask

    loop(ask_on(0), ask_on(1))
    assert counts[0] > 40
    assert counts[0] == pytest.approx(counts[1], abs=2)
