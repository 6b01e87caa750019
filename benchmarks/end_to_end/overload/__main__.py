"""Measure how the server behaves at several times its capacity: goodput, latency and rejections.

    python -m benchmarks.end_to_end.overload [--rounds 4] [--multiple 3] [-- FLAGS OF digits-server]

The server runs on the first core and the load generators on the last, so that they do not take the
server's time; this needs Linux. Each round measures single small images and drawings: first the
peak, with 64 calls in flight, then the multiple of it with each deadline. h2load sends the load and
costs little. A probe, which makes 200 of the calls per second in Python, samples their statuses and
latencies. Of the latency, only the time in the handler is spent in the server's own code; calls
wait for the rest inside gRPC, before the server sees them.
"""

import argparse
import os
import sys
from collections import defaultdict
from typing import Final

from benchmarks.end_to_end.overload.outcome import overload
from benchmarks.end_to_end.overload.table import GOODPUT_TARGETS, Round, Rounds, outcome_table
from benchmarks.limits import payloads
from benchmarks.limits.payloads import Form
from benchmarks.limits.server_load import load_server
from benchmarks.limits.serving import RECOGNIZE
from benchmarks.peers.process_tree import free_port
from scripts.server_process import server_process

FORMS: Final = (Form.RAW28, Form.PNG300)
PEAK_SECONDS: Final = 4.0
PEAK_CONNECTIONS: Final = 8
PEAK_STREAMS: Final = 8


def measure(address: str, admin_address: str, rounds: int, multiple: float) -> Rounds:
    """Measure the peak and the overload with every form of image and every deadline."""
    results: dict[tuple[Form, float], list[Round]] = defaultdict(list)
    for number in range(1, rounds + 1):
        for form in FORMS:
            request = payloads.single_request(form)
            peak = load_server(
                address,
                RECOGNIZE,
                request,
                connections=PEAK_CONNECTIONS,
                streams=PEAK_STREAMS,
                seconds=PEAK_SECONDS,
            ).calls_per_second
            for deadline_seconds in GOODPUT_TARGETS:
                outcome = overload(
                    address, admin_address, request, multiple * peak, deadline_seconds
                )
                results[form, deadline_seconds].append(Round(peak, outcome))
                print(
                    f"round {number}: {form}, deadline {deadline_seconds:g} s, "
                    f"peak {peak:,.0f} calls/s: {outcome}",
                    file=sys.stderr,
                    flush=True,
                )
    return results


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.end_to_end.overload",
        description=(__doc__ or "").partition("\n")[0],
    )
    parser.add_argument("--rounds", type=int, default=4, help="default: %(default)s")
    parser.add_argument(
        "--multiple",
        type=float,
        default=3.0,
        help="multiple of the peak to offer; default: %(default)s",
    )
    parser.add_argument("flags", nargs="*", help="flags of digits-server, after --")
    parsed = parser.parse_args()
    admin_port = free_port()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])  # the server inherits the core
    with server_process("--admin-port", str(admin_port), *parsed.flags) as server:
        os.sched_setaffinity(0, cores[-1:])  # and the load generators this one
        admin_address = f"127.0.0.1:{admin_port}"
        results = measure(server.address, admin_address, parsed.rounds, parsed.multiple)
    print(outcome_table(results))
    lags_ms = [one.outcome.lag_p99_ms for rounds in results.values() for one in rounds]
    print(f"\nlag of the probe, p99: at most {max(lags_ms):.1f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
