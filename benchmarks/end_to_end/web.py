"""Measure digits-web: single images by HTTP, compared with the same images by gRPC.

    python -m benchmarks.end_to_end.web [--rounds 5] [--workers 1] [--seconds 3]

Both are loaded by h2load with the same number of calls in flight, in turns: gRPC calls go to
digits-server, HTTP requests to digits-web in front of the same server. Each has as many processes
as ``--workers`` says. Every response is checked by its size. The CPU time is that of the server
and, by HTTP, of the gateway; unlike the rates, it hardly depends on what else the machine does.
"""

import argparse
import statistics
import sys
import urllib.request
from collections import defaultdict

import psutil

from benchmarks.figures import Figure, ratios
from benchmarks.h2load import load
from benchmarks.limits import payloads
from benchmarks.limits.server_load import load_server
from benchmarks.limits.serving import RECOGNIZE, unlimited_server
from digits.v1 import recognizer_pb2 as pb
from scripts.web_process import web_process

CONNECTIONS = 4
STREAMS = 16
IN_FLIGHT = CONNECTIONS * STREAMS
PATH = "/v1/recognize"
FORMS = (payloads.Form.PNG28, payloads.Form.PNG300)
LEAST_RATIO = 0.5


def first_response(url: str, image: bytes) -> bytes:
    """Return the response to one image."""
    request = urllib.request.Request(url, image, {"content-type": "image/png"})
    with urllib.request.urlopen(request) as response:
        content: bytes = response.read()
    return content


def cpu_seconds(*roots: psutil.Process) -> float:
    """Return the CPU time of processes and their children so far."""
    processes = [each for root in roots for each in (root, *root.children(recursive=True))]
    times = [process.cpu_times() for process in processes]
    return sum(each.user + each.system for each in times)


def measure(rounds: int, workers: int, seconds: float) -> list[Figure]:
    """Return the rates and the CPU times of both, and their ratios in each round."""
    rates: dict[tuple[payloads.Form, str], list[float]] = defaultdict(list)
    cpu_us: dict[tuple[payloads.Form, str], list[float]] = defaultdict(list)
    flags = ("--workers", str(workers))
    with (
        unlimited_server(*flags, has_no_op=False) as server,
        web_process(server.address, *flags) as web,
    ):
        for _ in range(rounds):
            for form in FORMS:
                image = payloads.images(form)[0]
                before = cpu_seconds(server.process)
                by_grpc = load_server(
                    server.address,
                    RECOGNIZE,
                    pb.RecognizeRequest(image=image).SerializeToString(),
                    connections=CONNECTIONS,
                    streams=STREAMS,
                    seconds=seconds,
                    warm_up_seconds=0,
                )
                used = cpu_seconds(server.process) - before
                cpu_us[form, "grpc"].append(used / by_grpc.succeeded * 1e6)
                correct = first_response(web.url + PATH, image.encoded)
                before = cpu_seconds(server.process, web.process)
                by_http = load(
                    web.address,
                    PATH,
                    image.encoded,
                    kind="http",
                    connections=IN_FLIGHT,
                    streams=1,
                    seconds=seconds,
                    warm_up_seconds=0,
                    content_type="image/png",
                    correct_response=correct,
                )
                used = cpu_seconds(server.process, web.process) - before
                cpu_us[form, "http"].append(used / by_http.succeeded * 1e6)
                rates[form, "grpc"].append(by_grpc.calls_per_second)
                rates[form, "http"].append(by_http.calls_per_second)
    figures = []
    for form in FORMS:
        label = payloads.LABELS[form]
        grpc_rates, http_rates = rates[form, "grpc"], rates[form, "http"]
        figures += [
            Figure(f"{form}_grpc", f"{label}: gRPC", grpc_rates, "images/s", 0),
            Figure(f"{form}_http", f"{label}: HTTP", http_rates, "images/s", 0),
            Figure(
                f"{form}_ratio",
                f"{label}: HTTP relative to gRPC",
                ratios(http_rates, grpc_rates),
                at_least=LEAST_RATIO,
            ),
            Figure(f"{form}_grpc_cpu", f"{label}: gRPC, CPU time", cpu_us[form, "grpc"], "us", 0),
            Figure(f"{form}_http_cpu", f"{label}: HTTP, CPU time", cpu_us[form, "http"], "us", 0),
            Figure(
                f"{form}_cpu_ratio",
                f"{label}: CPU time of gRPC relative to HTTP",
                ratios(cpu_us[form, "grpc"], cpu_us[form, "http"]),
                at_least=LEAST_RATIO,
            ),
        ]
    return figures


def main() -> int:
    """Run the command line; return 1 if a ratio is below its target."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.end_to_end.web",
        description=(__doc__ or "").partition("\n")[0],
    )
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--workers", type=int, default=1, help="default: %(default)s")
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="of each load; default: %(default)s"
    )
    parsed = parser.parse_args()
    figures = measure(parsed.rounds, parsed.workers, parsed.seconds)
    for figure in figures:
        low, high = min(figure.values), max(figure.values)
        digits = figure.digits
        print(
            f"{figure.label}: {statistics.median(figure.values):.{digits}f} {figure.unit} "
            f"({low:.{digits}f} to {high:.{digits}f})"
        )
    return int(any(figure.as_json()["is_met"] is False for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
