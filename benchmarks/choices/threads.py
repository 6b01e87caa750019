"""Two cores: two threads of one process, or a process for each core with one thread."""

import contextlib

from benchmarks.choices.comparison import Choice, in_turn
from benchmarks.choices.rates import in_batches, singly
from benchmarks.limits import requests
from benchmarks.limits.serving import ours

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
            ways[f"{name}: one a call"] = lambda served=served: singly(served, 32, 1)
            ways[f"{name}: 256 a call"] = lambda served=served: in_batches(
                served, requests.Form.PNG28, 8
            )
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
