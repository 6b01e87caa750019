"""Images into folders by what was answered."""

import errno
import os
import re
import shutil
from pathlib import Path

import pytest

from digits_client.batch.rows import Row
from digits_client.batch.sorting import Mode, Sorter, SortingError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with scans in it."""
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


def unmarked(path: str | None) -> str:
    """Return a name with MARK for the mark of a path."""
    return re.sub(r"-[0-9a-f]{6}(?=\.)", "-MARK", path or "")


def there(folder: Path) -> dict[str, str]:
    """Return the content of all that was sorted."""
    found = sorted((folder / "sorted").rglob("*"))
    return {
        unmarked(str(path.relative_to(folder / "sorted"))): path.read_text()
        for path in found
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
    "7/7-MARK.png": "'b/7.png'",
    "7/7.png": "'a/7.png'",
    "not_a_digit/noise.png": "'noise.png'",
    "unsure/3.png": "'b/3.png'",
}


@pytest.mark.parametrize("mode", ["move", "link"])
def test_each_image_goes_where_its_answer_belongs_and_none_is_lost(
    mode: Mode, folder: Path
) -> None:
    places = [sorter(mode).place(row, 1000) for row in ROWS]
    assert there(folder) == SORTED
    assert unmarked(places[1]) == "sorted/7/7-MARK.png"
    left = [path for path in (folder / "scans").rglob("*") if path.is_file()]
    assert len(left) == (0 if mode == "move" else 5)
    assert (folder / "sorted/7/7.png").is_symlink() == (mode == "link")


@pytest.mark.parametrize("mode", ["move", "link"])
def test_to_do_it_again_changes_nothing(mode: Mode, folder: Path) -> None:
    for _ in range(2):
        places = [sorter(mode).place(row, 1000) for row in ROWS]
    assert there(folder) == SORTED
    sevens = ["sorted/7/7.png", "sorted/7/7-MARK.png"]
    others = ["sorted/unsure/3.png", "sorted/0/latin-\udce4.png", "sorted/not_a_digit/noise.png"]
    assert [*map(unmarked, places)] == [*sevens, *others]


def test_links_lead_to_the_images_from_anywhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sorter("link").place(ROWS[0], 1000)
    monkeypatch.chdir("/")
    assert (folder / "sorted/7/7.png").read_text() == "'a/7.png'"
    assert not (folder / "sorted/7/7.png").readlink().is_absolute()


def test_a_move_that_was_killed_half_way_is_done_to_its_end(folder: Path) -> None:
    (folder / "sorted/7").mkdir(parents=True)
    os.link("scans/a/7.png", "sorted/7/7.png")
    assert sorter("move").place(ROWS[0], 1000) == "sorted/7/7.png"
    assert not Path("scans/a/7.png").exists()
    assert list(there(folder)) == ["7/7.png"]


@pytest.mark.parametrize("mode", ["move", "link"])
@pytest.mark.parametrize("way", ["sorted/unsure", "other/unsure"])
def test_an_image_that_is_where_it_belongs_stays_there(mode: Mode, way: str, folder: Path) -> None:
    (folder / "sorted/unsure").mkdir(parents=True)
    (folder / "other").symlink_to("sorted")
    Path("scans/b/3.png").rename("sorted/unsure/3.png")
    assert sorter(mode).place(row(f"{way}/3.png", 3, 0.7), 1000) == f"{way}/3.png"
    assert there(folder) == {"unsure/3.png": "'b/3.png'"}


def test_a_link_that_is_where_it_belongs_stays_there(folder: Path) -> None:
    sorter("link").place(ROWS[0], 1000)
    assert sorter("move").place(row("sorted/7/7.png"), 1000) == "sorted/7/7.png"
    assert there(folder) == {"7/7.png": "'a/7.png'"}


def test_an_image_that_became_sure_moves_on(folder: Path) -> None:
    sorter("move").place(ROWS[2], 1000)
    assert sorter("move").place(row("sorted/unsure/3.png", 3), 1000) == "sorted/3/3.png"
    assert there(folder) == {"3/3.png": "'b/3.png'"}


@pytest.mark.parametrize("is_other_disk", [False, True])
def test_an_image_that_was_linked_first_is_moved_beside_its_link(
    is_other_disk: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_disk(_: str, name: str) -> None:
        code = errno.EEXIST if os.path.lexists(name) else errno.EXDEV
        raise OSError(code, os.strerror(code))

    sorter("link").place(ROWS[0], 1000)
    if is_other_disk:
        monkeypatch.setattr(os, "link", other_disk)
    moved = sorter("move").place(ROWS[0], 1000)
    assert unmarked(moved) == "sorted/7/7-MARK.png"
    assert Path(moved or "").read_text() == "'a/7.png'"
    assert not Path(moved or "").is_symlink()


def test_no_link_is_made_to_an_image_that_is_gone(folder: Path) -> None:
    with pytest.raises(SortingError, match="No such file or directory"):
        sorter("link").place(row("scans/gone.png"), 1000)
    assert not list((folder / "sorted/7").iterdir())


def test_a_link_is_moved_as_one_that_leads_to_the_same_image(folder: Path) -> None:
    Path("scans/a/link.png").symlink_to("../b/3.png")
    assert sorter("move").place(row("scans/a/link.png"), 1000) == "sorted/7/link.png"
    assert there(folder) == {"7/link.png": "'b/3.png'"}
    assert not Path("scans/a/link.png").is_symlink()
    assert Path("scans/b/3.png").exists()


def test_an_image_on_another_disk_is_copied_and_removed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_disk(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", other_disk)
    os.utime("scans/a/7.png", (1000, 1000))
    for done in ROWS:
        sorter("move").place(done, 1000)
    assert there(folder) == SORTED
    assert Path("sorted/7/7.png").stat().st_mtime == 1000
    assert not list(Path("scans").rglob("*.png"))


@pytest.mark.parametrize("mode", ["move", "link"])
def test_a_member_of_an_archive_is_copied_once(mode: Mode, folder: Path) -> None:
    archive = shutil.make_archive("scans", "zip", "scans/b")
    for _ in range(2):
        place = sorter(mode).place(row(f"{archive}/3.png", 3), 1000)
    assert place == "sorted/3/3.png"
    assert there(folder) == {"3/3.png": "'b/3.png'"}
    assert Path(archive).is_file()


def test_a_copy_overwrites_nothing_that_was_there(folder: Path) -> None:
    archive = shutil.make_archive("scans", "zip", "scans/b")
    (folder / "sorted/3").mkdir(parents=True)
    for name in ("3.png", "3.png.part"):
        (folder / "sorted/3" / name).write_text("mine")
    place = sorter("move").place(row(f"{archive}/3.png", 3), 1000)
    assert unmarked(place) == "sorted/3/3-MARK.png"
    mine = {f"3/{name}": "mine" for name in ("3.png", "3.png.part")}
    assert there(folder) == {**mine, "3/3-MARK.png": "'b/3.png'"}


def test_runs_at_the_same_time_copy_to_names_of_their_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = shutil.make_archive("first", "zip", "scans/a")
    second = shutil.make_archive("second", "zip", "scans/b")
    replace = os.replace

    def meanwhile(source: str, target: str) -> None:
        monkeypatch.setattr(os, "replace", replace)
        place = sorter("move").place(row(f"{second}/7.png"), 1000)
        assert unmarked(place) == "sorted/7/7-MARK.png"
        replace(source, target)

    monkeypatch.setattr(os, "replace", meanwhile)
    assert sorter("move").place(row(f"{first}/7.png"), 1000) == "sorted/7/7.png"
    assert there(folder) == {"7/7.png": "'a/7.png'", "7/7-MARK.png": "'b/7.png'"}


def test_a_copy_that_fails_leaves_nothing_behind(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = shutil.make_archive("scans", "zip", "scans/b")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(SortingError, match="No space left on device"):
        sorter("move").place(row(f"{archive}/3.png", 3), 1000)
    assert not list((folder / "sorted/3").iterdir())


def test_a_name_as_long_as_can_be_is_copied(folder: Path) -> None:
    name = "n" * 251 + ".png"
    Path("scans/b/3.png").rename(f"scans/b/{name}")
    archive = shutil.make_archive("scans", "zip", "scans/b")
    assert sorter("move").place(row(f"{archive}/{name}", 3), 1000) == f"sorted/3/{name}"


@pytest.mark.parametrize("mode", ["move", "link"])
def test_an_image_that_failed_stays_where_it_is(mode: Mode, folder: Path) -> None:
    assert sorter(mode).place(Row("scans/a/7.png", error="no"), 1000) is None
    assert not (folder / "sorted").exists()


def test_what_cannot_be_put_there_is_said_and_is_where_it_was(folder: Path) -> None:
    Path("sorted").write_text("in the way")
    with pytest.raises(SortingError, match=r"scans/a/7\.png could not be put into sorted/7: "):
        sorter("move").place(ROWS[0], 1000)
    assert Path("scans/a/7.png").exists()
