"""Measure what docs/architecture.md quotes: start, memory, folder to answers.

    make measure

Each figure is the median of RUNS runs, with the least and the most beside it. Start is
from the creation of the server's process to the first SERVING of its health service.
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import psutil
from grpc_health.v1 import health_pb2, health_pb2_grpc

from digits_client import Client
from digits_training.datasets import load_mnist
from scripts.demo import right_and_total, write_png_folder

RUNS = 7
PORT = 50997
ADDRESS = f"127.0.0.1:{PORT}"


@contextmanager
def server() -> Iterator[tuple[psutil.Process, float]]:
    """Start a server; yield its process and the seconds until it was SERVING."""
    command = [sys.executable, "-m", "digits_server", "--port", str(PORT)]
    began = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        # Asked anew on a fresh connection each time: a channel would wait before it tries again.
        while True:
            with grpc.insecure_channel(ADDRESS) as channel:
                try:
                    health_pb2_grpc.HealthStub(channel).Check(
                        health_pb2.HealthCheckRequest(), timeout=1
                    )
                    break
                except grpc.RpcError:
                    time.sleep(0.005)
        yield psutil.Process(process.pid), time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


def row(what: str, values: list[float], form: str) -> str:
    """Return a line of the table."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"| {what} | {middle:{form}} | {low:{form}} .. {high:{form}} |"


def main() -> None:
    """Measure and print a table in Markdown."""
    ready, idle_mb, used_mb, rate, accuracy = [], [], [], [], []
    mnist = load_mnist()
    with tempfile.TemporaryDirectory() as name:
        images, answers = Path(name) / "mnist-test", Path(name) / "answers.csv"
        total = write_png_folder(mnist, images)
        for _ in range(RUNS):
            with server() as (process, seconds):
                ready.append(seconds)
                idle_mb.append(process.memory_info().rss / 1e6)
                with Client(ADDRESS) as client:
                    client.recognize(mnist.x_test[0])
                began = time.perf_counter()
                subprocess.run(
                    [
                        *(sys.executable, "-m", "digits_client.batch.cli", str(images)),
                        *("--server", ADDRESS, "--format", "csv", "--output", str(answers)),
                    ],
                    check=True,
                    stderr=subprocess.DEVNULL,
                )
                rate.append(total / (time.perf_counter() - began))
                used_mb.append(process.memory_info().rss / 1e6)
                right_count, _ = right_and_total(answers)
                accuracy.append(right_count / total * 100)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print(f"| what | median of {RUNS} | range |\n|---|---|---|")
    print(row("process start to SERVING, seconds", ready, ".2f"))
    print(row("resident memory when ready, MB", idle_mb, ".0f"))
    print(row("resident memory after 10,000 images, MB", used_mb, ".0f"))
    print(row("10,000 PNG files to CSV, images a second", rate, ",.0f"))
    print(row("MNIST test accuracy, folder to answers, %", accuracy, ".2f"))


if __name__ == "__main__":
    main()
