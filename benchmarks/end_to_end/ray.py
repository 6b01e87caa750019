"""Measure the Ray job beside ``digits-batch`` through a server, on the same cores.

    DIGITS_DATA_DIR=... python -m benchmarks.end_to_end.ray [--rounds 5] [--python PYTHON]

MNIST's 10,000 test images as PNG files to JSON lines, by the one and by the other in turn,
so that what else the machine does is the same for both. The rate is from the first image to
the last, as each says itself; the start is all the rest of the command's time. The rows of
both are compared.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from digits_client.cli.embedded import embedded_server
from digits_training.datasets import load_mnist
from scripts.demo import write_png_folder

ROOT = Path(__file__).resolve().parents[2]
JOB = ROOT / "deploy" / "ray" / "classify.py"
BATCH = [sys.executable, "-m", "digits_client.batch.cli"]


def timed(command: list[str]) -> tuple[float, float]:
    """Run a command and return what it took beside the images, and images a second."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - began
    said = re.search(r"([\d,]+) images in ([\d.]+) s", done.stderr)
    if said is None:
        raise SystemExit(f"it does not say what it did: {done.stderr}")
    of_images = float(said[2])
    return seconds - of_images, int(said[1].replace(",", "")) / of_images


def by_job(python: str, images: Path, rows: Path) -> tuple[float, float]:
    """Run the Ray job and leave its rows in a file."""
    with tempfile.TemporaryDirectory() as folder:
        command = [python, str(JOB), str(images), "--output", folder, "--format", "jsonl"]
        found = timed(command)
        parts = sorted(Path(folder).glob("part-*.jsonl"))
        rows.write_bytes(b"".join(part.read_bytes() for part in parts))
    return found


def by_batch(address: str, images: Path, rows: Path) -> tuple[float, float]:
    """Run the batch client and leave its rows in a file."""
    rows.unlink(missing_ok=True)
    where = ["--server", address, "--format", "jsonl", "--output", str(rows), "--no-labels"]
    return timed([*BATCH, str(images), *where])


def measure(rounds: int, python: str) -> None:
    """Print a table of both."""
    with tempfile.TemporaryDirectory() as folder, embedded_server() as address:
        images = Path(folder) / "images"
        write_png_folder(load_mnist(), images)
        files = {way: Path(folder) / f"{way}.jsonl" for way in ("job", "batch")}
        ways: dict[str, Callable[[], tuple[float, float]]] = {
            "the Ray job, a Ray of its own": lambda: by_job(python, images, files["job"]),
            "`digits-batch`, a server that is ready": lambda: by_batch(
                address, images, files["batch"]
            ),
        }
        found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, run in ways.items():
                found[way].append(run())
        rows = {way: files[way].read_text().splitlines() for way in files}
    print(f"| way | start, s, median of {rounds} | range | images a second | range |")
    print("|---|---|---|---|---|")
    for way, runs in found.items():
        starts, rates = ([run[which] for run in runs] for which in (0, 1))
        print(
            f"| {way} | {statistics.median(starts):.1f} | {min(starts):.1f} .. {max(starts):.1f} "
            f"| {statistics.median(rates):,.0f} | {min(rates):,.0f} .. {max(rates):,.0f} |"
        )
    job, batch = found.values()
    ratios = [ours[1] / theirs[1] for ours, theirs in zip(job, batch, strict=True)]
    shown = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} .. {max(ratios):.2f})"
    print(f"rate of the job, of that of the batch client, round by round: {shown}")
    same = sum(a == b for a, b in zip(rows["job"], rows["batch"], strict=True))
    right = sum(_is_right(json.loads(row)) for row in rows["job"])
    print(f"{same:,} of {len(rows['job']):,} rows the same; {right:,} right")


def _is_right(row: dict[str, object]) -> bool:
    return str(row["digit"]) == Path(str(row["path"])).parent.name


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--python", default=str(ROOT / ".venv-ray" / "bin" / "python"))
    parsed = parser.parse_args()
    measure(parsed.rounds, parsed.python)
    return 0


if __name__ == "__main__":
    sys.exit(main())
