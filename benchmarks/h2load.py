"""Load by h2load, whose own cost is so small that it leaves the cores to the server.

h2load holds a fixed number of calls in flight, or sends at a fixed rate. At a rate, a
request is timed from when it is sent: a server that falls so far behind that every stream
is taken shows it by ``calls_per_second``, not by its percentiles.
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

# What h2load may take beyond what it was asked for: connecting, and ending.
SPARE_SECONDS: Final = 15.0
NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})

_REQUESTS = re.compile(
    r"^requests: \d+ total, \d+ started, (?P<done>\d+) done, \d+ succeeded, "
    r"\d+ failed, (?P<errored>\d+) errored, (?P<timeout>\d+) timeout$",
    re.MULTILINE,
)
_DATA_BYTES = re.compile(r"^traffic: .*\((?P<bytes>\d+)\) data$", re.MULTILINE)


class LoadError(Exception):
    """No load could be given, or nothing came back."""


@dataclass(frozen=True)
class Load:
    """What came of a load, warming up left out."""

    calls_per_second: float
    """That were answered with a 2xx status."""
    p50_ms: float
    p99_ms: float
    answered: int
    """With a 2xx status, which a gRPC call has whatever its own status is."""
    failed: int
    """With any other status, or none at all."""
    answer_bytes: float
    """Of response bodies, a call; 0 for gRPC calls that all ended with an error."""


class Result(NamedTuple):
    """What one process of h2load left."""

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
) -> Load:
    """Send one request again and again, and measure.

    Args:
        address: ``host:port`` or ``http://host:port``.
        path: Of the method or resource, such as ``/digits.v1.RecognizerService/Recognize``.
        body: The message; for gRPC, its frame is put around it here.
        kind: gRPC over HTTP/2 without TLS, or HTTP/1.1.
        connections: That are open at once.
        streams: Calls in flight on each connection; HTTP/1.1 allows no more than one.
        seconds: That are measured.
        warm_up_seconds: Of the same load before that.
        rate: Calls a second over all connections, at even distances; none sends as fast as
            answers come.
        content_type: By default that of the kind: gRPC's, or raw bytes.
        headers: Further ones.

    Raises:
        LoadError: h2load is missing or failed, or nothing was answered.
    """
    if kind == "http" and streams != 1:
        raise ValueError("HTTP/1.1 has one call in flight on a connection: streams has to be 1")
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
            # Clients of one process send at the same moments; processes of their own do not,
            # started one after another.
            share = f"--rps={rate / connections:.6f}"
            commands, gap = [[*command, "--clients=1", share]] * connections, 1 / rate
        commands = [[*one, _url(address, path)] for one in commands]
        # A run of its own: h2load's own warm-up counts the bytes of answers, but not the answers.
        if warm_up_seconds > 0:
            _run(commands, gap, warm_up_seconds, folder)
        results = _run(commands, gap, seconds, folder)
    return read_results(results, seconds)


def grpc_frame(message: bytes) -> bytes:
    """Return a message as gRPC sends it: not compressed, its length, itself."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def read_results(results: Sequence[Result], seconds: float) -> Load:
    """Return what processes of h2load that ran at the same time tell.

    Raises:
        LoadError: They tell nothing, or nothing was answered.
    """
    answered_us: list[int] = []
    failed = done = data_bytes = 0
    for result in results:
        requests, data = _REQUESTS.search(result.report), _DATA_BYTES.search(result.report)
        if requests is None or data is None:
            raise LoadError(f"h2load reported no result:\n{result.report}")
        times, other_statuses = _times(result.log)
        answered_us += times
        # Calls cut off by the end of the time are no failures: they are started, never done.
        failed += other_statuses + int(requests["errored"]) + int(requests["timeout"])
        done += int(requests["done"])
        data_bytes += int(data["bytes"])
    if not answered_us:
        raise LoadError(f"nothing was answered:\n{results[0].report}")
    answered_us.sort()
    return Load(
        calls_per_second=len(answered_us) / seconds,
        p50_ms=percentile(answered_us, 50) / 1000,
        p99_ms=percentile(answered_us, 99) / 1000,
        answered=len(answered_us),
        failed=failed,
        answer_bytes=data_bytes / max(1, done),
    )


def percentile(ordered: Sequence[int], percent: float) -> float:
    """Return the smallest of ordered numbers that so many percent do not exceed."""
    # Rounded, for 100 * 0.99 is a little above 99.
    rank = -int(-round(len(ordered) * percent / 100, 9) // 1)
    return float(ordered[max(0, rank - 1)])


def _times(log: str) -> tuple[list[int], int]:
    """Return the microseconds of each answer, and how many had another status than 2xx."""
    answered, others = [], 0
    for line in log.splitlines():
        _, status, microseconds, *_ = line.split("\t")
        if 200 <= int(status) < 300:
            answered.append(int(microseconds))
        elif int(status) >= 0:  # one without a status is in the report's "errored"
            others += 1
    return answered, others


def _kind_options(kind: Kind, content_type: str | None) -> list[str]:
    if kind == "grpc":
        return [
            f"--header=content-type: {content_type or 'application/grpc'}",
            "--header=te: trailers",
        ]
    return ["--h1", f"--header=content-type: {content_type or 'application/octet-stream'}"]


def _milliseconds(seconds: float) -> str:
    # h2load reads whole numbers only.
    return f"{max(1, round(seconds * 1000))}ms"


def _url(address: str, path: str) -> str:
    base = address if "://" in address else f"http://{address}"
    return f"{base.rstrip('/')}/{path.lstrip('/')}"


def _run(commands: list[list[str]], gap: float, seconds: float, folder: Path) -> list[Result]:
    """Run processes side by side, each started so many seconds after the one before."""
    logs = [folder / f"log-{number}" for number in range(len(commands))]
    running: list[subprocess.Popen[str]] = []
    try:
        for command, log in zip(commands, logs, strict=True):
            log.unlink(missing_ok=True)  # it would be added to
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
                raise LoadError(f"h2load ended with {process.returncode}:\n{report}")
            results.append(Result(report, log.read_text() if log.exists() else ""))
        return results
    except subprocess.TimeoutExpired as error:
        raise LoadError(f"h2load did not end within {seconds + SPARE_SECONDS:g} s") from error
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
                process.communicate()
