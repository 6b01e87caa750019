"""CPU time of a call with one raw image, by layer.

py-spy samples the server under load. Each sample counts for the innermost frame that belongs to a
layer. The CPU time of each thread comes from the kernel. The threads of gRPC's core run no Python:
they account for the rest of the process's CPU time.
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

from benchmarks.h2load import Load
from benchmarks.limits import payloads
from benchmarks.limits.server_load import load_server
from benchmarks.limits.serving import RECOGNIZE, unlimited_server

SECONDS: Final = 8
SAMPLES_PER_SECOND: Final = 250

# The first layer that matches the innermost frame. By file, since functions are renamed.
LAYERS: Final = {
    "model": r"ai_edge_litert|digits_server/models/engine\.py",
    "normalization": r"digits_server/preprocessing/",
    "protobuf": r"google/protobuf|_pb2\.py",
    "call wrapper and metrics": (
        r"digits_server/(api/(call_wrapper|methods|arity)|ops/(call_)?metrics)\.py|prometheus_client/"
    ),
    "servicer, admission, batcher and predictions": r"digits_server/",
    "gRPC's Cython and core, on the event loop": r"grpc/aio|cygrpc|_run \(asyncio/events\.py",
    "event loop": r"asyncio/|selectors\.py|concurrent/futures",
}
OTHER_THREADS: Final = "other threads: gRPC's core and the kernel's network"
OTHER: Final = "other"
THREAD: Final = re.compile(r"thread \((\d+)\): ")
# Where a thread waits for work, in case it is sampled at that moment.
IDLE: Final = re.compile(
    r"(_worker \(concurrent/futures/thread|select \(selectors|wait \(threading)\.py:\d+\)$"
)


def measure() -> dict[str, Any]:
    """Return the microseconds of CPU time per call in each layer."""
    # With one thread: the model takes the same time per image as in the other tables' engine.
    with (
        unlimited_server("--threads", "1", has_no_op=False) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        file = Path(folder) / "stacks"
        loads: list[Load] = []
        # The load outlasts the sampling, so that the server is never idle while sampled.
        load_thread = threading.Thread(target=lambda: loads.append(_load(server.address)))
        load_thread.start()
        before = _cpu_seconds(server.process)
        subprocess.run(
            [
                *(str(Path(sys.executable).parent / "py-spy"), "record", "--format", "raw"),
                *("--rate", str(SAMPLES_PER_SECOND), "--duration", str(SECONDS), "--nonblocking"),
                *("--threads", "--pid", str(server.process.pid), "--output", str(file)),
            ],
            check=True,
            capture_output=True,
        )
        load_thread.join()
        after = _cpu_seconds(server.process)
        samples = count_by_layer(file.read_text().splitlines())
    [result] = loads
    thread_us = {
        thread: (seconds - before.get(thread, 0)) / result.succeeded * 1e6
        for thread, seconds in after.items()
    }
    layers: dict[str, float] = defaultdict(float)
    for thread, counts in samples.items():
        for layer, count in counts.items():
            layers[layer] += count / counts.total() * thread_us[thread]
    total_us = sum(thread_us.values())
    layers[OTHER_THREADS] = total_us - sum(thread_us[thread] for thread in samples)
    return {
        "rounds": 1,
        "samples": sum(counts.total() for counts in samples.values()),
        "calls_per_second": round(result.calls_per_second),
        "microseconds": {layer: round(layer_us, 1) for layer, layer_us in layers.items()},
        "total_microseconds": round(total_us, 1),
    }


def count_by_layer(stacks: Iterable[str]) -> dict[int, Counter[str]]:
    """Count the samples of each layer, by the kernel's id of the thread.

    Threads that run nothing of any layer are left out.

    Args:
        stacks: Lines of py-spy's raw format: the frames from the outermost, then a count.
    """
    samples: dict[int, Counter[str]] = defaultdict(Counter)
    for line in stacks:
        frames, _, count = line.rpartition(" ")
        thread = THREAD.match(frames)
        if thread and not IDLE.search(frames):
            samples[int(thread[1])][_layer(frames.split(";"))] += int(count)
    # A thread of gRPC's core that was started in Python has no other frames than its start.
    return {thread: counts for thread, counts in samples.items() if counts.keys() != {OTHER}}


def _layer(frames: list[str]) -> str:
    for frame in reversed(frames):
        for layer, pattern in LAYERS.items():
            if re.search(pattern, frame):
                return layer
    return OTHER


def _load(address: str) -> Load:
    return load_server(
        address,
        RECOGNIZE,
        payloads.single_request(payloads.Form.RAW28),
        connections=4,
        streams=8,
        seconds=SECONDS + 3,
        warm_up_seconds=0,
    )


def _cpu_seconds(process: psutil.Process) -> dict[int, float]:
    """Return the CPU time of each thread, by its id."""
    return {thread.id: thread.user_time + thread.system_time for thread in process.threads()}
