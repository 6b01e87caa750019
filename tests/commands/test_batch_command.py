"""``digits-batch`` with the repository's samples."""

import csv
import io
import json
import os
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from tests.processes import Run, ServerProcess

BATCH = "digits_client.batch.cli"
COLUMNS = [
    *("path", "verdict", "digit", "confidence", "model_version", "error"),
    *("reason", "unread_pages", "not_a_digit"),
]


@pytest.fixture(scope="module")
def server(shared_server: "ServerProcess") -> "ServerProcess":
    """One server for all tests here."""
    return shared_server


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_every_sample_gets_a_row_and_every_drawing_is_recognized(
    run: "Run", samples: list[str]
) -> None:
    done = run(BATCH, "samples", "--format", "csv")
    assert done.returncode == 1  # samples/odd has broken images
    rows = rows_of(done.stdout)
    assert list(rows[0]) == COLUMNS
    assert [row["path"] for row in rows] == samples
    for row in rows:
        folder = Path(row["path"]).parent.name
        if "numbers" in row["path"]:
            assert (row["verdict"], row["reason"]) == ("not_a_digit", "several_digits"), row
        elif folder.isdigit():
            assert (row["verdict"], row["digit"], row["error"]) == ("digit", folder, ""), row
            assert 0.5 <= float(row["confidence"]) <= 1
    odd = {Path(row["path"]).name: row for row in rows if "odd" in row["path"]}
    assert odd.pop("blank.png")["verdict"] == "blank"
    assert sorted(odd) == ["empty.png", "not-an-image.png", "truncated.png"]
    for row in odd.values():
        assert row["verdict"] == row["digit"] == ""
    assert odd["empty.png"]["error"] == "is an empty file"
    assert odd["not-an-image.png"]["error"] == "is not a PNG, JPEG, WebP, BMP, GIF or TIFF image"
    assert odd["truncated.png"]["error"].startswith("is truncated")
    assert done.stderr.startswith("50 of 50 labeled images are correct: 100.00%\n")
    assert done.stderr.endswith(": 50 digits, 3 not a digit, 1 blank, 3 failed\n")


def test_the_sample_numbers_are_read_and_reported(run: "Run", tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    arguments = ("--numbers", "--format", "jsonl", "--report", str(report))
    done = run(BATCH, "samples/numbers", *arguments, "--link-to", str(tmp_path / "sorted"))
    assert done.returncode == 0
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["number"] for row in rows] == ["17", "2026", "80513"]
    for row in rows:
        assert [str(place["digit"]) for place in row["digits"]] == list(row["number"])
        lefts = [place["box"][0] for place in row["digits"]]
        assert lefts == sorted(lefts)
    assert done.stderr.startswith("3 of 3 labeled images are correct: 100.00%\n")
    assert "100.00% of 11 digits are right" in done.stderr
    page = report.read_text("utf-8")
    assert "Least confident numbers" in page
    assert page.count("data:image/png") == 3
    assert (tmp_path / "sorted" / "2026" / "spaced.png").is_symlink()


def test_a_folder_of_good_images_exits_0(run: "Run") -> None:
    done = run(BATCH, "samples/3")
    assert done.returncode == 0
    header, *lines = done.stdout.splitlines()
    assert header.split() == [
        *("path", "verdict", "digit", "confidence", "model", "reason", "unread", "error"),
    ]
    assert [line.split()[1:3] for line in lines] == [["digit", "3"]] * 5


def test_further_pages_of_a_file_are_counted_in_its_row_and_in_the_summary(
    run: "Run", tmp_path: Path
) -> None:
    with Image.open("samples/3/thin.png") as page:
        page.save(tmp_path / "scan.tif", save_all=True, append_images=[page.copy()] * 2)
        page.save(tmp_path / "page.tif")
    done = run(BATCH, str(tmp_path), "--format", "csv")
    assert done.returncode == 0
    assert [row["unread_pages"] for row in rows_of(done.stdout)] == ["0", "2"]
    assert done.stderr.endswith("2 digits; 1 has further pages, which were not read\n")


