"""Compare the Ray job with digits-batch and a server, on the same cores.

    python -m benchmarks.end_to_end.ray_job [--rounds 5] [--python PYTHON]

Both turn MNIST's 10,000 test images, as PNG files, into JSON lines. They alternate, so that other
load on the machine affects both alike. The rate is that from the first image to the last, which
each command reports; the start is the rest of the command's time. The rows are compared too.
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
from typing import NamedTuple

from digits_client.embedded import embedded_server
from digits_training.datasets import load_mnist
from scripts.demo_commands import write_png_folder

ROOT = Path(__file__).resolve().parents[2]
JOB = ROOT / "deploy" / "ray" / "classify.py"
BATCH = [sys.executable, "-m", "digits_client.batch.cli"]


class Run(NamedTuple):
    """The figures of one run of a command."""

    start_seconds: float
    images_per_second: float


def run(command: list[str]) -> Run:
    """Run a command that reports ``N images in S s``.

    Raises:
        SystemExit: It does not report that.
    """
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - start
    report = re.search(r"([\d,]+) images in ([\d.]+) s", done.stderr)
    if report is None:
        raise SystemExit(f"the command reports no number of images: {done.stderr}")
    image_seconds = float(report[2])
    return Run(seconds - image_seconds, int(report[1].replace(",", "")) / image_seconds)


def run_job(python: str, images: Path, rows: Path) -> Run:
    """Run the Ray job and write its rows to one file."""
    with tempfile.TemporaryDirectory() as folder:
        command = [python, str(JOB), str(images), "--output", folder, "--format", "jsonl"]
        figures = run(command)
        parts = sorted(Path(folder).glob("part-*.jsonl"))
        rows.write_bytes(b"".join(part.read_bytes() for part in parts))
    return figures


def run_batch(address: str, images: Path, rows: Path) -> Run:
    """Run digits-batch and write its rows to a file."""
    rows.unlink(missing_ok=True)
    options = ["--server", address, "--format", "jsonl", "--output", str(rows), "--no-labels"]
    return run([*BATCH, str(images), *options])


def measure(rounds: int, python: str) -> None:
    """Print a table of both commands, and compare their rows."""
    with tempfile.TemporaryDirectory() as folder, embedded_server() as address:
        images = Path(folder) / "images"
        write_png_folder(load_mnist(), images)
        files = {name: Path(folder) / f"{name}.jsonl" for name in ("job", "batch")}
        commands: dict[str, Callable[[], Run]] = {
            "Ray job, with its own Ray": lambda: run_job(python, images, files["job"]),
            "`digits-batch`, with a server that is ready": lambda: run_batch(
                address, images, files["batch"]
            ),
        }
        runs: dict[str, list[Run]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                runs[name].append(command())
        rows = {name: files[name].read_text().splitlines() for name in files}
    print(f"| command | start, s, median of {rounds} | range | images per second | range |")
    print("|---|---|---|---|---|")
    for name, runs_of_command in runs.items():
        starts, rates = zip(*runs_of_command, strict=True)
        print(
            f"| {name} | {statistics.median(starts):.1f} | {min(starts):.1f} .. {max(starts):.1f} "
            f"| {statistics.median(rates):,.0f} | {min(rates):,.0f} .. {max(rates):,.0f} |"
        )
    ratios = [
        job.images_per_second / batch.images_per_second
        for job, batch in zip(*runs.values(), strict=True)
    ]
    median_and_range = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} .. {max(ratios):.2f})"
    print(f"rate of the job relative to digits-batch, per round: {median_and_range}")
    same = sum(a == b for a, b in zip(rows["job"], rows["batch"], strict=True))
    right = sum(_is_right(json.loads(row)) for row in rows["job"])
    print(f"{same:,} of {len(rows['job']):,} rows are the same; {right:,} are right")


def _is_right(row: dict[str, object]) -> bool:
    return str(row["digit"]) == Path(str(row["path"])).parent.name


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.end_to_end.ray_job",
        description=(__doc__ or "").partition("\n")[0],
    )
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument(
        "--python",
        default=str(ROOT / ".venv-ray" / "bin" / "python"),
        help="interpreter with Ray; default: %(default)s",
    )
    parsed = parser.parse_args()
    measure(parsed.rounds, parsed.python)
    return 0


if __name__ == "__main__":
    sys.exit(main())
