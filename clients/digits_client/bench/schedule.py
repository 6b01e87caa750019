"""When calls are due, whatever becomes of those before them."""

import asyncio
import enum
import itertools
import random
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

# How long a sleeping schedule may go on after it was told to stop.
_LONGEST_NAP_SECONDS: Final = 0.1


class Arrivals(enum.StrEnum):
    """How calls are spread over time."""

    POISSON = "poisson"
    """As those of many people who know nothing of each other: by chance, often in bunches."""
    CONSTANT = "constant"
    """Evenly."""


def due_times(arrivals: Arrivals, rate: float, seed: str, share: float = 0.0) -> Iterator[float]:
    """Yield without end when calls are due, in seconds from the begin.

    Args:
        arrivals: How they are spread.
        rate: How many a second, in the mean.
        seed: The same seed gives the same times.
        share: Of an interval: when the first of evenly spread calls is due, so that several
            schedules take turns.
    """
    if arrivals is Arrivals.CONSTANT:
        return ((number + share) / rate for number in itertools.count())
    random_ = random.Random(seed)  # noqa: S311 - arrivals are no secret
    return itertools.accumulate(random_.expovariate(rate) for _ in itertools.count())


async def when_due(
    times: Iterator[float], stopping: asyncio.Event, never_begun: Callable[[float], None]
) -> AsyncIterator[float]:
    """Yield each time when it has come, and never skip one, however late it is by then.

    Args:
        times: By the clock of the event loop.
        stopping: Ends it.
        never_begun: Is told of those whose time had come when it ended.
    """
    now = asyncio.get_running_loop().time
    for due in times:
        while True:
            # Also where it is late: those that were begun before need a turn.
            await asyncio.sleep(min(max(0.0, due - now()), _LONGEST_NAP_SECONDS))
            if stopping.is_set() or due <= now():
                break
        if stopping.is_set():
            for missed in _until(now(), itertools.chain([due], times)):
                never_begun(missed)
            return
        yield due


def _until(end: float, times: Iterator[float]) -> Iterator[float]:
    return itertools.takewhile(lambda time: time <= end, times)
