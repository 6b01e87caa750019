"""Tar archives as folders."""

import bz2
import contextlib
import gzip
import io
import lzma
import tarfile
import tracemalloc
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from digits_client.errors import InvalidImageError
from digits_client.sources import Selection, find, item, tars

LIMIT = 5000
FILES = {"inner/b.png": b"2", "./a.png": b"1", "inner/deep/c.jpg": b"3" * 600, "empty.png": b""}
ENDINGS = {
    "tar": bytes,
    "tar.gz": gzip.compress,
    "tgz": gzip.compress,
    "tar.bz2": bz2.compress,
    "tbz2": bz2.compress,
    "tar.xz": lzma.compress,
    "txz": lzma.compress,
}
Members = Iterable[tuple[str | tarfile.TarInfo, bytes]]


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def packed(members: Members, form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for named, content in members:
            info = tarfile.TarInfo(named) if isinstance(named, str) else named
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def tarred(name: str, members: Members, compress: Callable[[bytes], bytes] = bytes) -> None:
    Path(name).write_bytes(compress(packed(members)))


def of_type(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = link
    return info


def rows(*arguments: str, **selected: object) -> list[tuple[str, bytes | str]]:
    answers: list[tuple[str, bytes | str]] = []
    for found in find(arguments, Selection(**selected)):  # type: ignore[arg-type]
        try:
            answers.append((found.path, found.read(LIMIT)))
        except InvalidImageError as error:
            answers.append((found.path, str(error)))
    return answers


@pytest.mark.parametrize(("ending", "compress"), ENDINGS.items())
def test_an_archive_is_a_folder_in_its_own_order_without_hidden_files(
    ending: str, compress: Callable[[bytes], bytes]
) -> None:
    folder = of_type("inner", tarfile.DIRTYPE)
    tarred(
        f"scans.{ending}",
        [(folder, b""), ("inner/.x", b""), (".git/config", b""), *FILES.items()],
        compress,
    )
    expected = [(f"scans.{ending}/{path}", content) for path, content in FILES.items()]
    assert rows(f"scans.{ending}") == expected
    assert rows(".") == [(f"./{path}", content) for path, content in expected]
    assert rows("s*") == expected
    assert rows(f"scans.{ending}/inner") == [expected[0], expected[2]]
    assert rows(f"scans.{ending}/*.png") == [expected[1], expected[3]]
    for path, content in expected:
        assert rows(path) == [(path, content)]
        assert item(path).read(LIMIT) == content


def test_patterns_choose_among_members_as_among_files() -> None:
    tarred("scans.tar", FILES.items())
    assert [path for path, _ in rows("scans.tar", include=("*.png",), exclude=("inner",))] == [
        "scans.tar/./a.png",
        "scans.tar/empty.png",
    ]


def test_what_is_not_in_the_archive_is_an_item_that_says_so() -> None:
    tarred("scans.tar", FILES.items())
    missing = "cannot be read: no such file in the archive"
    assert rows("scans.tar/x.png") == [("scans.tar/x.png", missing)]
    with pytest.raises(InvalidImageError, match="no such file in the archive"):
        item("scans.tar/inner").read(LIMIT)


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_large_members_are_not_kept_but_read_when_asked_for(
    compress: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tars, "KEPT_BYTES", 100)
    monkeypatch.setattr(tars, "KEPT_COMPRESSED_BYTES", 100)
    files = {f"{number}.png": bytes([number]) * 1000 for number in range(50)}
    tarred("large.tar", files.items(), compress)
    items = list(find(["large.tar"]))
    with ThreadPoolExecutor(8) as pool:
        contents = list(pool.map(lambda found: found.read(LIMIT), reversed(items)))
    assert contents == list(reversed(files.values()))


def test_a_large_member_of_an_archive_that_was_written_anew_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tars, "KEPT_BYTES", 0)
    tarred("new.tar", [("a.png", b"1"), ("b.png", b"2")])
    first, second = find(["new.tar"])
    tarred("new.tar", [("a.png", b"3"), ("c.png", b"4")])
    assert first.read(LIMIT) == b"3"
    with pytest.raises(InvalidImageError, match=r"^cannot be read: the archive has changed$"):
        second.read(LIMIT)


def test_one_archive_is_gone_through_once_for_all_its_members(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = {f"{number}.png": str(number).encode() for number in range(100)}
    tarred("many.tar.gz", files.items(), gzip.compress)
    read_headers = []
    real = tars._OpenTar.header

    def watched(opened: tars._OpenTar, offset: int) -> tarfile.TarInfo:
        read_headers.append(offset)
        return real(opened, offset)

    monkeypatch.setattr(tars._OpenTar, "header", watched)
    for path, content in [*files.items(), *reversed(files.items())]:
        assert item(f"many.tar.gz/{path}").read(LIMIT) == content
    # Once each for the index, and for each read: to find it, and to read it.
    assert len(read_headers) == 101 + 2 * 2 * 100


def test_a_compressed_archive_is_read_in_its_own_order_without_going_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = {f"{number}.png": bytes([number % 251]) * (number % 700) for number in range(500)}
    tarred("many.tar.gz", files.items(), gzip.compress)
    begun_anew = []
    real = gzip._GzipReader._rewind  # type: ignore[attr-defined]  # not in the stub

    def watched(reader: object) -> None:
        begun_anew.append(reader)
        real(reader)

    monkeypatch.setattr("gzip._GzipReader._rewind", watched)
    for path, content in files.items():
        assert item(f"many.tar.gz/{path}").read(LIMIT) == content
    assert len(begun_anew) == 1  # behind the index


def test_an_archive_over_many_members_does_not_fill_the_memory() -> None:
    tarred("many.tar", ((f"{number:06d}.png", b"x") for number in range(3000)))
    tracemalloc.start()
    assert sum(1 for _ in find(["many.tar"])) == 3000
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 500_000


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_an_archive_may_be_compressed_in_pieces(compress: Callable[[bytes], bytes]) -> None:
    whole = packed(FILES.items())
    Path("pieces.tar.gz").write_bytes(compress(whole[:1000]) + compress(whole[1000:]))
    assert [content for _, content in rows("pieces.tar.gz")] == list(FILES.values())


def test_what_is_no_file_in_an_archive_is_an_item_that_says_so() -> None:
    kinds = {
        "hard.png": tarfile.LNKTYPE,
        "soft.png": tarfile.SYMTYPE,
        "pipe.png": tarfile.FIFOTYPE,
        "device.png": tarfile.CHRTYPE,
    }
    links = [(of_type(name, kind, "/etc/passwd"), b"") for name, kind in kinds.items()]
    tarred("odd.tar", [*links, ("a.png", b"1")])
    reason = "is not a regular file"
    assert rows("odd.tar") == [
        *((f"odd.tar/{name}", reason) for name in kinds),
        ("odd.tar/a.png", b"1"),
    ]
    assert rows("odd.tar/soft.png") == [("odd.tar/soft.png", reason)]


def test_strange_paths_are_names_only(tmp_path: Path) -> None:
    names = ["/abs/1.png", "../up.png", "a//4.png", "\udcff\n.png", "x" * 300 + ".png"]
    tarred("odd.tar", [(name, b"x") for name in names])
    assert rows("odd.tar") == [(f"odd.tar/{name}", b"x") for name in names]
    for name in names:
        assert item(f"odd.tar/{name}").read(LIMIT) == b"x"
    assert not (tmp_path.parent / "up.png").exists()


def test_each_of_several_members_with_one_name_is_an_item(monkeypatch: pytest.MonkeyPatch) -> None:
    tarred("twice.tar", [("a.png", b"1"), ("a.png", b"2")])
    for kept_bytes in (1000, 0):
        monkeypatch.setattr(tars, "KEPT_BYTES", kept_bytes)
        assert rows("twice.tar") == [("twice.tar/a.png", b"1"), ("twice.tar/a.png", b"2")]


def test_a_bomb_is_not_unpacked_into_memory() -> None:
    tarred("bomb.tar.gz", [("bomb.png", bytes(50_000_000)), ("a.png", b"1")], gzip.compress)
    tracemalloc.start()
    answers = rows("bomb.tar.gz")
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert answers == [
        ("bomb.tar.gz/bomb.png", f"has 50000000 bytes; the server accepts at most {LIMIT}"),
        ("bomb.tar.gz/a.png", b"1"),
    ]
    assert peak_bytes < 5_000_000


def test_a_bomb_in_a_header_is_not_unpacked_into_memory() -> None:
    header = of_type("long", tarfile.GNUTYPE_LONGNAME)
    header.size = 50_000_000
    bomb = header.tobuf(tarfile.GNU_FORMAT) + bytes(header.size)
    Path("bomb.tar.gz").write_bytes(gzip.compress(packed([("a.png", b"1")])[:1024] + bomb))
    assert rows("bomb.tar.gz") == [
        ("bomb.tar.gz/a.png", b"1"),
        ("bomb.tar.gz", "is a damaged archive: a header of an absurd size"),
    ]


def test_an_archive_that_leads_back_to_its_begin_ends() -> None:
    header = tarfile.TarInfo("back.png")
    header.size = -1024
    content = header.tobuf(tarfile.GNU_FORMAT)
    Path("loop.tar").write_bytes(packed([("a.png", b"1")])[:1024] + content)
    assert rows("loop.tar")[0] == ("loop.tar/a.png", b"1")
    assert rows("loop.tar")[-1][0] == "loop.tar"
    assert "is a damaged archive" in str(rows("loop.tar")[-1][1])


@pytest.mark.parametrize("compress", ENDINGS.values())
def test_of_a_truncated_archive_all_is_read_that_is_left(
    compress: Callable[[bytes], bytes],
) -> None:
    # What cannot be compressed: half of the file holds about half of the members.
    noise = [(f"{number}.png", lzma.compress(bytes([number]) * 9) * 30) for number in range(40)]
    whole = compress(packed(noise))
    Path("half.tar.gz").write_bytes(whole[: len(whole) // 2])
    *members, (path, answer) = rows("half.tar.gz")
    assert (path, str(answer)[:22]) == ("half.tar.gz", "is a damaged archive: ")
    assert members == [(f"half.tar.gz/{name}", content) for name, content in noise][: len(members)]


def test_an_archive_that_is_cut_between_two_members_is_damaged() -> None:
    Path("cut.tar").write_bytes(packed([("a.png", b"1"), ("b.png", b"2")])[:1024])
    damage = ("cut.tar", "is a damaged archive: unexpected end of data")
    assert rows("cut.tar") == [("cut.tar/a.png", b"1"), damage]
    assert item("cut.tar/a.png").read(LIMIT) == b"1"


def test_a_broken_header_does_not_pass_for_the_end() -> None:
    content = bytearray(packed([("a.png", b"1"), ("b.png", b"2")]))
    content[1024] ^= 0xFF
    Path("broken.tar").write_bytes(content)
    assert rows("broken.tar") == [
        ("broken.tar/a.png", b"1"),
        ("broken.tar", "is a damaged archive: bad checksum"),
    ]


@pytest.mark.parametrize("content", [b"", b"no tar", b"no tar" * 1000, b"\x1f\x8b", b"BZhx"])
def test_what_is_no_archive_is_an_item_that_says_so(content: bytes) -> None:
    Path("bad.tgz").write_bytes(content)
    for argument in ("bad.tgz", "bad.tgz/x.png"):
        ((path, answer),) = rows(argument)
        assert path == argument
        assert str(answer).startswith("is a damaged archive: ")


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_no_truncated_or_altered_archive_stops_anything(form: int) -> None:
    whole = packed([("ä" * 120 + ".png", b"1"), ("inner/b.png", b"2")], form)[:4096]
    for position in range(0, len(whole), 11):
        altered = bytearray(whole)
        altered[position] ^= 0xB0
        for content in (whole[:position], altered):
            Path("bad.tar").write_bytes(content)
            for found in find(["bad.tar", "bad.tar/inner/b.png"]):
                with contextlib.suppress(InvalidImageError):
                    assert len(found.read(LIMIT)) <= LIMIT


def test_an_empty_archive_is_an_empty_folder() -> None:
    tarred("empty.tar", [])
    assert rows("empty.tar") == []
