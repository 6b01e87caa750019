"""Paths as Windows writes them, with backslashes and without characters that it refuses."""

import os
import sys
import zipfile
from pathlib import Path

import pytest

from digits_client.batch.labels import FileLabels, FolderLabels
from digits_client.batch.options import parse
from digits_client.batch.rows import Row
from digits_client.batch.sorting import Sorter
from digits_client.sources import Selection, copy_name, find, missing_reason

EVERYTHING = Selection()


@pytest.fixture(autouse=True)
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory, with a scan, and a backslash as the separator of folders."""
    (tmp_path / "scans" / "7").mkdir(parents=True)
    (tmp_path / "scans" / "7" / "a.png").write_bytes(b"7")
    with zipfile.ZipFile(tmp_path / "scans" / "x.zip", "w") as archive:
        archive.writestr("3/a:b?.png", b"3")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "sep", "\\")


@pytest.mark.parametrize(
    ("argument", "paths"),
    [
        ("scans\\7", ["scans/7/a.png"]),
        ("scans\\7\\a.png", ["scans/7/a.png"]),
        ("scans\\*\\a.*", ["scans/7/a.png"]),
        ("scans\\x.zip\\3", ["scans/x.zip/3/a:b?.png"]),
        ("scans\\", ["scans/7/a.png", "scans/x.zip/3/a:b?.png"]),
        ("scans\\none.png", ["scans/none.png"]),
    ],
)
def test_what_is_found_is_shown_with_slashes(argument: str, paths: list[str]) -> None:
    assert [found.path for found in find([argument])] == paths
    missing = "does not exist" if "none" in argument else None
    assert missing_reason(argument, EVERYTHING) == missing
    assert FolderLabels().of(paths[0]) == (None if missing else paths[0].split("/")[-2])


def test_patterns_and_lists_of_labels_may_have_backslashes(tmp_path: Path) -> None:
    options = parse(["scans", "--exclude", "scans\\7", "--include", "*\\x.zip\\*"])
    assert [found.path for found in find(options.paths, options.selection)] == [
        "scans/x.zip/3/a:b?.png"
    ]
    (tmp_path / "labels.csv").write_text("path,label\nelsewhere\\a.png,7\n", "utf-8")
    assert FileLabels(tmp_path / "labels.csv").of("scans/7/a.png") == "7"


def test_a_copy_of_a_member_gets_a_name_that_windows_accepts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert copy_name("scans/x.zip/3/a:b?.png") == "a:b?.png"
    monkeypatch.setattr(sys, "platform", "win32")
    assert copy_name("https://example.org/a.png?size=1") == "a.png_size=1"
    row = Row("scans/x.zip/3/a:b?.png", "digit", 3, 0.99, "6")
    Sorter(tmp_path / "sorted", "move", unsure_below=0.8).place(row, 1000)
    assert [file.name for file in (tmp_path / "sorted").rglob("*.png")] == ["a_b_.png"]