def test_json_lines_are_written_to_the_output_file(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    arguments = ("samples/*/thin.png", "--output", str(file))  # the format is that of the name
    done = run(BATCH, *arguments, "--server", server.address)
    assert (done.returncode, done.stdout) == (0, "")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert [row["digit"] for row in rows] == [*range(10)]
    assert list(rows[0]) == COLUMNS
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


@pytest.mark.parametrize("arguments", [["-"], ["--files-from", "-"]])
def test_a_list_on_standard_input_keeps_its_order(
    arguments: list[str], run: "Run", server: "ServerProcess"
) -> None:
    paths = ["samples/7/thin.png", "missing.png", "samples/0/marker.png"]
    done = run(
        *(BATCH, *arguments, "--server", server.address, "--format", "csv"),
        stdin="".join(f"{path}\n" for path in paths),
    )
    assert done.returncode == 1
    rows = rows_of(done.stdout)
    assert [(row["path"], row["digit"]) for row in rows] == [
        *zip(paths, ("7", "", "0"), strict=True)
    ]
    assert rows[1]["error"] == "cannot be read: No such file or directory"


def test_the_server_address_can_come_from_the_environment(
    run: "Run", server: "ServerProcess"
) -> None:
    done = run(BATCH, "samples/3", DIGITS_SERVER=server.address)
    assert done.returncode == 0


def test_a_path_that_is_not_valid_text_is_kept_unchanged(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    name = os.fsdecode(bytes(tmp_path) + b"/latin-\xe4,1.png")
    Path(name).write_bytes(Path("samples/3/thin.png").read_bytes())
    done = run(BATCH, str(tmp_path), "--server", server.address, "--format", "csv")
    assert [(row["path"], row["digit"]) for row in rows_of(done.stdout)] == [(name, "3")]


def test_an_unreachable_server_exits_3_with_one_line(run: "Run") -> None:
    with socket.socket() as taken:  # bound but not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        done = run(BATCH, "samples", "--server", f"127.0.0.1:{taken.getsockname()[1]}")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("digits-batch: ")
    assert done.stderr.count("\n") == 1


def test_an_embedded_server_that_cannot_start_exits_3_with_the_reason(run: "Run") -> None:
    done = run(BATCH, "samples", DIGITS_MODELS_DIR="samples/odd")
    assert (done.returncode, done.stdout) == (3, "")
    assert "samples/odd contains no models" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["samples", "--format", "xml"], ["--nonsense", "x"]])
def test_wrong_usage_exits_2(run: "Run", arguments: list[str]) -> None:
    done = run(BATCH, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("digits-batch: error: ")
    assert done.stderr.endswith("; see digits-batch --help\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("paths", "reason"),
    [
        (["samples/3", "nowhere.png"], "nowhere.png does not exist"),
        (
            ["no/*.png", "nowhere", "gone"],
            "no/*.png matches no file, and 2 more paths name no file",
        ),
        (["no/*.png", "nowhere"], "no/*.png matches no file, and 1 more path names no file"),
        ([""], "'' does not exist"),
        (["{empty}"], "{empty} is an empty folder"),
    ],
)
@pytest.mark.parametrize("extra", [[], ["--dry-run"]])
def test_a_path_that_names_nothing_exits_2_before_a_server_is_called(
    paths: list[str], reason: str, extra: list[str], run: "Run", tmp_path: Path
) -> None:
    named = [path.format(empty=tmp_path) for path in paths]
    done = run(BATCH, *named, *extra, "--server", "127.0.0.1:1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"digits-batch: {reason.format(empty=tmp_path)}\n"


def test_files_that_are_not_images_are_skipped_and_counted(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    shutil.copy("samples/3/thin.png", tmp_path / "scan without extension")
    for name in ("notes.txt", "Thumbs.db", ".DS_Store", "a.svg", "b.pdf"):
        (tmp_path / name).write_text(name)
    done = run(BATCH, str(tmp_path), "--server", server.address, "--format", "csv")
    assert done.returncode == 0, done.stderr
    assert [row["digit"] for row in rows_of(done.stdout)] == ["3"]
    skipped, counts = done.stderr.splitlines()
    assert skipped == (
        "4 files that are not images were skipped, 1 of them PDF (use --pages to read them)"
    )
    assert counts.endswith(": 1 digit")
    assert counts.startswith("1 image in ")


def test_a_run_that_finds_no_image_exits_2_and_counts_what_it_skipped(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    done = run(BATCH, str(tmp_path), "--server", server.address)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "digits-batch: there is no image to recognize: 1 file that is not an image was skipped\n"
    )
    done = run(BATCH, "-", "--server", server.address)
    assert done.returncode == 2
    assert done.stderr == "digits-batch: there is no image to recognize\n"


def test_a_file_that_is_named_and_not_an_image_has_a_row_with_the_reason(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    names = ("notes.txt", "a.pdf", "a.svg", "empty")
    for name in names:
        (tmp_path / name).write_text("" if name == "empty" else "no image")
    paths = [str(tmp_path / name) for name in names]
    done = run(BATCH, *paths, "--server", server.address, "--format", "csv")
    assert done.returncode == 1
    assert [row["error"] for row in rows_of(done.stdout)] == [
        "is not a PNG, JPEG, WebP, BMP, GIF or TIFF image",
        "is a PDF, whose pages are read with --pages",
        "is not a PNG, JPEG, WebP, BMP, GIF or TIFF image",
        "is an empty file",
    ]


def test_an_output_file_that_cannot_be_written_exits_2_and_is_named(
    run: "Run", server: "ServerProcess"
) -> None:
    done = run(BATCH, "samples/3", "--output", "nowhere/x.csv", "--server", server.address)
    assert done.returncode == 2
    assert done.stderr == (
        "digits-batch: cannot write nowhere/x.csv.part: No such file or directory\n"
    )
