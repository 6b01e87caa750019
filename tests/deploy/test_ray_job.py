"""The Ray job, on a local Ray, compared with ``digits-batch`` and a server."""

import contextlib
import csv
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.processes import ROOT, wait_until

if TYPE_CHECKING:
    from tests.processes import Run, ServerProcess

JOB = ROOT / "deploy" / "ray" / "classify.py"
BATCH = "digits_client.batch.cli"
PYTHON_VARIABLE = "DIGITS_RAY_PYTHON"
# A separate environment, because Ray is large (0.9 GB) and nothing else needs it.
PYTHON = ROOT / ".venv-ray" / "bin" / "python"
# Ray alone takes half a minute to start on a busy machine.
JOB_SECONDS = 280

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def python() -> str:
    """Path of a Python with Ray and the server."""
    if named := os.environ.get(PYTHON_VARIABLE):
        return named
    if find_spec("ray"):
        return sys.executable
    if not PYTHON.exists():
        pytest.skip(
            f"no Python with Ray: {PYTHON_VARIABLE} is not set, Ray is not installed here, and "
            f"{PYTHON.relative_to(ROOT)} does not exist"
        )
    return str(PYTHON)


def run_job(
    python: str, environment: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, str(JOB), *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=JOB_SECONDS,
        check=False,
    )


def test_the_job_writes_the_same_rows_as_digits_batch(
    python: str,
    run: "Run",
    server: "ServerProcess",
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    # An archive member, a missing file and a path that is not valid text have rows as well.
    (tmp_path / "odd").mkdir()
    odd = Path(os.fsdecode(bytes(tmp_path) + b"/odd/latin-\xe4.png"))
    odd.write_bytes((ROOT / "samples/3/thin.png").read_bytes())
    archive = tmp_path / "scans.tar"
    subprocess.run(["tar", "-cf", archive, "samples/7"], cwd=ROOT, check=True)
    inputs = ["samples", str(archive), str(odd.parent), "missing.png"]

    # On the command line of digits-batch, a missing file is wrong usage; in a list, it is a row.
    arguments = (*inputs[:-1], "-", "--server", server.address, "--format", "jsonl")
    batch = run(BATCH, *arguments, stdin=inputs[-1])
    assert batch.returncode == 1
    expected = [json.loads(line) for line in batch.stdout.splitlines()]
    assert sum(row["error"] is not None for row in expected) == 4

    output = tmp_path / "rows"
    flags = ("--format", "jsonl", "--workers", "2", "--images-per-file", "9")
    done = run_job(python, environment, *inputs, "--output", str(output), *flags)
    assert done.returncode == 1, done.stderr
    assert f"classify.py: {len(expected)} images in " in done.stderr
    assert done.stderr.endswith("): 4 failed, 8 files\n")
    parts = sorted(output.glob("part-*.jsonl"))
    assert len(parts) == 8
    lines = [
        line for part in parts for line in part.read_text(errors="surrogateescape").splitlines()
    ]
    assert [json.loads(line) for line in lines] == expected
    assert json.loads((output / "_SUCCESS").read_text())["images"] == len(expected)
    assert sorted(path.name for path in output.iterdir()) == [
        "_SUCCESS",
        *(part.name for part in parts),
    ]


def test_the_job_reads_numbers_as_digits_batch_does(
    python: str,
    run: "Run",
    server: "ServerProcess",
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    inputs = ["samples/numbers", "samples/odd", "--numbers"]
    batch = run(BATCH, *inputs, "--server", server.address, "--format", "jsonl")
    expected = [json.loads(line) for line in batch.stdout.splitlines()]
    assert [row["number"] for row in expected[:3]] == ["17", "2026", "80513"]
    flags = ("--output", str(tmp_path), "--format", "jsonl")
    done = run_job(python, environment, *inputs, *flags)
    assert done.returncode == 1, done.stderr
    [part] = tmp_path.glob("part-*.jsonl")
    assert [json.loads(line) for line in part.read_text().splitlines()] == expected


def test_a_killed_worker_loses_no_row_and_duplicates_none(
    python: str, environment: dict[str, str], samples: list[str], tmp_path: Path
) -> None:
    output, copies = tmp_path / "rows", 60
    command = [python, str(JOB), *["samples"] * copies, "--output", str(output)]
    command += ["--format", "csv", "--workers", "2", "--images-per-file", "200"]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: process.poll() is not None or any(output.glob("part-*")), JOB_SECONDS)
        workers = find_workers(process)
        assert workers, "the job ended before a worker could be killed"
        workers[0].kill()
        assert process.wait(JOB_SECONDS) == 1  # some samples are broken
    rows = []
    for part in sorted(output.glob("part-*")):
        with part.open(newline="") as file:
            rows += [row["path"] for row in csv.DictReader(file)]
    assert rows == samples * copies


def find_workers(job: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the processes of the job that recognize images."""
    workers = []
    for process in psutil.Process(job.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "MapWorker" in " ".join(process.cmdline()):
                workers.append(process)
    return workers


def test_a_folder_that_is_not_empty_is_left_alone(
    python: str, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "part-000000.csv").write_text("rows of another run\n")
    done = run_job(python, environment, "samples", "--output", str(tmp_path), "--format", "csv")
    assert done.returncode == 2
    assert done.stderr.endswith(f"{tmp_path} is not empty: remove it, or name another\n")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["rows of another run\n"]
