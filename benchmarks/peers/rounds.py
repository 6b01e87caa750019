"""What is measured of a contender in each round."""

import contextlib
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from benchmarks.h2load import LoadError
from benchmarks.peers.images import MANY
from benchmarks.peers.processes import resident_bytes
from benchmarks.peers.subjects import Subject, SubjectError

SEARCH_SECONDS: Final = 1.5
"""Of each number of calls in flight, when the best is sought."""
RATE_IN_FLIGHT: Final = 8
HELD_SHARE: Final = 0.97
"""Of a rate, below which it was not held."""
MB: Final = 1e6


@dataclass(frozen=True)
class Round:
    """The figures of one start of a contender."""

    ready_seconds: float
    """From the start of the process to the first right answer."""
    calls_per_second: float
    """One image each, with as many in flight as is best for it."""
    saturated_p99_ms: float
    """Of those."""
    alone_p50_ms: float
    """With one call in flight."""
    rate_calls_per_second: float
    """That were answered at the rate which is the same for all."""
    rate_p50_ms: float
    rate_p99_ms: float
    batch_images_per_second: float
    """In calls of MANY images."""
    memory_mb: float
    """Proportional set size of all its processes, after all that."""


def best_in_flight(subject: Subject, seconds: float) -> int:
    """Return the number of calls in flight with which a contender answers most."""
    if not subject.concurrencies:
        return 1
    search = min(seconds, SEARCH_SECONDS)
    rates = dict.fromkeys(subject.concurrencies, 0.0)
    for number in subject.concurrencies:
        # One that is too many for it is not the best, that is all.
        with contextlib.suppress(LoadError, SubjectError):
            rates[number] = subject.one(search, number).calls_per_second
    return max(rates, key=lambda number: rates[number])


def measure(
    subject: Subject,
    ready_seconds: float,
    in_flight: int,
    seconds: float,
    rate: float,
) -> tuple[Round, int]:
    """Put all loads on a contender that runs, and return its figures and calls in flight.

    Args:
        subject: Ready.
        ready_seconds: That it took to become so.
        in_flight: Calls with which it answers most; 0: to be sought.
        seconds: Of each load.
        rate: Calls a second, the same for all.
    """
    # From light to heavy: batchers that learn from their load would wait for one that is over.
    alone = subject.one(seconds / 2, 1)
    at_rate = subject.one(seconds, RATE_IN_FLIGHT, rate)
    in_flight = in_flight or best_in_flight(subject, seconds)
    saturated = subject.one(seconds, in_flight)
    many = subject.many(seconds)
    figures = Round(
        ready_seconds=ready_seconds,
        calls_per_second=saturated.calls_per_second,
        saturated_p99_ms=saturated.p99_ms,
        alone_p50_ms=alone.p50_ms,
        rate_calls_per_second=at_rate.calls_per_second,
        rate_p50_ms=at_rate.p50_ms,
        rate_p99_ms=at_rate.p99_ms,
        batch_images_per_second=many.calls_per_second * MANY,
        memory_mb=resident_bytes() / MB,
    )
    return figures, in_flight


def wait_ready(subject: Subject, began: float) -> float:
    """Return the seconds since the start, by ``time.monotonic``, at the first right answer."""
    subject.wait()
    return time.monotonic() - began


def summary(rounds: Sequence[Round], rate: float) -> dict[str, Any]:
    """Return medians, least and most of each figure, and whether the rate was held."""
    columns = {
        field.name: [float(getattr(one, field.name)) for one in rounds] for field in fields(Round)
    }
    return {
        "median": {name: statistics.median(values) for name, values in columns.items()},
        "spread": {name: [min(values), max(values)] for name, values in columns.items()},
        "rate_held": statistics.median(columns["rate_calls_per_second"]) >= rate * HELD_SHARE,
    }


def as_json(rounds: Sequence[Round]) -> list[dict[str, float]]:
    """Return every round."""
    return [{name: round(value, 4) for name, value in asdict(one).items()} for one in rounds]
