"""Twenty windows that each send sixty drawings a second, by digits-bench."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.limits.figures import Figure
from benchmarks.limits.serving import ours

WINDOWS = 20
DRAWINGS_PER_SECOND = 60
SECONDS = 4
DEADLINE_SECONDS = 10


def measure(rounds: int) -> Iterable[Figure]:
    """Run digits-bench anew each round: what one leaves unanswered does not burden the next."""
    with ours(has_nothing=False) as served:
        repeats = [_round(served.address) for _ in range(rounds)]
    name = f"{WINDOWS} windows, {DRAWINGS_PER_SECOND} drawings a second each"
    yield Figure(
        "stream_p99",
        f"{name}: p99",
        # None where no drawing was answered before its deadline.
        [(repeat["latency_seconds"]["p99"] or DEADLINE_SECONDS) * 1000 for repeat in repeats],
        "ms",
        1,
        at_most=50,
    )
    yield Figure(
        "stream_answered",
        f"{name}: answered, {WINDOWS * DRAWINGS_PER_SECOND:,} being sent",
        [repeat["goodput_per_second"] for repeat in repeats],
        "drawings/s",
        0,
    )
    yield Figure(
        "stream_errors",
        f"{name}: errors, mostly drawings past their deadline",
        [sum(repeat["errors"].values()) / SECONDS for repeat in repeats],
        "drawings/s",
        0,
    )
    yield Figure(
        "stream_generator_late",
        f"{name}: the generator's own lateness, p99",
        [repeat["lag_p99_seconds"] * 1000 for repeat in repeats],
        "ms",
        1,
    )


def _round(address: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "stream.json"
        subprocess.run(
            [
                *(sys.executable, "-m", "digits_client.bench.cli", "--server", address),
                *("--kind", "stream", "--concurrency", str(WINDOWS), "--processes", "1"),
                *("--rate", str(DRAWINGS_PER_SECOND), "--timeout", str(DEADLINE_SECONDS)),
                *("--warmup", "1", "--seconds", str(SECONDS), "--repeats", "1..1"),
                *("--max-errors", "1", "--json", str(file)),  # errors are in a line of their own
            ],
            check=True,
            capture_output=True,
        )
        result: dict[str, Any] = json.loads(file.read_text())
    repeat: dict[str, Any] = result["repeats"][0]
    return repeat
