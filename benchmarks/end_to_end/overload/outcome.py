"""One measurement of an overloaded server."""

import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from benchmarks.end_to_end.overload.handler_time import handler_time
from benchmarks.end_to_end.overload.probe import probe
from benchmarks.h2load import grpc_frame, load
from benchmarks.limits.server_load import call_once
from benchmarks.limits.serving import RECOGNIZE
from digits_client.bench.recording import OK

SECONDS: Final = 10.0
# Until the queue is as long as it gets; and again, so that no probe sees the end of the load.
SETTLE_SECONDS: Final = 2.0
CONNECTIONS: Final = 32
STREAMS: Final = 128
"""As many calls as the server accepts on one connection."""
PROBE_RATE: Final = 200.0


@dataclass(frozen=True)
class Outcome:
    """What callers got."""

    offered: float
    """Calls sent per second, less than intended where the server accepts no more."""
    goodput: float
    """Successful calls per second."""
    p99_ms: float
    """Of successful calls, as is the mean."""
    mean_ms: float
    handler_ms: float
    """Mean time in the server's code; see ``handler_time.py``."""
    statuses: Counter[str]
    """The probe's calls by status."""
    lag_p99_ms: float
    """Delay of the probe's calls, which is part of their latency."""


def overload(
    address: str, admin_address: str, request: bytes, rate: float, deadline_seconds: float
) -> Outcome:
    """Call ``Recognize`` at a rate for SECONDS, whatever becomes of the calls.

    Args:
        address: ``host:port``.
        admin_address: ``host:port`` of the admin port.
        request: The serialized message.
        rate: Calls per second.
        deadline_seconds: Deadline of each call.
    """
    response = call_once(address, RECOGNIZE, request)
    with (
        handler_time(admin_address, RECOGNIZE) as in_handler,
        ThreadPoolExecutor(1) as pool,
    ):
        background = pool.submit(
            load,
            address,
            RECOGNIZE,
            request,
            kind="grpc",
            connections=CONNECTIONS,
            streams=STREAMS,
            seconds=SECONDS,
            warm_up_seconds=0,
            rate=rate - PROBE_RATE,
            headers={"grpc-timeout": f"{1000 * deadline_seconds:.0f}m"},
        )
        probed = probe(
            address,
            request,
            rate=PROBE_RATE,
            timeout_seconds=deadline_seconds,
            delay_seconds=SETTLE_SECONDS,
            seconds=SECONDS - 2 * SETTLE_SECONDS,
        )
        sent = background.result()
    # h2load does not know the status of gRPC, but only successful calls have a message.
    succeeded = sent.data_bytes / len(grpc_frame(response)) + probed.calls[OK]
    return Outcome(
        offered=(sent.ended + probed.due) / SECONDS,
        goodput=succeeded / SECONDS,
        p99_ms=1000 * (probed.latency.percentile(0.99) or math.inf),
        mean_ms=1000 * (probed.latency.mean or math.inf),
        handler_ms=1000 * in_handler.mean_seconds,
        statuses=probed.calls,
        lag_p99_ms=1000 * (probed.lag.percentile(0.99) or 0.0),
    )
