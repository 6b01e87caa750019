"""The server's start time, and its memory when ready and after many requests."""

from collections.abc import Iterable

from benchmarks.figures import Figure
from benchmarks.limits import payloads
from benchmarks.limits.server_load import load_server
from benchmarks.limits.serving import RECOGNIZE, unlimited_server

REQUESTS = 100_000
SLICE_SECONDS = 5.0
MB = 1e6


def measure(rounds: int) -> Iterable[Figure]:
    """Start the server once per round, and send REQUESTS requests to the last one."""
    ready_seconds, idle_mb = [], []
    for round_number in range(rounds):
        with unlimited_server(has_no_op=False) as server:
            ready_seconds.append(server.ready_seconds)
            idle_mb.append(server.process.memory_info().rss / MB)
            if round_number == rounds - 1:
                _send_requests(server.address)
                used_mb = server.process.memory_info().rss / MB
    yield Figure("ready", "process start to ready", ready_seconds, "s", at_most=0.7)
    yield Figure("memory_idle", "resident memory when ready", idle_mb, "MB", 0)
    yield Figure(
        "memory_used",
        f"resident memory after {REQUESTS:,} requests",
        [used_mb],
        "MB",
        0,
        at_most=100,
    )


def _send_requests(address: str) -> None:
    succeeded = 0
    while succeeded < REQUESTS:
        succeeded += load_server(
            address,
            RECOGNIZE,
            payloads.single_request(payloads.Form.RAW28),
            connections=4,
            streams=8,
            seconds=SLICE_SECONDS,
            warm_up_seconds=0,
        ).succeeded
