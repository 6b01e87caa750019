"""Finding the images that folders and globs name, in a stable order."""

import os
import shutil
import tracemalloc
from pathlib import Path

import pytest

from digits_client.errors import InvalidImageError
from digits_client.sources import Selection, find, item
from tests.pipes import make_pipe

LIMIT = 1000
ALL = ["scans/a/10.png", "scans/a/2.png", "scans/a/deep/er/x.jpg", "scans/b.png"]


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a few files, in the working folder."""
    for name in ("b.png", "a/2.png", "a/10.png", "a/deep/er/x.jpg", ".hidden", ".git/config"):
        file = tmp_path / "scans" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "scans"


def paths(*arguments: str, globs: bool = True, **selected: object) -> list[str]:
    selection = Selection(**selected)  # type: ignore[arg-type]
    return [found.path for found in find(arguments, selection, globs=globs)]


def reason(argument: str) -> str:
    (found,) = find([argument])
    assert found.path == argument
    with pytest.raises(InvalidImageError) as caught:
        found.read(LIMIT)
    return str(caught.value)


@pytest.mark.usefixtures("scans")
def test_a_folder_stands_for_all_files_below_it_sorted_and_without_hidden_ones() -> None:
    assert paths("scans") == ALL
    assert paths("scans/") == ALL


@pytest.mark.usefixtures("scans")
def test_an_item_can_be_read_and_is_found_again_by_its_path() -> None:
    assert [found.read(LIMIT) for found in find(["scans"])][-1] == b"b.png"
    assert item("scans/b.png").read(LIMIT) == b"b.png"


@pytest.mark.usefixtures("scans")
def test_items_are_in_the_order_of_the_arguments() -> None:
    assert paths("scans/b.png", "scans/a/deep", "nowhere.png", "scans/.hidden") == [
        "scans/b.png",
        "scans/a/deep/er/x.jpg",
        "nowhere.png",
        "scans/.hidden",
    ]


@pytest.mark.usefixtures("scans")
def test_without_recursion_only_the_files_directly_in_a_folder_are_taken() -> None:
    assert paths("scans", recursive=False) == ["scans/b.png"]
    assert paths("scans/*", recursive=False) == ["scans/a/10.png", "scans/a/2.png", "scans/b.png"]


@pytest.mark.usefixtures("scans")
@pytest.mark.parametrize("pattern", ["scans/*", "scans/**", "sc*", "*", "**", "scans/**/*"])
def test_folders_that_a_glob_matches_are_entered_and_no_file_is_found_twice(pattern: str) -> None:
    assert paths(pattern) == ALL


@pytest.mark.usefixtures("scans")
def test_a_glob_finds_the_files_that_match() -> None:
    assert paths("scans/**/*.png") == ["scans/a/10.png", "scans/a/2.png", "scans/b.png"]
    assert paths("scans/*/*.png") == ["scans/a/10.png", "scans/a/2.png"]
    assert paths("scans/*/") == ALL[:3]
    assert paths("scans/**/er/*") == ["scans/a/deep/er/x.jpg"]
    assert paths("scans/*/d*/**/?.jpg") == ["scans/a/deep/er/x.jpg"]
    assert paths("scans/b.png/**", "scans/b*/**") == ["scans/b.png/**", "scans/b*/**"]


@pytest.mark.usefixtures("scans")
def test_a_glob_finds_hidden_files_only_if_its_pattern_starts_with_a_dot() -> None:
    assert paths("scans/.h*", "scans/.g*/*") == ["scans/.hidden", "scans/.git/config"]


@pytest.mark.usefixtures("scans")
def test_a_glob_finds_the_same_files_as_pathlib(scans: Path) -> None:
    (scans / "[x]").mkdir()
    (scans / "[x]" / "1.png").touch()
    for pattern in ("*/*/1*", "**/[!a-z]*.png", "**/**/x.jpg", "*/a/*.png", "*/[[]x]/1.png"):
        assert paths(pattern) == sorted(map(str, Path().glob(pattern)))


@pytest.mark.usefixtures("scans")
def test_an_argument_that_names_nothing_is_an_item_that_cannot_be_read() -> None:
    assert paths("scans/*.gif", "no/*.png", "") == ["scans/*.gif", "no/*.png", ""]
    assert reason("missing") == "cannot be read: No such file or directory"


def test_globs_can_be_turned_off_and_an_existing_file_takes_precedence_over_a_glob(
    scans: Path,
) -> None:
    assert paths("scans/*", globs=False) == ["scans/*"]
    (scans / "a[1].png").touch()
    (scans / "a1.png").touch()
    assert paths("scans/a[1].png") == ["scans/a[1].png"]


@pytest.mark.usefixtures("scans")
def test_patterns_without_a_slash_are_matched_against_names() -> None:
    assert paths("scans", include=("*.jpg", "b*")) == ["scans/a/deep/er/x.jpg", "scans/b.png"]
    assert paths("scans", exclude=("1*", "de?p")) == ["scans/a/2.png", "scans/b.png"]
    assert paths("scans/**", include=("*.png",), exclude=("b*",)) == ALL[:2]


@pytest.mark.usefixtures("scans")
def test_patterns_with_a_slash_are_matched_against_paths() -> None:
    assert paths("scans", include=("scans/a/*",)) == ALL[:3]
    assert paths("scans", exclude=("scans/a",)) == ["scans/b.png"]


def test_an_excluded_folder_is_not_listed(scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = record_scandir(monkeypatch)
    assert paths("scans", exclude=("deep",)) == ["scans/a/10.png", "scans/a/2.png", "scans/b.png"]
    assert listed == ["scans", "scans/a"]


@pytest.mark.usefixtures("scans")
def test_a_file_that_is_named_itself_is_taken_whatever_the_patterns() -> None:
    assert paths("scans/b.png", "no", include=("*.gif",), exclude=("*",)) == ["scans/b.png", "no"]


@pytest.mark.usefixtures("scans")
def test_a_glob_whose_files_are_all_excluded_is_not_reported_as_missing() -> None:
    assert paths("scans/*.png", exclude=("b.*",)) == []


def test_excluded_paths_are_skipped_in_folders_and_by_globs(scans: Path) -> None:
    (scans / "link.png").symlink_to("b.png")
    outputs = frozenset({str(scans / "b.png"), str(scans / "a" / "deep")})
    rest = ["scans/a/10.png", "scans/a/2.png"]
    assert paths("scans", excluded_paths=outputs) == rest
    assert paths("scans/**", excluded_paths=outputs) == rest
    assert paths("scans/a/deep", "scans/a/d*/*", "scans/a/deep/er", excluded_paths=outputs) == [
        "scans/a/d*/*"
    ]
    assert paths("scans/b.png", excluded_paths=outputs) == ["scans/b.png"]


def test_a_link_to_a_folder_above_it_is_not_followed(scans: Path) -> None:
    (scans / "a" / "up").symlink_to("..")
    (scans / "self").symlink_to("self")
    expected = sorted([*ALL, "scans/a/up", "scans/self"])
    assert paths("scans") == expected
    assert paths("scans/**") == expected
    assert reason("scans/self") == "cannot be read: Too many levels of symbolic links"


def test_a_link_to_a_folder_is_followed_if_it_is_named_or_matched(scans: Path) -> None:
    (scans / "day").symlink_to("a/deep")
    assert paths("scans/day", "scans/da*") == ["scans/day/er/x.jpg"] * 2
    assert paths("scans/d*/e*/x*") == ["scans/day/er/x.jpg"]


def test_a_link_to_a_file_is_read_as_the_file(scans: Path) -> None:
    (scans / "link.png").symlink_to("b.png")
    assert "scans/link.png" in paths("scans")
    assert item("scans/link.png").read(LIMIT) == b"b.png"


def test_a_folder_that_cannot_be_listed_is_an_item_with_the_reason_and_the_rest_is_found(
    scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Simulated, because tests may run as root, who can list any folder.
    record_scandir(monkeypatch, forbidden="scans/a")
    first, second = find(["scans"])
    assert (first.path, second.path) == ("scans/a", "scans/b.png")
    with pytest.raises(InvalidImageError, match=r"^cannot be read: Permission denied$"):
        first.read(LIMIT)


def test_a_folder_that_vanishes_during_the_walk_is_an_item_with_the_reason(scans: Path) -> None:
    found = find(["scans"])
    assert next(found).path == "scans/a/10.png"
    shutil.rmtree(scans / "a" / "deep")
    (scans / "b.png").unlink()
    rest = list(found)
    assert [vanished.path for vanished in rest] == ["scans/a/2.png", "scans/a/deep", "scans/b.png"]
    for vanished in rest[1:]:
        with pytest.raises(InvalidImageError, match="No such file or directory"):
            vanished.read(LIMIT)


def test_folders_may_be_nested_deeper_than_the_call_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    top = os.open(".", os.O_RDONLY)
    for _ in range(1500):
        Path("d").mkdir()
        os.chdir("d")
    Path("x.png").touch()
    os.fchdir(top)
    os.close(top)
    try:
        assert paths("d") == ["d/" * 1500 + "x.png"]
    finally:
        remove_deep(tmp_path / "d")


def remove_deep(folder: Path) -> None:
    """Remove a folder level by level, because ``rmtree`` fails on deep ones."""
    while folder.exists():
        levels = 0
        here = folder
        while levels < 500 and (here / "d").is_dir():
            here, levels = here / "d", levels + 1
        moved = folder.parent / "moved"
        if (here / "d").is_dir():
            (here / "d").rename(moved)
        shutil.rmtree(folder)
        if moved.exists():
            moved.rename(folder)


def test_names_of_any_bytes_are_found_and_read(scans: Path) -> None:
    (scans / "a" / "\udcff\n1.png").write_bytes(b"found")
    for argument in ("scans/a", "scans/a/*\n*", "scans/a/\udcff\n1.png"):
        assert paths(argument)[-1] == "scans/a/\udcff\n1.png"
    assert item("scans/a/\udcff\n1.png").read(LIMIT) == b"found"


@pytest.mark.parametrize("argument", ["a\0b", "a\0*", "\ud800.png", "x" * 5000, "a\0.zip/x"])
@pytest.mark.usefixtures("scans")
def test_an_invalid_path_is_an_item_with_the_reason(argument: str) -> None:
    assert reason(argument).startswith("cannot be read: ")


def test_a_pipe_or_device_is_not_opened(scans: Path) -> None:
    make_pipe(scans / "pipe.png")
    make_pipe(scans / "pipe.zip")
    for path in ("scans/pipe.png", "scans/pipe.zip", "/dev/zero"):
        assert reason(path) == "is not a regular file"
    assert paths("scans/p*") == ["scans/pipe.png", "scans/pipe.zip"]


def test_a_file_over_the_limit_is_not_read(scans: Path) -> None:
    with (scans / "large.png").open("wb") as file:
        file.truncate(1 << 40)
    assert reason("scans/large.png") == f"has {1 << 40} bytes; the server accepts at most {LIMIT}"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_a_file_that_reports_no_size_is_read_up_to_the_limit() -> None:
    assert item("/proc/self/status").read(100_000).startswith(b"Name:")
    with pytest.raises(InvalidImageError, match="has more than the 10 bytes"):
        item("/proc/self/status").read(10)


def test_entries_of_all_kinds_are_sorted_by_name(tmp_path: Path) -> None:
    names = [f"{number * 79 % 1009:05d}.png" for number in range(1001)]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "\udcff\n.png").touch()
    (tmp_path / "00000").mkdir()
    (tmp_path / "00000" / "x.png").touch()
    (tmp_path / "link").symlink_to(".")
    rest = ["00000/x.png", *sorted([*names, "link", "\udcff\n.png"])]
    assert paths(str(tmp_path)) == [f"{tmp_path}/{name}" for name in rest]


def test_listing_a_large_folder_takes_less_than_150_bytes_of_memory_per_file(
    tmp_path: Path,
) -> None:
    for number in range(5000):
        (tmp_path / f"{number:07}.png").touch()
    found = find([str(tmp_path)])
    tracemalloc.start()
    try:
        assert sum(1 for _ in found) == 5000
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 5000 * 150


def test_a_folder_is_listed_only_when_its_first_item_is_requested(
    scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = record_scandir(monkeypatch)
    found = find(["scans", "scans/a/d*"])
    assert listed == []
    next(found)
    assert listed == ["scans", "scans/a"]


def record_scandir(monkeypatch: pytest.MonkeyPatch, forbidden: str | None = None) -> list[str]:
    """Record each folder that is listed in the list that is returned."""
    real_scandir = os.scandir
    listed = []

    def scandir(folder: str) -> "os._ScandirIterator[str]":
        listed.append(folder)
        if folder == forbidden:
            raise PermissionError(13, "Permission denied", folder)
        return real_scandir(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    return listed
