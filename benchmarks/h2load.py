"""Load by h2load, whose own CPU time is so small that it leaves the cores to the server.

h2load keeps a fixed number of calls in flight, or sends at a fixed rate. At a rate, h2load times
a request from when it is sent. A server that falls so far behind that every stream is taken shows
in ``calls_per_second`` and not in the percentiles.
"""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

Kind = Literal["grpc", "http"]

# Time that h2load may take beyond the load: to connect and to end.
SPARE_SECONDS: Final = 15.0
NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
# Numbers in a response, such as probabilities, may take a few bytes more or less.
LEAST_SIZE_SHARE: Final = 0.98
MOST_FAILED_SHARE: Final = 0.01

_REQUESTS = re.compile(
    r"^requests: \d+ total, \d+ started, (?P<done>\d+) done, \d+ succeeded, "
    r"\d+ failed, (?P<errored>\d+) errored, (?P<timeout>\d+) timeout$",
    re.MULTILINE,
)
_DATA_BYTES = re.compile(r"^traffic: .*\((?P<bytes>\d+)\) data$", re.MULTILINE)


class LoadError(Exception):
    """The load could not be sent, or calls failed."""


@dataclass(frozen=True)
class Load:
    """The figures of a load, without its warm-up."""

    calls_per_second: float
    """Calls with a 2xx status."""
    p50_ms: float
    p99_ms: float
    succeeded: int
    """Calls with a 2xx status. Every gRPC call has one, whatever its gRPC status."""
    failed: int
    """Calls with another status, or with none."""
    ended: int
    """Calls that ended, in whatever way."""
    data_bytes: int
    """Size of all responses. A gRPC message has a prefix, and a failed call no message.

    Responses that the end of the run cuts off are included.
    """

    @property
    def response_bytes(self) -> float:
        """Mean size of a response."""
        return self.data_bytes / max(1, self.ended)


class Result(NamedTuple):
    """The output of one h2load process."""

    report: str
    log: str


def load(
    address: str,
    path: str,
    body: bytes,
    *,
    kind: Kind,
    connections: int,
    streams: int,
    seconds: float,
    warm_up_seconds: float = 1.0,
    rate: float | None = None,
    content_type: str | None = None,
    headers: Mapping[str, str] = NO_HEADERS,
    correct_response: bytes | None = None,
) -> Load:
    """Send one request repeatedly and return the figures.

    Args:
        address: ``host:port`` or ``http://host:port``.
        path: Path of the method or resource, such as ``/digits.v1.RecognizerService/Recognize``.
        body: The message. For gRPC, without its length prefix.
        kind: gRPC over HTTP/2 without TLS, or HTTP/1.1.
        connections: Connections that are open at once.
        streams: Calls in flight per connection; 1 for HTTP/1.1.
        seconds: Duration of the measurement.
        warm_up_seconds: Duration of the same load before the measurement.
        rate: Calls per second over all connections, evenly spaced; None keeps all streams busy.
        content_type: Content type of the request; by default gRPC's, or raw bytes.
        headers: Additional headers.
        correct_response: Body of a correct response. With it, calls that fail are an error, also
            those of gRPC, which have the HTTP status 200 like others.

    Raises:
        LoadError: h2load is missing or failed, no call succeeded, or too many failed.
    """
    if kind == "http" and streams != 1:
        raise ValueError("HTTP/1.1 allows one call in flight per connection: streams must be 1")
    if shutil.which("h2load") is None:
        raise LoadError("h2load is not installed: apt-get install nghttp2-client")
    with tempfile.TemporaryDirectory(prefix="h2load-") as name:
        folder = Path(name)
        body_file = folder / "body"
        body_file.write_bytes(grpc_frame(body) if kind == "grpc" else body)
        command = [
            *("h2load", f"--max-concurrent-streams={streams}", f"--data={body_file}"),
            *_kind_options(kind, content_type),
            *(f"--header={key}: {value}" for key, value in headers.items()),
        ]
        if rate is None:
            commands, gap = [[*command, f"--clients={connections}"]], 0.0
        else:
            # The clients of one process send at the same moments. Processes that start one after
            # another do not.
            share = f"--rps={rate / connections:.6f}"
            commands, gap = [[*command, "--clients=1", share]] * connections, 1 / rate
        commands = [[*command, _url(address, path)] for command in commands]
        # The warm-up is a separate run: h2load's own counts the bytes of its responses, but not
        # the responses.
        if warm_up_seconds > 0:
            _run(commands, gap, warm_up_seconds, folder)
        results = _run(commands, gap, seconds, folder)
    figures = read_results(results, seconds)
    if correct_response is not None:
        size = len(correct_response) if kind == "http" else len(grpc_frame(correct_response))
        _check_responses(figures, size)
    return figures


