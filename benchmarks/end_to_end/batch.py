"""Measure digits-batch: its rate, and what it withstands.

    python -m benchmarks.end_to_end.batch rate [--rounds 5]
    python -m benchmarks.end_to_end.batch kills [--kills 20]
    python -m benchmarks.end_to_end.batch broken
    python -m benchmarks.end_to_end.batch memory [--files 1000000]

``rate``: MNIST's 10,000 test images, as PNG files, to CSV with a private server. For comparison,
the same files are read, decoded, normalized and predicted in one process, and in one process per
core; the three alternate.
``kills``: the same run, killed with SIGKILL at random moments and resumed. Its output is compared
byte for byte with an undisturbed run's.
``broken``: the same files, one in twenty of them broken in one of five ways.
``memory``: the client's memory at a thousand files in one folder, and at a million.

All but ``memory`` need MNIST, by DIGITS_DATA_DIR or Keras' cache.
"""

import argparse
import csv
import multiprocessing
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digits_client.cli.embedded import embedded_server
from digits_server.models.engine import LiteRtEngine
from digits_server.preprocessing.decode import ImageLimits, decode
from digits_server.preprocessing.normalize import normalize
from digits_server.settings import SHIPPED_MODELS
from digits_training.datasets import load_mnist
from scripts.demo import write_png_folder

BATCH = [sys.executable, "-m", "digits_client.batch.cli"]
CORES = len(os.sched_getaffinity(0))
IMAGE_COUNT = 10_000
CHUNK_SIZE = 256
SECONDS_BEFORE_KILL = (0.4, 2.0)
LIMITS = ImageLimits(max_bytes=10**7, max_pixels=10**8)


@contextmanager
def mnist_folder() -> Iterator[tuple[Path, Path]]:
    """Yield a folder with MNIST's test images as PNG files, and an empty folder for output."""
    with tempfile.TemporaryDirectory() as folder:
        images, output = Path(folder) / "images", Path(folder) / "output"
        output.mkdir()
        write_png_folder(load_mnist(), images)
        yield images, output


def load_engine(threads: int) -> LiteRtEngine:
    """Return the engine of the shipped model."""
    [model] = SHIPPED_MODELS.glob("*/model.tflite")
    return LiteRtEngine(model.read_bytes(), threads)


def read_frames(paths: list[Path]) -> NDArray[np.float32]:
    """Read, decode and normalize image files."""
    return np.stack([normalize(decode(path.read_bytes(), LIMITS)) for path in paths])


def predict_in_one_process(paths: list[Path]) -> float:
    """Return images per second in this process, with a thread per core."""
    engine = load_engine(CORES)
    chunks = [paths[start : start + CHUNK_SIZE] for start in range(0, len(paths), CHUNK_SIZE)]
    start = time.perf_counter()
    with ThreadPoolExecutor(CORES) as pool:
        for frames in pool.map(read_frames, chunks):
            engine.predict(frames)
    return len(paths) / (time.perf_counter() - start)


def predict_share(paths: list[Path], ready: Barrier) -> None:
    """Predict the share of one process, once all processes are ready."""
    engine = load_engine(1)
    ready.wait()
    for start in range(0, len(paths), CHUNK_SIZE):
        engine.predict(read_frames(paths[start : start + CHUNK_SIZE]))


def predict_in_processes(paths: list[Path]) -> float:
    """Return images per second with one process per core."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(CORES + 1)
    processes = [
        context.Process(target=predict_share, args=(paths[core::CORES], ready))
        for core in range(CORES)
    ]
    for process in processes:
        process.start()
    ready.wait()
    start = time.perf_counter()
    for process in processes:
        process.join()
    return len(paths) / (time.perf_counter() - start)


def time_batch(images: Path, output: Path, address: str) -> float:
    """Return images per second of digits-batch, from the start of the command to its end."""
    start = time.perf_counter()
    run_batch(images, output, address)
    return IMAGE_COUNT / (time.perf_counter() - start)


def run_batch(images: Path, output: Path, address: str) -> subprocess.CompletedProcess[str]:
    """Run digits-batch to its end."""
    arguments = [str(images), "--server", address, "--format", "csv", "--output", str(output)]
    return subprocess.run([*BATCH, *arguments], capture_output=True, text=True, check=False)


def measure_rate(rounds: int) -> None:
    """Print the rate of digits-batch and of the same work in process."""
    with mnist_folder() as (images, output), embedded_server() as address:
        paths = sorted(images.rglob("*.png"))
        ways: dict[str, Callable[[], float]] = {
            "in one process": lambda: predict_in_one_process(paths),
            f"in {CORES} processes": lambda: predict_in_processes(paths),
            "`digits-batch`, from start to end": lambda: time_batch(
                images, output / "rows.csv", address
            ),
        }
        rates: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, measure in ways.items():
                rates[way].append(measure())
    best = max(statistics.median(rates[way]) for way in list(ways)[:-1])
    print(f"| way | images per second, median of {rounds} | range | of the best in process |")
    print("|---|---|---|---|")
    for way, values in rates.items():
        median, low, high = statistics.median(values), min(values), max(values)
        print(f"| {way} | {median:,.0f} | {low:,.0f} .. {high:,.0f} | {median / best:.2f} |")


def measure_kills(kills: int, seed: int) -> None:
    """Kill and resume digits-batch, and compare its output with an undisturbed run's."""
    rng = random.Random(seed)
    with mnist_folder() as (images, output), embedded_server() as address:
        undisturbed, disturbed = output / "undisturbed.csv", output / "disturbed.csv"
        run_batch(images, undisturbed, address)
        kill_count, run_count, same_count = 0, 0, 0
        while kill_count < kills:
            run_count += 1
            disturbed.unlink(missing_ok=True)
            while not disturbed.exists():
                command = [*BATCH, str(images), "--server", address, "--format", "csv"]
                command += ["--output", str(disturbed), "--resume"]
                timeout = rng.uniform(*SECONDS_BEFORE_KILL) if kill_count < kills else None
                with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
                    try:
                        process.wait(timeout)
                    except subprocess.TimeoutExpired:
                        process.kill()
                        kill_count += 1
            same_count += disturbed.read_bytes() == undisturbed.read_bytes()
    print(
        f"{kill_count} kills in {run_count} runs of {IMAGE_COUNT:,} images; "
        f"{same_count} of {run_count} outputs are the same"
    )


