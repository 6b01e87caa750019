"""Files and names: what ``digits-batch`` and ``digits-bench`` write, and to what."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.pipes import PipeReader
from tests.processes import PATIENCE_SECONDS, ROOT, wait_until

if TYPE_CHECKING:
    from tests.processes import Run, ServerProcess

BATCH = "digits_client.batch.cli"
BENCH = "digits_client.bench.cli"
SEVEN = ROOT / "samples" / "7" / "thin.png"
SHORT = ("--seconds", "0.4", "--warmup", "0", "--repeats", "1", "--processes", "1")


@pytest.fixture(scope="module")
def server(shared_server: "ServerProcess") -> "ServerProcess":
    """One server for all tests here."""
    return shared_server


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder with one image and one broken file."""
    folder = tmp_path / "scans"
    folder.mkdir()
    shutil.copy(SEVEN, folder / "7.png")
    (folder / "empty.png").touch()
    return folder


def csv_rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("row_format", ["csv", "jsonl", "table"])
def test_pipes_get_the_rows_the_failed_images_and_the_report_and_stay(
    row_format: str,
    run: "Run",
    server: "ServerProcess",
    scans: Path,
    tmp_path: Path,
) -> None:
    paths = {name: tmp_path / name for name in ("output", "errors-to", "report")}
    readers = {name: PipeReader(path) for name, path in paths.items()}
    files = [part for name, path in paths.items() for part in (f"--{name}", str(path))]
    done = run(BATCH, str(scans), "--server", server.address, "--format", row_format, *files)
    assert done.returncode == 1, done.stderr
    assert readers["output"].content().count(b"7.png") == 1
    assert readers["errors-to"].content() == bytes(scans / "empty.png") + b"\n"
    assert readers["report"].content().endswith(b"</html>\n")
    assert all(path.is_fifo() for path in paths.values())
    assert {path.name for path in tmp_path.iterdir()} == {"scans", *paths}


def test_links_to_all_files_stay(
    run: "Run", server: "ServerProcess", scans: Path, tmp_path: Path
) -> None:
    (tmp_path / "results").mkdir()
    names = ("output", "errors-to", "report")
    for name in names:
        (tmp_path / name).symlink_to(f"results/{name}")
    files = [part for name in names for part in (f"--{name}", str(tmp_path / name))]
    arguments = (BATCH, str(scans), "--server", server.address, "--format", "csv", *files)
    for extra in ((), ("--resume",)):
        assert run(*arguments, *extra).returncode == 1
        assert all(str((tmp_path / name).readlink()) == f"results/{name}" for name in names)
        assert {path.name for path in (tmp_path / "results").iterdir()} == set(names)
    assert len((tmp_path / "output").read_text().splitlines()) == 3


