"""The loads: callers that wait for their answers, and calls that come when they are due."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

from .recording import ANSWERED, Meter, Outcome
from .schedule import when_due

Ask = Callable[[bytes], Awaitable[Outcome]]
"""Makes a call with a request, and does not raise."""

# A server that is away, or has too much to do, turns calls away as fast as they come.
PAUSE_UNANSWERED_SECONDS: Final = 0.05
# In one process: each takes memory, and a server may stall for as long as the deadline.
MOST_IN_FLIGHT: Final = 10_000


async def closed_loop(
    asks: Sequence[Ask], requests: Iterator[bytes], callers: int, meter: Meter, stop: asyncio.Event
) -> None:
    """Let callers ask, each again as soon as it has its answer, or a little later without one.

    Args:
        asks: One for each connection; callers are spread over them.
        requests: What to ask, without end.
        callers: How many there are.
        meter: Counts.
        stop: Ends it, once the calls in flight have ended.
    """

    async def call_again_and_again(ask: Ask) -> None:
        while not stop.is_set():
            begun = meter.now()
            meter.began(begun, 0.0)
            outcome = await ask(next(requests))
            meter.ended(begun, outcome)
            if outcome.status != ANSWERED:
                await asyncio.sleep(PAUSE_UNANSWERED_SECONDS)

    async with asyncio.TaskGroup() as group:
        for ask in itertools.islice(itertools.cycle(asks), callers):
            group.create_task(call_again_and_again(ask))


async def open_loop(
    asks: Sequence[Ask],
    requests: Iterator[bytes],
    due_times: Iterator[float],
    meter: Meter,
    stop: asyncio.Event,
) -> None:
    """Begin each call when it is due.

    Its latency counts from then, so that a server that stalls is charged for all who would
    have waited, and not only for one.

    Args:
        asks: One for each connection, in turn.
        requests: What to ask, without end.
        due_times: When, by the clock of the event loop, without end.
        meter: Counts.
        stop: Ends it, once the calls in flight have ended.
    """
    room = asyncio.Semaphore(MOST_IN_FLIGHT)

    async def call(due: float, ask: Ask) -> None:
        meter.began(due, meter.now() - due)
        meter.ended(due, await ask(next(requests)))
        room.release()

    turns = itertools.cycle(asks)
    async with asyncio.TaskGroup() as group:
        async for due in when_due(due_times, stop, meter.never_begun):
            await room.acquire()
            group.create_task(call(due, next(turns)))
