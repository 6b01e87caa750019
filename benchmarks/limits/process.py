"""The time until a server is ready, and its memory after many requests."""

from collections.abc import Iterable

from benchmarks.h2load import load
from benchmarks.limits import requests
from benchmarks.limits.figures import Figure
from benchmarks.limits.serving import RECOGNIZE, ours

REQUESTS = 100_000
SLICE_SECONDS = 5.0
MB = 1e6


def measure(rounds: int) -> Iterable[Figure]:
    """Start the server several times; ask the last one many times."""
    ready_seconds, idle_mb = [], []
    for number in range(rounds):
        with ours(has_nothing=False) as served:
            ready_seconds.append(served.ready_seconds)
            idle_mb.append(served.process.memory_info().rss / MB)
            if number == rounds - 1:
                _ask_many(served.address)
                used_mb = served.process.memory_info().rss / MB
    yield Figure("ready", "from the start of the process to ready", ready_seconds, "s", at_most=0.7)
    yield Figure("memory_idle", "resident memory when ready", idle_mb, "MB", 0)
    yield Figure(
        "memory_used",
        f"resident memory after {REQUESTS:,} requests",
        [used_mb],
        "MB",
        0,
        at_most=100,
    )


def _ask_many(address: str) -> None:
    answered = 0
    while answered < REQUESTS:
        answered += load(
            address,
            RECOGNIZE,
            requests.one(requests.Form.RAW28),
            kind="grpc",
            connections=4,
            streams=8,
            seconds=SLICE_SECONDS,
            warm_up_seconds=0,
        ).answered
