"""Measure the batch client: how near it comes to the machine's limit, and what it survives.

    DIGITS_DATA_DIR=... python benchmarks/end_to_end/batch.py rate [--rounds 5]
    DIGITS_DATA_DIR=... python benchmarks/end_to_end/batch.py kills [--kills 20]
    DIGITS_DATA_DIR=... python benchmarks/end_to_end/batch.py odd
    python benchmarks/end_to_end/batch.py memory [--files 1000000]

``rate``: 10,000 PNG files of MNIST to CSV through a server of its own, beside the same
files read, decoded, framed and answered in one process, and in one process a core; in turn.
``kills``: the same files, killed with SIGKILL at random moments and resumed, compared byte
for byte with an undisturbed run. ``odd``: a folder of which one file in twenty is broken in
one of five ways. ``memory``: the client's own memory at a thousand and at so many
files in one folder.
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
AT_ONCE = 256
KILL_SECONDS = (0.4, 2.0)
LIMITS = ImageLimits(max_bytes=10**7, max_pixels=10**8)


@contextmanager
def mnist_folder() -> Iterator[tuple[Path, Path]]:
    """Give a folder with MNIST's test images as PNG files, and a folder for answers."""
    with tempfile.TemporaryDirectory() as folder:
        images, answers = Path(folder) / "images", Path(folder) / "answers"
        answers.mkdir()
        write_png_folder(load_mnist(), images)
        yield images, answers


def engine(threads: int) -> LiteRtEngine:
    """Return the shipped model."""
    [model] = SHIPPED_MODELS.glob("*/model.tflite")
    return LiteRtEngine(model.read_bytes(), threads)


def frames(paths: list[Path]) -> NDArray[np.float32]:
    """Read, decode and frame."""
    made = [normalize(decode(path.read_bytes(), LIMITS)) for path in paths]
    return np.stack(made)


def in_one_process(paths: list[Path]) -> float:
    """Return images a second with a thread a core for files and frames, and all for the model."""
    model = engine(CORES)
    parts = [paths[start : start + AT_ONCE] for start in range(0, len(paths), AT_ONCE)]
    began = time.perf_counter()
    with ThreadPoolExecutor(CORES) as pool:
        for made in pool.map(frames, parts):
            model.predict(made)
    return len(paths) / (time.perf_counter() - began)


def share_of_a_process(paths: list[Path], ready: Barrier) -> None:
    """Do one core's share."""
    model = engine(1)
    ready.wait()
    for start in range(0, len(paths), AT_ONCE):
        model.predict(frames(paths[start : start + AT_ONCE]))


def in_processes(paths: list[Path]) -> float:
    """Return images a second with a process a core that does everything."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(CORES + 1)
    workers = [
        context.Process(target=share_of_a_process, args=(paths[core::CORES], ready))
        for core in range(CORES)
    ]
    for worker in workers:
        worker.start()
    ready.wait()
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    return len(paths) / (time.perf_counter() - began)


def by_batch(images: Path, output: Path, address: str) -> float:
    """Return images a second from the command's start to its end."""
    began = time.perf_counter()
    batch(images, output, address)
    return 10_000 / (time.perf_counter() - began)


