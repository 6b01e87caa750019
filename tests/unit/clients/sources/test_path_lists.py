"""Reading lists of paths."""

import io
import os
import tracemalloc
from collections.abc import Callable

import pytest

from digits_client.sources import path_lists, read_paths


def paths(content: bytes, separator: bytes = b"\n") -> list[str]:
    return list(read_paths(io.BytesIO(content), separator))


def test_each_line_is_a_path() -> None:
    assert paths(b"b.png\n\nwith space.png\r\n a.png\n\r\n-") == [
        "b.png",
        "with space.png",
        " a.png",
        "-",
    ]


def test_a_list_may_be_empty() -> None:
    assert paths(b"") == []


def test_with_nul_as_separator_a_newline_is_part_of_the_path() -> None:
    assert paths(b"a\nb.png\0\0c\r\0d", b"\0") == ["a\nb.png", "c\r", "d"]


def test_a_path_may_contain_any_bytes() -> None:
    assert [os.fsencode(path) for path in paths(b"\xff\xfe.png\n\xe4\n")] == [
        b"\xff\xfe.png",
        b"\xe4",
    ]


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 1000])
def test_paths_may_span_the_blocks_that_are_read(
    block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(path_lists, "_BLOCK_BYTES", block_bytes)
    assert paths(b"ab\r\ncd\n\nef") == ["ab", "cd", "ef"]


def test_a_path_is_yielded_as_soon_as_its_line_is_written() -> None:
    readable, writable = os.pipe()
    with os.fdopen(readable, "rb") as stream, os.fdopen(writable, "wb", buffering=0) as out:
        found = read_paths(stream)
        out.write(b"1.png\n2.p")
        assert next(found) == "1.png"
        out.write(b"ng\n")
        assert next(found) == "2.png"


def peak_bytes(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class NoSeparators(io.RawIOBase):
    """100 MB without a separator."""

    remaining = 100_000_000

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        count = min(len(buffer), self.remaining)
        self.remaining -= count
        buffer[:count] = b"x" * count
        return count


def test_a_file_that_is_not_a_list_is_not_kept_in_memory() -> None:
    assert peak_bytes(lambda: list(read_paths(io.BufferedReader(NoSeparators())))) < 2_000_000


def test_a_long_list_is_not_kept_in_memory() -> None:
    stream = io.BytesIO(b"some/folder/some.png\n" * 200_000)
    assert peak_bytes(lambda: sum(1 for _ in read_paths(stream))) < 2_000_000
