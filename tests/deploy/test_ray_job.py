"""The Ray job, on a Ray of its own on this machine, beside ``digits-batch`` and its server."""

import contextlib
import csv
import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from tests.commands.conftest import Run, ServerProcess

ROOT = Path(__file__).resolve().parents[2]
JOB = ROOT / "deploy" / "ray" / "classify.py"
BATCH = "digits_client.batch.cli"
PYTHON_VARIABLE = "DIGITS_RAY_PYTHON"
# Its own environment, because Ray is as large as all that the other tests need but TensorFlow.
PYTHON = ROOT / ".venv-ray" / "bin" / "python"
# Ray alone takes half a minute to start where others load the machine.
PATIENCE_SECONDS = 280

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def python() -> str:
    """A Python that has Ray and the server."""
    if named := os.environ.get(PYTHON_VARIABLE):
        return named
    if find_spec("ray"):
        return sys.executable
    if not PYTHON.exists():
        pytest.skip(
            f"no Python with Ray: {PYTHON_VARIABLE} is not set, it is not installed here, and "
            f"there is no {PYTHON.relative_to(ROOT)}"
        )
    return str(PYTHON)


def job(
    python: str, environment: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, str(JOB), *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_the_job_gives_the_rows_that_the_service_gives(
    python: str,
    run: "Run",
    server: "ServerProcess",
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    # A member of an archive, what is not there, and a name that is no text are rows as well.
    (tmp_path / "odd").mkdir()
    odd = Path(os.fsdecode(bytes(tmp_path) + b"/odd/latin-\xe4.png"))
    odd.write_bytes((ROOT / "samples/3/thin.png").read_bytes())
    archive = tmp_path / "scans.tar"
    subprocess.run(["tar", "-cf", archive, "samples/7"], cwd=ROOT, check=True)
    inputs = ["samples", str(archive), str(odd.parent), "missing.png"]

    by_service = run(BATCH, *inputs, "--server", server.address, "--format", "jsonl")
    assert by_service.returncode == 1
    wanted = [json.loads(line) for line in by_service.stdout.splitlines()]
    assert sum(row["error"] is not None for row in wanted) == 4

    output = tmp_path / "rows"
    flags = ("--format", "jsonl", "--workers", "2", "--images-per-file", "9")
    done = job(python, environment, *inputs, "--output", str(output), *flags)
    assert done.returncode == 1, done.stderr
    assert f"classify.py: {len(wanted)} images in " in done.stderr
    assert done.stderr.endswith("): 4 failed, 7 files\n")
    parts = sorted(output.glob("part-*.jsonl"))
    assert len(parts) == 7
    lines = [
        line for part in parts for line in part.read_text(errors="surrogateescape").splitlines()
    ]
    assert [json.loads(line) for line in lines] == wanted
    assert json.loads((output / "_SUCCESS").read_text())["images"] == len(wanted)
    assert sorted(path.name for path in output.iterdir()) == [
        "_SUCCESS",
        *(part.name for part in parts),
    ]


def test_a_worker_that_is_killed_costs_no_row_and_doubles_none(
    python: str, environment: dict[str, str], samples: list[str], tmp_path: Path
) -> None:
    output, times = tmp_path / "rows", 60
    command = [python, str(JOB), *["samples"] * times, "--output", str(output)]
    command += ["--format", "csv", "--workers", "2", "--images-per-file", "200"]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        workers: list[psutil.Process] = []
        while not workers and process.poll() is None:
            if any(output.glob("part-*")):
                workers = [child for child in descendants(process) if "MapWorker" in name(child)]
            time.sleep(0.01)
        assert workers, "it was done before a worker could be killed"
        workers[0].kill()
        assert process.wait(PATIENCE_SECONDS) == 1  # there are broken samples
    rows = []
    for part in sorted(output.glob("part-*")):
        with part.open(newline="") as file:
            rows += [row["path"] for row in csv.DictReader(file)]
    assert rows == samples * times


def descendants(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def name(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def test_a_folder_with_rows_in_it_is_left_alone(
    python: str, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "part-000000.csv").write_text("rows of another run\n")
    done = job(python, environment, "samples", "--output", str(tmp_path), "--format", "csv")
    assert done.returncode == 2
    assert done.stderr.endswith(f"{tmp_path} is not empty: remove it, or name another\n")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["rows of another run\n"]
