"""Twenty windows that send sixty drawings per second each, by digits-bench's load generator."""

from collections.abc import Iterable

from benchmarks.figures import Figure
from benchmarks.limits.serving import unlimited_server
from digits_client.bench.convergence import Repeats
from digits_client.bench.result import Figures
from digits_client.bench.run import run_load
from digits_client.bench.schedule import Arrivals
from digits_client.bench.workload import CallKind, Workload
from digits_client.cli.server_options import ServerOptions

WORKLOAD = Workload(
    kind=CallKind.STREAM,
    callers=20,
    rate=60.0,
    arrivals=Arrivals.CONSTANT,
    timeout_seconds=10.0,
    warmup_seconds=1.0,
    repeat_seconds=4.0,
    repeats=Repeats(1, 1, 0.0),
)


def measure(rounds: int) -> Iterable[Figure]:
    """Start a new load in each round, so that no round inherits the backlog of another."""
    with unlimited_server(has_no_op=False) as server:
        results = [_run(server.address) for _ in range(rounds)]
    offered = WORKLOAD.callers * (WORKLOAD.rate or 0.0)
    yield Figure(
        "stream_p99",
        f"{WORKLOAD.callers} streams, p99 of a drawing",
        # None where every drawing expired.
        [
            1000 * (figures.latency_seconds["p99"] or WORKLOAD.timeout_seconds)
            for figures in results
        ],
        "ms",
        1,
        at_most=50,
    )
    yield Figure(
        "stream_goodput",
        f"goodput of {offered:,.0f} per second",
        [figures.goodput_per_second for figures in results],
        "drawings/s",
        0,
    )
    yield Figure(
        "stream_errors",
        "errors, mostly expired drawings",
        [sum(figures.errors.values()) / figures.seconds for figures in results],
        "drawings/s",
        0,
    )
    yield Figure(
        "stream_generator_lag",
        "lag of the load generator, p99",
        [1000 * (figures.lag_p99_seconds or 0.0) for figures in results],
        "ms",
        1,
    )


def _run(address: str) -> Figures:
    return run_load(ServerOptions(address), WORKLOAD).figures
