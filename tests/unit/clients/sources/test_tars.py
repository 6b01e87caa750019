"""Finding and reading the members of tar archives."""

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
from digits_client.sources import Item, Selection, find, item, tars
from digits_client.sources.items import EmptyFileError
from digits_client.sources.tar_reader import TarReader

LIMIT = 5000
FILES = {"inner/b.png": b"2", "./a.png": b"1", "inner/deep/c.jpg": b"3" * 600, "empty.png": b""}
COMPRESSORS = {
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
def _working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def pack(members: Members, form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for named, content in members:
            info = tarfile.TarInfo(named) if isinstance(named, str) else named
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def write_tar(name: str, members: Members, compress: Callable[[bytes], bytes] = bytes) -> None:
    Path(name).write_bytes(compress(pack(members)))


def header_of_type(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = link
    return info


def content_of(found: Item) -> bytes:
    """Return the content of a member, which is an error of its own if it is empty."""
    try:
        return found.read(LIMIT)
    except EmptyFileError:
        return b""


def rows(*arguments: str, **selected: object) -> list[tuple[str, bytes | str]]:
    rows_read: list[tuple[str, bytes | str]] = []
    for found in find(arguments, Selection(**selected)):  # type: ignore[arg-type]
        try:
            rows_read.append((found.path, content_of(found)))
        except InvalidImageError as error:
            rows_read.append((found.path, str(error)))
    return rows_read


@pytest.mark.parametrize(("extension", "compress"), COMPRESSORS.items())
def test_an_archive_is_a_folder_in_the_order_of_its_members_without_hidden_ones(
    extension: str, compress: Callable[[bytes], bytes]
) -> None:
    folder = header_of_type("inner", tarfile.DIRTYPE)
    write_tar(
        f"scans.{extension}",
        [(folder, b""), ("inner/.x", b""), (".git/config", b""), *FILES.items()],
        compress,
    )
    expected = [(f"scans.{extension}/{path}", content) for path, content in FILES.items()]
    assert rows(f"scans.{extension}") == expected
    assert rows(".") == [(f"./{path}", content) for path, content in expected]
    assert rows("s*") == expected
    assert rows(f"scans.{extension}/inner") == [expected[0], expected[2]]
    assert rows(f"scans.{extension}/*.png") == [expected[1], expected[3]]
    for path, content in expected:
        assert rows(path) == [(path, content)]
        assert content_of(item(path)) == content


def test_patterns_filter_members_like_files() -> None:
    write_tar("scans.tar", FILES.items())
    assert [path for path, _ in rows("scans.tar", include=("*.png",), exclude=("inner",))] == [
        "scans.tar/./a.png",
        "scans.tar/empty.png",
    ]


def test_a_missing_member_is_an_item_with_the_reason() -> None:
    write_tar("scans.tar", FILES.items())
    missing = "cannot be read: no such file in the archive"
    assert rows("scans.tar/x.png") == [("scans.tar/x.png", missing)]
    with pytest.raises(InvalidImageError, match="no such file in the archive"):
        item("scans.tar/inner").read(LIMIT)


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_large_members_are_read_when_requested_in_any_order_and_thread(
    compress: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tars, "KEPT_BYTES", 100)
    monkeypatch.setattr(tars, "KEPT_COMPRESSED_BYTES", 100)
    files = {f"{number}.png": bytes([number]) * 1000 for number in range(50)}
    write_tar("large.tar", files.items(), compress)
    items = list(find(["large.tar"]))
    with ThreadPoolExecutor(8) as pool:
        contents = list(pool.map(content_of, reversed(items)))
    assert contents == list(reversed(files.values()))


def test_a_large_member_of_an_archive_that_was_rewritten_is_rejected_if_it_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tars, "KEPT_BYTES", 0)
    write_tar("new.tar", [("a.png", b"1"), ("b.png", b"2")])
    first, second = find(["new.tar"])
    write_tar("new.tar", [("a.png", b"3"), ("c.png", b"4")])
    assert first.read(LIMIT) == b"3"
    with pytest.raises(InvalidImageError, match=r"^cannot be read: the archive has changed$"):
        second.read(LIMIT)


def test_an_archive_is_indexed_once_for_all_its_members(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = {f"{number}.png": str(number).encode() for number in range(100)}
    write_tar("many.tar.gz", files.items(), gzip.compress)
    read_headers = []
    real = TarReader.header

    def record_header(opened: TarReader, offset: int) -> tarfile.TarInfo:
        read_headers.append(offset)
        return real(opened, offset)

    monkeypatch.setattr(TarReader, "header", record_header)
    for path, content in [*files.items(), *reversed(files.items())]:
        assert item(f"many.tar.gz/{path}").read(LIMIT) == content
    # 101 for the index with its end, and two for each read: to find the member and to read it.
    assert len(read_headers) == 101 + 2 * 2 * 100


def test_a_compressed_archive_is_decompressed_once_if_members_are_read_in_its_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = {f"{number}.png": bytes([number % 251]) * (number % 700 + 1) for number in range(500)}
    write_tar("many.tar.gz", files.items(), gzip.compress)
    rewinds = []
    real = gzip._GzipReader._rewind  # type: ignore[attr-defined]  # not in the stub

    def record_rewind(reader: object) -> None:
        rewinds.append(reader)
        real(reader)

    monkeypatch.setattr("gzip._GzipReader._rewind", record_rewind)
    for path, content in files.items():
        assert item(f"many.tar.gz/{path}").read(LIMIT) == content
    assert len(rewinds) == 1  # after the index was built


def test_an_archive_of_many_members_is_not_kept_in_memory() -> None:
    write_tar("many.tar", ((f"{number:06d}.png", b"x") for number in range(3000)))
    tracemalloc.start()
    assert sum(1 for _ in find(["many.tar"])) == 3000
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 500_000


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_an_archive_may_be_several_concatenated_compressed_streams(
    compress: Callable[[bytes], bytes],
) -> None:
    whole = pack(FILES.items())
    Path("pieces.tar.gz").write_bytes(compress(whole[:1000]) + compress(whole[1000:]))
    assert [content for _, content in rows("pieces.tar.gz")] == list(FILES.values())


def test_links_and_devices_in_an_archive_are_items_with_the_reason() -> None:
    kinds = {
        "soft.png": tarfile.SYMTYPE,
        "pipe.png": tarfile.FIFOTYPE,
        "device.png": tarfile.CHRTYPE,
    }
    links = [(header_of_type(name, kind, "/etc/passwd"), b"") for name, kind in kinds.items()]
    write_tar("odd.tar", [*links, ("a.png", b"1")])
    reason = "is not a regular file"
    assert rows("odd.tar") == [
        *((f"odd.tar/{name}", reason) for name in kinds),
        ("odd.tar/a.png", b"1"),
    ]
    assert rows("odd.tar/soft.png") == [("odd.tar/soft.png", reason)]


@pytest.fixture(params=[bytes, gzip.compress])
def link_archive(request: pytest.FixtureRequest) -> str:
    """An archive in which each image has a second name, and one a third."""
    links = [
        header_of_type(f"copy/{name}", tarfile.LNKTYPE, name) for name in (*FILES, *list(FILES)[:1])
    ]
    links[-1].name = "again.png"
    members: Members = [*FILES.items(), *((link, b"") for link in links)]
    write_tar("links.tar", members, request.param)
    return "links.tar"


@pytest.mark.parametrize("kept_bytes", [0, 400, 1 << 20])
def test_a_hard_link_has_the_content_of_its_file(
    link_archive: str, kept_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without kept contents, each link has to be located.
    monkeypatch.setattr(tars, "KEPT_COMPRESSED_BYTES", kept_bytes)
    expected = {f"{link_archive}/{name}": content for name, content in FILES.items()}
    copies = {f"{link_archive}/copy/{name}": content for name, content in FILES.items()}
    again = {f"{link_archive}/again.png": FILES["inner/b.png"]}
    assert rows(link_archive) == [*(expected | copies | again).items()]
    for path, content in copies.items():
        assert rows(path) == [(path, content)]
        assert content_of(item(path)) == content
    items = list(find([link_archive]))
    with ThreadPoolExecutor(8) as pool:
        contents = list(pool.map(content_of, reversed(items)))
    assert contents == [content for _, content in reversed(rows(link_archive))]


@pytest.mark.parametrize("kept_bytes", [0, 1 << 20])
def test_a_hard_link_means_the_last_file_of_its_name_before_it(
    kept_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tars, "KEPT_COMPRESSED_BYTES", kept_bytes)
    link = header_of_type("link.png", tarfile.LNKTYPE, "a.png")
    files: Members = [("a.png", b"1"), ("a.png", b"2"), (link, b""), ("a.png", b"3")]
    write_tar("again.tar.gz", files, gzip.compress)
    assert rows("again.tar.gz")[2] == ("again.tar.gz/link.png", b"2")


def test_a_hard_link_that_cannot_be_followed_is_an_item_with_the_reason() -> None:
    targets = {"loop.png": "loop.png", "later.png": "a.png", "outside.png": "/etc/passwd"}
    links = [
        (header_of_type(name, tarfile.LNKTYPE, target), b"") for name, target in targets.items()
    ]
    soft = header_of_type("soft.png", tarfile.SYMTYPE, "/etc/passwd")
    hard = header_of_type("hard.png", tarfile.LNKTYPE, "soft.png")
    write_tar("odd.tar", [*links, ("a.png", b"1" * (LIMIT + 1)), (soft, b""), (hard, b"")])
    found = dict(rows("odd.tar"))
    for name, target in targets.items():
        assert found[f"odd.tar/{name}"] == (
            f"cannot be read: it is a link to {target}, which the archive does not have before it"
        )
    assert found["odd.tar/hard.png"] == "is not a regular file"
    large = header_of_type("large.png", tarfile.LNKTYPE, "a.png")
    for compress in (bytes, gzip.compress):
        write_tar("large.tar", [("a.png", b"1" * (LIMIT + 1)), (large, b"")], compress)
        reason = f"has {LIMIT + 1} bytes; the server accepts at most {LIMIT}"
        assert [content for _, content in rows("large.tar")] == [reason] * 2


def test_a_chain_of_links_without_end_is_an_item_with_the_reason() -> None:
    chain = [
        (header_of_type(f"{number}.png", tarfile.LNKTYPE, f"{number - 1}.png"), b"")
        for number in range(3000)
    ]
    write_tar("chain.tar", [("-1.png", b"1"), *chain])
    found = [content for _, content in rows("chain.tar/2.png", "chain.tar/2999.png")]
    assert found[0] == b"1"
    assert str(found[1]).startswith("cannot be read: ")


def test_links_far_from_their_files_take_bounded_memory_in_a_compressed_archive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tars, "KEPT_COMPRESSED_BYTES", 5_000)
    files = [(f"{number:04d}.png", lzma.compress(b"%d" % number) * 9) for number in range(500)]
    links = [(header_of_type(f"copy/{name}", tarfile.LNKTYPE, name), b"") for name, _ in files]
    write_tar("many.tar.gz", [*files, *links], gzip.compress)
    tracemalloc.start()
    assert sum(1 for _ in find(["many.tar.gz"])) == 1000
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 200_000
    assert [content for _, content in rows("many.tar.gz")] == [content for _, content in files] * 2


@pytest.mark.parametrize("name", ["inner.tar.gz", "a/inner.zip"])
def test_an_archive_in_an_archive_is_said_to_be_one(name: str) -> None:
    write_tar("outer.tar", [("1.png", b"1"), (name, b"PK")])
    reason = "cannot be read: an archive in an archive is not read; extract it first"
    assert rows("outer.tar") == [("outer.tar/1.png", b"1"), (f"outer.tar/{name}", reason)]


def test_absolute_and_parent_paths_in_an_archive_are_only_names(tmp_path: Path) -> None:
    names = ["/abs/1.png", "../up.png", "a//4.png", "\udcff\n.png", "x" * 300 + ".png"]
    write_tar("odd.tar", [(name, b"x") for name in names])
    assert rows("odd.tar") == [(f"odd.tar/{name}", b"x") for name in names]
    for name in names:
        assert item(f"odd.tar/{name}").read(LIMIT) == b"x"
    assert not (tmp_path.parent / "up.png").exists()


@pytest.mark.parametrize("name", [".", "./."])
def test_a_file_with_the_name_of_the_folder_itself_is_skipped_as_hidden(name: str) -> None:
    write_tar("odd.tar", [("a.png", b"1"), (header_of_type(name, tarfile.SYMTYPE, "/x"), b"")])
    assert rows("odd.tar") == [("odd.tar/a.png", b"1")]


def test_each_of_several_members_with_the_same_name_is_an_item(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_tar("twice.tar", [("a.png", b"1"), ("a.png", b"2")])
    for kept_bytes in (1000, 0):
        monkeypatch.setattr(tars, "KEPT_BYTES", kept_bytes)
        assert rows("twice.tar") == [("twice.tar/a.png", b"1"), ("twice.tar/a.png", b"2")]


def test_a_decompression_bomb_is_not_unpacked_into_memory() -> None:
    write_tar("bomb.tar.gz", [("bomb.png", bytes(50_000_000)), ("a.png", b"1")], gzip.compress)
    tracemalloc.start()
    rows_read = rows("bomb.tar.gz")
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows_read == [
        ("bomb.tar.gz/bomb.png", f"has 50000000 bytes; the server accepts at most {LIMIT}"),
        ("bomb.tar.gz/a.png", b"1"),
    ]
    assert peak_bytes < 5_000_000


def test_a_decompression_bomb_in_a_header_is_not_unpacked_into_memory() -> None:
    header = header_of_type("long", tarfile.GNUTYPE_LONGNAME)
    header.size = 50_000_000
    bomb = header.tobuf(tarfile.GNU_FORMAT) + bytes(header.size)
    Path("bomb.tar.gz").write_bytes(gzip.compress(pack([("a.png", b"1")])[:1024] + bomb))
    assert rows("bomb.tar.gz") == [
        ("bomb.tar.gz/a.png", b"1"),
        ("bomb.tar.gz", "is a damaged archive: a header with an invalid size"),
    ]


def test_a_negative_size_that_leads_back_to_the_start_ends_the_archive() -> None:
    header = tarfile.TarInfo("back.png")
    header.size = -1024
    content = header.tobuf(tarfile.GNU_FORMAT)
    Path("loop.tar").write_bytes(pack([("a.png", b"1")])[:1024] + content)
    assert rows("loop.tar")[0] == ("loop.tar/a.png", b"1")
    assert rows("loop.tar")[-1][0] == "loop.tar"
    assert "is a damaged archive" in str(rows("loop.tar")[-1][1])


@pytest.mark.parametrize("compress", COMPRESSORS.values())
def test_all_complete_members_of_a_truncated_archive_are_read(
    compress: Callable[[bytes], bytes],
) -> None:
    # Incompressible content, so that half of the file contains about half of the members.
    noise = [(f"{number}.png", lzma.compress(bytes([number]) * 9) * 30) for number in range(40)]
    whole = compress(pack(noise))
    Path("half.tar.gz").write_bytes(whole[: len(whole) // 2])
    *members, (path, reason) = rows("half.tar.gz")
    assert (path, str(reason)[:22]) == ("half.tar.gz", "is a damaged archive: ")
    assert members == [(f"half.tar.gz/{name}", content) for name, content in noise][: len(members)]


def test_an_archive_that_is_cut_between_two_members_is_reported_as_damaged() -> None:
    Path("cut.tar").write_bytes(pack([("a.png", b"1"), ("b.png", b"2")])[:1024])
    damage = ("cut.tar", "is a damaged archive: unexpected end of data")
    assert rows("cut.tar") == [("cut.tar/a.png", b"1"), damage]
    assert item("cut.tar/a.png").read(LIMIT) == b"1"


def test_a_broken_header_is_not_taken_for_the_end() -> None:
    content = bytearray(pack([("a.png", b"1"), ("b.png", b"2")]))
    content[1024] ^= 0xFF
    Path("broken.tar").write_bytes(content)
    assert rows("broken.tar") == [
        ("broken.tar/a.png", b"1"),
        ("broken.tar", "is a damaged archive: bad checksum"),
    ]


@pytest.mark.parametrize("content", [b"", b"no tar", b"no tar" * 1000, b"\x1f\x8b", b"BZhx"])
def test_a_file_that_is_not_an_archive_is_an_item_with_the_reason(content: bytes) -> None:
    Path("bad.tgz").write_bytes(content)
    for argument in ("bad.tgz", "bad.tgz/x.png"):
        ((path, reason),) = rows(argument)
        assert path == argument
        assert str(reason).startswith("is a damaged archive: ")


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_truncated_and_altered_archives_raise_only_invalid_image_errors(form: int) -> None:
    whole = pack([("ä" * 120 + ".png", b"1"), ("inner/b.png", b"2")], form)[:4096]
    for position in range(0, len(whole), 11):
        altered = bytearray(whole)
        altered[position] ^= 0xB0
        for content in (whole[:position], altered):
            Path("bad.tar").write_bytes(content)
            for found in find(["bad.tar", "bad.tar/inner/b.png"]):
                with contextlib.suppress(InvalidImageError):
                    assert len(found.read(LIMIT)) <= LIMIT


def test_an_empty_archive_is_an_empty_folder() -> None:
    write_tar("empty.tar", [])
    assert rows("empty.tar") == []
