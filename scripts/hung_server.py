"""Measure how long calls stand still when one of two servers is stopped.

    python -m scripts.hung_server [--rounds 5]

Starts two servers, and stops one of them (SIGSTOP) while calls are in flight: it still accepts
connections and never responds. Prints the longest time in each kind of call over all rounds:

* a single image, one call at a time, with the blocking client
* a single image, eight calls at a time, with the asyncio client
* a batch of 3.6 MB, one at a time
* the longest time without a row from a run of digits-batch
* a new client's first images, with the addresses of a working server and of a silent one

Exit status: 0 if no single image took more than 3 seconds and no batch more than 5, 1 otherwise.
"""

import argparse
import asyncio
import contextlib
import io
import itertools
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from PIL import Image

from digits_client import AsyncClient, Client
from scripts.server_process import server_process

CALLERS = 8
CALLS = 40
SAMPLE = Path("samples/3/marker.png")
RUN_IMAGES = 6_000
SINGLE_LIMIT_SECONDS, BATCH_LIMIT_SECONDS = 3.0, 5.0


def main() -> int:
    """Run all rounds; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    measures: dict[str, tuple[Callable[[], float], float]] = {
        "single image, blocking": (single_images, SINGLE_LIMIT_SECONDS),
        "single image, asyncio": (concurrent_images, SINGLE_LIMIT_SECONDS),
        "batch of 3.6 MB": (batches, BATCH_LIMIT_SECONDS),
        "digits-batch without a row": (batch_run, BATCH_LIMIT_SECONDS),
        "new client": (new_clients, SINGLE_LIMIT_SECONDS),
    }
    is_good = True
    for name, (measure, limit) in measures.items():
        seconds = [measure() for _ in range(rounds)]
        is_good = is_good and max(seconds) <= limit
        each = " ".join(f"{value:.2f}" for value in seconds)
        print(f"{name:28}{max(seconds):7.2f} s   each round: {each}", flush=True)
    return 0 if is_good else 1


@contextlib.contextmanager
def two_servers() -> Iterator[tuple[str, psutil.Process]]:
    """Run two servers; yield one address for both, and the process of the second."""
    with server_process("--threads", "1") as first, server_process("--threads", "1") as second:
        try:
            yield f"{first.address},{second.address}", second.process
        finally:
            second.process.resume()


def single_images() -> float:
    """Return the longest time of a call, of one after the other."""
    with two_servers() as (address, second), Client(address, timeout_seconds=90) as client:
        return longest(lambda: client.recognize(SAMPLE), second.suspend)


def batches() -> float:
    """Return the longest time of a batch, of one after the other."""
    content = io.BytesIO()
    Image.effect_noise((300, 300), 60).save(content, "PNG")
    images = [content.getvalue()] * 40
    with two_servers() as (address, second), Client(address, timeout_seconds=90) as client:
        return longest(lambda: client.recognize_batch(images), second.suspend)


def longest(call: Callable[[], object], stop: Callable[[], object]) -> float:
    """Return the longest time of a call once ``stop`` was called."""
    for _ in range(4):
        call()  # connects to both
    stop()
    seconds = []
    for _ in range(4):
        start = time.monotonic()
        call()
        seconds.append(time.monotonic() - start)
    return max(seconds)


def concurrent_images() -> float:
    """Return the longest time of a call, of several at a time, with the stop among them."""

    async def caller(client: AsyncClient, calls: Iterator[int], second: psutil.Process) -> float:
        slowest = 0.0
        for number in calls:
            if number == CALLS:
                second.suspend()
            start = time.monotonic()
            await client.recognize(SAMPLE)
            slowest = max(slowest, time.monotonic() - start)
        return slowest

    async def run(address: str, second: psutil.Process) -> float:
        async with AsyncClient(address, timeout_seconds=90) as client:
            calls = iter(range(5 * CALLS))
            return max(
                await asyncio.gather(*(caller(client, calls, second) for _ in range(CALLERS)))
            )

    with two_servers() as (address, second):
        return asyncio.run(run(address, second))


def batch_run() -> float:
    """Return the longest time between two rows of a run."""
    command = [sys.executable, "-m", "digits_client.batch.cli", "-", "--format", "jsonl"]
    with two_servers() as (address, second), tempfile.TemporaryFile() as paths:
        paths.write(f"{SAMPLE}\n".encode() * RUN_IMAGES)
        paths.seek(0)
        with subprocess.Popen(
            [*command, "--server", address],
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            stdin=paths,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as run:
            assert run.stdout is not None
            arrivals = []
            for row, _ in enumerate(run.stdout):
                arrivals.append(time.monotonic())
                if row == RUN_IMAGES // 4:
                    second.suspend()
    if run.returncode or len(arrivals) != RUN_IMAGES:
        raise RuntimeError(f"{len(arrivals)} rows, exit status {run.returncode}")
    return max(later - earlier for earlier, later in itertools.pairwise(arrivals))


def new_clients() -> float:
    """Return the longest time of a call of a new client that also has a silent address."""
    with server_process("--threads", "1") as server, socket.create_server(("127.0.0.1", 0)) as none:
        address = f"127.0.0.1:{none.getsockname()[1]},{server.address}"
        with Client(address, timeout_seconds=90) as client:
            seconds = []
            for _ in range(4):
                start = time.monotonic()
                client.recognize(SAMPLE)
                seconds.append(time.monotonic() - start)
    return max(seconds)


if __name__ == "__main__":
    raise SystemExit(main())