def test_standard_output_can_be_named_as_a_file_without_losing_what_it_has(
    server: "ServerProcess", environment: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    log.write_text("kept\n")
    command = [sys.executable, "-m", BATCH, str(SEVEN), "--server", server.address]
    with log.open("ab") as out:
        subprocess.run(
            [*command, "--format", "csv", "--output", "/dev/stdout"],
            stdout=out,
            env=environment,
            check=True,
        )
    assert [line.split(",")[0] for line in log.read_text().splitlines()] == [
        "kept",
        "path",
        str(SEVEN),
    ]
    assert list(tmp_path.iterdir()) == [log]


def test_resuming_onto_a_pipe_exits_2_and_leaves_it(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = run(
        *(BATCH, str(SEVEN), "--server", server.address, "--format", "csv", "--resume"),
        *("--output", str(tmp_path / "pipe")),
    )
    assert done.returncode == 2
    assert done.stderr == (
        f"digits-batch: --resume: {tmp_path}/pipe is not a regular file, so no rows can be read "
        "from it\n"
    )
    assert (tmp_path / "pipe").is_fifo()


def test_a_pipe_that_is_closed_early_exits_2_and_is_named(
    server: "ServerProcess", environment: dict[str, str], tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    def has_row() -> bool:
        try:
            return b"7" in os.read(reading, 1 << 16)
        except BlockingIOError:
            return False

    command = [sys.executable, "-m", BATCH, "-", "--server", server.address, "--format", "csv"]
    with subprocess.Popen(
        [*command, "--output", str(pipe)],
        env=environment,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdin
            process.stdin.write(f"{SEVEN}\n" * 512)  # several messages
            process.stdin.flush()
            wait_until(has_row)
            os.close(reading)
            # More than a message, so that a row is written after the reader has gone.
            _, errors = process.communicate(f"{SEVEN}\n" * 512, timeout=PATIENCE_SECONDS)
        finally:
            process.kill()
    assert process.returncode == 2
    assert errors == f"digits-batch: cannot write {pipe}: Broken pipe\n"


@pytest.mark.parametrize("file", ["report", "errors-to"])
def test_a_full_disk_names_the_file_that_did_not_fit(
    file: str, server: "ServerProcess", environment: dict[str, str], tmp_path: Path
) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    (scans / f"{'long' * 40}.png").touch()
    (tmp_path / "missing").write_text(
        "".join(f"{tmp_path}/{number}{'long' * 40}.png\n" for number in range(20))
    )
    # The files may have 2,048 bytes: enough for one row, too few for a report or for 20 paths.
    names = [str(scans)] if file == "report" else ["--files-from", str(tmp_path / "missing")]
    output = ["--format", "csv", "--output", str(tmp_path / "rows.csv")] if file == "report" else []
    full = tmp_path / "full"
    command = [sys.executable, "-m", BATCH, *names, "--server", server.address, *output]
    done = subprocess.run(
        # In blocks of 512 bytes.
        ["/bin/sh", "-c", 'ulimit -f 4; exec "$@"', "sh", *command, f"--{file}", str(full)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == f"digits-batch: cannot write {full}.part: File too large\n"
    assert not list(tmp_path.glob("full*"))
    if output:
        assert (tmp_path / "rows.csv").read_text().count("\n") == 2


def test_a_run_that_cannot_open_all_its_files_leaves_none(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    done = run(
        *(BATCH, str(SEVEN), "--server", server.address, "--format", "csv"),
        *("--output", str(tmp_path / "rows"), "--errors-to", str(tmp_path / "no" / "errors")),
    )
    assert done.returncode == 2
    assert not list(tmp_path.iterdir())


def test_names_that_are_not_utf_8_are_valid_json_and_resumed(
    run: "Run", server: "ServerProcess", scans: Path, tmp_path: Path
) -> None:
    for name in (b"a\xffb.png", b"a\\xffb.png"):
        shutil.copy(SEVEN, scans / os.fsdecode(name))
    output, labels = tmp_path / "rows.jsonl", tmp_path / "labels.jsonl"
    arguments = (BATCH, str(scans), "--server", server.address, "--format", "jsonl")
    assert run(*arguments, "--output", str(output)).returncode == 1
    lines = output.read_bytes().decode("utf-8").splitlines()
    assert [Path(json.loads(line)["path"]).name for line in lines] == [
        "7.png",
        "a\\x5cxffb.png",
        "a\\xffb.png",
        "empty.png",
    ]
    again = run(*arguments, "--output", str(output), "--resume")
    assert "4 from an earlier run" in again.stderr
    assert output.read_bytes().decode("utf-8").splitlines() == lines
    labels.write_text(
        "".join(json.dumps({**json.loads(line), "label": 7}) + "\n" for line in lines)
    )
    labeled = run(*arguments, "--labels", str(labels))
    assert "3 of 4 labeled images are correct" in labeled.stderr
    assert labeled.stdout.encode("utf-8", "strict").splitlines() == output.read_bytes().splitlines()


def test_rows_are_utf_8_whatever_the_locale_says(run: "Run", server: "ServerProcess") -> None:
    name = "samples/七.png"
    for row_format in ("csv", "jsonl", "table"):
        done = run(
            *(BATCH, "-", "--server", server.address, "--format", row_format),
            stdin=name,
            PYTHONIOENCODING="ascii",
            PYTHONUTF8="0",
        )
        assert done.returncode == 1, done.stderr
        assert name in done.stdout


def test_names_that_look_like_formulas_are_safe_in_csv_and_still_found(
    server: "ServerProcess", environment: dict[str, str], tmp_path: Path
) -> None:
    names = ["=1+1.png", "@SUM(1).png", "-7.png", "Müller 七.png"]
    for name in names:
        shutil.copy(SEVEN, tmp_path / name)
    (tmp_path / "+broken.png").touch()

    def run_here(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", BATCH, "--server", server.address, *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    written = ("--format", "csv", "--output", "o.csv", "--errors-to", "failed", "--resume")
    (tmp_path / "labels.csv").write_text("path,label\n" + "".join(f"{n},7\n" for n in names[:3]))
    for count in (2, 5, 5):
        images = [*names, "+broken.png"][:count]
        done = run_here(*written, "--labels", "labels.csv", "--", *images)
        assert done.returncode == (0 if count == 2 else 1), done.stderr
        assert f"{min(count, 3)} of {min(count, 3)} labeled images are correct" in done.stderr
        paths = [row["path"] for row in csv_rows((tmp_path / "o.csv").read_text("utf-8"))]
        assert [os.path.normpath(path) for path in paths] == images
        assert not any(path.startswith(("=", "+", "-", "@")) for path in paths)
    assert len((tmp_path / "failed").read_text().splitlines()) == 1
    shutil.copy(SEVEN, tmp_path / "+broken.png")
    assert run_here("--files-from", "failed").returncode == 0


def test_images_in_archives_are_labeled_by_their_folders(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    linked, windows = tmp_path / "linked.tar", tmp_path / "windows.zip"
    with tarfile.open(linked, "w") as archive:
        archive.add(SEVEN, "7/a.png")
        link = tarfile.TarInfo("7/b.png")
        link.type, link.linkname = tarfile.LNKTYPE, "7/a.png"
        archive.addfile(link)
    with zipfile.ZipFile(windows, "w") as zipped:
        zipped.write(SEVEN, "x")
        zipped.writestr("scans\\7\\a.png", SEVEN.read_bytes())
        zipped.writestr("scans\\3\\a.png", (ROOT / "samples" / "3" / "thin.png").read_bytes())
        zipped.write(linked, "inner.tar")
    done = run(
        *(BATCH, str(linked), str(windows), "--server", server.address, "--format", "jsonl"),
        *("--report", str(tmp_path / "report.html"), "--move-to", str(tmp_path / "sorted")),
    )
    assert done.returncode == 1
    assert "4 of 4 labeled images are correct" in done.stderr
    rows = {row["path"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert rows[f"{windows}/inner.tar"]["error"] == (
        "cannot be read: an archive in an archive is not read; extract it first"
    )
    assert len(list((tmp_path / "sorted" / "7").iterdir())) == 3


def test_results_and_plots_of_the_load_generator_go_through_pipes_and_links(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    link = tmp_path / "link.svg"
    link.symlink_to("plot.svg")
    result = PipeReader(tmp_path / "result.json")
    done = run(
        *(BENCH, "--server", server.address, *SHORT),
        *("--json", str(tmp_path / "result.json"), "--plot", str(link)),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(result.content())["format"].startswith("digits-bench/")
    assert str(link.readlink()) == "plot.svg"
    assert "<svg" in (tmp_path / "plot.svg").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"link.svg", "plot.svg", "result.json"}
