"""A call with one raw image beside a call that does nothing, in the same server."""

import contextlib
from collections import defaultdict
from collections.abc import Iterable

from benchmarks.h2load import Load, load
from benchmarks.limits import requests
from benchmarks.limits.figures import Figure, ratios
from benchmarks.limits.serving import NOTHING, RECOGNIZE, Served, bare, ours

SATURATED_SECONDS = 1.5
ALONE_SECONDS = 1.0
WARM_UP_SECONDS = 0.3
CONNECTIONS = 4
STREAMS = 8
SAID = {
    "image": "raw image",
    "drawn": "raw image to be scaled and centred",
    "nothing": "call that does nothing",
}


def measure(rounds: int) -> Iterable[Figure]:
    """Measure both transports, and grpcio's bare server."""
    rates: dict[tuple[str, str], list[float]] = defaultdict(list)
    alone_ms: dict[tuple[str, str], list[float]] = defaultdict(list)
    with contextlib.ExitStack() as servers:
        transports = {
            name: servers.enter_context(ours("--transport", name)) for name in ("grpc", "native")
        }
        subjects = [
            (name, what, served, path, body)
            for name, served in transports.items()
            for what, path, body in (
                ("image", RECOGNIZE, requests.one(requests.Form.RAW28)),
                ("drawn", RECOGNIZE, requests.one(requests.Form.DRAWN28)),
                ("nothing", NOTHING, b""),
            )
        ]
        subjects.append(("bare", "nothing", servers.enter_context(bare()), NOTHING, b""))
        for _ in range(rounds):
            for name, what, served, path, body in subjects:
                full = _load(served, path, body, CONNECTIONS, STREAMS, SATURATED_SECONDS)
                rates[name, what].append(full.calls_per_second)
                alone = _load(served, path, body, 1, 1, ALONE_SECONDS)
                alone_ms[name, what].append(alone.p50_ms)
    for name in transports:
        yield from _figures(name, rates, alone_ms)
    yield Figure(
        "bare_nothing_rate",
        "grpcio's bare server: a call that does nothing",
        rates["bare", "nothing"],
        "calls/s",
        0,
    )
    yield Figure(
        "bare_share",
        "raw image, `grpc` transport: its rate, of the bare server's that does nothing",
        ratios(rates["grpc", "image"], rates["bare", "nothing"]),
    )


def _figures(
    name: str,
    rates: dict[tuple[str, str], list[float]],
    alone_ms: dict[tuple[str, str], list[float]],
) -> Iterable[Figure]:
    for what, said in SAID.items():
        yield Figure(
            f"{name}_{what}_rate", f"{said}, `{name}` transport", rates[name, what], "calls/s", 0
        )
        yield Figure(
            f"{name}_{what}_alone",
            f"{said}, `{name}` transport: p50 of one caller",
            alone_ms[name, what],
            "ms",
            3,
        )
    yield Figure(
        f"{name}_rate_share",
        f"`{name}` transport: rate of raw images, of calls that do nothing",
        ratios(rates[name, "image"], rates[name, "nothing"]),
        at_least=0.75,
    )
    yield Figure(
        f"{name}_alone_ratio",
        f"`{name}` transport: p50 of one caller, raw image to nothing",
        ratios(alone_ms[name, "image"], alone_ms[name, "nothing"]),
        at_most=1.5,
    )


def _load(
    served: Served, path: str, body: bytes, connections: int, streams: int, seconds: float
) -> Load:
    return load(
        served.address,
        path,
        body,
        kind="grpc",
        connections=connections,
        streams=streams,
        seconds=seconds,
        warm_up_seconds=WARM_UP_SECONDS,
    )
