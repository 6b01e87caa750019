"""Where the microseconds of a call with one raw image go, by layer.

py-spy looks at the server's main thread and at the model's many times a second while it is
loaded; each look is counted for the innermost frame that is known to belong to a layer. What
each thread takes is the kernel's own account. The threads of gRPC's core run no Python: what the
process takes beyond those two is theirs.
"""

import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter, defaultdict
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
    "frame": r"digits_server/(frames|ink|images|models/loaded)\.py",
    "protobuf": r"google/protobuf|_pb2\.py|_read \(.*interceptors\.py",
    "interceptor and metrics": r"digits_server/(interceptors|metrics)\.py|prometheus_client/",
    "servicer, admission, batcher and judging": r"digits_server/",
    "gRPC's Cython and core, on the event loop": r"grpc/aio|cygrpc|_run \(asyncio/events\.py",
    "event loop": r"asyncio/|selectors\.py|concurrent/futures",
}
OTHER_THREADS: Final = "other threads: gRPC's core and the kernel's network"
OTHER: Final = "other"
LOOKED_AT: Final = re.compile(r"thread \((\d+)\): (?:MainThread|model_0)\b")
# For work, not at it.
WAITING: Final = re.compile(r"(_worker \(concurrent/futures/thread|select \(selectors)\.py:\d+\)$")


def measure() -> dict[str, Any]:
    """Return microseconds of the processor for each layer of a call."""
    # With one thread, so that all of the model is where it is looked for.
    with (
        ours("--threads", "1", has_nothing=False) as served,
        tempfile.TemporaryDirectory() as folder,
    ):
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
    took_us = {
        thread: (seconds - before.get(thread, 0)) / answered.answered * 1e6
        for thread, seconds in after.items()
    }
    layers: dict[str, float] = defaultdict(float)
    for thread, counts in looks.items():
        for layer, count in counts.items():
            layers[layer] += count / counts.total() * took_us[thread]
    all_us = sum(took_us.values())
    layers[OTHER_THREADS] = all_us - sum(took_us[thread] for thread in looks)
    return {
        "rounds": 1,
        "looks": sum(counts.total() for counts in looks.values()),
        "calls_per_second": round(answered.calls_per_second),
        "microseconds": {layer: round(took, 1) for layer, took in layers.items()},
        "total_microseconds": round(all_us, 1),
    }


def by_layer(stacks: Iterable[str]) -> dict[int, Counter[str]]:
    """Count the looks of each layer, by the number that the kernel gives each thread.

    Args:
        stacks: Lines of py-spy's raw format: frames from the outermost, and a count.
    """
    looks: dict[int, Counter[str]] = defaultdict(Counter)
    for line in stacks:
        frames, _, count = line.rpartition(" ")
        thread = LOOKED_AT.match(frames)
        if thread and not WAITING.search(frames):
            looks[int(thread[1])][_layer(frames.split(";"))] += int(count)
    return looks


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


def _cpu_seconds(process: psutil.Process) -> dict[int, float]:
    """Return what each thread has taken."""
    return {one.id: one.user_time + one.system_time for one in process.threads()}
