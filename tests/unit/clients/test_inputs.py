"""From what stands on the command line to files, in a stable order."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from digits_client.batch import inputs


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a few files in it."""
    for name in ("b.png", "a/2.png", "a/10.png", "a/deep/er/x.jpg", ".hidden", ".git/config"):
        file = tmp_path / "scans" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "scans"


def listed(*arguments: str, stdin: Iterable[str] = ()) -> list[str]:
    return list(inputs.files(arguments, stdin))


ALL = ["scans/a/10.png", "scans/a/2.png", "scans/a/deep/er/x.jpg", "scans/b.png"]


@pytest.mark.usefixtures("scans")
def test_a_folder_stands_for_all_below_it_sorted_without_hidden_ones() -> None:
    assert listed("scans") == ALL


@pytest.mark.usefixtures("scans")
def test_arguments_keep_their_order() -> None:
    assert listed("scans/b.png", "scans/a/deep", "nowhere.png") == [
        "scans/b.png",
        "scans/a/deep/er/x.jpg",
        "nowhere.png",
    ]


@pytest.mark.usefixtures("scans")
def test_a_hidden_file_that_is_named_is_taken() -> None:
    assert listed("scans/.hidden") == ["scans/.hidden"]


@pytest.mark.usefixtures("scans")
def test_a_glob_is_sorted_and_folders_that_match_are_entered() -> None:
    assert listed("scans/*") == ALL
    assert listed("scans/**/*.png") == ["scans/a/10.png", "scans/a/2.png", "scans/b.png"]


@pytest.mark.usefixtures("scans")
def test_a_file_that_a_glob_finds_twice_is_taken_once() -> None:
    assert sorted(listed("scans/**")) == ALL


@pytest.mark.usefixtures("scans")
def test_what_names_nothing_is_left_to_the_reader_to_complain_about() -> None:
    assert listed("scans/*.gif", "missing") == ["scans/*.gif", "missing"]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(scans: Path) -> None:
    (scans / "a[1].png").touch()
    (scans / "a1.png").touch()
    assert listed("scans/a[1].png") == ["scans/a[1].png"]


def test_a_glob_may_find_a_file_that_is_called_like_standard_input(scans: Path) -> None:
    (scans.parent / "-").touch()
    assert listed("?") == ["-"]


def test_a_dash_stands_for_the_lines_of_standard_input() -> None:
    lines = ["b.png\n", "\n", "with space.png\r\n", " a.png"]
    assert listed("first.png", "-", "last.png", stdin=lines) == [
        "first.png",
        "b.png",
        "with space.png",
        " a.png",
        "last.png",
    ]


def test_a_dash_in_the_list_itself_is_a_name() -> None:
    assert listed("-", stdin=["-\n"]) == ["-"]


def test_a_link_that_leads_back_is_not_followed(scans: Path) -> None:
    (scans / "a" / "up").symlink_to("..")
    (scans / "self").symlink_to("self")
    assert sorted(listed("scans")) == sorted([*ALL, "scans/a/up", "scans/self"])


def test_a_link_to_a_file_is_the_file(scans: Path) -> None:
    (scans / "link.png").symlink_to("b.png")
    assert "scans/link.png" in listed("scans")


def test_a_folder_that_cannot_be_read_stands_for_itself_and_its_neighbours_are_read(
    scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By hand: an administrator, as whom tests may run, can read any folder.
    def scandir(folder: str) -> "os._ScandirIterator[str]":
        if folder == "scans/a":
            raise PermissionError(13, "Permission denied", folder)
        return real_scandir(folder)

    real_scandir = os.scandir
    monkeypatch.setattr(os, "scandir", scandir)
    assert listed("scans") == ["scans/a", "scans/b.png"]
