"""Where the microseconds of a call with one raw image go, by layer.

py-spy looks at the server's main thread many times a second while it is loaded; each look is
counted for the innermost frame that is known to belong to a layer. What all threads take is
the kernel's own account. The threads of gRPC's core run no Python: what the process takes
beyond its main thread is theirs.
"""

import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks.h2load import Load, load
from benchmarks.limits import requests
from benchmarks.limits.serving import RECOGNIZE, ours

SECONDS: Final = 8
LOOKS_PER_SECOND: Final = 250

# The innermost frame that matches says the layer. By file, since functions are renamed.
LAYERS: Final = {
    "model": r"ai_edge_litert|digits_server/engine\.py",
    "frame": r"digits_server/(frames|ink|images)\.py",
    "protobuf": r"google/protobuf|_pb2\.py|_read \(.*interceptors\.py",
    "interceptor and metrics": r"digits_server/(interceptors|metrics)\.py|prometheus_client/",
    "servicer, admission and judging": r"digits_server/",
    "gRPC's Cython and core, on the event loop": r"grpc/aio|cygrpc|_run \(asyncio/events\.py",
    "event loop": r"asyncio/|selectors\.py",
}
OTHER_THREADS: Final = "other threads: gRPC's core and the kernel's network"
OTHER: Final = "other"


def measure() -> dict[str, Any]:
    """Return microseconds of the processor for each layer of a call."""
    with ours(has_nothing=False) as served, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "stacks"
        loads: list[Load] = []
        # Longer than the look: the server is never idle while it is looked at.
        caller = threading.Thread(target=lambda: loads.append(_load(served.address)))
        caller.start()
        before = _cpu_seconds(served.process)
        subprocess.run(
            [
                *(str(Path(sys.executable).parent / "py-spy"), "record", "--format", "raw"),
                *("--rate", str(LOOKS_PER_SECOND), "--duration", str(SECONDS), "--nonblocking"),
                *("--threads", "--pid", str(served.process.pid), "--output", str(file)),
            ],
            check=True,
            capture_output=True,
        )
        caller.join()
        after = _cpu_seconds(served.process)
        looks = by_layer(file.read_text().splitlines())
    [answered] = loads
    main_us, all_us = (
        (late - early) / answered.answered * 1e6 for late, early in zip(after, before, strict=True)
    )
    total = sum(looks.values())
    layers = {layer: round(count / total * main_us, 1) for layer, count in looks.most_common()}
    layers[OTHER_THREADS] = round(all_us - main_us, 1)
    return {
        "rounds": 1,
        "looks": total,
        "calls_per_second": round(answered.calls_per_second),
        "microseconds": layers,
        "total_microseconds": round(all_us, 1),
    }


def by_layer(stacks: Iterable[str]) -> Counter[str]:
    """Count the looks of each layer.

    Args:
        stacks: Lines of py-spy's raw format: frames from the outermost, and a count.
    """
    counts: Counter[str] = Counter()
    for line in stacks:
        frames, _, count = line.rpartition(" ")
        if "MainThread" in frames:
            counts[_layer(frames.split(";"))] += int(count)
    return counts


def _layer(frames: list[str]) -> str:
    for frame in reversed(frames):
        for layer, pattern in LAYERS.items():
            if re.search(pattern, frame):
                return layer
    return OTHER


def _load(address: str) -> Load:
    return load(
        address,
        RECOGNIZE,
        requests.one(requests.Form.RAW28),
        kind="grpc",
        connections=4,
        streams=8,
        seconds=SECONDS + 3,
        warm_up_seconds=0,
    )


def _cpu_seconds(process: psutil.Process) -> tuple[float, float]:
    """Return what the main thread has taken, and what all have."""
    threads = {one.id: one.user_time + one.system_time for one in process.threads()}
    return threads[process.pid], sum(threads.values())
