"""Runs of ``digits-batch`` that are ended, resumed, fed back, and go on through trouble."""

import csv
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from digits_client.batch.parser import EPILOG

if TYPE_CHECKING:
    from tests.commands.conftest import Run, ServerProcess, Start

ROOT = Path(__file__).resolve().parents[2]
BATCH = "digits_client.batch.cli"
PATIENCE_SECONDS = 60
COPIES = 40
Batch = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 2,000 drawings in folders named by their digit."""
    folder = tmp_path_factory.mktemp("many")
    for sample in ROOT.glob("samples/[0-9]/*.png"):
        for copy in range(COPIES):
            target = folder / sample.parent.name / f"{sample.stem}-{copy:02}.png"
            target.parent.mkdir(exist_ok=True)
            target.symlink_to(sample)
    return folder


@pytest.fixture
def batch(environment: dict[str, str]) -> Iterator[Batch]:
    """Starts the command, and ends what the test leaves of it."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", BATCH, *map(str, arguments)],
            env=environment,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            # Tests that run in the background ignore SIGINT, and so would what they start.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def until_written(part: Path, line_count: int, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if part.exists() and part.read_bytes().count(b"\n") >= line_count:
            return
        time.sleep(0.005)
    assert process.poll() is None, process.communicate()[1]