def batch(images: Path, output: Path, address: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    arguments = [str(images), "--server", address, "--format", "csv", "--output", str(output)]
    return subprocess.run([*BATCH, *arguments, *more], capture_output=True, text=True, check=False)


def measure_rate(rounds: int) -> None:
    """Print how near the command comes to what the cores can do."""
    with mnist_folder() as (images, answers), embedded_server() as address:
        paths = sorted(images.rglob("*.png"))
        ways: dict[str, Callable[[], float]] = {
            "in one process": lambda: in_one_process(paths),
            f"in {CORES} processes": lambda: in_processes(paths),
            "`digits-batch`, from its start to its end": lambda: by_batch(
                images, answers / "x.csv", address
            ),
        }
        found: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, measure in ways.items():
                found[way].append(measure())
    best = max(statistics.median(found[way]) for way in list(ways)[:-1])
    print(f"| way | images a second, median of {rounds} | range | of the best in-process |")
    print("|---|---|---|---|")
    for way, rates in found.items():
        middle, low, high = statistics.median(rates), min(rates), max(rates)
        print(f"| {way} | {middle:,.0f} | {low:,.0f} .. {high:,.0f} | {middle / best:.2f} |")


def measure_kills(kills: int, seed: int) -> None:
    """Kill the command again and again, go on, and compare."""
    moments = random.Random(seed)
    with mnist_folder() as (images, answers), embedded_server() as address:
        undisturbed, disturbed = answers / "undisturbed.csv", answers / "disturbed.csv"
        batch(images, undisturbed, address)
        count, runs, same = 0, 0, 0
        while count < kills:
            runs += 1
            disturbed.unlink(missing_ok=True)
            while not disturbed.exists():
                command = [*BATCH, str(images), "--server", address, "--format", "csv"]
                command += ["--output", str(disturbed), "--resume"]
                with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
                    try:
                        process.wait(moments.uniform(*KILL_SECONDS) if count < kills else None)
                    except subprocess.TimeoutExpired:
                        process.kill()
                        count += 1
            same += disturbed.read_bytes() == undisturbed.read_bytes()
    print(f"killed {count} times in {runs} runs of 10,000 images; {same} of {runs} files the same")


def measure_odd(seed: int) -> None:
    """Break one file in twenty, and count what is answered."""
    chance = random.Random(seed)
    with mnist_folder() as (images, answers), embedded_server() as address:
        paths = sorted(images.rglob("*.png"))
        for number, path in enumerate(chance.sample(paths, len(paths) // 20)):
            content = path.read_bytes()
            match number % 5:
                case 0:  # corrupt
                    path.write_bytes(content[: len(content) // 2])
                case 1:  # empty
                    path.write_bytes(b"")
                case 2:  # huge: no disk is filled by it
                    with path.open("wb") as file:
                        file.truncate(2**30)
                case 3:  # renamed: what is in it counts
                    path.rename(path.with_suffix(".jpg"))
                case 4:  # no image
                    path.write_text("Dear diary, today I drew a seven.\n")
        done = batch(images, answers / "odd.csv", address)
        with (answers / "odd.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        errors = Counter(row["error"].split(";")[0] for row in rows if row["error"])
        found = sorted(str(path) for path in images.rglob("*") if path.is_file())
        print(f"{len(found):,} files, {len(rows):,} rows, exit {done.returncode}")
        print("one row each:", sorted(row["path"] for row in rows) == found)
        print("errors:", dict(errors))
        print(done.stderr.splitlines()[-1])


def measure_memory(count: int) -> None:
    """Print the client's memory at few and at many files, in one folder.

    They are empty: each is listed, read, sent, and has its row, and the server does little.
    """
    with tempfile.TemporaryDirectory() as folder, embedded_server() as address:
        images = Path(folder) / "images"
        images.mkdir()
        for number in range(count):
            (images / f"{number:07}.png").touch()
        for pattern, files in (("0000*", 1000), ("*", count)):
            run = [
                *BATCH,
                str(images),
                "--include",
                pattern,
                "--server",
                address,
                "--format",
                "csv",
            ]
            run += ["--output", str(Path(folder) / "answers.csv"), "--report", f"{folder}/r.html"]
            began = time.perf_counter()
            megabytes = peak_megabytes(run)
            rows = (Path(folder) / "answers.csv").read_bytes().count(b"\n") - 1
            seconds = time.perf_counter() - began
            print(f"{files:,} files, {rows:,} rows: {megabytes:.0f} MB at most, {seconds:.0f} s")


def peak_megabytes(command: list[str]) -> float:
    """Run a command and return the most memory that it had, as Linux counts it."""
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
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=("rate", "kills", "odd", "memory"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parsed = parser.parse_args()
    match parsed.what:
        case "rate":
            measure_rate(parsed.rounds)
        case "kills":
            measure_kills(parsed.kills, parsed.seed)
        case "odd":
            measure_odd(parsed.seed)
        case "memory":
            measure_memory(parsed.files)
    return 0


if __name__ == "__main__":
    sys.exit(main())
