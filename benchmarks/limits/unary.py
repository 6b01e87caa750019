"""A call with one raw image, compared with a no-op call on the same server."""

import contextlib
from collections import defaultdict
from collections.abc import Iterable

from benchmarks.h2load import Load, load
from benchmarks.limits import payloads
from benchmarks.limits.figures import Figure, ratios
from benchmarks.limits.serving import NO_OP, RECOGNIZE, bare_server, unlimited_server

SATURATED_SECONDS = 1.5
SINGLE_CALLER_SECONDS = 1.0
WARM_UP_SECONDS = 0.3
CONNECTIONS = 4
STREAMS = 8
LABELS = {
    "image": "raw image",
    "drawing": "raw image to be scaled and centered",
    "no_op": "no-op call",
}

Values = dict[tuple[str, str], list[float]]
"""The values of all rounds by server (``grpc``, ``native``, ``bare``) and kind of call."""


def measure(rounds: int) -> Iterable[Figure]:
    """Measure both transports, and grpcio's bare server."""
    rates: Values = defaultdict(list)
    p50s_ms: Values = defaultdict(list)
    calls = (
        ("image", RECOGNIZE, payloads.single_request(payloads.Form.RAW28)),
        ("drawing", RECOGNIZE, payloads.single_request(payloads.Form.DRAWN28)),
        ("no_op", NO_OP, b""),
    )
    with contextlib.ExitStack() as stack:
        servers = {
            name: stack.enter_context(unlimited_server("--transport", name))
            for name in ("grpc", "native")
        }
        subjects = [(name, server, *call) for name, server in servers.items() for call in calls]
        subjects.append(("bare", stack.enter_context(bare_server()), *calls[-1]))
        for _ in range(rounds):
            for name, server, kind, path, body in subjects:
                saturated = _load(
                    server.address, path, body, CONNECTIONS, STREAMS, SATURATED_SECONDS
                )
                rates[name, kind].append(saturated.calls_per_second)
                single = _load(server.address, path, body, 1, 1, SINGLE_CALLER_SECONDS)
                p50s_ms[name, kind].append(single.p50_ms)
    for name in servers:
        yield from _transport_figures(name, rates, p50s_ms)
    yield Figure(
        "bare_no_op_rate", "grpcio's bare server: no-op call", rates["bare", "no_op"], "calls/s", 0
    )
    yield Figure(
        "bare_share",
        "raw image, `grpc` transport: rate relative to the bare server's no-op call",
        ratios(rates["grpc", "image"], rates["bare", "no_op"]),
    )


def _transport_figures(name: str, rates: Values, p50s_ms: Values) -> Iterable[Figure]:
    for kind, label in LABELS.items():
        yield Figure(
            f"{name}_{kind}_rate", f"{label}, `{name}` transport", rates[name, kind], "calls/s", 0
        )
        yield Figure(
            f"{name}_{kind}_p50",
            f"{label}, `{name}` transport: p50 of one caller",
            p50s_ms[name, kind],
            "ms",
            3,
        )
    yield Figure(
        f"{name}_rate_share",
        f"`{name}` transport: rate of raw images relative to no-op calls",
        ratios(rates[name, "image"], rates[name, "no_op"]),
        at_least=0.75,
    )
    yield Figure(
        f"{name}_p50_ratio",
        f"`{name}` transport: p50 of a raw image relative to a no-op call, one caller",
        ratios(p50s_ms[name, "image"], p50s_ms[name, "no_op"]),
        at_most=1.5,
    )


def _load(
    address: str, path: str, body: bytes, connections: int, streams: int, seconds: float
) -> Load:
    return load(
        address,
        path,
        body,
        kind="grpc",
        connections=connections,
        streams=streams,
        seconds=seconds,
        warm_up_seconds=WARM_UP_SECONDS,
    )
