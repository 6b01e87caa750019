"""A call with one raw image, compared with a no-op call on the same server."""

import functools
from collections import defaultdict
from collections.abc import Iterable

from benchmarks.figures import Figure, ratios
from benchmarks.limits import payloads
from benchmarks.limits.server_load import load_server
from benchmarks.limits.serving import NO_OP, RECOGNIZE, bare_server, unlimited_server

SATURATED_SECONDS = 1.5
SINGLE_CALLER_SECONDS = 1.0
CONNECTIONS = 4
STREAMS = 8
LABELS = {
    "image": "raw image",
    "drawing": "raw image to be scaled and centered",
    "no_op": "no-op call",
    "bare": "no-op call on grpcio's bare server",
}


def measure(rounds: int) -> Iterable[Figure]:
    """Measure the server as it ships, and grpcio's bare server."""
    rates: dict[str, list[float]] = defaultdict(list)
    p50s_ms: dict[str, list[float]] = defaultdict(list)
    with unlimited_server() as digits, bare_server() as bare:
        subjects = {
            "image": (digits, RECOGNIZE, payloads.single_request(payloads.Form.RAW28)),
            "drawing": (digits, RECOGNIZE, payloads.single_request(payloads.Form.DRAWN28)),
            "no_op": (digits, NO_OP, b""),
            "bare": (bare, NO_OP, b""),
        }
        for _ in range(rounds):
            for name, (server, method, request) in subjects.items():
                call = functools.partial(load_server, server.address, method, request)
                saturated = call(
                    connections=CONNECTIONS, streams=STREAMS, seconds=SATURATED_SECONDS
                )
                single = call(connections=1, streams=1, seconds=SINGLE_CALLER_SECONDS)
                rates[name].append(saturated.calls_per_second)
                p50s_ms[name].append(single.p50_ms)
    for name, label in LABELS.items():
        yield Figure(f"{name}_rate", label, rates[name], "calls/s", 0)
    for name, label in LABELS.items():
        yield Figure(f"{name}_p50", f"{label}: p50 of one caller", p50s_ms[name], "ms", 3)
    yield Figure(
        "rate_share",
        "rate of raw images relative to no-op calls",
        ratios(rates["image"], rates["no_op"]),
        at_least=0.75,
    )
    yield Figure(
        "p50_ratio",
        "p50 of a raw image relative to a no-op call, one caller",
        ratios(p50s_ms["image"], p50s_ms["no_op"]),
        at_most=1.8,
    )
    yield Figure(
        "bare_share",
        "rate of raw images relative to no-op calls on the bare server",
        ratios(rates["image"], rates["bare"]),
    )
