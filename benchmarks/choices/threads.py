"""Two cores: two threads of one process, or a process for each core with one thread."""

import contextlib

from benchmarks.choices.comparison import Choice, in_turn
from benchmarks.h2load import load
from benchmarks.limits import requests
from benchmarks.limits.serving import RECOGNIZE, RECOGNIZE_BATCH, Served, ours

SECONDS = 1.5
WAYS = {
    "1 worker, 1 thread": ("--workers", "1", "--threads", "1"),
    "1 worker, 2 threads": ("--workers", "1", "--threads", "2"),
    "2 workers, 1 thread each": ("--workers", "2", "--threads", "1"),
}


def measure(rounds: int) -> Choice:
    """Ask for single raw images and for batches of PNG files."""
    with contextlib.ExitStack() as servers:
        ways = {}
        for name, flags in WAYS.items():
            served = servers.enter_context(ours(*flags, has_nothing=False))
            ways[f"{name}: one a call"] = lambda served=served: _rate(served, is_batch=False)
            ways[f"{name}: 256 a call"] = lambda served=served: _rate(served, is_batch=True)
        values = in_turn(ways, rounds)
    return Choice(
        "threads",
        "Threads of one process, or more processes?",
        "1 worker, 2 threads",
        "images/s",
        is_less_better=False,
        ways=values,
        note="Raw images alone, PNG files in batches. The load generator shares the two cores.",
    )


def _rate(served: Served, *, is_batch: bool) -> float:
    answered = load(
        served.address,
        RECOGNIZE_BATCH if is_batch else RECOGNIZE,
        requests.many(requests.Form.PNG28) if is_batch else requests.one(requests.Form.RAW28),
        kind="grpc",
        connections=8 if is_batch else 32,
        streams=1,
        seconds=SECONDS,
        warm_up_seconds=0.3,
    )
    return answered.calls_per_second * (requests.MANY if is_batch else 1)