def break_file(path: Path, way: int) -> None:
    """Break a PNG file in one of five ways."""
    match way:
        case 0:  # truncated
            content = path.read_bytes()
            path.write_bytes(content[: len(content) // 2])
        case 1:  # empty
            path.write_bytes(b"")
        case 2:  # huge, but sparse: it takes no disk space
            with path.open("wb") as file:
                file.truncate(2**30)
        case 3:  # misnamed: the content decides, so it is recognized
            path.rename(path.with_suffix(".jpg"))
        case 4:  # text
            path.write_text("Dear diary, today I drew a seven.\n")


def measure_broken(seed: int) -> None:
    """Break one file in twenty, and count the rows and errors."""
    rng = random.Random(seed)
    with mnist_folder() as (images, output), embedded_server() as address:
        paths = sorted(images.rglob("*.png"))
        for number, path in enumerate(rng.sample(paths, len(paths) // 20)):
            break_file(path, number % 5)
        done = run_batch(images, output / "rows.csv", address)
        with (output / "rows.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        errors = Counter(row["error"].split(";")[0] for row in rows if row["error"])
        files = sorted(str(path) for path in images.rglob("*") if path.is_file())
        print(f"{len(files):,} files, {len(rows):,} rows, exit status {done.returncode}")
        print("one row per file:", sorted(row["path"] for row in rows) == files)
        print("errors:", dict(errors))
        print(done.stderr.splitlines()[-1])


def measure_memory(count: int) -> None:
    """Print the client's peak memory at few and at many files in one folder.

    The files are empty: each is listed, read and sent, and gets a row, but is little work for the
    server.
    """
    with tempfile.TemporaryDirectory() as folder, embedded_server() as address:
        images, rows_file = Path(folder) / "images", Path(folder) / "rows.csv"
        images.mkdir()
        for number in range(count):
            (images / f"{number:07}.png").touch()
        for pattern, files in (("0000*", 1000), ("*", count)):
            command = [*BATCH, str(images), "--include", pattern, "--server", address]
            command += ["--format", "csv", "--output", str(rows_file)]
            start = time.perf_counter()
            megabytes = peak_megabytes([*command, "--report", f"{folder}/report.html"])
            seconds = time.perf_counter() - start
            rows = rows_file.read_bytes().count(b"\n") - 1
            print(f"{files:,} files, {rows:,} rows: peak {megabytes:.0f} MB, {seconds:.0f} s")


def peak_megabytes(command: list[str]) -> float:
    """Run a command and return its peak resident memory, from Linux' /proc."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        status = Path(f"/proc/{process.pid}/status")
        kilobytes = 0
        while process.poll() is None:
            if found := re.search(r"VmHWM:\s+(\d+)", status.read_text()):
                kilobytes = int(found[1])
            time.sleep(0.05)
    return kilobytes / 1024


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.end_to_end.batch",
        description=(__doc__ or "").partition("\n")[0],
    )
    parser.add_argument("measurement", choices=("rate", "kills", "broken", "memory"))
    parser.add_argument("--rounds", type=int, default=5, help="of rate; default: %(default)s")
    parser.add_argument("--kills", type=int, default=20, help="of kills; default: %(default)s")
    parser.add_argument(
        "--files", type=int, default=1_000_000, help="of memory; default: %(default)s"
    )
    parser.add_argument("--seed", type=int, default=1, help="of kills and broken")
    parsed = parser.parse_args()
    match parsed.measurement:
        case "rate":
            measure_rate(parsed.rounds)
        case "kills":
            measure_kills(parsed.kills, parsed.seed)
        case "broken":
            measure_broken(parsed.seed)
        case "memory":
            measure_memory(parsed.files)
    return 0


if __name__ == "__main__":
    sys.exit(main())
