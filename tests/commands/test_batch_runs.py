"""Runs of ``digits-batch``: interrupted, resumed, retried, sorted and reported."""

import csv
import json
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from digits_client.batch.options import parse
from digits_client.batch.parser import EPILOG
from tests.processes import PATIENCE_SECONDS, ROOT, image_count, wait_until

if TYPE_CHECKING:
    from tests.processes import Run, ServerProcess, StartServer

BATCH = "digits_client.batch.cli"
COPIES = 20
StartBatch = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def server(shared_server: "ServerProcess") -> "ServerProcess":
    """One server for all tests here that do not start their own."""
    return shared_server


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 1,000 drawings in subfolders named by their digit."""
    folder = tmp_path_factory.mktemp("many")
    for sample in ROOT.glob("samples/[0-9]/*.png"):
        for copy in range(COPIES):
            target = folder / sample.parent.name / f"{sample.stem}-{copy:02}.png"
            target.parent.mkdir(exist_ok=True)
            target.symlink_to(sample)
    return folder


@pytest.fixture
def start_batch(environment: dict[str, str]) -> Iterator[StartBatch]:
    """Starts the command with its standard input open, and kills it after the test.

    A run whose inputs end with ``-`` goes on until the test closes its standard input, so it
    cannot finish before the test has disturbed it.
    """
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", BATCH, *map(str, arguments)],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def wait_for_lines(part: Path, line_count: int, process: "subprocess.Popen[str]") -> None:
    """Wait until a run has written that many lines."""

    def is_written() -> bool:
        assert process.poll() is None, process.communicate()[1]
        return count_lines(part) >= line_count

    wait_until(is_written)


def count_lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


def is_complete(file: Path, many: Path) -> bool:
    paths = [row["path"] for row in rows_of(file)]
    return paths == sorted(str(path) for path in many.rglob("*.png"))


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_run_that_is_killed_repeatedly_ends_with_the_rows_of_an_undisturbed_one(
    form: str,
    run: "Run",
    start_batch: StartBatch,
    server: "ServerProcess",
    many: Path,
    tmp_path: Path,
) -> None:
    arguments = [str(many), "-", "--server", server.address, "--format", form]
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    assert run(BATCH, *arguments, "--output", str(undisturbed)).returncode == 0
    arguments += ["--output", str(disturbed), "--resume"]
    part = tmp_path / "disturbed.part"
    random_ = random.Random(form)
    for _ in range(3):
        process = start_batch(*arguments)
        # Up to 127 of the 1,000 images wait for more to fill a message, as long as stdin is open.
        wait_for_lines(part, min(count_lines(part) + random_.randrange(1, 300), 800), process)
        process.kill()
        process.wait(PATIENCE_SECONDS)
    assert run(BATCH, *arguments).returncode == 0
    assert disturbed.read_bytes() == undisturbed.read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_writes_what_is_in_flight_and_explains_how_to_resume(
    number: signal.Signals,
    run: "Run",
    start_batch: StartBatch,
    server: "ServerProcess",
    many: Path,
    tmp_path: Path,
) -> None:
    output, failed = tmp_path / "rows.csv", tmp_path / "failed"
    part = tmp_path / "rows.csv.part"
    arguments = [many, "-", "--server", server.address, "--format", "csv", "--output", output]
    process = start_batch(*arguments, "--errors-to", failed)
    wait_for_lines(part, 65, process)
    process.send_signal(number)
    assert process.wait(PATIENCE_SECONDS) == 128 + number
    errors = process.communicate()[1]
    rows = rows_of(part)
    assert 64 <= len(rows) < 1000
    assert errors.splitlines()[-1] == (
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
    assert "1,000 images in " in done.stderr
    assert f", {len(rows):,} from an earlier run: 1,000 digits\n" in done.stderr
    assert "1,000 of 1,000 labeled images are correct: 100.00%" in done.stderr
    assert is_complete(output, many)


@pytest.mark.parametrize("is_complete", [False, True])
def test_two_runs_on_one_output_write_each_row_once(
    run: "Run",
    start_batch: StartBatch,
    server: "ServerProcess",
    many: Path,
    tmp_path: Path,
    *,
    is_complete: bool,
) -> None:
    output, part = tmp_path / "rows.csv", tmp_path / "rows.csv.part"
    arguments = ["--server", server.address, "--format", "csv", "--output", str(output), "--resume"]
    if is_complete:
        assert run(BATCH, str(many / "3"), *arguments).returncode == 0
    process = start_batch(many, "-", *arguments)
    wait_for_lines(part, 65, process)
    second = run(BATCH, str(many), *arguments)
    assert second.returncode == 2
    assert second.stderr == (
        f"digits-batch: cannot write {part}: another process is writing to it\n"
    )
    process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0
    assert sorted(row["path"] for row in rows_of(output)) == sorted(map(str, many.rglob("*.png")))


def test_a_server_restart_during_a_run_loses_no_rows(
    start_server: "StartServer", start_batch: StartBatch, many: Path, tmp_path: Path
) -> None:
    server = start_server()
    output = tmp_path / "rows.csv"
    process = start_batch(
        many, "-", "--server", server.address, "--format", "csv", "--output", output
    )
    wait_for_lines(tmp_path / "rows.csv.part", 65, process)
    server.process.kill()
    server.process.wait()
    start_server(port=server.port)
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, errors
    assert is_complete(output, many)
    assert all(row["digit"] == Path(row["path"]).parent.name for row in rows_of(output))


def test_a_run_whose_server_does_not_return_gives_up_and_keeps_its_rows(
    start_server: "StartServer", start_batch: StartBatch, many: Path, tmp_path: Path
) -> None:
    server = start_server()
    output, part = tmp_path / "rows.csv", tmp_path / "rows.csv.part"
    process = start_batch(
        *(many, "-", "--server", server.address, "--format", "csv", "--output", output),
        *("--give-up-after", "0.5"),
    )
    wait_for_lines(part, 65, process)
    server.process.kill()
    server.process.wait()
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 3
    rows = rows_of(part)
    assert len(rows) >= 64
    assert errors.count("\n") == 1
    assert f"; {len(rows):,} rows are in {part}: rerun with --resume to continue" in errors


def test_two_servers_share_the_load(
    start_server: "StartServer", start_batch: StartBatch, many: Path, tmp_path: Path
) -> None:
    servers = [start_server("--admin-port", "0"), start_server("--admin-port", "0")]

    def image_counts() -> list[int]:
        return [image_count(str(server.admin_address)) for server in servers]

    message = f"{next(many.rglob('*.png'))}\n" * 64
    output = tmp_path / "rows.csv"
    process = start_batch(
        *("-", str(many), "--server", ",".join(server.address for server in servers)),
        *("--format", "csv", "--output", output),
    )
    assert process.stdin is not None
    sent = 0

    def has_all() -> bool:
        return sum(image_counts()) >= sent

    while not all(before := image_counts()):
        print(message, end="", file=process.stdin, flush=True)
        sent += 64
        wait_until(has_all)
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, errors
    counts = [after - count for after, count in zip(image_counts(), before, strict=True)]
    assert min(counts) > max(counts) / 3, counts


def test_failed_images_can_be_repaired_and_run_again_from_their_list(
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
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["path"] for line in done.stdout.splitlines()] == [*map(str, broken)]
    assert failed.read_bytes() == b""


def test_a_failed_image_whose_path_does_not_fit_the_list_is_reported(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "a\nb.png").touch()
    failed = tmp_path / "failed"
    done = run(
        BATCH, str(tmp_path / "scans"), "--server", server.address, "--errors-to", str(failed)
    )
    assert done.returncode == 1
    assert "1 failed image is not in" in done.stderr
    assert failed.read_bytes() == b""


def test_a_dry_run_prints_the_paths_and_calls_no_server(run: "Run", samples: list[str]) -> None:
    done = run(BATCH, "samples", "--dry-run", "--server", "127.0.0.1:1")
    assert done.returncode == 0
    assert done.stdout.splitlines() == samples
    assert done.stderr == f"{len(samples)} images would be recognized\n"


def test_a_run_does_not_read_its_own_output_files(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    shutil.copy(ROOT / "samples" / "3" / "thin.png", tmp_path)
    for _ in range(2):
        done = run(
            *(BATCH, str(tmp_path), "--server", server.address, "--format", "csv"),
            *("--output", str(tmp_path / "rows.csv"), "--errors-to", str(tmp_path / "failed")),
        )
        assert done.returncode == 0, done.stderr
    assert len(rows_of(tmp_path / "rows.csv")) == 1


def test_images_are_sorted_into_folders_and_the_report_links_to_their_new_places(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    scans, sorted_to, report = tmp_path / "scans", tmp_path / "scans/sorted", tmp_path / "r.html"
    shutil.copytree(ROOT / "samples", scans)
    for _ in range(2):  # the second run leaves sorted images alone
        done = run(
            *(BATCH, str(scans), "--server", server.address),
            *("--move-to", str(sorted_to), "--report", str(report)),
        )
        assert done.returncode == 1
    assert len(list(sorted_to.glob("[0-9]/*.png"))) == 50
    assert sorted(path.name for path in sorted_to.glob("not_a_digit/*")) == [
        "blank.png",
        "chalk.png",
        "spaced.png",
        "touching.png",
    ]
    assert sorted(path.name for path in scans.rglob("odd/*")) == [
        "empty.png",
        "not-an-image.png",
        "truncated.png",
    ]
    page = report.read_text("utf-8")
    assert "3 failed" in page
    assert 'href="scans/odd/empty.png"' in page


def test_pages_are_rows_that_are_labeled_sorted_reported_and_resumed(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    scans, output, report = tmp_path / "scans" / "3", tmp_path / "o.csv", tmp_path / "r.html"
    scans.mkdir(parents=True)
    with Image.open(ROOT / "samples" / "3" / "thin.png") as page:
        page.save(scans / "scan.tif", save_all=True, append_images=[page.copy()] * 2)
    shutil.copy(ROOT / "samples" / "3" / "thin.png", scans / "single.png")
    arguments = [str(scans), "--pages", "--server", server.address, "--output", str(output)]
    arguments += ["--report", str(report), "--move-to", str(tmp_path / "sorted")]
    done = run(BATCH, *arguments)
    assert done.returncode == 0, done.stderr
    assert "4 of 4 labeled images are correct" in done.stderr
    names = ["scan.tif#1", "scan.tif#2", "scan.tif#3", "single.png"]
    assert [row["path"] for row in rows_of(output)] == [f"{scans}/{name}" for name in names]
    assert {row["unread_pages"] for row in rows_of(output)} == {"0"}
    assert sorted(path.name for path in (tmp_path / "sorted" / "3").iterdir()) == [
        *(f"scan.tif#{number}.png" for number in (1, 2, 3)),
        "single.png",
    ]
    assert (scans / "scan.tif").exists()
    assert report.read_text("utf-8").count("data:image/png") == 4
    lines = output.read_text("utf-8").splitlines(keepends=True)
    output.unlink()
    (tmp_path / "o.csv.part").write_text("".join(lines[:3]), "utf-8")  # as if it was killed
    again = run(BATCH, *arguments, "--resume")
    assert again.returncode == 0, again.stderr
    assert ", 2 from an earlier run" in again.stderr
    assert output.read_text("utf-8").splitlines(keepends=True) == lines[:4]  # single.png moved
    single = run(BATCH, f"{scans}/scan.tif#2", "--server", server.address)
    assert (single.returncode, single.stdout.count("scan.tif#2")) == (0, 1)


def test_an_accuracy_below_the_minimum_exits_1(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    labels = tmp_path / "labels.csv"
    paths = sorted((ROOT / "samples" / "3").glob("*.png"))
    labels.write_text("path,label\n" + "".join(f"{path},{3}\n" for path in paths[:4]))
    arguments = (BATCH, "samples/3", "--server", server.address, "--labels", str(labels))
    assert run(*arguments, "--min-accuracy", "100%").returncode == 0
    labels.write_text(labels.read_text() + f"{paths[4]},8\n")
    assert run(*arguments, "--min-accuracy", "0.8").returncode == 0
    done = run(*arguments, "--min-accuracy", "0.81")
    assert done.returncode == 1
    assert f"  samples/3/{paths[4].name}: labeled 8, recognized as 3 at " in done.stderr
    assert "the accuracy of 5 labeled images is below 81.00%\n" in done.stderr


def test_json_progress_is_written_as_lines_of_json(run: "Run", server: "ServerProcess") -> None:
    done = run(BATCH, "samples", "--server", server.address, "--json-progress")
    *lines, _ = [line for line in done.stderr.splitlines() if line.startswith("{")] + [""]
    shown = [json.loads(line) for line in lines]
    assert [(line["images"], line["failed"]) for line in shown][-1] == (57, 3)
    assert shown[-1]["total"] in (57, None)
    assert shown[-1]["images_per_second"] > 0
    assert "57 images in " in done.stderr


def test_no_progress_bar_is_drawn_without_a_terminal(run: "Run", server: "ServerProcess") -> None:
    assert "\r" not in run(BATCH, "samples", "--server", server.address).stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name an image, a folder, a glob, an archive, or a list"),
        (["samples", "--resume"], "--resume: needs --output"),
        (["samples", "--format", "parquet"], "--format parquet: needs --output"),
        (["samples", "--min-accuracy", "2"], "argument --min-accuracy: 2 is not between 0 and 1"),
        (["samples", "--min-accuracy", "98"], "between 0 and 1; percent are written as 98%"),
        (["samples", "--min-accuracy", "101%"], "101% is not between 0% and 100%"),
        (["samples", "--resume", "--output", "x.txt"], "--resume: needs --output, and --format"),
        (["samples", "--give-up-after", "x"], "argument --give-up-after: 'x' is not a number"),
        (["samples", "--no-labels", "--labels", "x"], "exclude each other"),
        (["samples", "--move-to", "x", "--link-to", "y"], "not allowed with"),
        (["samples", "--report", "missing/r.html"], "--report: cannot write missing/r.html"),
        (["samples", "--report", "."], "--report: cannot write ."),
        (["samples", "--top", "11"], "argument --top: invalid choice: 11"),
    ],
)
def test_contradictory_usage_exits_2_and_names_the_flag(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(arguments)  # in this process, which is faster
    assert caught.value.code == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert message in errors
    assert errors.startswith("digits-batch: error: ")
    assert errors.endswith("; see digits-batch --help\n")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("extra", [[], ["--dry-run"]])
def test_a_list_that_cannot_be_opened_exits_2_before_a_server_is_called(
    extra: list[str], run: "Run"
) -> None:
    for name, reason in (("missing.txt", "No such file or directory"), (".", "Is a directory")):
        arguments = ("samples/3", "--files-from", "README.md", "--files-from", name, *extra)
        done = run(BATCH, *arguments, "--server", "127.0.0.1:1")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"digits-batch: cannot read {name}: {reason}\n"


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="this system has no such file")
def test_a_list_that_cannot_be_read_to_its_end_exits_2_and_keeps_the_rows(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    rows = tmp_path / "rows.csv"
    unreadable = "/proc/self/mem"  # its first bytes are not mapped
    done = run(
        *(BATCH, "samples/3", "--files-from", unreadable),
        *("--server", server.address, "--output", str(rows)),
    )
    assert done.returncode == 2
    assert done.stderr == (
        f"digits-batch: cannot read {unreadable}: Input/output error; 5 rows are in {rows}.part: "
        "rerun with --resume to continue\n"
    )
    assert len(rows.with_name("rows.csv.part").read_text().splitlines()) == 6


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_completion_script_is_valid_for_its_shell(shell: str, run: "Run") -> None:
    done = run(BATCH, "--print-completion", shell)
    assert done.returncode == 0
    assert "--errors-to" in done.stdout
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n"], input=done.stdout, text=True, check=False)
        assert checked.returncode == 0


EXAMPLES = re.findall(r"^  (.*digits-batch .*)$", EPILOG.partition("examples:")[2], re.MULTILINE)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_in_the_help_work(
    example: str, server: "ServerProcess", environment: dict[str, str], tmp_path: Path
) -> None:
    for name in ("scans", "labeled", "cells", "meters"):
        shutil.copytree(ROOT / "samples" / "3", tmp_path / name / "3")
    shutil.make_archive(str(tmp_path / "scans"), "zip", tmp_path / "scans")
    command = tmp_path / "bin" / "digits-batch"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {BATCH} "$@"\n')
    command.chmod(0o755)
    command_line = re.sub(r"10\.0\.0\.\d:50051", server.address, example)
    done = subprocess.run(
        ["/bin/sh", "-c", command_line],
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
