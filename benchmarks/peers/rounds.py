"""The loads and figures of one round of a contender."""

import contextlib
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from benchmarks.h2load import LoadError
from benchmarks.peers.drivers import Driver, DriverError
from benchmarks.peers.process_tree import resident_bytes
from benchmarks.peers.reference import BATCH_SIZE

SEARCH_SECONDS: Final = 1.5
"""Duration of each load when searching for the best number of calls in flight."""
RATE_IN_FLIGHT: Final = 8
SUSTAINED_SHARE: Final = 0.97
"""Share of the rate below which a contender did not sustain it."""
MB: Final = 1e6


@dataclass(frozen=True)
class Round:
    """The figures of one run of a contender."""

    ready_seconds: float
    """Time from the start of the process to the first correct response."""
    calls_per_second: float
    """Throughput with one image per call and the best number of calls in flight."""
    saturated_p99_ms: float
    """p99 of the same load."""
    alone_p50_ms: float
    """p50 with one call in flight."""
    rate_calls_per_second: float
    """Goodput at the fixed rate, which is the same for all contenders."""
    rate_p50_ms: float
    rate_p99_ms: float
    batch_images_per_second: float
    """Throughput with BATCH_SIZE images per call."""
    memory_mb: float
    """Proportional set size of all its processes after the loads."""


def best_in_flight(driver: Driver, seconds: float) -> int:
    """Return the number of calls in flight that gives the highest throughput."""
    if not driver.concurrencies:
        return 1
    seconds = min(seconds, SEARCH_SECONDS)
    rates = dict.fromkeys(driver.concurrencies, 0.0)
    for in_flight in driver.concurrencies:
        # A number of calls at which the contender fails is not its best one.
        with contextlib.suppress(LoadError, DriverError):
            rates[in_flight] = driver.load_single(seconds, in_flight).calls_per_second
    return max(rates, key=lambda in_flight: rates[in_flight])


def measure(
    driver: Driver, ready_seconds: float, in_flight: int, seconds: float, rate: float
) -> tuple[Round, int]:
    """Apply all loads to a running contender.

    Args:
        driver: The contender, ready.
        ready_seconds: Time that it took to become ready.
        in_flight: Best number of calls in flight; 0 to search for it.
        seconds: Duration of each load.
        rate: Calls per second of the load at a fixed rate.

    Returns:
        The figures, and the best number of calls in flight.
    """
    # From light to heavy: adaptive batchers would carry over what they learned from a heavy load.
    alone = driver.load_single(seconds / 2, 1)
    at_rate = driver.load_single(seconds, RATE_IN_FLIGHT, rate)
    in_flight = in_flight or best_in_flight(driver, seconds)
    saturated = driver.load_single(seconds, in_flight)
    batches = driver.load_batches(seconds)
    figures = Round(
        ready_seconds=ready_seconds,
        calls_per_second=saturated.calls_per_second,
        saturated_p99_ms=saturated.p99_ms,
        alone_p50_ms=alone.p50_ms,
        rate_calls_per_second=at_rate.calls_per_second,
        rate_p50_ms=at_rate.p50_ms,
        rate_p99_ms=at_rate.p99_ms,
        batch_images_per_second=batches.calls_per_second * BATCH_SIZE,
        memory_mb=resident_bytes() / MB,
    )
    return figures, in_flight


def summary(rounds: Sequence[Round], rate: float) -> dict[str, Any]:
    """Return the median and range of each figure, and whether the rate was sustained."""
    columns = {
        field.name: [float(getattr(figures, field.name)) for figures in rounds]
        for field in fields(Round)
    }
    return {
        "median": {name: statistics.median(values) for name, values in columns.items()},
        "spread": {name: [min(values), max(values)] for name, values in columns.items()},
        "rate_held": statistics.median(columns["rate_calls_per_second"]) >= rate * SUSTAINED_SHARE,
    }


def as_json(rounds: Mapping[int, Round]) -> list[dict[str, float]]:
    """Return the figures of every round, with its number."""
    return [
        {"round": number, **{name: round(value, 4) for name, value in asdict(figures).items()}}
        for number, figures in rounds.items()
    ]