def is_whole(file: Path, many: Path) -> bool:
    paths = [row["path"] for row in rows_of(file)]
    return paths == sorted(str(path) for path in many.rglob("*.png"))


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_run_that_is_killed_again_and_again_ends_with_the_rows_of_an_undisturbed_one(
    form: str, run: "Run", batch: Batch, server: "ServerProcess", many: Path, tmp_path: Path
) -> None:
    same = ("--server", server.address, "--format", form)
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    assert run(BATCH, str(many), *same, "--output", str(undisturbed)).returncode == 0
    moments = random.Random(form)
    kills = 0
    while not disturbed.exists():
        part = tmp_path / "disturbed.part"
        there = part.read_bytes().count(b"\n") if part.exists() else 0
        process = batch(many, *same, "--output", disturbed, "--resume")
        if there < 1500:
            until_written(part, there + moments.randrange(1, 700), process)
            process.kill()
            kills += 1
        process.wait(PATIENCE_SECONDS)
    assert kills >= 3
    assert disturbed.read_bytes() == undisturbed.read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_writes_what_is_in_flight_and_says_how_to_go_on(
    number: signal.Signals,
    run: "Run",
    batch: Batch,
    server: "ServerProcess",
    many: Path,
    tmp_path: Path,
) -> None:
    output, failed = tmp_path / "answers.csv", tmp_path / "failed"
    part = tmp_path / "answers.csv.part"
    arguments = [many, "--server", server.address, "--format", "csv", "--output", output]
    process = batch(*arguments, "--errors-to", failed)
    until_written(part, 65, process)
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 128 + number
    rows = rows_of(part)
    assert 64 <= len(rows) < 2000
    assert said.splitlines()[-1] == (
        f"digits-batch: interrupted; {len(rows):,} rows are in {part}: rerun with --resume to "
        "continue"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == [part.name]
    again = run(BATCH, *map(str, arguments))
    assert (again.returncode, again.stderr) == (
        2,
        f"digits-batch: {part} is left from an interrupted run: continue it with --resume, or "
        "remove the file\n",
    )
    done = run(BATCH, *map(str, arguments), "--resume")
    assert done.returncode == 0
    assert "2,000 images in " in done.stderr
    assert f", {len(rows):,} from an earlier run: 2,000 digits\n" in done.stderr
    assert "2,000 of 2,000 labeled images are correct: 100.00%" in done.stderr
    assert is_whole(output, many)


def test_a_server_that_restarts_in_the_middle_costs_time_and_no_rows(
    start: "Start", batch: Batch, many: Path, tmp_path: Path
) -> None:
    server = start()
    output = tmp_path / "answers.csv"
    process = batch(many, "--server", server.address, "--format", "csv", "--output", output)
    until_written(tmp_path / "answers.csv.part", 65, process)
    server.process.kill()
    server.process.wait()
    time.sleep(1)
    start(port=server.port)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, said
    assert is_whole(output, many)
    assert all(row["digit"] == Path(row["path"]).parent.name for row in rows_of(output))


def test_a_server_that_goes_for_good_is_given_up_and_what_it_answered_is_kept(
    start: "Start", batch: Batch, many: Path, tmp_path: Path
) -> None:
    server = start()
    output, part = tmp_path / "answers.csv", tmp_path / "answers.csv.part"
    process = batch(
        *(many, "--server", server.address, "--format", "csv", "--output", output),
        *("--give-up-after", "0.5"),
    )
    until_written(part, 65, process)
    server.process.kill()
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 3
    rows = rows_of(part)
    assert len(rows) >= 64
    assert said.count("\n") == 1
    assert f"; {len(rows):,} rows are in {part}: rerun with --resume to continue" in said


def test_two_servers_share_the_load(start: "Start", run: "Run", many: Path, tmp_path: Path) -> None:
    servers = [start(), start()]
    before = [cpu_seconds(server) for server in servers]
    done = run(
        *(BATCH, str(many), "--server", ",".join(server.address for server in servers)),
        *("--format", "csv", "--output", str(tmp_path / "answers.csv")),
    )
    assert done.returncode == 0
    assert is_whole(tmp_path / "answers.csv", many)
    spent = [cpu_seconds(server) - first for server, first in zip(servers, before, strict=True)]
    assert min(spent) > max(spent) / 3


def cpu_seconds(server: "ServerProcess") -> float:
    return float(psutil.Process(server.process.pid).cpu_times().user)


def test_images_that_failed_are_fed_back_once_they_are_mended(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    scans, failed = tmp_path / "scans", tmp_path / "failed"
    shutil.copytree(ROOT / "samples" / "3", scans)
    broken = [scans / "a\nb.png", scans / "empty.png"]
    for path in broken:
        path.touch()
    arguments = ("--server", server.address, "--null", "--errors-to", str(failed))
    done = run(BATCH, str(scans), *arguments)
    assert done.returncode == 1
    assert failed.read_bytes() == b"".join(bytes(path) + b"\0" for path in broken)
    for path in broken:
        path.write_bytes(next(scans.glob("thin.png")).read_bytes())
    done = run(BATCH, "--files-from", str(failed), *arguments, "--format", "jsonl")
    assert done.returncode == 0
    assert [json.loads(line)["path"] for line in done.stdout.splitlines()] == [*map(str, broken)]
    assert failed.read_bytes() == b""


def test_a_list_that_cannot_name_a_path_says_so(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "a\nb.png").touch()
    failed = tmp_path / "failed"
    done = run(
        BATCH, str(tmp_path / "scans"), "--server", server.address, "--errors-to", str(failed)
    )
    assert done.returncode == 1
    assert "1 failed images are not in" in done.stderr
    assert failed.read_bytes() == b""


def test_a_dry_run_prints_the_paths_and_asks_no_server(run: "Run", samples: list[str]) -> None:
    done = run(BATCH, "samples", "--dry-run", "--server", "127.0.0.1:1")
    assert done.returncode == 0
    assert done.stdout.splitlines() == samples
    assert done.stderr == f"{len(samples)} images would be recognized\n"


def test_what_a_run_writes_is_not_among_its_images(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    shutil.copy(ROOT / "samples" / "3" / "thin.png", tmp_path)
    for _ in range(2):
        done = run(
            *(BATCH, str(tmp_path), "--server", server.address, "--format", "csv"),
            *("--output", str(tmp_path / "answers.csv"), "--errors-to", str(tmp_path / "failed")),
        )
        assert done.returncode == 0, done.stderr
    assert len(rows_of(tmp_path / "answers.csv")) == 1


def test_images_are_sorted_and_reported_where_they_are_then(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    scans, sorted_to, report = tmp_path / "scans", tmp_path / "scans/sorted", tmp_path / "r.html"
    shutil.copytree(ROOT / "samples", scans)
    for _ in range(2):  # what has been sorted is not sorted again
        done = run(
            *(BATCH, str(scans), "--server", server.address),
            *("--move-to", str(sorted_to), "--report", str(report)),
        )
        assert done.returncode == 1
    assert len(list(sorted_to.glob("[0-9]/*.png"))) == 50
    assert [path.name for path in sorted_to.glob("not_a_digit/*")] == ["blank.png"]
    assert sorted(path.name for path in scans.rglob("odd/*")) == [
        "empty.png",
        "not-an-image.png",
        "truncated.png",
    ]
    page = report.read_text("utf-8")
    assert "3 failed" in page
    assert 'href="scans/odd/empty.png"' in page


def test_too_few_right_answers_exit_1(run: "Run", server: "ServerProcess", tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    paths = sorted((ROOT / "samples" / "3").glob("*.png"))
    labels.write_text("path,label\n" + "".join(f"{path},{3}\n" for path in paths[:4]))
    arguments = (BATCH, "samples/3", "--server", server.address, "--labels", str(labels))
    assert run(*arguments, "--min-accuracy", "1").returncode == 0
    labels.write_text(labels.read_text() + f"{paths[4]},8\n")
    assert run(*arguments, "--min-accuracy", "0.8").returncode == 0
    done = run(*arguments, "--min-accuracy", "0.81")
    assert done.returncode == 1
    assert f"  samples/3/{paths[4].name}: labeled 8, recognized as 3 at " in done.stderr
    assert "the accuracy of 5 labeled images is below 81.00%\n" in done.stderr


def test_progress_for_pipelines_is_lines_of_json(run: "Run", server: "ServerProcess") -> None:
    done = run(BATCH, "samples", "--server", server.address, "--json-progress")
    *lines, _ = [line for line in done.stderr.splitlines() if line.startswith("{")] + [""]
    shown = [json.loads(line) for line in lines]
    assert [(line["images"], line["failed"]) for line in shown][-1] == (54, 3)
    assert shown[-1]["total"] in (54, None)
    assert shown[-1]["images_per_second"] > 0
    assert "54 images in " in done.stderr


def test_without_a_terminal_there_is_no_bar(run: "Run", server: "ServerProcess") -> None:
    assert "\r" not in run(BATCH, "samples", "--server", server.address).stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name an image, a folder, a glob, an archive, or a list"),
        (["samples", "--resume"], "--resume: needs --output"),
        (["samples", "--format", "parquet"], "--format parquet: needs --output"),
        (["samples", "--min-accuracy", "2"], "argument --min-accuracy: 2 is not between 0 and 1"),
        (["samples", "--give-up-after", "x"], "argument --give-up-after: 'x' is not a number"),
        (["samples", "--no-labels", "--labels", "x"], "exclude each other"),
        (["samples", "--move-to", "x", "--link-to", "y"], "not allowed with"),
        (["samples", "--top", "11"], "argument --top: invalid choice: 11"),
        (["--files-from", "missing.txt"], "cannot read missing.txt: No such file or directory"),
    ],
)
def test_what_cannot_be_meant_exits_2_and_names_the_flag(
    arguments: list[str], said: str, run: "Run"
) -> None:
    done = run(BATCH, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_completion_is_a_script_of_the_shell(shell: str, run: "Run") -> None:
    done = run(BATCH, "--print-completion", shell)
    assert done.returncode == 0
    assert "--errors-to" in done.stdout
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n"], input=done.stdout, text=True, check=False)
        assert checked.returncode == 0


EXAMPLES = re.findall(r"^  (.*digits-batch .*)$", EPILOG.partition("examples:")[2], re.MULTILINE)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_the_help_do_what_they_say(
    example: str, server: "ServerProcess", environment: dict[str, str], tmp_path: Path
) -> None:
    for name in ("scans", "labeled", "cells"):
        shutil.copytree(ROOT / "samples" / "3", tmp_path / name / "3")
    shutil.make_archive(str(tmp_path / "scans"), "zip", tmp_path / "scans")
    command = tmp_path / "bin" / "digits-batch"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {BATCH} "$@"\n')
    command.chmod(0o755)
    mine = re.sub(r"10\.0\.0\.\d:50051", server.address, example)
    done = subprocess.run(
        ["/bin/sh", "-c", mine],
        env=environment
        | {"PATH": f"{command.parent}:{environment['PATH']}", "DIGITS_SERVER": server.address},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "5 images in " in done.stderr
    for word in re.findall(r"(?:--output|--report|--errors-to|>) (\S+)", example):
        assert (tmp_path / word).is_file()
