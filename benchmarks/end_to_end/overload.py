"""Measure how a server behaves under overload: goodput and latency at multiples of its capacity.

    python -m benchmarks.end_to_end.overload [--seconds 8] [--multiples 1,2,3] [--batch-size 1]

The server runs on the first core and the load generator, digits-bench's, on the last, so that it
does not take the server's time; this needs Linux. Capacity is the goodput of a closed loop with 64
images in flight. Then an open loop sends multiples of it; each call has a deadline of 5 s.
"""

import argparse
import os
import sys
from dataclasses import replace
from typing import Final

from digits_client.bench.convergence import Repeats
from digits_client.bench.image_kinds import ImageKind
from digits_client.bench.result import Figures
from digits_client.bench.run import run_load
from digits_client.bench.schedule import Arrivals
from digits_client.bench.workload import CallKind, Workload
from digits_client.cli.server_options import ServerOptions
from scripts.server_process import server_process

IMAGES_IN_FLIGHT: Final = 64
CLOSED_LOOP: Final = Workload(
    arrivals=Arrivals.CONSTANT,
    images=ImageKind.PNG300,
    connections=8,
    timeout_seconds=5.0,
    repeats=Repeats(1, 1, 0.0),
)
HEADER: Final = """\
| load | offered calls/s | goodput | of capacity | p50 | p99 | generator lag, p99 | failed images |
|---|---|---|---|---|---|---|---|"""


def measure(address: str, seconds: float, multiples: list[float], batch_size: int) -> None:
    """Print a table: the capacity, then the goodput at each multiple of it."""
    server = ServerOptions(address)
    closed_loop = replace(
        CLOSED_LOOP,
        kind=CallKind.UNARY if batch_size == 1 else CallKind.BATCH,
        batch_size=batch_size,
        callers=max(4, IMAGES_IN_FLIGHT // batch_size),
        repeat_seconds=seconds,
    )
    figures = run_load(server, closed_loop).figures
    capacity = figures.goodput_per_second
    print(HEADER)
    print(row(f"closed loop, {closed_loop.callers} callers", None, figures, capacity), flush=True)
    for multiple in multiples:
        rate = capacity * multiple
        open_loop = replace(closed_loop, rate=rate, warmup_seconds=0.0)
        figures = run_load(server, open_loop).figures
        print(row(f"{multiple:g} times capacity", rate, figures, capacity), flush=True)


def row(load: str, rate: float | None, figures: Figures, capacity: float) -> str:
    """Return a row of the table."""
    failed = {"rejected": figures.refused, **figures.errors}
    cells = (
        load,
        "" if rate is None else f"{rate:,.0f}",
        f"{figures.goodput_per_second:,.0f}",
        f"{figures.goodput_per_second / capacity:.0%}",
        milliseconds(figures.latency_seconds["p50"]),
        milliseconds(figures.latency_seconds["p99"]),
        milliseconds(figures.lag_p99_seconds),
        ", ".join(f"{count:,} {status}" for status, count in failed.items() if count) or "none",
    )
    return "| " + " | ".join(cells) + " |"


def milliseconds(seconds: float | None) -> str:
    """Return a duration in ms, or a dash where nothing was measured."""
    return "-" if seconds is None else f"{1000 * seconds:,.0f} ms"


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.end_to_end.overload",
        description=(__doc__ or "").partition("\n")[0],
    )
    parser.add_argument(
        "--seconds", type=float, default=8.0, help="duration of each load; default: %(default)s"
    )
    parser.add_argument(
        "--multiples",
        default="1,2,3",
        help="multiples of the capacity to offer; default: %(default)s",
    )
    parser.add_argument(
        "--batch-size", type=int, default=1, help="images per call; default: %(default)s"
    )
    parser.add_argument("flags", nargs="*", help="flags of digits-server, after --")
    parsed = parser.parse_args()
    multiples = [float(multiple) for multiple in parsed.multiples.split(",")]
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])  # the server inherits the core
    with server_process(*parsed.flags) as server:
        os.sched_setaffinity(0, cores[-1:])  # and the load generator this one
        measure(server.address, parsed.seconds, multiples, parsed.batch_size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
