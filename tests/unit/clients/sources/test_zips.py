"""Finding and reading the members of zip archives."""

import contextlib
import os
import stat
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from digits_client.errors import InvalidImageError
from digits_client.sources import Selection, find, item, zips
from tests.pipes import make_pipe

LIMIT = 1000
FILES = {"inner/b.png": b"2", "a.png": b"1", "inner/deep/c.jpg": b"3", "a[1].png": b"4"}


@pytest.fixture(autouse=True)
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, which contains an archive."""
    monkeypatch.chdir(tmp_path)
    write_zip("scans.zip", FILES | {"inner/.hidden": b"", "__MACOSX/._a.png": b"", "empty/": b""})
    return tmp_path


def write_zip(name: str, files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(name, "w", compression) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return Path(name)


def read(*arguments: str, **selected: object) -> dict[str, bytes | str]:
    selection = Selection(**selected)  # type: ignore[arg-type]
    contents_by_path: dict[str, bytes | str] = {}
    for found in find(arguments, selection):
        assert found.path not in contents_by_path
        try:
            contents_by_path[found.path] = found.read(LIMIT)
        except InvalidImageError as error:
            contents_by_path[found.path] = str(error)
    return contents_by_path


ALL: dict[str, bytes | str] = {f"scans.zip/{path}": content for path, content in FILES.items()}


def test_an_archive_is_a_folder_in_the_order_of_its_members_without_hidden_ones() -> None:
    assert list(read("scans.zip").items()) == list(ALL.items())
    assert read("scans.zip/") == ALL


def test_an_archive_is_entered_if_it_is_in_a_folder_or_matches_a_glob(scans: Path) -> None:
    assert read(".") == {f"./{path}": content for path, content in ALL.items()}
    assert read("*.zip") == ALL
    Path("UPPER.ZIP").write_bytes(Path("scans.zip").read_bytes())
    assert len(read(".")) == 2 * len(ALL)


def test_without_recursion_an_archive_in_a_folder_is_skipped_like_a_folder() -> None:
    assert read(".", recursive=False) == {}
    assert list(read("scans.zip", recursive=False)) == ["scans.zip/a.png", "scans.zip/a[1].png"]


def test_an_argument_can_name_a_member() -> None:
    assert read("scans.zip/inner/b.png", "scans.zip/a[1].png") == {
        "scans.zip/inner/b.png": b"2",
        "scans.zip/a[1].png": b"4",
    }
    assert item("scans.zip/inner/b.png").read(LIMIT) == b"2"


def test_an_argument_can_name_a_folder_or_a_glob_in_an_archive() -> None:
    inner = {path: ALL[path] for path in ("scans.zip/inner/b.png", "scans.zip/inner/deep/c.jpg")}
    assert read("scans.zip/inner") == inner
    assert read("scans.zip/inner/") == inner
    assert read("scans.zip/*/") == inner
    assert list(read("scans.zip/*.png")) == ["scans.zip/a.png", "scans.zip/a[1].png"]
    assert list(read("sc*.zip/**/*.jpg")) == ["scans.zip/inner/deep/c.jpg"]


def test_a_missing_member_is_an_item_with_the_reason() -> None:
    missing = "cannot be read: no such file in the archive"
    assert read("scans.zip/x.png", "scans.zip/*.gif") == {
        "scans.zip/x.png": missing,
        "scans.zip/*.gif": missing,
    }
    with pytest.raises(InvalidImageError, match="no such file in the archive"):
        item("scans.zip/inner").read(LIMIT)


def test_patterns_filter_members_like_files() -> None:
    assert list(read("scans.zip", exclude=("deep", "a*"))) == ["scans.zip/inner/b.png"]
    assert list(read(".", include=("*.jpg",))) == ["./scans.zip/inner/deep/c.jpg"]
    assert read(".", exclude=("*.zip",)) == {}
    assert list(read("scans.zip", include=("*/inner/*",))) == [
        "scans.zip/inner/b.png",
        "scans.zip/inner/deep/c.jpg",
    ]


def test_a_folder_with_the_extension_of_an_archive_is_a_folder() -> None:
    Path("folder.zip").mkdir()
    Path("folder.zip/x.png").write_bytes(b"x")
    assert read("folder.zip") == {"folder.zip/x.png": b"x"}


def test_members_are_read_in_any_order_and_thread() -> None:
    files = {f"{number}.png": str(number).encode() for number in range(200)}
    write_zip("many.zip", files)
    items = list(find(["many.zip"]))
    with ThreadPoolExecutor(8) as pool:
        contents = list(pool.map(lambda found: found.read(LIMIT), reversed(items)))
    assert contents == list(reversed(files.values()))


def test_an_archive_is_opened_once_for_all_its_members(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    real = zips._OpenZip

    def record_open(path: str) -> zips._OpenZip:
        opened.append(path)
        return real(path)

    monkeypatch.setattr(zips, "_OpenZip", record_open)
    for path, content in ALL.items():
        assert item(path).read(LIMIT) == content
        assert read(path) == {path: content}
    assert opened == ["scans.zip"]


def test_an_archive_that_was_rewritten_is_opened_again() -> None:
    assert item("scans.zip/a.png").read(LIMIT) == b"1"
    write_zip("scans.zip", {"a.png": b"another"})
    assert item("scans.zip/a.png").read(LIMIT) == b"another"


def test_an_archive_is_closed_when_nothing_refers_to_its_members() -> None:
    (found,) = find(["scans.zip/a.png"])
    write_zip("other.zip", {"x": b"x"})
    assert item("other.zip/x").read(LIMIT) == b"x"
    assert found.read(LIMIT) == b"1"
    del found
    open_files = {os.path.realpath(file) for file in Path("/proc/self/fd").glob("*")}
    assert str(Path("scans.zip").resolve()) not in open_files


def test_absolute_and_parent_paths_in_an_archive_are_only_names(scans: Path) -> None:
    files: dict[str, bytes] = {"/abs/1.png": b"1", "../up.png": b"2", "./3.png": b"3", "a//4": b"4"}
    write_zip("odd.zip", files)
    expected = {f"odd.zip/{path}": content for path, content in files.items()}
    assert read("odd.zip") == expected
    for path, content in expected.items():
        assert item(path).read(LIMIT) == content
    assert not (scans.parent / "up.png").exists()


@pytest.mark.parametrize("name", [".", "./."])
def test_a_file_with_the_name_of_the_folder_itself_is_skipped_as_hidden(name: str) -> None:
    write_zip("odd.zip", {"a.png": b"1", name: b"2"})
    assert read("odd.zip") == {"odd.zip/a.png": b"1"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_each_of_several_members_with_the_same_name_is_an_item() -> None:
    with zipfile.ZipFile("twice.zip", "w") as archive:
        archive.writestr("a.png", b"1")
        archive.writestr("a.png", b"2")
    assert [(found.path, found.read(LIMIT)) for found in find(["twice.zip"])] == [
        ("twice.zip/a.png", b"1"),
        ("twice.zip/a.png", b"2"),
    ]


def test_a_decompression_bomb_is_not_unpacked() -> None:
    write_zip("bomb.zip", {"bomb.png": bytes(50_000_000)})
    assert read("bomb.zip") == {
        "bomb.zip/bomb.png": f"has 50000000 bytes; the server accepts at most {LIMIT}"
    }


def test_a_member_with_a_false_size_is_read_only_up_to_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forged = write_zip("forged.zip", {"bomb.png": bytes(50_000_000)})
    content = forged.read_bytes()
    forged.write_bytes(content.replace((50_000_000).to_bytes(4, "little"), bytes([10, 0, 0, 0])))
    read_sizes = []
    real = zipfile.ZipExtFile.read

    def record_read(file: zipfile.ZipExtFile, count: int) -> bytes:
        read_sizes.append(count)
        return real(file, count)

    monkeypatch.setattr(zipfile.ZipExtFile, "read", record_read)
    assert read("forged.zip") == {
        "forged.zip/bomb.png": "cannot be read: Bad CRC-32 for file 'bomb.png'"
    }
    assert read_sizes == [LIMIT + 1]


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_whose_decompressor_cannot_be_limited_is_not_unpacked(compression: int) -> None:
    write_zip("other.zip", {"a.png": b"1"}, compression)
    assert read("other.zip") == {
        "other.zip/a.png": "cannot be read: its compression is not deflate"
    }


def test_an_encrypted_member_is_an_item_with_the_reason_and_the_rest_is_read() -> None:
    archive = write_zip("secret.zip", {"a.png": b"1", "b.png": b"2"})
    content = bytearray(archive.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\1\2") + 8] |= 1
    archive.write_bytes(content)
    assert read("secret.zip") == {
        "secret.zip/a.png": "cannot be read: it is encrypted",
        "secret.zip/b.png": b"2",
    }


def test_a_link_in_an_archive_is_not_a_regular_file() -> None:
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile("links.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert read("links.zip") == {"links.zip/link.png": "is not a regular file"}


def test_a_broken_member_is_an_item_with_the_reason_and_the_rest_is_read() -> None:
    broken = write_zip(
        "broken.zip", {"a.png": b"aaaaaaaa", "b.png": b"bbbbbbbb"}, zipfile.ZIP_STORED
    )
    broken.write_bytes(broken.read_bytes().replace(b"aaaaaaaa", b"aaaaXaaa"))
    assert read("broken.zip") == {
        "broken.zip/a.png": "cannot be read: Bad CRC-32 for file 'a.png'",
        "broken.zip/b.png": b"bbbbbbbb",
    }


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\5\6" + bytes(5)])
def test_a_file_that_is_not_an_archive_is_an_item_with_the_reason(content: bytes) -> None:
    Path("bad.zip").write_bytes(content)
    reason = "is a damaged archive: File is not a zip file"
    assert read("bad.zip") == {"bad.zip": reason}
    assert read("bad.zip/x.png") == {"bad.zip/x.png": reason}
    with pytest.raises(InvalidImageError, match="damaged archive"):
        item("bad.zip/x.png").read(LIMIT)


def test_truncated_and_altered_archives_raise_only_invalid_image_errors() -> None:
    whole = Path("scans.zip").read_bytes()
    for position in range(0, len(whole), 3):
        altered = bytearray(whole)
        altered[position] ^= 0xFF
        for content in (whole[:position], altered):
            Path("bad.zip").write_bytes(content)
            for found in find(["bad.zip", "bad.zip/a.png", "bad.zip/*"]):
                with contextlib.suppress(InvalidImageError):
                    assert len(found.read(LIMIT)) <= LIMIT


NESTED = "cannot be read: an archive in an archive is not read; extract it first"


@pytest.mark.parametrize("name", ["inner.zip", "a/INNER.ZIP", "b.tar.gz", "c.tgz"])
def test_an_archive_in_an_archive_is_said_to_be_one(name: str) -> None:
    write_zip("outer.zip", {"1.png": b"1", name: Path("scans.zip").read_bytes()})
    assert read("outer.zip") == {"outer.zip/1.png": b"1", f"outer.zip/{name}": NESTED}
    assert read(f"outer.zip/{name}") == {f"outer.zip/{name}": NESTED}


def test_backslashes_in_a_zip_separate_folders() -> None:
    write_zip("windows.zip", {"scans\\": b"", "scans\\7\\a.png": b"7", "scans\\3\\.b.png": b"3"})
    seven = {"windows.zip/scans/7/a.png": b"7"}
    assert read("windows.zip") == seven
    assert read("windows.zip/scans/7/a.png") == seven
    assert read("windows.zip/scans\\7\\a.png") == seven
    assert read("windows.zip/*/7") == seven
    assert item("windows.zip/scans/7/a.png").read(LIMIT) == b"7"


@pytest.mark.parametrize("trailing_bytes", [0, 1, 60])
def test_a_truncated_zip_is_not_read_as_one_that_is_stored_in_it(trailing_bytes: int) -> None:
    inner = Path("scans.zip").read_bytes()
    outer = write_zip(
        "outer.zip", {"a.png": b"1", "inner.zip": inner, "b.png": b"2"}, zipfile.ZIP_STORED
    ).read_bytes()
    end = outer.index(inner) + len(inner)
    Path("cut.zip").write_bytes(outer[: end + trailing_bytes])
    damage = "is a damaged archive: its end is missing"
    assert read("cut.zip") == {"cut.zip": damage}
    assert read("cut.zip/a.png") == {"cut.zip/a.png": damage}


@pytest.mark.parametrize("stub", [b"#!/bin/sh\nexit\n", b"MZ" + bytes(500)])
def test_a_zip_that_extracts_itself_is_read(stub: bytes) -> None:
    Path("self.zip").write_bytes(stub + Path("scans.zip").read_bytes())
    assert read("self.zip/a.png") == {"self.zip/a.png": b"1"}


def test_a_pipe_with_the_extension_of_an_archive_is_not_opened() -> None:
    make_pipe(Path("pipe.zip"))
    assert read("pipe.zip", "p*/x.png") == {
        "pipe.zip": "is not a regular file",
        "p*/x.png": "cannot be read: No such file or directory",
    }
