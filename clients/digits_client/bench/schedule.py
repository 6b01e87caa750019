"""The schedule of an open loop: calls are due whether or not earlier ones have ended."""

import asyncio
import enum
import itertools
import random
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

# A sleeping schedule notices at least this often that it has to stop.
_MAX_SLEEP_SECONDS: Final = 0.1


class Arrivals(enum.StrEnum):
    """How calls are spread over time."""

    POISSON = "poisson"
    """At random, often in bursts: the arrivals of many independent people."""
    CONSTANT = "constant"
    """At equal intervals."""


def due_times(arrivals: Arrivals, rate: float, seed: str, offset: float = 0.0) -> Iterator[float]:
    """Yield the times at which calls are due, in seconds from the start, without end.

    Args:
        arrivals: How the times are spread.
        rate: Calls per second, on average.
        seed: The same seed yields the same Poisson times.
        offset: When the first call of a constant rate is due, as a share of the interval.
            Schedules with different offsets interleave.
    """
    if arrivals is Arrivals.CONSTANT:
        return ((number + offset) / rate for number in itertools.count())
    random_ = random.Random(seed)  # noqa: S311 - arrivals are not a secret
    return itertools.accumulate(random_.expovariate(rate) for _ in itertools.count())


async def wait_until_due(
    times: Iterator[float], stop: asyncio.Event, on_missed: Callable[[float], None]
) -> AsyncIterator[float]:
    """Yield each time once it has come, without skipping any, however late it is by then.

    Args:
        times: Ascending times on the clock of the event loop.
        stop: Ends the iteration.
        on_missed: Called with each time that had come but was not yielded before ``stop``.
    """
    now = asyncio.get_running_loop().time
    for due in times:
        while True:
            # Sleep even when late, so that the calls already started get a turn.
            await asyncio.sleep(min(max(0.0, due - now()), _MAX_SLEEP_SECONDS))
            if stop.is_set() or due <= now():
                break
        if stop.is_set():
            for missed in _until(now(), itertools.chain([due], times)):
                on_missed(missed)
            return
        yield due


def _until(end: float, times: Iterator[float]) -> Iterator[float]:
    return itertools.takewhile(lambda time: time <= end, times)
