"""Sorting images into folders by result."""

import errno
import io
import os
import re
import shutil
import tarfile
from pathlib import Path

import pytest

from digits_client.batch.rows import Row
from digits_client.batch.sorting import Mode, Sorter, SortingError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with some scans."""
    for name in ("a/7.png", "b/7.png", "b/3.png", "latin-\udce4.png", "noise.png"):
        file = tmp_path / "scans" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(ascii(name))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def row(path: str, digit: int | None = 7, confidence: float = 0.99) -> Row:
    return Row(path, "not_a_digit" if digit is None else "digit", digit, confidence, "3")


def sorter(mode: Mode) -> Sorter:
    return Sorter(Path("sorted"), mode, unsure_below=0.8)


def without_digest(path: str | None) -> str:
    """Return a path with DIGEST in place of the digest of the old path."""
    return re.sub(r"-[0-9a-f]{6}(?=\.)", "-DIGEST", path or "")


def sorted_files(folder: Path) -> dict[str, str]:
    """Return the content of every sorted file by its path."""
    paths = sorted((folder / "sorted").rglob("*"))
    return {
        without_digest(str(path.relative_to(folder / "sorted"))): path.read_text()
        for path in paths
        if path.is_file()
    }


ROWS = [
    row("scans/a/7.png"),
    row("scans/b/7.png"),
    row("scans/b/3.png", 3, 0.7),
    row("scans/latin-\udce4.png", 0, 0.8),
    row("scans/noise.png", None, 0.4),
]
SORTED = {
    "0/latin-\udce4.png": "'latin-\\udce4.png'",
    "7/7-DIGEST.png": "'b/7.png'",
    "7/7.png": "'a/7.png'",
    "not_a_digit/noise.png": "'noise.png'",
    "unsure/3.png": "'b/3.png'",
}


@pytest.mark.parametrize("mode", ["move", "link"])
def test_each_image_goes_into_the_folder_of_its_result_and_none_is_lost(
    mode: Mode, folder: Path
) -> None:
    locations = [sorter(mode).place(row, 1000) for row in ROWS]
    assert sorted_files(folder) == SORTED
    assert without_digest(locations[1]) == "sorted/7/7-DIGEST.png"
    unsorted = [path for path in (folder / "scans").rglob("*") if path.is_file()]
    assert len(unsorted) == (0 if mode == "move" else 5)
    assert (folder / "sorted/7/7.png").is_symlink() == (mode == "link")


@pytest.mark.parametrize("mode", ["move", "link"])
def test_sorting_twice_changes_nothing(mode: Mode, folder: Path) -> None:
    for _ in range(2):
        locations = [sorter(mode).place(row, 1000) for row in ROWS]
    assert sorted_files(folder) == SORTED
    sevens = ["sorted/7/7.png", "sorted/7/7-DIGEST.png"]
    others = ["sorted/unsure/3.png", "sorted/0/latin-\udce4.png", "sorted/not_a_digit/noise.png"]
    assert [*map(without_digest, locations)] == [*sevens, *others]


def test_links_work_from_any_working_directory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sorter("link").place(ROWS[0], 1000)
    monkeypatch.chdir("/")
    assert (folder / "sorted/7/7.png").read_text() == "'a/7.png'"
    assert not (folder / "sorted/7/7.png").readlink().is_absolute()


def test_a_move_that_was_killed_halfway_is_completed(folder: Path) -> None:
    (folder / "sorted/7").mkdir(parents=True)
    os.link("scans/a/7.png", "sorted/7/7.png")
    assert sorter("move").place(ROWS[0], 1000) == "sorted/7/7.png"
    assert not Path("scans/a/7.png").exists()
    assert list(sorted_files(folder)) == ["7/7.png"]


@pytest.mark.parametrize("mode", ["move", "link"])
@pytest.mark.parametrize("route", ["sorted/unsure", "other/unsure"])
def test_an_image_already_in_its_folder_stays_there(mode: Mode, route: str, folder: Path) -> None:
    (folder / "sorted/unsure").mkdir(parents=True)
    (folder / "other").symlink_to("sorted")
    Path("scans/b/3.png").rename("sorted/unsure/3.png")
    assert sorter(mode).place(row(f"{route}/3.png", 3, 0.7), 1000) == f"{route}/3.png"
    assert sorted_files(folder) == {"unsure/3.png": "'b/3.png'"}


def test_a_link_already_in_its_folder_stays_there(folder: Path) -> None:
    sorter("link").place(ROWS[0], 1000)
    assert sorter("move").place(row("sorted/7/7.png"), 1000) == "sorted/7/7.png"
    assert sorted_files(folder) == {"7/7.png": "'a/7.png'"}


def test_an_image_that_is_no_longer_unsure_is_moved_again(folder: Path) -> None:
    sorter("move").place(ROWS[2], 1000)
    assert sorter("move").place(row("sorted/unsure/3.png", 3), 1000) == "sorted/3/3.png"
    assert sorted_files(folder) == {"3/3.png": "'b/3.png'"}


@pytest.mark.parametrize("is_other_file_system", [False, True])
def test_an_image_that_was_linked_before_is_moved_next_to_its_link(
    is_other_file_system: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link_across_file_systems(_: str, name: str) -> None:
        code = errno.EEXIST if os.path.lexists(name) else errno.EXDEV
        raise OSError(code, os.strerror(code))

    sorter("link").place(ROWS[0], 1000)
    if is_other_file_system:
        monkeypatch.setattr(os, "link", link_across_file_systems)
    moved = sorter("move").place(ROWS[0], 1000)
    assert without_digest(moved) == "sorted/7/7-DIGEST.png"
    assert Path(moved or "").read_text() == "'a/7.png'"
    assert not Path(moved or "").is_symlink()


def test_a_missing_image_is_not_linked(folder: Path) -> None:
    with pytest.raises(SortingError, match="No such file or directory"):
        sorter("link").place(row("scans/gone.png"), 1000)
    assert not list((folder / "sorted/7").iterdir())


def test_a_moved_link_still_points_to_its_image(folder: Path) -> None:
    Path("scans/a/link.png").symlink_to("../b/3.png")
    assert sorter("move").place(row("scans/a/link.png"), 1000) == "sorted/7/link.png"
    assert sorted_files(folder) == {"7/link.png": "'b/3.png'"}
    assert not Path("scans/a/link.png").is_symlink()
    assert Path("scans/b/3.png").exists()


def test_an_image_on_another_file_system_is_copied_and_removed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link_across_file_systems(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", link_across_file_systems)
    os.utime("scans/a/7.png", (1000, 1000))
    for image in ROWS:
        sorter("move").place(image, 1000)
    assert sorted_files(folder) == SORTED
    assert Path("sorted/7/7.png").stat().st_mtime == 1000
    assert not list(Path("scans").rglob("*.png"))


@pytest.mark.parametrize("mode", ["move", "link"])
def test_an_archive_member_is_copied_once(mode: Mode, folder: Path) -> None:
    archive = shutil.make_archive("scans", "zip", "scans/b")
    for _ in range(2):
        location = sorter(mode).place(row(f"{archive}/3.png", 3), 1000)
    assert location == "sorted/3/3.png"
    assert sorted_files(folder) == {"3/3.png": "'b/3.png'"}
    assert Path(archive).is_file()


def test_a_copy_overwrites_no_file(folder: Path) -> None:
    archive = shutil.make_archive("scans", "zip", "scans/b")
    (folder / "sorted/3").mkdir(parents=True)
    for name in ("3.png", "3.png.part"):
        (folder / "sorted/3" / name).write_text("mine")
    location = sorter("move").place(row(f"{archive}/3.png", 3), 1000)
    assert without_digest(location) == "sorted/3/3-DIGEST.png"
    mine = {f"3/{name}": "mine" for name in ("3.png", "3.png.part")}
    assert sorted_files(folder) == {**mine, "3/3-DIGEST.png": "'b/3.png'"}


def test_concurrent_runs_copy_to_different_names(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = shutil.make_archive("first", "zip", "scans/a")
    second = shutil.make_archive("second", "zip", "scans/b")
    replace = os.replace

    def replace_after_another_run(source: str, target: str) -> None:
        monkeypatch.setattr(os, "replace", replace)
        location = sorter("move").place(row(f"{second}/7.png"), 1000)
        assert without_digest(location) == "sorted/7/7-DIGEST.png"
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_after_another_run)
    assert sorter("move").place(row(f"{first}/7.png"), 1000) == "sorted/7/7.png"
    assert sorted_files(folder) == {"7/7.png": "'a/7.png'", "7/7-DIGEST.png": "'b/7.png'"}


def test_a_failed_copy_leaves_no_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = shutil.make_archive("scans", "zip", "scans/b")

    def fail_with_full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail_with_full_disk)
    with pytest.raises(SortingError, match="No space left on device"):
        sorter("move").place(row(f"{archive}/3.png", 3), 1000)
    assert not list((folder / "sorted/3").iterdir())


def test_a_name_of_the_maximum_length_is_copied(folder: Path) -> None:
    name = "n" * 251 + ".png"
    Path("scans/b/3.png").rename(f"scans/b/{name}")
    archive = shutil.make_archive("scans", "zip", "scans/b")
    assert sorter("move").place(row(f"{archive}/{name}", 3), 1000) == f"sorted/3/{name}"


@pytest.mark.parametrize("mode", ["move", "link"])
def test_a_failed_image_stays_where_it_is(mode: Mode, folder: Path) -> None:
    assert sorter(mode).place(Row("scans/a/7.png", error="no"), 1000) is None
    assert not (folder / "sorted").exists()


def test_an_image_that_cannot_be_sorted_is_reported_and_stays_where_it_is(folder: Path) -> None:
    Path("sorted").write_text("in the way")
    with pytest.raises(SortingError, match=r"scans/a/7\.png could not be sorted into sorted/7: "):
        sorter("move").place(ROWS[0], 1000)
    assert Path("scans/a/7.png").exists()


def test_an_archive_member_whose_name_no_file_can_have_is_reported(folder: Path) -> None:
    with tarfile.open("scans.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("7.png")
        info.pax_headers = {"path": "a\0b.png"}
        info.size = 1
        archive.addfile(info, io.BytesIO(b"7"))
    with pytest.raises(SortingError, match="could not be sorted into sorted/7: embedded null byte"):
        sorter("link").place(row("scans.tar/a\0b.png"), 1000)


def test_numbers_have_folders_of_their_own(folder: Path) -> None:
    whole = row("scans/a/7.png", None)._replace(verdict="digit", number="2026")
    partly = row("scans/b/3.png", None)._replace(verdict="digit", number="20?6")
    unsure = row("scans/b/7.png", None, 0.7)._replace(verdict="digit", number="12")
    for each in (whole, partly, unsure, row("scans/noise.png", None)):
        sorter("link").place(each, 10**6)
    assert sorted(sorted_files(folder)) == [
        "2026/7.png",
        "not_a_digit/noise.png",
        "unsure/3.png",
        "unsure/7.png",
    ]
