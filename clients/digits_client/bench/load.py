"""Closed and open loops of calls, within one process.

They make any calls: a script passes its own functions for calls that no workload describes.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

from .recording import OK, Meter, Outcome
from .schedule import wait_until_due

MakeCall = Callable[[bytes], Awaitable[Outcome]]
"""Makes one call with a serialized request. Reports errors as an outcome and does not raise."""

# An unreachable or overloaded server fails calls as fast as they come.
PAUSE_AFTER_FAILURE_SECONDS: Final = 0.05
# Per process. Every call takes memory, and a server may stall for as long as the deadline.
MAX_IN_FLIGHT: Final = 10_000


async def closed_loop(
    make_calls: Sequence[MakeCall],
    requests: Iterator[bytes],
    callers: int,
    meter: Meter,
    stop: asyncio.Event,
) -> None:
    """Run callers that each call again once their call has ended.

    After a call that was not successful, a caller pauses for PAUSE_AFTER_FAILURE_SECONDS.

    Args:
        make_calls: One function for each connection; callers are spread over them.
        requests: The requests to send, without end.
        callers: The number of concurrent callers.
        meter: Counts the calls.
        stop: Ends the loop once the calls in flight have ended.
    """

    async def call_repeatedly(make_call: MakeCall) -> None:
        while not stop.is_set():
            started = meter.now()
            meter.call_started(started, 0.0)
            outcome = await make_call(next(requests))
            meter.call_ended(started, outcome)
            if outcome.status != OK:
                await asyncio.sleep(PAUSE_AFTER_FAILURE_SECONDS)

    async with asyncio.TaskGroup() as group:
        for make_call in itertools.islice(itertools.cycle(make_calls), callers):
            group.create_task(call_repeatedly(make_call))


async def open_loop(
    make_calls: Sequence[MakeCall],
    requests: Iterator[bytes],
    due_times: Iterator[float],
    meter: Meter,
    stop: asyncio.Event,
) -> None:
    """Start each call when it is due.

    Latency is measured from the due time. A server that stalls is so charged for every call
    that would have waited, and not only for one (no coordinated omission).

    Args:
        make_calls: One function for each connection; calls use them in turn.
        requests: The requests to send, without end.
        due_times: When to call, on the clock of the event loop, without end.
        meter: Counts the calls.
        stop: Ends the loop once the calls in flight have ended.
    """
    slots = asyncio.Semaphore(MAX_IN_FLIGHT)

    async def call_once(due: float, make_call: MakeCall) -> None:
        meter.call_started(due, meter.now() - due)
        meter.call_ended(due, await make_call(next(requests)))
        slots.release()

    turns = itertools.cycle(make_calls)
    async with asyncio.TaskGroup() as group:
        async for due in wait_until_due(due_times, stop, meter.call_never_started):
            await slots.acquire()
            group.create_task(call_once(due, next(turns)))
