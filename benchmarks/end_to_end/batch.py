"""Measure digits-batch: its rate, and what it withstands.

    python -m benchmarks.end_to_end.batch rate [--rounds 5]
    python -m benchmarks.end_to_end.batch kills [--kills 20]
    python -m benchmarks.end_to_end.batch broken
    python -m benchmarks.end_to_end.batch memory [--files 1000000]

``rate``: MNIST's 10,000 test images, as PNG files, to CSV with a running server. For comparison,
the same files are recognized in process (``in_process.py``), in a thread and in a process per core;
the three alternate. The time of ``digits-batch`` includes its start and end, that of the others
does not.
``kills``: the same run, killed with SIGKILL at random moments and resumed. Its output is compared
byte for byte with an undisturbed run's.
``broken``: the same files, one in twenty of them broken in one of five ways.
``memory``: the client's memory at a thousand files in one folder, and at a million.

All but ``memory`` need MNIST, by DIGITS_DATA_DIR or Keras' cache.
"""

import argparse
import csv
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.end_to_end.in_process import CORES, Cost, predict_in_processes, predict_in_threads
from digits_client.embedded import embedded_server
from digits_training.datasets import load_mnist
from scripts.demo_commands import write_png_folder

BATCH = [sys.executable, "-m", "digits_client.batch.cli"]
IMAGE_COUNT = 10_000
SECONDS_BEFORE_KILL = (0.3, 1.2)


@contextmanager
def mnist_folder() -> Iterator[tuple[Path, Path]]:
    """Yield a folder with MNIST's test images as PNG files, and an empty folder for output."""
    with tempfile.TemporaryDirectory() as folder:
        images, output = Path(folder) / "images", Path(folder) / "output"
        output.mkdir()
        write_png_folder(load_mnist(), images)
        yield images, output


def run_batch(images: Path, output: Path, address: str) -> subprocess.CompletedProcess[str]:
    """Run digits-batch to its end, with compiled modules as in an installation."""
    arguments = [str(images), "--server", address, "--format", "csv", "--output", str(output)]
    environment = {key: os.environ[key] for key in os.environ.keys() - {"PYTHONDONTWRITEBYTECODE"}}
    environment["PYTHONPYCACHEPREFIX"] = str(output.parent / "compiled")
    return subprocess.run(
        [*BATCH, *arguments], capture_output=True, text=True, check=False, env=environment
    )


def cost_of_batch(images: Path, output: Path, address: str) -> Cost:
    """Run digits-batch, and return its cost from the start of the command to its end."""
    children = psutil.Process().children()
    [server] = [child for child in children if "digits_server" in child.cmdline()]
    start, cpu_start = time.perf_counter(), _cpu_seconds(server)
    run_batch(images, output, address)
    return Cost(time.perf_counter() - start, _cpu_seconds(server) - cpu_start)


def _cpu_seconds(server: psutil.Process) -> float:
    """Return the CPU time of a server, and of all commands that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    running = server.cpu_times()
    return ended.ru_utime + ended.ru_stime + running.user + running.system


def measure_rate(rounds: int) -> None:
    """Print the rate and the CPU time of digits-batch and of the same work in process."""
    with mnist_folder() as (images, output), embedded_server() as address:
        paths = sorted(images.rglob("*.png"))
        ways: dict[str, Callable[[], Cost]] = {
            f"in one process, {CORES} threads": lambda: predict_in_threads(paths),
            f"in {CORES} processes": lambda: predict_in_processes(paths),
            "`digits-batch`, from start to end": lambda: cost_of_batch(
                images, output / "rows.csv", address
            ),
        }
        costs: dict[str, list[Cost]] = {way: [] for way in ways}
        run_batch(images, output / "rows.csv", address)  # compiles the modules
        for _ in range(rounds):
            for way, measure in ways.items():
                costs[way].append(measure())
    rates = {way: [IMAGE_COUNT / cost.seconds for cost in found] for way, found in costs.items()}
    best = max(statistics.median(rates[way]) for way in list(ways)[:-1])
    print(f"| way | images per second, median of {rounds} | range | of best | CPU us per image |")
    print("|---|---|---|---|---|")
    for way, values in rates.items():
        median, low, high = statistics.median(values), min(values), max(values)
        cpu_us = statistics.median(cost.cpu_seconds for cost in costs[way]) / IMAGE_COUNT * 1e6
        line = f"| {way} | {median:,.0f} | {low:,.0f} .. {high:,.0f} | {median / best:.2f} |"
        print(f"{line} {cpu_us:.0f} |")


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

    The files are empty: each is listed, read and gets a row, but is no work for the server.
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