def grpc_frame(message: bytes) -> bytes:
    """Return a message with gRPC's prefix: an uncompressed flag and its length."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def read_results(results: Sequence[Result], seconds: float) -> Load:
    """Return the combined figures of h2load processes that ran at the same time.

    Raises:
        LoadError: The output of a process has no figures, or no call succeeded.
    """
    succeeded_us: list[int] = []
    failed = done = data_bytes = 0
    for result in results:
        requests, data = _REQUESTS.search(result.report), _DATA_BYTES.search(result.report)
        if requests is None or data is None:
            raise LoadError(f"h2load reported no figures:\n{result.report}")
        times, other_statuses = _times(result.log)
        succeeded_us += times
        # Calls that the end of the run cuts off are started and never done: not failures.
        failed += other_statuses + int(requests["errored"]) + int(requests["timeout"])
        done += int(requests["done"])
        data_bytes += int(data["bytes"])
    if not succeeded_us:
        raise LoadError(f"no call succeeded:\n{results[0].report}")
    succeeded_us.sort()
    return Load(
        calls_per_second=len(succeeded_us) / seconds,
        p50_ms=percentile(succeeded_us, 50) / 1000,
        p99_ms=percentile(succeeded_us, 99) / 1000,
        succeeded=len(succeeded_us),
        failed=failed,
        ended=done,
        data_bytes=data_bytes,
    )


def percentile(ordered: Sequence[int], percent: float) -> float:
    """Return a percentile of ordered numbers, by nearest rank."""
    # Rounded, because 100 * 0.99 is a little above 99.
    rank = -int(-round(len(ordered) * percent / 100, 9) // 1)
    return float(ordered[max(0, rank - 1)])


def _check_responses(figures: Load, correct_bytes: int) -> None:
    # A failed gRPC call has no message.
    is_short = figures.response_bytes < correct_bytes * LEAST_SIZE_SHARE
    if is_short or figures.failed > figures.succeeded * MOST_FAILED_SHARE:
        raise LoadError(f"calls failed: {figures}; a correct response has {correct_bytes} bytes")


def _times(log: str) -> tuple[list[int], int]:
    """Return the microseconds of each 2xx response, and the number of other statuses."""
    times, others = [], 0
    for line in log.splitlines():
        _, status, microseconds, *_ = line.split("\t")
        if 200 <= int(status) < 300:
            times.append(int(microseconds))
        elif int(status) >= 0:  # a call without a status is in the report's "errored"
            others += 1
    return times, others


def _kind_options(kind: Kind, content_type: str | None) -> list[str]:
    if kind == "grpc":
        return [
            f"--header=content-type: {content_type or 'application/grpc'}",
            "--header=te: trailers",
        ]
    return ["--h1", f"--header=content-type: {content_type or 'application/octet-stream'}"]


def _milliseconds(seconds: float) -> str:
    # h2load accepts whole numbers only.
    return f"{max(1, round(seconds * 1000))}ms"


def _url(address: str, path: str) -> str:
    base = address if "://" in address else f"http://{address}"
    return f"{base.rstrip('/')}/{path.lstrip('/')}"


def _run(commands: list[list[str]], gap: float, seconds: float, folder: Path) -> list[Result]:
    """Run processes side by side, each started ``gap`` seconds after the previous one."""
    logs = [folder / f"log-{number}" for number in range(len(commands))]
    running: list[subprocess.Popen[str]] = []
    try:
        for command, log in zip(commands, logs, strict=True):
            log.unlink(missing_ok=True)  # h2load appends
            time.sleep(gap if running else 0)
            running.append(
                subprocess.Popen(
                    [*command, f"--duration={_milliseconds(seconds)}", f"--log-file={log}"],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
        deadline = time.monotonic() + seconds + SPARE_SECONDS
        results = []
        for process, log in zip(running, logs, strict=True):
            report, _ = process.communicate(timeout=max(0.1, deadline - time.monotonic()))
            if process.returncode != 0:
                raise LoadError(f"h2load exited with status {process.returncode}:\n{report}")
            results.append(Result(report, log.read_text() if log.exists() else ""))
        return results
    except subprocess.TimeoutExpired as error:
        raise LoadError(f"h2load did not end within {seconds + SPARE_SECONDS:g} s") from error
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
                process.communicate()
