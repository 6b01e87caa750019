"""Both loops against simulated servers in virtual time, so that every figure is exact."""

import asyncio
import itertools
from collections.abc import Callable

import pytest

from digits_client.bench import load
from digits_client.bench.load import MakeCall, closed_loop, open_loop
from digits_client.bench.recording import Meter, Outcome, Recording
from digits_client.bench.schedule import Arrivals, due_times

from .virtual_time import VirtualTimeLoop, run

OK = Outcome("OK", {"OK": 1})
REJECTED = Outcome("RESOURCE_EXHAUSTED", {"RESOURCE_EXHAUSTED": 1})
CALL_SECONDS = 0.001


async def call_stalling_server(_: bytes) -> Outcome:
    """Call a server that stalls from 0.5 to 0.7 seconds."""
    loop = asyncio.get_running_loop()
    if 0.4999 <= loop.time() < 0.7:
        await asyncio.sleep(0.7 - loop.time())
    await asyncio.sleep(CALL_SECONDS)
    return OK


async def call_overloaded_server(_: bytes) -> Outcome:
    await asyncio.sleep(0)
    return REJECTED


def blocking_call(seconds: float) -> MakeCall:
    """Return calls that block the generator's event loop."""

    async def make_call(_: bytes) -> Outcome:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.block(seconds)
        return OK

    return make_call


def run_open_loop(rate: float, *make_calls: MakeCall, seconds: float = 1.0) -> Recording:
    async def main() -> Recording:
        meter, stop = Meter(0, seconds, 1), asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, stop.set)
        due = due_times(Arrivals.CONSTANT, rate, "1")
        await open_loop(make_calls, itertools.repeat(b""), due, meter, stop)
        return meter.recordings[0]

    return run(main())


def run_closed_loop(callers: int, *make_calls: MakeCall) -> Recording:
    async def main() -> Recording:
        meter, stop = Meter(0, 1, 1), asyncio.Event()
        asyncio.get_running_loop().call_later(1, stop.set)
        await closed_loop(make_calls, itertools.repeat(b""), callers, meter, stop)
        return meter.recordings[0]

    return run(main())


def count_latencies_above(recording: Recording, seconds: float) -> int:
    shares = (
        (rank - 0.5) / recording.latency.count for rank in range(1, recording.latency.count + 1)
    )
    times = (recording.latency.percentile(share) for share in shares)
    return sum(time is not None and time > seconds for time in times)


def test_in_an_open_loop_a_stall_delays_every_call_that_was_due() -> None:
    recording = run_open_loop(100, call_stalling_server)
    assert recording.due in (100, 101)
    assert recording.calls == {"OK": recording.due}
    # A stall of 200 ms at 100 calls per second: 20 waits, from 200 ms down to none.
    assert count_latencies_above(recording, 2 * CALL_SECONDS) == pytest.approx(20, abs=1)
    assert count_latencies_above(recording, 0.1) == pytest.approx(10, abs=1)
    assert recording.latency.largest == pytest.approx(0.2 + CALL_SECONDS, abs=0.001)
    assert recording.lag.largest < 1e-6


def test_in_a_closed_loop_a_stall_delays_only_one_call_per_caller() -> None:
    recording = run_closed_loop(2, call_stalling_server)
    assert count_latencies_above(recording, 2 * CALL_SECONDS) == 2
    assert recording.due == pytest.approx(2 * 800, abs=4)


def test_latency_counts_from_the_due_time_even_if_the_generator_is_late() -> None:
    recording = run_open_loop(100, blocking_call(0.02))
    # The generator manages 50 calls per second, so its last call was due after half a second.
    assert recording.lag.largest == pytest.approx(0.5, abs=0.05)
    assert recording.latency.largest == pytest.approx(0.5, abs=0.05)


def test_calls_start_late_or_count_as_never_started_but_are_not_skipped() -> None:
    recording = run_open_loop(100, blocking_call(0.02))
    assert recording.due in (100, 101)
    assert recording.calls["OK"] == pytest.approx(50, abs=2)
    assert recording.never_started == recording.due - recording.calls["OK"]


def test_calls_beyond_the_limit_in_flight_wait_and_are_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(load, "MAX_IN_FLIGHT", 3)
    in_flight: list[int] = []
    running = 0

    async def make_call(_: bytes) -> Outcome:
        nonlocal running
        running += 1
        in_flight.append(running)
        await asyncio.sleep(0.1)
        running -= 1
        return OK

    recording = run_open_loop(100, make_call)
    assert max(in_flight) == 3
    assert recording.lag.largest > 0.5


def test_a_loop_waits_for_the_calls_in_flight_at_the_end() -> None:
    async def make_slow_call(_: bytes) -> Outcome:
        await asyncio.sleep(30)
        return OK

    for recording in (run_open_loop(10, make_slow_call), run_closed_loop(10, make_slow_call)):
        assert recording.calls == {"OK": recording.due}
        assert recording.latency.largest == pytest.approx(30)
        assert recording.ok_calls == 0  # none ended within the second


def test_a_rejected_caller_pauses_before_its_next_call() -> None:
    recording = run_closed_loop(1, call_overloaded_server)
    assert recording.calls["RESOURCE_EXHAUSTED"] == pytest.approx(1 / 0.05, abs=1)
    assert recording.latency.count == 0


@pytest.mark.parametrize(
    "loop",
    [
        lambda *make_calls: run_open_loop(100, *make_calls),
        lambda *make_calls: run_closed_loop(4, *make_calls),
    ],
)
def test_calls_are_spread_over_the_connections(loop: Callable[..., Recording]) -> None:
    counts = [0, 0]

    def call_on(connection: int) -> MakeCall:
        async def make_call(_: bytes) -> Outcome:
            counts[connection] += 1
            await asyncio.sleep(CALL_SECONDS)
            return OK

        return make_call

    loop(call_on(0), call_on(1))
    assert counts[0] > 40
    assert counts[0] == pytest.approx(counts[1], abs=2)
